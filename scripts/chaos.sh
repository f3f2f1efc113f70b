#!/usr/bin/env bash
# Runs the harness, `chaos`, with these arguments, on real etcd servers and the release binaries.
# `make chaos` installs the tools first.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p target
log=$PWD/target/chaos.log
# shellcheck source=scripts/find-programs.sh
. scripts/find-programs.sh

find_etcd
echo "chaos: etcd from ${ETCD_BIN_DIRS:-nowhere}"
ETCD_IPAM_BIN_DIR=$(scripts/release-dir.sh)
export ETCD_IPAM_BIN_DIR
echo "chaos: binaries from $ETCD_IPAM_BIN_DIR"
# The profile of the tests, which shares their build and is optimised where it must be.
built=$(cargo build -p chaos-tests --bin chaos --message-format=json-render-diagnostics </dev/null)
exec "$(sed -n 's|.*"executable":"\([^"]*/chaos\)".*|\1|p' <<<"$built")" "$@"
