#!/usr/bin/env bash
# The version header follows the commit of each build, not that of the configuration.
#   version_test.sh CMAKE SOURCE_FOLDER OCCAM
set -euo pipefail
cmake=$1 source=$2 occam=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "version_test.sh: $*" >&2; exit 1; }

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_CEILING_DIRECTORIES=$work
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
build_step() {  # FOLDER
  "$cmake" -DSOURCE="$1" -DTEMPLATE="$source/tools/version.h.in" -DOUTPUT="$work/version.h" -DPROJECT_VERSION=1.2.3 \
    -P "$source/tools/cmake/OccamVersion.cmake"
}
told() { sed -n 's/^#define OCCAM_COMMIT "\(.*\)".*/\1/p' "$work/version.h"; }
commit() {
  git -C "$work/tree" add -A
  git -C "$work/tree" commit -q -m "$1"
  git -C "$work/tree" rev-parse --short=10 HEAD
}

# 1. Each build tells the commit that it is of; a change that is not committed shows.
mkdir "$work/tree"
git init -q "$work/tree"
echo 1 >"$work/tree/file"
first=$(commit first)
build_step "$work/tree"
[ "$(told)" = "$first" ] || fail "the first build tells '$(told)', not $first"
grep -q '^#define OCCAM_VERSION "1.2.3"$' "$work/version.h" || fail "the version is missing"
touch -d '2001-01-01' "$work/version.h"
build_step "$work/tree"
[ "$(stat -c %Y "$work/version.h")" = "$(date -d 2001-01-01 +%s)" ] || fail "a header that stays the same is written again"
echo 2 >"$work/tree/file"
build_step "$work/tree"
[ "$(told)" = "$first-changed" ] || fail "a changed tree tells '$(told)', not $first-changed"
second=$(commit second)
[ "$second" != "$first" ] || fail "the second commit is the first"
build_step "$work/tree"
[ "$(told)" = "$second" ] || fail "the build after a commit tells '$(told)', not $second"

# 2. Sources without git have no commit, those unpacked inside another checkout neither.
mkdir "$work/tree/unpacked" "$work/plain"
for folder in "$work/plain" "$work/tree/unpacked"; do
  build_step "$folder"
  [ "$(told)" = "" ] || fail "$folder has no commit of its own, but '$(told)' is told"
done

# 3. The program was built by this step: it tells a commit, or that there is none.
text=$("$occam" --version)
[[ $text =~ ,\ (commit\ [0-9a-f]+(-changed)?|built\ without\ git:\ commit\ unknown)\)$ ]] || fail "occam --version prints '$text'"
echo "version_test.sh: all held"
