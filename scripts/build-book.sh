#!/usr/bin/env bash
# build-book.sh [DIRECTORY]
# Builds the documentation as a book of HTML pages, by default into target/book/, and prints the path
# of its first page. The mdbook that does it is in $MDBOOK_BIN_DIR, else it is fetched.
set -euo pipefail
cd "$(dirname "$0")/.."

book=${1:-target/book}
mdbook=${MDBOOK_BIN_DIR:-$(scripts/fetch-mdbook.sh)}/mdbook

# mdbook gets a copy of what belongs to the book, at the places where it is in the repository. So a
# relative link that leaves docs/ leads to the same thing in the book as where the repository is hosted.
belongs=(README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE docs deploy chaos-tests/tests)

# A page that shows what is in a directory, as sites that host repositories do.
listing() {
  local name
  cd "$1"
  echo "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>${1##*/}</title><ul>"
  for name in *; do
    [ "$name" = index.html ] || echo "<li><a href=\"$name\">$name</a></li>"
  done
  echo "</ul></html>"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cp -R --parents "${belongs[@]}" "$work/src/"
mv "$work/src/docs/book.toml" "$work/"
# mdbook wants the table of contents at the top, and its links from there.
sed -e 's|](\.\./|](|; t' -e 's|](|](docs/|' "$work/src/docs/SUMMARY.md" >"$work/src/SUMMARY.md"
rm "$work/src/docs/SUMMARY.md"
# Every page asks for this file and the script below, and Debian's mdbook has neither.
mkdir -p "$work/theme/fonts"
cp scripts/book/fonts.css "$work/theme/fonts/"

mkdir -p "$book"
book=$(cd "$book" && pwd)
"$mdbook" build --dest-dir "$book" "$work" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
cp scripts/book/book.js "$book/"
for directory in $(find "$book/deploy" "$book/chaos-tests" -type d); do
  (listing "$directory" >"$directory/index.html")
done
# It succeeds with a warning about what will not be shown as it is meant.
if grep -E '\[(WARN|ERROR)\]' "$work/log" >&2; then exit 1; fi
echo "$book/index.html"
