#!/usr/bin/env bash
# Runs cargo-deny, in the one version that deny.toml was written for, with the given arguments.
# Builds it first where target/tools lacks it: unoptimised, because that takes 2 minutes instead of 9.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
root=$PWD/target/tools

if [ "$("$root/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
  echo "cargo-deny: building version $version into target/tools, once; this takes some minutes" >&2
  cargo install cargo-deny --version "$version" --locked --debug --root "$root" --force --quiet
fi
exec "$root/bin/cargo-deny" "$@"
