#!/usr/bin/env bash
# How many bytes are the smallest programs that restore and make a file with its model in it?
#   tools/decoder_size.sh [--json] [BUILD_FOLDER]
# Builds occam_decoder and occam_encoder with the plain kernels alone (OCCAM_DECODER_ONLY), for size, strips them, packs them with
# xz -9e (on x86 with its filter for code), and lets the decoder restore a golden file. The libraries of C, C++ and SHA-256 (libcrypto) are the system's and not counted.
# docs/charges.md says what these bytes are charged for. BUILD_FOLDER: build/decoder_size.
set -euo pipefail
cd "$(dirname "$0")/.."
json=
[ "${1:-}" = --json ] && { json=1; shift; }
build=${1:-build/decoder_size}
golden=tests/portability/golden

cmake -S . -B "$build" -G Ninja -DOCCAM_DECODER_ONLY=ON -DOCCAM_TESTS=OFF -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_CXX_FLAGS="-Os -DNDEBUG -flto=auto -ffunction-sections -fdata-sections" \
  -DCMAKE_EXE_LINKER_FLAGS="-Wl,--gc-sections" >/dev/null
cmake --build "$build" --target occam_decoder occam_encoder >"$build/log" 2>&1 || { tail -n 20 "$build/log" >&2; exit 1; }
filter=()
[ "$(uname -m)" = x86_64 ] && filter=(--x86)
for role in decoder encoder; do
  strip --strip-all -o "$build/$role" "$build/bin/occam_$role"
  xz --keep --force "${filter[@]}" --lzma2=preset=9e "$build/$role"
done

restored=$build/restored
rm -f "$restored"
"$build/decoder" "$golden/embedded.occ" "$restored"
grep -q "^embedded.occ $(sha256sum <"$restored" | cut -d' ' -f1)$" "$golden/originals" ||
  { echo "decoder_size.sh: the decoder restores something else" >&2; exit 4; }

size() { stat -c %s "$build/$1"; }
if [ -n "$json" ]; then
  echo "{\"decoder_bytes\": $(size decoder), \"decoder_xz_bytes\": $(size decoder.xz)," \
    "\"encoder_bytes\": $(size encoder), \"encoder_xz_bytes\": $(size encoder.xz)}"
else
  printf '%-10s %10s %10s\n' '' stripped 'xz -9e'
  for role in decoder encoder; do printf '%-10s %10s %10s\n' $role "$(size $role)" "$(size $role.xz)"; done
fi
