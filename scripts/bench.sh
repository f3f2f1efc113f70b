#!/usr/bin/env bash
# Measures the plugin as it is shipped, on this machine, beside host-local and the bare etcd, and prints
# tables; JSON and plots go into target/bench. `make bench` installs the tools first.
#   scripts/bench.sh --only TOPIC     some of it: calls, parallel, rate, footprint, instructions,
#                                     system-calls, round-trips, collector, operator
#   scripts/bench.sh --peer NAME=PROGRAM:CONFIG     another IPAM plugin beside
#   scripts/bench.sh --help           all that it takes
set -euo pipefail
cd "$(dirname "$0")/.."

# A supported etcd where one can be had, else this machine's own; the first line of the output says
# which.
if ! etcd=$(scripts/fetch-etcd.sh); then
  etcd=$(dirname "$(command -v etcd)")
fi
if [ -z "${ETCD_IPAM_BIN_DIR:-}" ]; then
  ETCD_IPAM_BIN_DIR=$(scripts/release-dir.sh)
  # The workers of the topic `rate`, optimised like the plugin: it is looked for beside it.
  cargo build -q --release -p store --example rate
fi
export ETCD_BIN_DIRS=$etcd ETCD_IPAM_BIN_DIR

# What is shipped has no symbols. The same code with symbols is a build of its own, for valgrind.
wants_symbols() {
  [[ " $* " != *" --only "* || " $* " == *" instructions "* ]] && command -v valgrind >/dev/null
}
if [ -z "${ETCD_IPAM_SYMBOLS:-}" ] && wants_symbols "$@"; then
  symbols=$(CARGO_TARGET_DIR=target/symbols cargo build --release -p ipam-plugin --bins \
    --config 'profile.release.strip=false' --message-format=json-render-diagnostics </dev/null)
  ETCD_IPAM_SYMBOLS=$(sed -n 's|.*"executable":"\([^"]*\)".*|\1|p' <<<"$symbols")
  export ETCD_IPAM_SYMBOLS
fi

# The measuring program only starts processes and counts: it needs no optimisation.
cargo run -q -p chaos-tests --example bench -- "$@" </dev/null
