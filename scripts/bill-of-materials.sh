#!/usr/bin/env bash
# Prints the bill of materials of the programs (CycloneDX, JSON): every crate that is linked into
# ipamctl, which has all the others' in it. Only releases need it.
# Made by cargo-sbom, in one version, which is built first where target/tools lacks it. What differs
# from one time to the next, and crates for other systems, are taken out of what it says.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.10.0
root=$PWD/target/tools
package=ipamctl

command -v jq >/dev/null || { echo "bill-of-materials: there is no jq on this machine" >&2; exit 1; }
if [ "$("$root/bin/cargo-sbom" --version 2>/dev/null)" != "cargo-sbom $version" ]; then
  echo "bill-of-materials: building cargo-sbom $version into target/tools, once; this takes some minutes" >&2
  cargo install cargo-sbom --version "$version" --locked --debug --root "$root" --force --quiet </dev/null
fi

# Names and versions, such as `anyhow-1.0.104`.
linked=$(cargo tree --locked --package "$package" --edges normal,no-proc-macro --prefix none --format '{p}' |
  awk '{ print $1 "-" substr($2, 2) }' | sort -u)

# shellcheck disable=SC2016 # the dollars are jq's
"$root/bin/cargo-sbom" --cargo-package "$package" --output-format cyclone_dx_json_1_6 |
  jq --sort-keys --arg linked "$linked" '
    ($linked | split("\n") | map("CycloneDxRef-Component-" + .)) as $linked
    | def is_linked: IN($linked[]);
      del(.serialNumber, .metadata.timestamp, .metadata.authors)
    | .components |= (map(select(."bom-ref" | is_linked)) | sort_by(."bom-ref"))
    | .dependencies |= (map(select(.ref | is_linked)
        | .dependsOn |= (map(select(is_linked)) | sort)) | sort_by(.ref))'
