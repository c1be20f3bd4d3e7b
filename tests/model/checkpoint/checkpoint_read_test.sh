#!/bin/sh
# checkpoint_read_test.sh WRITE_CHECKPOINT PYTHON: what h5py reads of a checkpoint is what we wrote, line by line.
set -eu
write_checkpoint=$1
python=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$write_checkpoint" "$folder/x.h5" | sort > "$folder/expected"
"$python" "$(dirname "$0")/checkpoint_read.py" "$folder/x.h5" | sort > "$folder/actual"
diff -u "$folder/expected" "$folder/actual"
test "$(wc -l < "$folder/expected")" -gt 60
