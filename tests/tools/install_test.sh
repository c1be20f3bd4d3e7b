#!/usr/bin/env bash
# Installs the build into a folder, builds the examples against it as others would, and lets them exchange files with the
# installed commands.
#   install_test.sh BUILD_DIR EXAMPLES
set -euo pipefail
build=$1 examples=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "install_test.sh: $1" >&2; exit 1; }

prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >/dev/null
libdir=$(dirname "$(find "$prefix" -name 'liboccam.so.1')")
export LD_LIBRARY_PATH=$libdir PKG_CONFIG_PATH=$libdir/pkgconfig PATH=$prefix/bin:$PATH

# What is installed: the door's headers alone, the commands and their links, the decoder, models and the licence.
[ "$(cd "$prefix/include" && find . -type f | sort | xargs)" = "./occam/error.h ./occam/occam.h ./occam/occam_c.h" ] ||
  fail "other headers than those of the door are installed"
for program in occam occam-baselines occam_decoder train compress decompress benchmark evaluate explain generate inspect prepare baselines; do
  [ -x "$prefix/bin/$program" ] || fail "$program is not installed"
done
[ ! -e "$prefix/bin/import" ] || fail "import is installed, which is ImageMagick's name"
find "$prefix" -name LICENSE | grep -q . || fail "the licence is not installed"
cmp -s "$prefix/share/occam/models/broad-800K.occm" "$(dirname "$examples")/model/pretrained/broad-800K.occm" ||
  fail "the built-in model is not installed"

if command -v python3 >/dev/null; then  # else none are made
  for page in man/man1/occam.1 man/man1/compress.1 bash-completion/completions/compress zsh/site-functions/_occam; do
    [ -s "$prefix/share/$page" ] || fail "$page is not installed"
  done
fi

# The library shows nothing but its functions, and needs no library of training, corpora or images.
nm -D --defined-only "$libdir/liboccam.so.1" | awk '{print $3}' | grep -vE '^(occam_[a-z0-9_]+(@@OCCAM_1)?|OCCAM_1)$' &&
  fail "liboccam.so.1 shows other symbols"
objdump -p "$libdir/liboccam.so.1" | grep NEEDED | grep -E 'hdf5|dnnl|mpi|OpenCL|gomp|png|jpeg|sndfile|zstd|lzma' && fail "liboccam.so.1 needs too much"

# By CMake.
cmake -S "$examples" -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$work/cmake" >/dev/null
# By pkg-config, and the static library.
cc -std=c99 -Wall -Wextra -Werror "$examples/simple.c" -o "$work/simple_c" \
  $(pkg-config --cflags --libs occam)
c++ -std=c++20 -Wall -Wextra -Werror "$examples/simple.cc" -o "$work/simple_static" $(pkg-config --cflags occam) \
  "$libdir/liboccam.a" $(pkg-config --libs-only-l --static occam | sed 's/-loccam//')
ldd "$work/simple_static" | grep -q liboccam && fail "the static program needs the shared library"

text=$work/text
find "$prefix" -name LICENSE -exec cat {} + >"$text"  # prose, which the model codes better than counts do
for program in "$work/cmake/simple_c" "$work/cmake/simple_cc" "$work/simple_c" "$work/simple_static"; do
  rm -f "$text.occ"
  "$program" "$text" | tee "$work/out"
  grep -q 'restored and equal$' "$work/out" || fail "$program does not say that both are equal"
  compress --mode chunked -c "$text" | cmp - "$text.occ" || fail "$program and compress write other files"
  decompress -c "$text.occ" | cmp - "$text" || fail "decompress does not restore what $program wrote"
done
occam compress --mode carried <"$text" >"$work/carried.occ"
"$work/cmake/stream_c" compress <"$text" | cmp - "$work/carried.occ"
"$work/cmake/stream_c" decompress <"$work/carried.occ" | cmp - "$text"
if "$work/cmake/stream_c" decompress <"$text" >"$work/nothing" 2>"$work/error"; then fail "stream restores what is no file"; fi
[ -s "$work/error" ] || fail "stream says nothing of what is no file"
# The costs add up to the payload.
costs=$("$work/cmake/costs_cc" "$text" carried 2>&1 >/dev/null | sed -E 's/.* cost ([0-9]+) bytes/\1/')
payload=$(occam compress -l "$work/carried.occ" | sed -nE 's/.*payload ([0-9]+).*/\1/p')
[ $((payload - costs)) -ge 0 ] && [ $((payload - costs)) -le 4 ] || fail "costs of $costs bytes, but a payload of $payload"
"$prefix/bin/occam" --version
"$prefix/bin/occam" baselines --list | grep -q '^gzip'
