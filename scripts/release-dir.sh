#!/usr/bin/env bash
# Builds the binaries as they are shipped, and prints the directory that they are in.
# The directory is what cargo itself reports, so that no target and no architecture is named here.
set -euo pipefail
cd "$(dirname "$0")/.."

build() { cargo build --release --bins --message-format=json-render-diagnostics "$@" </dev/null; }

# The plugin by itself: what the daemons ask of the crates that they share would make it larger.
built=$(build -p ipam-plugin && build -p lease-gc -p ipamctl)
dir=$(sed -n 's|.*"executable":"\([^"]*\)/[^"/]*".*|\1|p' <<<"$built" | sort -u)
if [ -z "$dir" ]; then
  echo "release-dir: this workspace has no binaries" >&2
  exit 1
fi
echo "$dir"
