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
# It shares the dependencies' build with the tests, and is optimised where it must be.
built=$(cargo build --config chaos-tests/optimised.toml -p chaos-tests --bins \
  --message-format=json-render-diagnostics </dev/null)
exec "$(sed -n 's|.*"executable":"\([^"]*/chaos\)".*|\1|p' <<<"$built")" "$@"
