#!/usr/bin/env bash
# Trains a model with a memory for the archive (archive.sh): a base model with a memory goes on, on the very bytes that the archive will
# hold, with what a bit of its weights costs in the loss. Rows that are not worth their bits become zeros.
#   experiments/adjusted/train_memory.sh TEXT [BASE] [OUT_DIR] [PARAMS] [MEMORY]
# TEXT: at least 64,000,000 bytes, the first 62 million of which are trained on; BASE: a checkpoint or model of that shape, with the rules that
# `train --memory` gives (model/pretrained/wiki-800K-memory.occm; wiki-3.2M-memory has others, but a checkpoint of torch_twin.py may have
# these); OUT_DIR: runs/adjusted; PARAMS, MEMORY: its names for train (800K large). In-sample by design: the model travels with the text
# that it was trained on. An interrupted run goes on where it was. Then:
#   experiments/adjusted/archive.sh TEXT OUT_DIR/wiki62-PARAMS-memory.coded.occm OUT_DIR
set -euo pipefail
[ $# -ge 1 ] || { sed -n 2,9p "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
text=$1 base=${2:-model/pretrained/wiki-800K-memory.occm} out=${3:-runs/adjusted} params=${4:-800K} memory=${5:-large}
occam=build/release/bin/occam
mkdir -p "$out"

model=$out/wiki62-$params-memory
if [ ! -e "$model.h5" ]; then
  # One bit of weights and rows against one bit of the 62 million bytes: 1 / 62e6.
  "$occam" train --init "$base" --params "$params" --memory "$memory" --data "$text" --train-bytes 0:62M --val-bytes 62M:64M --tokens 64M \
    --weight-rate 1.6e-8 --rounded-share 1 --constant-share 0.1 --muon-lr 0.01 --adamw-lr 0.004 --memory-lr 0.05 --weight-decay 0.03 \
    --out "$model.h5"
elif [ ! -e "$model.occm" ]; then
  "$occam" train --resume --data "$text" --out "$model.h5"
fi
"$occam" inspect "$model.h5" --export "$model.coded.occm" --coded -f
"$occam" inspect "$model.coded.occm" | sed -n 2,15p
