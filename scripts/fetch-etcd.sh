#!/usr/bin/env bash
# Puts an etcd 3.5 into target/etcd/<version>/ and prints that directory.
# Debian 12 itself has only 3.4, so the packages come from one of Debian's newer suites, through
# the mirror that this machine already uses and a private apt directory: they are unpacked, not
# installed, and the machine's own apt state stays as it is.
# When it cannot, the last line on stderr says why, and the exit status is not 0.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=3.5
suites=(sid trixie)
packages=(etcd-server etcd-client)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
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

# The base addresses from which this machine takes its own release, as apt itself reads its sources.
mirrors() {
  local codename
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
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

# Downloads the packages of suite $2 from mirror $1 into $work/debs.
download() {
  rm -rf "$work/apt" "$work/debs"
  mkdir -p "$work"/apt/{none,state/lists/partial,cache/archives/partial} "$work/debs"
  : >"$work/apt/status"
  echo "deb [signed-by=$keyring] $1 $2 main" >"$work/apt/sources.list"
  private_apt update && (cd "$work/debs" && private_apt download "${packages[@]}")
}

# Leaves etcd's binaries alone in $work/etcd.
unpack() {
  rm -rf "$work/root" "$work/etcd"
  mkdir "$work/root" "$work/etcd"
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root" || return; done
  cp "$work"/root/usr/bin/etcd* "$work/etcd/"
}

# Fetches from suite $2 of mirror $1, and keeps it if it is the wanted version and runs here;
# otherwise says why in $reason.
fetch() {
  local version
  say "taking etcd from Debian $2"
  download "$1" "$2" || { reason="apt cannot get ${packages[*]} of Debian $2"; return 1; }
  unpack || { reason="the packages of Debian $2 cannot be unpacked"; return 1; }
  version=$(version_of "$work/etcd") || true
  case $version in
    "$wanted".*) ;;
    '') reason="the etcd of Debian $2 does not run on this machine"; return 1 ;;
    *) reason="Debian $2 has etcd $version, not $wanted"; return 1 ;;
  esac
  rm -rf "${home:?}/$version"
  mv "$work/etcd" "$home/$version"
}

already_there && exit
for tool in apt-get dpkg; do
  command -v "$tool" >/dev/null || { say "no etcd $wanted: this is no Debian (there is no $tool)"; exit 1; }
done
[ -r "$keyring" ] || { say "no etcd $wanted: $keyring is missing, so Debian's signatures cannot be checked"; exit 1; }

mkdir -p "$home"
work=$(mktemp -d "$home/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
reason="none of this machine's apt sources has its own release"
for mirror in $(mirrors); do
  for suite in "${suites[@]}"; do
    if fetch "$mirror" "$suite"; then already_there; exit; fi
    say "$reason"
  done
done
say "no etcd $wanted: $reason"
exit 1
