#!/usr/bin/env bash
# clang-tidy (.clang-tidy) on the public headers, and on sources that are few and quick to parse; each finding fails.
#   check_tidy.sh
# Ends with 77 where there is no clang-tidy.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-tidy >/dev/null || { echo "check_tidy.sh: no clang-tidy here; not run"; exit 77; }

tidy=(clang-tidy --quiet --warnings-as-errors='*')
run() {  # LABEL COMMAND...: only what is wrong is printed
  local out
  if ! out=$("${@:2}" 2>&1); then
    printf '%s\n' "$out" | grep -v 'warnings generated' >&2
    echo "check_tidy.sh: $1 fails" >&2
    return 1
  fi
}
status=0
run include/occam/occam.h "${tidy[@]}" include/occam/occam.h -- -x c++ -std=c++20 -Iinclude || status=1
run include/occam/occam_c.h "${tidy[@]}" include/occam/occam_c.h -- -x c -std=c11 -Iinclude || status=1
# Sources that need no flags. In pairs, as there are mostly two processors.
sources=(coder/entropy/*.cc data/base/float_mode.cc data/base/processors.cc)
flags=(-- -std=c++20 -I. -Iinclude)
for ((i = 0; i < ${#sources[@]}; i += 2)); do
  run "${sources[i]}" "${tidy[@]}" "${sources[i]}" "${flags[@]}" & first=$!
  if [ $((i + 1)) -lt ${#sources[@]} ]; then
    run "${sources[i + 1]}" "${tidy[@]}" "${sources[i + 1]}" "${flags[@]}" || status=1
  fi
  wait $first || status=1
done
[ $status -eq 0 ] && echo "check_tidy.sh: the public headers and ${#sources[@]} sources: nothing found"
exit $status
