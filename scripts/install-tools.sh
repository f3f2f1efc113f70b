#!/usr/bin/env bash
# Installs, with apt, what the build, the tests and the demo need beside a Rust toolchain.
# Says first what is missing; with nothing missing it does nothing, and needs no Debian either.
set -euo pipefail

# How a missing tool is seen, and the Debian package that brings it.
tools=(
  'command:etcd                                  etcd-server'
  'command:etcdctl                               etcd-client'
  'file:/usr/lib/cni/macvlan                     containernetworking-plugins'
  'command:ip                                    iproute2'
  'command:ping                                  iputils-ping'
  'command:protoc                                protobuf-compiler'
  'file:/usr/include/google/protobuf/empty.proto libprotobuf-dev'
)

present() {
  case $1 in
    command:*) PATH=$PATH:/usr/sbin:/sbin command -v "${1#command:}" >/dev/null ;;
    file:*) [ -e "${1#file:}" ] ;;
  esac
}

# Their packages, on one line.
missing_packages() {
  local tool sign package list=
  for tool in "${tools[@]}"; do
    read -r sign package <<<"$tool"
    present "$sign" || list+=${list:+ }$package
  done
  echo "$list"
}

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

missing=$(missing_packages)
[ -n "$missing" ] || exit 0

echo "install-tools: missing on this machine, to be installed with apt: $missing"
if ! command -v apt-get >/dev/null; then
  echo "install-tools: this is no Debian (there is no apt-get): please install by hand what these packages bring" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install-tools: apt needs root, and there is no sudo" >&2; exit 1; }
  as_root=(sudo)
fi
# A broken third-party source must not stop us: whether the packages can be had, the install says.
apt update || echo "install-tools: apt-get update failed, trying with the package lists that are there" >&2
# shellcheck disable=SC2086 # one word for each package
apt install -y --no-install-recommends $missing

missing=$(missing_packages)
if [ -n "$missing" ]; then
  echo "install-tools: apt succeeded, and yet this is still missing: $missing" >&2
  exit 1
fi
