#!/usr/bin/env bash
# Puts the kustomize of Debian trixie into target/kustomize/ and prints that directory. The package is
# unpacked and not installed.
# When it cannot, the last line on stderr says why, and the exit status is not 0.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=trixie
home=$PWD/target/kustomize

say() { echo "fetch-kustomize: $*" >&2; }

already_there() {
  "$home/kustomize" version >/dev/null 2>&1 || return
  echo "$home"
}

already_there && exit
mkdir -p "$home"
work=$(mktemp -d "$home/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "taking kustomize from Debian $suite"
if ! reason=$(scripts/unpack-debian.sh "$suite" "$work" kustomize); then
  say "$reason"
  exit 1
fi
mv "$work/usr/bin/kustomize" "$home/"
already_there || { say "that of Debian $suite does not run on this machine"; exit 1; }
