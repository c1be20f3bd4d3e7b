#!/usr/bin/env bash
# The decoder from model/exact/ and coder/ alone, built for aarch64 and run by qemu: its frequencies are ours, it decodes our files,
# and its encoder writes the same bytes. Ends with 77 where Debian's cross tools are missing.
#   aarch64.sh SOURCE_FOLDER BIN_FOLDER WORK_FOLDER
set -euo pipefail
source=$1 bin=$2 work=$3
golden=$source/tests/portability/golden
mkdir -p "$work"

for tool in aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v "$tool" >/dev/null || { echo "SKIPPED: no $tool here; tools/install_deps.sh --full installs it"; exit 77; }
done
[ -e /usr/lib/aarch64-linux-gnu/libcrypto.so ] && [ -e /usr/lib/aarch64-linux-gnu/pkgconfig/libxxhash.pc ] ||
  { echo "SKIPPED: no libraries for arm64 here; tools/install_deps.sh --full installs them"; exit 77; }

cmake -S "$source" -B "$work/build" -G Ninja --toolchain "$source/tools/cmake/aarch64.cmake" -DOCCAM_DECODER_ONLY=ON \
  -DCMAKE_BUILD_TYPE=Release >"$work/log" 2>&1 && cmake --build "$work/build" >>"$work/log" 2>&1 ||
  { tail -n 40 "$work/log"; exit 1; }
arm() { qemu-aarch64 "$work/build/bin/$1" "${@:2}"; }
echo "built for aarch64: $(wc -c <"$work/build/bin/portable_codec") bytes"

# Whatever has a digest; those of many models take long under qemu.
cells=()
for shape in $(grep -v -e '^#' -e '^contract' "$golden/frequencies.txt" | cut -d' ' -f1); do
  case $shape in
    1 | 3 | 64 | unequal | tiny) cells+=("1,$shape,score,usual" "2,$shape,step,flushing" "3,$shape,score,upward" "8,$shape,step,zero") ;;
    *) cells+=("2,$shape,score,usual" "3,$shape,step,downward") ;;
  esac
done
arm exact_digest plain "${cells[@]}" 2>/dev/null | sort -u >"$work/frequencies"
grep -v -e '^#' -e '^contract' "$golden/frequencies.txt" | sort | cmp - "$work/frequencies" ||
  { echo "other frequencies than $golden/frequencies.txt:"; cat "$work/frequencies"; exit 1; }
echo "frequencies: ${#cells[@]} cells, the same"

for folder in "$golden" "$golden/memory" "$golden/signals"; do arm portable_codec check "$folder"; done
for folder in kinds lattice; do arm portable_codec check-kinds "$golden/$folder"; done

# A model of the smallest family width, trained here, and files written here by the best kernels of this processor.
"$bin/portable_codec" text 120000 "$work/text"
"$bin/occam" train --width 48 --layers 3 --context 512 --data "$work/text" --steps 60 --batch 8 --out "$work/model.h5" --quiet --force
"$bin/portable_codec" text 12000 "$work/input"
for mode in chunked carried; do
  "$bin/occam" compress --ckpt "$work/model.occm" --mode $mode -c "$work/input" >"$work/here.occ"
  "$bin/occam" inspect "$work/here.occ" | grep -q '^ *0 model ' || { echo "$mode: the model codes nothing"; exit 1; }
  arm portable_codec decode "$work/model.occm" "$work/here.occ" "$work/output"
  cmp "$work/input" "$work/output"
  arm portable_codec encode "$work/model.occm" $mode "$work/input" "$work/there.occ"
  cmp "$work/here.occ" "$work/there.occ"
  "$bin/occam" decompress --ckpt "$work/model.occm" -c "$work/there.occ" | cmp "$work/input" -
  echo "$mode: $(wc -c <"$work/here.occ") bytes, written and decoded on both sides"
done
