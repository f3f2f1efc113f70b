#!/usr/bin/env bash
# unpack-debian.sh SUITE DIRECTORY PACKAGE...
# Unpacks packages of a suite of Debian into a directory, with nothing installed: through the mirror
# that this machine already uses and a private apt directory, so that the machine's own apt state
# stays as it is. `own` is the suite of this machine.
# When it cannot, it prints why, and the exit status is not 0.
set -euo pipefail

suite=$1 directory=$2
shift 2
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "$*"; exit 1; }

for tool in apt-get dpkg; do
  command -v "$tool" >/dev/null || fail "this is no Debian (there is no $tool)"
done
[ -r "$keyring" ] || fail "$keyring is missing, so Debian's signatures cannot be checked"
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
[ "$suite" != own ] || suite=$codename

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The base addresses from which this machine takes its own release, as apt itself reads its sources.
mirrors() {
  apt-get --print-uris update | sed -n "s|^'\(.*\)/dists/$codename/InRelease' .*|\1|p"
}

# Everything that apt reads or writes here, but for its proxy and TLS settings, is below $work/apt.
private_apt() {
  local dir=$work/apt
  apt-get -q -q \
    -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts="$dir/none" \
    -o Dir::Etc::preferences="$dir/no-file" -o Dir::Etc::preferencesparts="$dir/none" \
    -o APT::Default-Release= -o APT::Sandbox::User= \
    -o Dir::State="$dir/state" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=2 "$@" </dev/null >&2
}

# Downloads the packages $2... from mirror $1 into $work/debs.
download() {
  local mirror=$1
  shift
  rm -rf "$work/apt" "$work/debs"
  mkdir -p "$work"/apt/{none,state/lists/partial,cache/archives/partial} "$work/debs"
  : >"$work/apt/status"
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/apt/sources.list"
  private_apt update && (cd "$work/debs" && private_apt download "$@")
}

reason="none of this machine's apt sources has its own release"
for mirror in $(mirrors); do
  if download "$mirror" "$@"; then
    mkdir -p "$directory"
    for deb in "$work"/debs/*.deb; do
      dpkg -x "$deb" "$directory" || fail "the packages of Debian $suite cannot be unpacked"
    done
    exit
  fi
  reason="apt cannot get $* of Debian $suite"
done
fail "$reason"
