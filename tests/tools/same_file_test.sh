#!/usr/bin/env bash
# One text, one model, one compressed file: from every kernel, instruction set, thread count, kind of input and compiler, and each
# restores the others' file.
#   same_file_test.sh BUILDS_DIR [MODEL TEXT [PLAIN_BYTES]]
# Builds the program by g++ -O2, g++ -O3 and clang++ in BUILDS_DIR; OCCAM_BUILT names a build by g++ -O3 that is there already.
# Without MODEL and TEXT it trains a small model on a text that it makes up. The plain kernels
# work on the first PLAIN_BYTES (default: all), since they are slow.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
builds=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {  # NAME CXX FLAGS
  cmake -S "$source_dir" -B "$builds/$1" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_COMPILER="$2" \
    -DCMAKE_CXX_FLAGS="$3 -DNDEBUG" -DOCCAM_TESTS=OFF -DOCCAM_PYTHON=OFF >/dev/null
  cmake --build "$builds/$1" --target occam_program >/dev/null
}
echo "building by g++ -O2, g++ -O3 and clang++ -O2"
build g++-O2 g++ -O2
if [ -n "${OCCAM_BUILT:-}" ]; then ln -sfn "$OCCAM_BUILT" "$builds/g++-O3"; else build g++-O3 g++ -O3; fi
build clang++-O2 clang++ -O2
compilers=(g++-O2 g++-O3 clang++-O2)
bin() { echo "$builds/$1/bin/occam"; }

if [ $# -ge 3 ]; then
  model=$2 text=$3
else
  text=$work/text model=$work/model.h5
  awk 'BEGIN { srand(3); for (i = 0; i < 20000; i++) printf "%s%s", int(rand() * rand() * 900), i % 9 == 8 ? "\n" : " " }' >"$text"
  "$(bin g++-O2)" train --width 48 --layers 3 --data "$text" --steps 20 --batch 4 --out "$model" -q
fi
plain_bytes=${4:-$(stat -c %s "$text")}
head -c "$plain_bytes" "$text" >"$work/plain_text"

# same NAME TEXT [VAR=VALUE...] -- COMMAND...: runs COMMAND to write a file and compares it with the first one for TEXT.
failures=0 checks=0
same() {
  local name=$1 reference=$2.reference file=$work/file
  shift 2
  "$@" >"$file"
  checks=$((checks + 1))
  [ -e "$reference" ] || cp "$file" "$reference"
  if ! cmp -s "$file" "$reference"; then
    echo "FAILED: another result by $name" >&2
    failures=$((failures + 1))
  fi
}

isas=(SSE41 AVX2 AVX512_CORE AVX512_CORE_VNNI default)
limited() {  # ISA-OF-OURS ISA-OF-ONEDNN COMMAND...
  local ours=$1 onednn=$2
  shift 2
  local variables=()
  [ "$ours" = default ] || variables+=("OCCAM_MAX_ISA=$ours")
  [ "$onednn" = default ] || variables+=("ONEDNN_MAX_CPU_ISA=$onednn")
  env "${variables[@]}" "$@"
}

cp "$text" "$work/text_copy"
t=$work/text_copy
for compiler in "${compilers[@]}"; do
  for threads in 1 2; do
    same "$compiler, $threads threads" "$t" "$(bin $compiler)" compress --mode chunked --ckpt "$model" -T $threads -c "$t"
  done
  same "$compiler, a pipe" "$t" bash -c "cat '$t' | '$(bin $compiler)' compress --mode chunked --ckpt '$model'"
  same "$compiler, plain kernels" "$work/plain_text" "$(bin $compiler)" compress --mode chunked --ckpt "$model" -c "$work/plain_text"
  same "$compiler, plain kernels" "$work/plain_text" \
    "$(bin $compiler)" compress --mode chunked --kernels plain --ckpt "$model" -c "$work/plain_text"
done
for isa in "${isas[@]}"; do
  same "our limit $isa" "$t" limited $isa default "$(bin g++-O3)" compress --mode chunked --ckpt "$model" -c "$t"
  same "oneDNN's limit $isa" "$t" limited default $isa "$(bin g++-O3)" compress --mode chunked --ckpt "$model" -c "$t"
  same "both limits $isa, clang++" "$t" limited $isa $isa "$(bin clang++-O2)" compress --mode chunked --ckpt "$model" -c "$t"
done
# Every program and every limit restores the one file.
cp "$t" "$work/restored.reference"
for compiler in "${compilers[@]}"; do
  for threads in 1 2; do
    same "decoding, $compiler, $threads threads" "$work/restored" \
      "$(bin $compiler)" decompress --ckpt "$model" -T $threads -c "$t.reference"
  done
done
for isa in "${isas[@]}"; do
  same "decoding, both limits $isa" "$work/restored" \
    limited $isa $isa "$(bin g++-O3)" decompress --ckpt "$model" -c "$t.reference"
done
cp "$work/plain_text" "$work/restored_plain.reference"
same "decoding, plain kernels" "$work/restored_plain" \
  "$(bin clang++-O2)" decompress --kernels plain --ckpt "$model" -c "$work/plain_text.reference"

echo "$checks results, $failures differ; the file has $(stat -c %s "$t.reference") bytes, SHA-256 $(sha256sum "$t.reference" | cut -c 1-16)"
exit $((failures > 0))
