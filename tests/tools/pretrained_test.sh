#!/usr/bin/env bash
# The models of model/pretrained are those of their cards, and code.
#   pretrained_test.sh BIN_DIR PRETRAINED_DIR
set -euo pipefail
bin=$1 models=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for i in $(seq 300); do echo "The $i. line of a text that is nothing but this: the $i. line of a text."; done >"$work/text"

for model in "$models"/*.occm; do
  card=${model%.occm}.md
  grep -q "SHA-256 $(sha256sum <"$model" | cut -d' ' -f1)" "$card" || { echo "$card names another file than $model"; exit 1; }
  id=$("$bin/inspect" "$model" | awk '$1 == "model" && $2 == "id" { print $3 }')
  grep -q "model id  *$id" "$card" || { echo "$card names another model than $model, $id"; exit 1; }
  "$bin/compress" -q -f -k --ckpt "$model" "$work/text"
  "$bin/decompress" -q -c --ckpt "$model" "$work/text.occ" | cmp - "$work/text"
  echo "$model: $(stat -c %s "$work/text") bytes in $(stat -c %s "$work/text.occ")"
done
