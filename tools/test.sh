#!/usr/bin/env bash
# Installs, builds and runs the tests on a fresh Debian 12 or 13.
#   tools/test.sh            what CI runs: tests of files, archives and the exact network under asan, and every other quick test
#                            in the release build; each test once
#   tools/test.sh --full     all of them in the release build, and what is below: hours on two processors
#
# Of the release build --full adds the tests labelled so: every kernel, thread count and build, aarch64 by qemu, commands of
# which any call fails, long forms. Each further build runs the tests that can fail there alone:
#   asan   memory and undefined behaviour, with assertions: tests that read foreign bytes or compute addresses. It stands for a
#          debug build, too. Training is left out: its kernels are those of network_test, and its loops run under tsan.
#   tsan   data races: tests whose code starts threads. Those of damage, archives, frames, photographs and sound are left out:
#          they take half an hour there, and what starts threads in them is tested by the container's and the segment plan's.
#   fuzz   what hostile bytes do: libFuzzer invents some for a minute a target (tests/fuzz).
#   lto    one definition rule, over all programs and the library: nothing is run, the linker compares.
#   clang  another compiler's warnings and code, in the tests that compare results with definitions. The command line's scripts
#          would run the same sources again.
set -euo pipefail
cd "$(dirname "$0")/.."

full=no
case "${1:-}" in
  "") ;;
  --full) full=yes ;;
  *) echo "test.sh: unknown option $1; see the top of this file" >&2; exit 2 ;;
esac

say() { printf '== %s min: %s\n' $((SECONDS / 60)) "$*"; }

# Warnings are errors but in the sanitizers' builds, whose instrumentation misleads g++ 12. clang++ and the whole program have no
# precompiled headers, so that they see which include is missing, and warn of what g++ 12 is not asked where it has them.
build() {  # PRESET [TARGET...]
  local strict=ON precompile=ON
  case $1 in asan | tsan) strict=OFF ;; clang | lto) precompile=OFF ;; esac
  say "building $1"
  cmake --preset "$1" -DOCCAM_WERROR=$strict -DOCCAM_PRECOMPILE=$precompile \
    -DOCCAM_TESTED_ELSEWHERE="${elsewhere:-}" -DOCCAM_BENCHMARKS="${benchmarks:-ON}" >/dev/null
  if [ $# -gt 1 ]; then cmake --build --preset "$1" --target "${@:2}"; else cmake --build --preset "$1"; fi
}

# A failing test stops nothing that comes after it: who waited for hours wants to know all that fails. One test more than there are
# processors, since some wait most of the time.
failed=()
run_tests() {  # PRESET [ctest arguments]
  say "testing $1"
  ctest --preset "$1" --parallel $(($(nproc) + 1)) "${@:2}" || failed+=("$1")
}

# Only the named test programs are built and run, but for tests that match `without`.
build_and_run() {  # PRESET PROGRAM...
  local preset=$1 names
  shift
  build "$preset" "$@"
  names=$(IFS='|'; echo "$*")
  run_tests "$preset" -R "^($names):" -E "${without:-^$}"
}

if [ "$full" = yes ]; then tools/install_deps.sh --full; else tools/install_deps.sh; fi

# First, so that what is printed last is of most tests.
if [ "$full" = no ]; then
  build_and_run asan base_test exact_test coder_test
  elsewhere="base_test;exact_test;coder_test" benchmarks=OFF
fi
build release
run_tests release
if [ "$full" = yes ]; then
  run_tests release -C full -L full
  build_and_run asan base_test data_test exact_test checkpoint_test network_test coder_test coding_test baselines_test
  # The sanitizer of g++ 12 wants memory where it expects it; what is started inherits the personality.
  setarch -R "$BASH" -c "$(declare -f say build run_tests build_and_run); set -euo pipefail; failed=()
    without='^coder_test:(Archives|Damage|Frame|Keep going)|^coding_test:(Photo|Sound)'
    build_and_run tsan base_test coder_test coding_test train_test
    exit \${#failed[@]}" || failed+=(tsan)
  build fuzz
  run_tests fuzz
  build lto
  build_and_run clang base_test data_test exact_test network_test coder_test coding_test baselines_test train_test
fi
if [ ${#failed[@]} -gt 0 ]; then
  say "failed: ${failed[*]}"
  exit 1
fi
say "all held"
