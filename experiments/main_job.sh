#!/usr/bin/env bash
# What is a transformer of 200 thousand parameters worth on text, after seeing 20 million bytes?
#   experiments/main_job.sh TEXT [TRAIN_BYTES] [VALIDATION_BYTES] [OUT_DIR]
# TEXT may be packed (.gz, .xz, .zst). Defaults: train on 0:62M, validate on 62M:64M, results in runs/main_job. Trains, compresses the
# validation bytes in 2048-byte chunks, restores and compares them, and prints the table beside gzip and xz.
set -euo pipefail
cd "$(dirname "$0")/.."
text=$1 train_bytes=${2:-0:62M} val_bytes=${3:-62M:64M} out=${4:-runs/main_job}
occam=build/release/bin/occam
mkdir -p "$out"

if [ -e "$out/model.h5" ]; then
  echo "$out/model.h5 is there: going on with it"
  [ -e "$out/model.occm" ] || "$occam" train --resume --data "$text" --val-bytes "$val_bytes" --out "$out/model.h5"
else
  "$occam" train --params 200K --tokens 20M --data "$text" --train-bytes "$train_bytes" --val-bytes "$val_bytes" \
    --out "$out/model.h5"
fi
"$occam" evaluate --ckpt "$out/model.h5" --data "$text" --bytes "$val_bytes" --float | tee "$out/table.txt"
