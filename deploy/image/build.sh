#!/usr/bin/env bash
# build.sh DIRECTORY [IMAGE]
# Makes the image of the programs in DIRECTORY, which scripts/release-dir.sh builds, and prints its name
# and its id. IMAGE is its name, with a registry where it is to go to one; etcd-ipam:VERSION otherwise.
# Nothing is fetched and nothing is pushed.
#
# The engine is $ENGINE, else the first found of buildah, podman and docker. The first two make the same
# digest of the same programs and the same commit each time; docker dates its layers by itself.
# $SOURCE_DATE_EPOCH and $REVISION stand in for the commit's time and name where there is no git.
set -euo pipefail

fail() { echo "build: $*" >&2; exit 1; }

[ $# = 1 ] || [ $# = 2 ] || fail "usage: build.sh DIRECTORY [IMAGE]"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
programs=(etcd-ipam lease-gc ipamctl)

find_engine() {
  local engine
  for engine in ${ENGINE:-buildah podman docker}; do
    if command -v "$engine"; then return; fi
  done
  fail "there is no ${ENGINE:-buildah, podman or docker} on this machine"
}

# The workspace's version: the only one that stands at the beginning of a line.
version() { sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml"; }

git_here() { git -C "$root" "$@" 2>/dev/null; }

revision() {
  local changed
  git_here rev-parse HEAD || return 0
  changed=$(git_here status --porcelain --untracked-files=no)
  [ -z "$changed" ] || echo dirty
}

# The programs alone, with the modes that they have in the image, whatever they have here.
collect() {
  local program
  for program in "${programs[@]}"; do
    [ -f "$1/$program" ] || fail "there is no $program in $1: scripts/release-dir.sh builds it"
    install -m 0755 "$1/$program" "$2/$program"
  done
}

engine=$(find_engine)
version=$(version)
[ -n "$version" ] || fail "Cargo.toml names no version"
image=${2:-etcd-ipam:$version}
revision=${REVISION-$(revision | paste -sd-)}
epoch=${SOURCE_DATE_EPOCH:-$(git_here log -1 --format=%ct || true)}
[ -n "$epoch" ] || fail "there is no git here: set SOURCE_DATE_EPOCH, which the image is dated by"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/context"
collect "$1" "$work/context"

arguments=(
  --file "$here/Containerfile" --tag "$image" --iidfile "$work/id"
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision"
)
# One layer, dated as the commit, without a label that names the version of the engine.
reproducible=(--timestamp "$epoch" --layers=false --identity-label=false --format oci --pull=never)
case $(basename "$engine") in
  buildah) "$engine" build "${reproducible[@]}" "${arguments[@]}" "$work/context" >&2 ;;
  podman) "$engine" build "${reproducible[@]}" "${arguments[@]}" "$work/context" >&2 ;;
  *) SOURCE_DATE_EPOCH=$epoch "$engine" build "${arguments[@]}" "$work/context" >&2 ;;
esac
echo "$image $(cat "$work/id")"
