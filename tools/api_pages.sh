#!/usr/bin/env bash
# Makes the pages of the library's calls from its headers, by Doxygen, and fails on any warning.
#   api_pages.sh FOLDER     writes FOLDER/html/index.html; ends with 77 where Doxygen is not installed
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: api_pages.sh FOLDER" >&2; exit 2; }
command -v doxygen >/dev/null || { echo "api_pages.sh: doxygen is not installed; not run"; exit 77; }
mkdir -p "$1"
OCCAM_API_PAGES=$(cd "$1" && pwd)
export OCCAM_API_PAGES
cd "$(dirname "$0")/.."
doxygen docs/Doxyfile
[ -s "$OCCAM_API_PAGES/html/index.html" ] || { echo "api_pages.sh: no page was written" >&2; exit 1; }
echo "api_pages.sh: $(find "$OCCAM_API_PAGES/html" -name '*.html' | wc -l) pages, no warning"
