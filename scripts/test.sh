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

# Without a Prometheus the tests that want one say that they are skipped, and give this reason.
find_prometheus() {
  if PROMETHEUS_BIN_DIR=$(scripts/fetch-prometheus.sh 2>"$log"); then
    export PROMETHEUS_BIN_DIR
  else
    unset PROMETHEUS_BIN_DIR
    PROMETHEUS_FETCH_ERROR=$(tail -n 1 "$log")
    export PROMETHEUS_FETCH_ERROR
  fi
  cat "$log" >&2
}

# Likewise without an mdbook.
find_mdbook() {
  if MDBOOK_BIN_DIR=$(scripts/fetch-mdbook.sh 2>"$log"); then
    export MDBOOK_BIN_DIR
  else
    unset MDBOOK_BIN_DIR
    MDBOOK_FETCH_ERROR=$(tail -n 1 "$log")
    export MDBOOK_FETCH_ERROR
  fi
  cat "$log" >&2
}

# The output of a passed test is shown too, in a block under its name, because that is where a test
# says that it was skipped.
run_tests() {
  cargo test --workspace --no-fail-fast --color never -- --show-output </dev/null 2>&1 | tee "$log"
}

find_etcd
find_prometheus
find_mdbook
ETCD_IPAM_BIN_DIR=$(scripts/release-dir.sh)
export ETCD_IPAM_BIN_DIR
printf '%s\n' "test: etcd from ${ETCD_BIN_DIRS:-nowhere}" \
  "test: prometheus from ${PROMETHEUS_BIN_DIR:-nowhere}" "test: mdbook from ${MDBOOK_BIN_DIR:-nowhere}" \
  "test: binaries from $ETCD_IPAM_BIN_DIR"

status=0
run_tests || status=$?
awk -f scripts/test-summary.awk "$log" || [ "$status" != 0 ] || status=1
exit "$status"
