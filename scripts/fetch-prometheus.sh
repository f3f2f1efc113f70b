#!/usr/bin/env bash
# Puts this Debian's own prometheus and promtool into target/prometheus/ and prints that directory.
# The package is unpacked and not installed: an installed one would be a service that runs.
# When it cannot, the last line on stderr says why, and the exit status is not 0.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=(prometheus promtool)
home=$PWD/target/prometheus

say() { echo "fetch-prometheus: $*" >&2; }

already_there() {
  local program
  for program in "${programs[@]}"; do "$home/$program" --version >/dev/null 2>&1 || return; done
  echo "$home"
}

already_there && exit
mkdir -p "$home"
work=$(mktemp -d "$home/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "taking prometheus from this machine's Debian"
if ! reason=$(scripts/unpack-debian.sh own "$work" prometheus); then
  say "no prometheus: $reason"
  exit 1
fi
for program in "${programs[@]}"; do mv "$work/usr/bin/$program" "$home/"; done
already_there || { say "no prometheus: that of Debian does not run on this machine"; exit 1; }
