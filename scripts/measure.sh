#!/usr/bin/env bash
# Measures the binaries as they are shipped, on this machine, and prints tables. Arguments choose
# topics: round-trips, processes, footprint, parallel, collector, operator. `make measure` installs the
# tools first.
set -euo pipefail
cd "$(dirname "$0")/.."

# A supported etcd where one can be had, else this machine's own; the first line of the output says
# which.
if ! etcd=$(scripts/fetch-etcd.sh); then
  etcd=$(dirname "$(command -v etcd)")
fi
if [ -z "${ETCD_IPAM_BIN_DIR:-}" ]; then
  ETCD_IPAM_BIN_DIR=$(scripts/release-dir.sh)
fi
export ETCD_BIN_DIRS=$etcd ETCD_IPAM_BIN_DIR

# The measuring program only starts processes and counts: it needs no optimisation.
cargo run -q -p chaos-tests --example measure -- "$@" </dev/null
