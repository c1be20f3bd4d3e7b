# Sourced by tests of the command line with the folder of programs as $1: a folder to work in, and what is held against promises.
set -uo pipefail
bin=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

fail() { echo "FAILED: $*" >&2; failures=$((failures + 1)); }
# expect CODE COMMAND...: runs it, and holds its exit code and its manners against what is promised: a failure says one
# line on standard error.
expect() {
  local want=$1 got
  shift
  "$@" >out 2>err </dev/null
  got=$?
  [ $got -eq "$want" ] || { fail "exit $got instead of $want: $*"; cat err >&2; }
  if [ "$want" -ne 0 ] && [ "$(wc -l <err)" -ne 1 ]; then fail "not one line on standard error: $*"; cat err >&2; fi
}
says() { grep -q -- "$1" err || { fail "no message like '$1'"; cat err >&2; }; }
prints() { grep -q -- "$1" out || { fail "does not print '$1'"; cat out >&2; }; }
same() { cmp -s "$1" "$2" || fail "$1 and $2 differ"; }
absent() { for f in "$@"; do [ ! -e "$f" ] || fail "$f is there"; done; }
