#!/usr/bin/env bash
# Trains the base model of 3.2M parameters on with weights of 4 bits, and says what that costs in data and buys in model.
#   experiments/adjusted/four_bits.sh TEXT [BASE] [OUT_DIR]
# TEXT: 64,000,000 plain bytes, trained on the first 62 million, measured on the others; BASE: a checkpoint or model of the same shape
# (model/pretrained/wiki-3.2M.occm); OUT_DIR: runs/four_bits. An interrupted run goes on where it was. 20 minutes on two cores.
set -euo pipefail
[ $# -ge 1 ] || { sed -n 2,5p "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
text=$1 base=${2:-model/pretrained/wiki-3.2M.occm} out=${3:-runs/four_bits}
occam=build/release/bin/occam
mkdir -p "$out"

model=$out/four
if [ ! -e "$model.h5" ]; then
  "$occam" train --init "$base" --params 3.2M --data "$text" --train-bytes 0:62M --val-bytes 62M:64M --tokens 24M \
    --weight-bits 4 --rounded-share 1 --constant-share 0.1 --muon-lr 0.008 --adamw-lr 0.0032 --out "$model.h5"
elif [ ! -e "$model.occm" ]; then
  "$occam" train --resume --data "$text" --out "$model.h5"
fi

# As files: the held-out bytes by each model, restored and compared, and each model as it is charged.
{ tail -c +62000001 "$text" || true; } | head -c 2000000 >"$out/held_out"
for m in "$base" "$model.h5"; do
  "$occam" compress -q -f --ckpt "$m" -o "$out/held_out.occ" "$out/held_out"
  "$occam" inspect "$m" --export "$out/coded.occm" --coded -f
  "$occam" decompress -q -f --ckpt "$out/coded.occm" -o "$out/restored" "$out/held_out.occ"
  cmp "$out/held_out" "$out/restored"
  echo "$m: $(stat -c %s "$out/held_out.occ") bytes of data, $(stat -c %s "$out/coded.occm") bytes of model"
done
rm "$out"/{held_out,held_out.occ,coded.occm,restored}
