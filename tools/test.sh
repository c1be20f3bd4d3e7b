#!/usr/bin/env bash
# Installs, builds and runs the tests on a fresh Debian 12.
#   tools/test.sh            the release build with every quick test (what CI runs)
#   tools/test.sh --full     also the debug and sanitizer builds, clang++, the tests labelled `full`, and aarch64 (hours)
set -euo pipefail
cd "$(dirname "$0")/.."

full=no
case "${1:-}" in
  "") ;;
  --full) full=yes ;;
  *) echo "test.sh: unknown option $1; see the top of this file" >&2; exit 2 ;;
esac

if [ "$full" = yes ]; then tools/install_deps.sh --full; else tools/install_deps.sh; fi

build_and_test() {  # PRESET [ctest arguments]
  local preset=$1
  shift
  cmake --preset "$preset" -DOCCAM_WERROR=ON >/dev/null
  cmake --build --preset "$preset"
  ctest --preset "$preset" --parallel "$(nproc)" "$@"
}

if [ "$full" = yes ]; then
  build_and_test debug
  build_and_test asan
  cmake -S . -B build/clang -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++ -DOCCAM_WERROR=ON >/dev/null
  cmake --build build/clang
  ctest --test-dir build/clang --output-on-failure --parallel "$(nproc)"
  build_and_test release -C full
else
  build_and_test release
fi
