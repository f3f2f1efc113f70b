#!/usr/bin/env bash
# Runs every test of the workspace, with real etcd servers and the release binaries.
# The last line counts them: "N passed, N failed, N skipped". `make test` installs the tools first.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p target
log=$PWD/target/test.log
# shellcheck source=scripts/find-programs.sh
. scripts/find-programs.sh

# The output of a passed test is shown too, in a block under its name, because that is where a test
# says that it was skipped. Tests wait for leases and pauses more than they compute: two for a core.
run_tests() {
  cargo test --workspace --no-fail-fast --color never -- --show-output \
    --test-threads "$((2 * $(nproc)))" </dev/null 2>&1 | tee "$log"
}

find_etcd
echo "test: etcd from ${ETCD_BIN_DIRS:-nowhere}"
for name in prometheus kustomize mdbook; do find_programs "$name"; done
ETCD_IPAM_BIN_DIR=$(scripts/release-dir.sh)
export ETCD_IPAM_BIN_DIR
echo "test: binaries from $ETCD_IPAM_BIN_DIR"

status=0
run_tests || status=$?
awk -f scripts/test-summary.awk "$log" || [ "$status" != 0 ] || status=1
exit "$status"
