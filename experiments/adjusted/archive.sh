#!/usr/bin/env bash
# One file that holds 62,000,000 bytes of text and the model that decodes them, made, restored and compared.
#   experiments/adjusted/archive.sh TEXT [MODEL] [OUT_DIR]
# TEXT: at least 62,000,000 bytes (.xz is unpacked), of which the first are taken; MODEL: experiments/results/adjusted/wiki62.coded.occm, which
# train.sh made; OUT_DIR: runs/adjusted. The size of the file is the adjusted size: nothing else is needed to restore it.
# All processors compress. One restores, in an hour and a half, since the text has two lanes alone. Both take 3 GB of memory.
set -euo pipefail
[ $# -ge 1 ] || { sed -n 2,5p "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
text=$1 model=${2:-experiments/results/adjusted/wiki62.coded.occm} out=${3:-runs/adjusted}
occam=build/release/bin/occam
mkdir -p "$out"

bytes=62000000
original=$out/wiki62.txt
case $text in
  *.xz) { xz -dc "$text" || true; } | head -c $bytes >"$original" ;;
  *) head -c $bytes "$text" >"$original" ;;
esac
[ "$(stat -c %s "$original")" -eq $bytes ] || { echo "archive.sh: $text has fewer than $bytes bytes" >&2; exit 2; }

"$occam" compress -v -f --long --lanes 2 --memory 4G --embed-model --ckpt "$model" -o "$out/wiki62.occ" "$original"
"$occam" decompress -v -f --memory 4G -o "$out/wiki62.restored" "$out/wiki62.occ"
cmp "$original" "$out/wiki62.restored"
rm "$out/wiki62.restored"
size=$(stat -c %s "$out/wiki62.occ")
awk -v size="$size" -v bytes=$bytes 'BEGIN { printf "%d bytes with the model inside, %.2f %% of %d, restored and compared\n", size, 100 * size / bytes, bytes }'
