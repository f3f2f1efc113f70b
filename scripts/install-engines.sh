#!/usr/bin/env bash
# Installs, with apt, the container engines that the tests of the image and of real callers use; without
# them those tests say that they are skipped. It is no part of `make test`: Debian's containerd is a
# service, which the installation starts, and it takes the place of the one that came with Docker.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/install-missing.sh
. ./install-missing.sh

# How a missing engine is seen, and the Debian package that brings it. runc is named because it runs
# where crun, the usual choice of Debian's podman, may not.
install_missing install-engines \
  'command:runc       runc' \
  'command:buildah    buildah' \
  'command:podman     podman' \
  'command:newuidmap  uidmap' \
  'command:containerd containerd'
