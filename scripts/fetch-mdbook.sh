#!/usr/bin/env bash
# Puts Debian 13's mdbook into target/mdbook/ and prints that directory, in which `mdbook` is a script.
# The package is unpacked and not installed. It comes with that suite's own C library, through whose
# loader it is run, so that it also runs on a machine with an older one.
# When it cannot, the last line on stderr says why, and the exit status is not 0.
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/target/mdbook

say() { echo "fetch-mdbook: $*" >&2; }

already_there() { "$home/mdbook" --version >/dev/null 2>&1 && echo "$home"; }

already_there && exit
mkdir -p "$home"
work=$(mktemp -d "$home/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "taking mdbook from Debian 13"
if ! reason=$(scripts/unpack-debian.sh trixie "$work" mdbook libc6 libgcc-s1); then
  say "no mdbook: $reason"
  exit 1
fi
loader=$(find "$work/usr" -name 'ld-linux*' -print -quit)
library=$(find "$work/usr/lib" -name libc.so.6 -print -quit)
[ -n "$loader" ] && [ -n "$library" ] || { say "no mdbook: its C library is not where it was"; exit 1; }
rm -rf "$home/lib"
mkdir "$home/lib"
cp "$(dirname "$library")"/lib*.so.* "$home/lib/"
cp "$loader" "$home/lib/loader"
cp "$work/usr/bin/mdbook" "$home/lib/mdbook"
cat >"$home/mdbook" <<'SCRIPT'
#!/bin/sh
lib=$(dirname "$0")/lib
exec "$lib/loader" --library-path "$lib" "$lib/mdbook" "$@"
SCRIPT
chmod +x "$home/mdbook"
already_there || { say "no mdbook: that of Debian 13 does not run on this machine"; exit 1; }
