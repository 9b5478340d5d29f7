#!/usr/bin/env bash
# Makes the API reference from the public headers, in BUILD_FOLDER/reference. Warnings are errors.
# Exit 0: made. 1: warnings, one per line. 77: doxygen is not installed.
set -euo pipefail
build=${1:?the build folder of docs}
sources=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
command -v doxygen >/dev/null || { echo "doxygen is not installed: apt-get install doxygen" && exit 77; }
rm -rf -- "$build/reference" "$build/headers"
# The headers lie in several rooms; a reader sees them as they are installed, in one folder.
mkdir -p "$build/headers/tagma"
find "$sources" -path "$sources/build" -prune -o -path '*/include/tagma/*.h' -exec cp -t "$build/headers/tagma" {} +
doxygen "$build/Doxyfile" >&2 || exit 1
pages=("$build"/reference/html/*.html)
echo "${#pages[@]} pages; begin at $build/reference/html/index.html"
