#!/usr/bin/env bash
# Adds the source tree to a parent project that sets flags of its own. The parent gets the codec's libraries alone.
#   subproject_test.sh SOURCE BIN           configures, and looks at what would be built
#   subproject_test.sh SOURCE BIN --build   also builds it, by -Ofast and link-time optimisation, and exchanges files with BIN
set -euo pipefail
source=$1 bin=$2 build=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "subproject_test.sh: $1" >&2; exit 1; }

mkdir "$work/parent"
cat >"$work/parent/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES CXX)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_STANDARD 20)  # of occam.h
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
add_compile_options(-funsafe-math-optimizations)
add_subdirectory($source occam)
foreach(kind codec codec_static)
  add_executable(use_\${kind} $source/examples/simple.cc)
  target_link_libraries(use_\${kind} PRIVATE occam::\${kind})
endforeach()
END
cmake -S "$work/parent" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS=-Ofast >"$work/log" 2>&1 ||
  fail "it does not configure: $(cat "$work/log")"

programs=$(cd "$work/build" && ninja -t targets all | grep -E ': CXX_EXECUTABLE_LINKER' | sed 's/:.*//' | sort | xargs)
[ "$programs" = "use_codec use_codec_static" ] || fail "the parent builds other programs than its own: $programs"
! grep -rl 'file(INSTALL' "$work/build" --include=cmake_install.cmake || fail "the parent installs what it did not ask for"
! [ -e "$work/build/bin" ] || fail "the parent's bin folder is used"

# Each of our sources undoes what the parent's flags do to arithmetic, in the order that the compiler reads them.
grep '"command"' "$work/build/compile_commands.json" | grep -v 'examples/simple.cc' >"$work/commands"
[ "$(wc -l <"$work/commands")" -gt 30 ] || fail "the sources are not here"
! grep -vE -e '-Ofast .*-funsafe-math-optimizations .*-fno-fast-math -fno-unsafe-math-optimizations .*-ffp-contract=off' "$work/commands" ||
  fail "these sources are compiled with the parent's arithmetic"

[ "$build" = --build ] || exit 0
cmake --build "$work/build" >"$work/log" 2>&1 || fail "it does not build: $(tail -30 "$work/log")"
find "$source/docs" -name '*.md' -exec cat {} + >"$work/pages"
head -c 50000 "$work/pages" >"$work/text"
"$bin/compress" --mode chunked -c "$work/text" >"$work/wanted.occ"
for program in use_codec use_codec_static; do
  "$work/build/$program" "$work/text"
  cmp "$work/text.occ" "$work/wanted.occ" || fail "$program writes another file than compress"
  rm "$work/text.occ"
done
