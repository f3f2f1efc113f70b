#!/usr/bin/env bash
# Installs, with apt, what the build, the tests and the demo need beside a Rust toolchain.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/install-missing.sh
. ./install-missing.sh

# How a missing tool is seen, and the Debian package that brings it.
install_missing install-tools \
  'command:etcd                                  etcd-server' \
  'command:etcdctl                               etcd-client' \
  'file:/usr/lib/cni/macvlan                     containernetworking-plugins' \
  'command:ip                                    iproute2' \
  'command:ping                                  iputils-ping' \
  'command:iptables                              iptables' \
  'command:jq                                    jq' \
  'command:openssl                               openssl' \
  'command:protoc                                protobuf-compiler' \
  'command:strace                                strace' \
  'file:/usr/include/google/protobuf/empty.proto libprotobuf-dev'
