#!/bin/sh
# evaluate_torch_test.sh EVALUATE_RANDOM_MODEL PYTHON: PyTorch reads a checkpoint and gives the same bits per byte as the
# training network, to within a unit of the last digit printed, whatever the taps of its convolutions.
set -eu
evaluate=$1
python=$2
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
data=$here/evaluate_torch.py
for taps in 4 1 0; do
  ours=$("$evaluate" "$folder/$taps.h5" "$data" $taps)
  torch=$("$python" "$here/evaluate_torch.py" "$folder/$taps.h5" "$data" --bytes "0:$(wc -c < "$data")")
  echo "$taps taps: $ours; PyTorch: $torch"
  test "${ours#* }" = "${torch#* }"
  echo "${ours%% *} ${torch%% *}" |
    awk '{ exit !($1 > 1 && $1 < 100 && $1 - $2 < 1.5e-5 && $2 - $1 < 1.5e-5) }'
done
