#!/usr/bin/env bash
# Which batch and learning rates suit a short run: 200 thousand parameters, 20 million bytes seen?
#   experiments/short_runs.sh TEXT [TRAIN_BYTES] [VALIDATION_BYTES] [OUT_DIR]
# Trains one model for each line of the table below, one after the other, and prints held-out bits per byte of the float network.
# Finished models are kept in OUT_DIR (default runs/short_runs), so that an interrupted sweep goes on where it was.
set -euo pipefail
cd "$(dirname "$0")/.."
text=$1 train_bytes=${2:-0:62M} val_bytes=${3:-62M:64M} out=${4:-runs/short_runs}
occam=build/release/bin/occam
mkdir -p "$out"

printf '%8s %8s %9s %12s\n' batch muon_lr adamw_lr bpb
while read -r batch muon_lr adamw_lr; do
  model=$out/$batch-$muon_lr-$adamw_lr.h5
  if [ ! -e "${model%.h5}.occm" ]; then
    "$occam" train -q -f --params 200K --tokens 20M --data "$text" --train-bytes "$train_bytes" --val-bytes "$val_bytes" \
      --batch "$batch" --muon-lr "$muon_lr" --adamw-lr "$adamw_lr" --out "$model"
  fi
  bpb=$("$occam" inspect "$model" | awk '$1 == "validation" { print $2 }')
  printf '%8s %8s %9s %12s\n' "$batch" "$muon_lr" "$adamw_lr" "$bpb"
done <<'TABLE'
8 0.02 0.003
16 0.02 0.003
16 0.03 0.006
8 0.015 0.006
TABLE
