#!/usr/bin/env bash
# Trains the base models of model/pretrained and says what they are worth: a card for each.
#   experiments/base_models.sh TEXT [SIZES] [OUT_DIR]
# TEXT: 64 MB, of which the first 62 are trained on and the last 2 held out; SIZES: "200K 800K 3.2M"; OUT_DIR: runs/base. A size
# that was interrupted goes on where it was; one that is done is only measured. On 2 cores with fast
# bfloat16 200K takes half an hour; by their speeds, 800K should take about an hour and a quarter, 3.2M three hours.
set -euo pipefail
cd "$(dirname "$0")/.."
text=$1 sizes=${2:-200K 800K 3.2M} out=${3:-runs/base}
occam=build/release/bin/occam
mkdir -p "$out"

for size in $sizes; do
  model=$out/wiki-$size
  tokens=300M
  [ "$size" = 3.2M ] && tokens=250M
  if [ ! -e "$model.h5" ]; then
    "$occam" train --params "$size" --tokens "$tokens" --data "$text" --train-bytes 0:62M --val-bytes 62M:64M --out "$model.h5"
  elif [ ! -e "$model.occm" ]; then
    "$occam" train --resume --data "$text" --out "$model.h5"
  fi
  experiments/model_card.sh "$model.h5" "--data $text --bytes 62M:64M" >"$model.md"
  cat "$model.md"
done
