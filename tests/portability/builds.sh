#!/bin/sh
# The exact network gives one digest from every compiler and level of optimisation: the plain kernels from a decoder-only
# build, the fast ones from a full build.
#   builds.sh SOURCE_FOLDER WORK_FOLDER
set -eu
source=$1
work=$2
mkdir -p "$work"
failed=0
want=""

# try NAME KERNELS FLAGS COMPILER CMAKE_ARGUMENTS...
try() {
  name=$1 kernels=$2 flags=$3 compiler=$4
  shift 4
  if ! command -v "$compiler" >/dev/null; then
    echo "$name: no $compiler here"
    return
  fi
  cmake -S "$source" -B "$work/$name" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="$flags" \
    -DCMAKE_CXX_COMPILER="$compiler" "$@" >"$work/$name.log" 2>&1 &&
    ninja -C "$work/$name" exact_digest >>"$work/$name.log" 2>&1 || {
    echo "$name: does not build, see $work/$name.log"
    failed=1
    return
  }
  got=$("$work/$name/bin/exact_digest" "$kernels" 2>/dev/null) || got="failed"
  [ -n "$want" ] || want=$got
  if [ "$got" = "$want" ]; then
    echo "$name: $got"
  else
    echo "$name: $got, where $want was expected"
    failed=1
  fi
}

for level in 0 2 3; do
  try "plain-g++-O$level" plain "-O$level" g++ -DOCCAM_DECODER_ONLY=ON
done
try plain-clang++-O3 plain -O3 clang++ -DOCCAM_DECODER_ONLY=ON
try fast-g++-O0 fast -O0 g++
try fast-g++-O2 fast -O2 g++
try fast-g++-O3 fast -O3 g++
try fast-clang++-O3 fast -O3 clang++
exit $failed
