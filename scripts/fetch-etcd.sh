#!/usr/bin/env bash
# Puts an etcd 3.5 into target/etcd/<version>/ and prints that directory.
# Debian 12 itself has only 3.4, so the packages come from one of Debian's newer suites, unpacked
# and not installed.
# When it cannot, the last line on stderr says why, and the exit status is not 0.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=3.5
suites=(sid trixie)
packages=(etcd-server etcd-client)
home=$PWD/target/etcd

say() { echo "fetch-etcd: $*" >&2; }

# The version that a directory's etcd says it is; nothing if it cannot run here.
version_of() { "$1/etcd" --version 2>/dev/null | sed -n 's/^etcd Version: //p'; }

already_there() {
  local dir version
  for dir in "$home/$wanted".*/; do
    version=$(version_of "${dir%/}") || continue
    [ "$version" = "$(basename "$dir")" ] || continue
    echo "${dir%/}"
    return
  done
  return 1
}

# Fetches from suite $1, and keeps it if it is the wanted version and runs here; otherwise says why
# in $reason.
fetch() {
  local version unpacked=$work/$1
  say "taking etcd from Debian $1"
  reason=$(scripts/unpack-debian.sh "$1" "$unpacked" "${packages[@]}") || return
  version=$(version_of "$unpacked/usr/bin") || true
  case $version in
    "$wanted".*) ;;
    '') reason="the etcd of Debian $1 does not run on this machine"; return 1 ;;
    *) reason="Debian $1 has etcd $version, not $wanted"; return 1 ;;
  esac
  # Its binaries alone.
  mkdir "$work/etcd"
  cp "$unpacked"/usr/bin/etcd* "$work/etcd/"
  rm -rf "${home:?}/$version"
  mv "$work/etcd" "$home/$version"
}

already_there && exit
mkdir -p "$home"
work=$(mktemp -d "$home/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
for suite in "${suites[@]}"; do
  if fetch "$suite"; then already_there; exit; fi
  say "$reason"
done
say "no etcd $wanted: $reason"
exit 1
