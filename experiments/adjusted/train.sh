#!/usr/bin/env bash
# Trains the model of the archive (archive.sh): the base model of 3.2M parameters goes on, on the very bytes that the archive will hold,
# with what a bit of its weights costs in the loss.
#   experiments/adjusted/train.sh TEXT [BASE] [OUT_DIR]
# TEXT: at least 64,000,000 bytes, the first 62 million of which are trained on; BASE: a checkpoint or model of the same shape
# (model/pretrained/wiki-3.2M.occm); OUT_DIR: runs/adjusted. In-sample by design: the model travels with the text that it was trained on.
# An interrupted run goes on where it was. About an hour on two cores, 15 minutes on sixteen.
set -euo pipefail
[ $# -ge 1 ] || { sed -n 2,7p "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
text=$1 base=${2:-model/pretrained/wiki-3.2M.occm} out=${3:-runs/adjusted}
occam=build/release/bin/occam
mkdir -p "$out"

model=$out/wiki62
if [ ! -e "$model.h5" ]; then
  # One bit of the weights against one bit of the 62 million bytes: 1 / 62e6.
  "$occam" train --init "$base" --params 3.2M --data "$text" --train-bytes 0:62M --val-bytes 62M:64M --tokens 64M \
    --weight-rate 1.6e-8 --rounded-share 1 --constant-share 0.1 --muon-lr 0.01 --adamw-lr 0.004 --weight-decay 0.03 --out "$model.h5"
elif [ ! -e "$model.occm" ]; then
  "$occam" train --resume --data "$text" --out "$model.h5"
fi
"$occam" inspect "$model.h5" --export "$model.coded.occm" --coded -f
