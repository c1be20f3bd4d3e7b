#!/bin/sh
# evaluate_torch_test.sh EVALUATE_RANDOM_MODEL PYTHON: PyTorch reads a checkpoint and gives the same bits per byte as the
# training network, to within a unit of the last digit printed.
set -eu
evaluate=$1
python=$2
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
data=$here/evaluate_torch.py
ours=$("$evaluate" "$folder/x.h5" "$data")
torch=$("$python" "$here/evaluate_torch.py" "$folder/x.h5" "$data" --bytes "0:$(wc -c < "$data")")
echo "$ours; PyTorch: $torch"
test "${ours#* }" = "${torch#* }"
echo "${ours%% *} ${torch%% *}" |
  awk '{ exit !($1 > 1 && $1 < 100 && $1 - $2 < 1.5e-5 && $2 - $1 < 1.5e-5) }'
