#!/usr/bin/env bash
# Fails on a tracked source that clang-format would write otherwise (.clang-format). Versions of clang-format differ in details:
# the one of Debian 12 decides, and others only look where ANY_VERSION=1.
#   check_format.sh [ROOT]
# Ends with 77 where there is no such clang-format, or no git to list the sources.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
version=14

clang_format=$(command -v clang-format-$version || command -v clang-format || true)
[ -n "$clang_format" ] || { echo "check_format.sh: no clang-format here; not run"; exit 77; }
found=$("$clang_format" --version | sed -E 's/.*version ([0-9]+)\..*/\1/')
if [ "$found" != $version ] && [ -z "${ANY_VERSION:-}" ]; then
  echo "check_format.sh: clang-format $found is not $version; not run"
  exit 77
fi
git rev-parse --git-dir >/dev/null 2>&1 || { echo "check_format.sh: no git checkout; not run"; exit 77; }
count=$(git ls-files '*.h' '*.cc' '*.c' | wc -l)
[ "$count" -gt 0 ] || { echo "check_format.sh: there are no sources" >&2; exit 1; }
git ls-files -z '*.h' '*.cc' '*.c' | xargs -0 -n 40 -P "$(nproc)" "$clang_format" --dry-run --Werror
echo "check_format.sh: $count sources are formatted"
