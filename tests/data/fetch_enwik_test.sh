#!/bin/sh
# fetch_enwik_test.sh FETCH: the script FETCH against local addresses, with a small made-up corpus.
set -eu
fetch=$1
command -v unzip > /dev/null || { echo 'no unzip: not tested'; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
unset OCCAM_CACHE XDG_CACHE_HOME
export HOME="$folder/home"

fail() { echo "FAILED: $*" >&2; exit 1; }
# expect CODE ARGUMENTS...: runs the script, leaves what it prints in `out` and `err`.
expect() {
  wanted=$1
  shift
  code=0
  "$fetch" "$@" > out 2> err || code=$?
  [ "$code" -eq "$wanted" ] || fail "exit code $code instead of $wanted of: $* ($(cat err))"
}
# The cache folder $1 holds nothing, hidden files included.
empty() { [ ! -d "$1" ] || [ -z "$(ls -A "$1")" ] || fail "left in $1: $(ls -A "$1")"; }

echo 'A made-up corpus.' > enwik8
# The same as a zip file.
base64 -d > good.zip <<'ZIP'
UEsDBBQAAAAIAAAAYzTEkXFRFAAAABIAAAAGAAAAZW53aWs4c1TITUxJ1S0tUEjOLyooLdbjAgBQSwECFAMUAAAACAAAAGM0xJFx
URQAAAASAAAABgAAAAAAAAAAAAAApIEAAAAAZW53aWs4UEsFBgAAAAABAAEANAAAADgAAAAAAA==
ZIP
good=file://$folder/good.zip
md5=$(md5sum < enwik8 | cut -d ' ' -f 1)

expect 0 enwik8 --url "$good" --md5 "$md5" --cache cache
[ "$(cat out)" = cache/enwik8 ] || fail "printed $(cat out)"
cmp enwik8 cache/enwik8
[ "$(ls -A cache)" = enwik8 ] || fail "left behind: $(ls -A cache)"

# There and right: not fetched again. There and wrong: replaced.
expect 0 enwik8 --url file:///none --md5 "$md5" --cache cache
echo damage >> cache/enwik8
expect 3 enwik8 --url file:///none --md5 "$md5" --cache cache
expect 0 enwik8 --url "$good" --md5 "$md5" --cache cache
cmp enwik8 cache/enwik8

# The cache folder as occam finds it.
expect 0 enwik8 --url "$good" --md5 "$md5"
cmp enwik8 home/.cache/occam/enwik8
export XDG_CACHE_HOME=xdg
expect 0 enwik8 --url "$good" --md5 "$md5"
cmp enwik8 xdg/occam/enwik8
export OCCAM_CACHE='own cache' XDG_CACHE_HOME=unused
expect 0 enwik8 --url "$good" --md5 "$md5"
cmp enwik8 'own cache/enwik8'
[ ! -e unused ] || fail 'OCCAM_CACHE did not win'

# A wrong digest, the known one included, is refused and leaves nothing.
expect 4 enwik8 --url "$good" --cache wrong
grep -q "$md5 instead of a1fa5ffddb56f4953e226637dabbb36a" err || fail "said: $(cat err)"
empty wrong
expect 4 enwik9 --url "$good" --md5 "$md5" --cache wrong
empty wrong
head -c 60 good.zip > cut.zip
expect 4 enwik8 --url "file://$folder/cut.zip" --md5 "$md5" --cache wrong
empty wrong
expect 3 enwik8 --url "file://$folder/none.zip" --md5 "$md5" --cache wrong
grep -q 'cannot download' err || fail "said: $(cat err)"
empty wrong

expect 3 enwik8 --url "$good" --md5 "$md5" --cache good.zip/folder
expect 2
expect 2 enwik7
expect 2 enwik8 enwik9
expect 2 enwik8 --url
expect 2 enwik8 --frobnicate
expect 0 --help
grep -q usage out || fail 'no usage in --help'
