#!/usr/bin/env bash
# Runs every test of the workspace, with real etcd servers and the release binaries.
# The last line counts them: "N passed, N failed, N skipped". `make test` installs the tools first.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p target
log=$PWD/target/test.log

# Where the tests find an `etcd` to start: a supported 3.5, and this machine's own.
# Without a 3.5 the tests that want one say that they are skipped, and give this reason.
find_etcd() {
  local dirs=() own
  if own=$(scripts/fetch-etcd.sh 2>"$log"); then
    dirs+=("$own")
  else
    ETCD_FETCH_ERROR=$(tail -n 1 "$log")
    export ETCD_FETCH_ERROR
  fi
  cat "$log" >&2
  if own=$(command -v etcd); then dirs+=("$(dirname "$own")"); fi
  ETCD_BIN_DIRS=$(IFS=: && echo "${dirs[*]}")
  export ETCD_BIN_DIRS
}

# Puts into NAME_BIN_DIR where the programs are that scripts/fetch-NAME.sh fetches. Without them the
# tests that want them say that they are skipped, and give what is in NAME_FETCH_ERROR as the reason.
find_programs() {
  local name=$1 dir variable
  if dir=$("scripts/fetch-$name.sh" 2>"$log"); then
    variable=${name^^}_BIN_DIR
  else
    variable=${name^^}_FETCH_ERROR
    dir=$(tail -n 1 "$log")
    unset "${name^^}_BIN_DIR"
  fi
  export "$variable=$dir"
  echo "test: $variable: $dir"
  cat "$log" >&2
}

# The output of a passed test is shown too, in a block under its name, because that is where a test
# says that it was skipped.
run_tests() {
  cargo test --workspace --no-fail-fast --color never -- --show-output </dev/null 2>&1 | tee "$log"
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
