#!/usr/bin/env bash
# release.sh [DIRECTORY]
# Makes a release of this commit in a directory, target/release-VERSION unless another is named, and
# prints which: programs, image, chart, manifests, a bill of materials, and the checksums of all. What
# the directory held is removed. Nothing is pushed.
# The same commit and the same programs make the same files. What exists already need not be made:
# $ETCD_IPAM_BIN_DIR names a directory with the programs, $BILL_OF_MATERIALS a file.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "release: $*" >&2; }
fail() { say "$@"; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
# Not exported: a compiler that sees it builds ring, and all that needs it, anew.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
name=etcd-ipam-$version
platform=$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
out=$(realpath -m "${1:-target/release-$version}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# archive FILE DIRECTORY: what is in the directory, in one order, of one time and one owner.
archive() {
  (cd "$2" && tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --mode=u+rw,go+r,go-w --format=gnu -cf "$1" -- *)
}

# The same, compressed without a name or a time.
archive_gz() {
  archive "$work/tar" "$2"
  gzip -n <"$work/tar" >"$1"
}

# committed DIRECTORY PATH...: the files that git knows, as they are in the commit. Whatever else lies
# beside them, such as somebody's keys, is not taken.
committed() {
  mkdir -p "$1"
  git archive HEAD -- "${@:2}" | tar -x -C "$1"
}

programs() {
  local dir=$work/programs/$name-$platform
  committed "$dir" LICENSE README.md CHANGELOG.md
  install -m 0755 -t "$dir" "$bin"/{etcd-ipam,lease-gc,ipamctl}
  archive_gz "$out/$name-$platform.tar.gz" "$work/programs"
}

# An OCI archive, whose digest is the one that a registry will show.
image() {
  local engine image=etcd-ipam:$version
  engine=$(command -v buildah || command -v podman) ||
    fail "there is neither buildah nor podman: scripts/install-engines.sh installs them"
  SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH ENGINE=$engine deploy/image/build.sh "$bin" "$image" >&2
  "$engine" push --quiet "$image" "oci:$work/image:$image" >&2
  archive "$out/$name-image-$platform.tar" "$work/image"
  grep -o 'sha256:[0-9a-f]*' "$work/image/index.json" >"$out/$name-image-$platform.digest"
}

chart() {
  committed "$work/chart" deploy/helm/etcd-ipam
  archive_gz "$out/$name-chart.tgz" "$work/chart/deploy/helm"
}

# All of deploy/ that is applied, as sources, and what is rendered of it beside them.
manifests() {
  local dir=$work/manifests/$name-manifests
  committed "$dir" deploy ':!deploy/demo' ':!deploy/helm' ':!deploy/image'
  archive_gz "$out/$name-manifests.tar.gz" "$work/manifests"
  cp "$dir/deploy/etcd-ipam.yaml" "$out/$name.yaml"
}

bill_of_materials() {
  if [ -n "${BILL_OF_MATERIALS:-}" ]; then
    cp "$BILL_OF_MATERIALS" "$out/$name.cdx.json"
  else
    scripts/bill-of-materials.sh >"$out/$name.cdx.json"
  fi
}

checksums() {
  (cd "$out" && sha256sum -- * >"$work/SHA256SUMS")
  mv "$work/SHA256SUMS" "$out/SHA256SUMS"
}

[ -z "$(git status --porcelain --untracked-files=no)" ] ||
  say "this work tree has changes that are in no commit: only the programs have them, and the image's label says so"
bin=${ETCD_IPAM_BIN_DIR:-$(scripts/release-dir.sh)}
rm -rf "$out"
mkdir -p "$out"
programs
image
chart
manifests
bill_of_materials
checksums
echo "$out"
