#!/usr/bin/env bash
# Makes the pages of the headers by Doxygen, the library's calls and each folder's, and fails on any warning.
#   api_pages.sh [FOLDER]     writes FOLDER/html/index.html (docs/api by default); ends with 77 where Doxygen is not installed
set -euo pipefail
[ $# -le 1 ] || { echo "usage: api_pages.sh [FOLDER]" >&2; exit 2; }
command -v doxygen >/dev/null || { echo "api_pages.sh: doxygen is not installed; not run"; exit 77; }
folder=${1:-$(dirname "$0")/../docs/api}
mkdir -p "$folder"
OCCAM_API_PAGES=$(cd "$folder" && pwd)
export OCCAM_API_PAGES
cd "$(dirname "$0")/.."
if [ -e "$OCCAM_API_PAGES/html/doxygen.css" ]; then rm -rf "$OCCAM_API_PAGES/html"; fi  # pages of headers that are gone
doxygen docs/Doxyfile
headers=$(find include/occam data model train coder -name '*.h' ! -name '*-inl.h' | wc -l)
pages=$(find "$OCCAM_API_PAGES/html" -name '*_8h.html' | wc -l)
[ "$pages" -eq "$headers" ] || { echo "api_pages.sh: $headers headers have $pages pages" >&2; exit 1; }
echo "api_pages.sh: $(find "$OCCAM_API_PAGES/html" -name '*.html' | wc -l) pages of $headers headers, no warning"
