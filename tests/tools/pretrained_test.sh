#!/usr/bin/env bash
# The models of model/pretrained are those of their cards, and code; without --ckpt one of them does, and files of all that ever
# were the default come back.
#   pretrained_test.sh BIN_DIR PRETRAINED_DIR GOLDEN_DIR
set -euo pipefail
bin=$1 models=$2 golden=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for i in $(seq 300); do echo "The $i. line of a text that is nothing but this: the $i. line of a text."; done >"$work/long"
head -c 5000 "$work/long" >"$work/text"   # three chunks
head -c 1000 "$work/long" >"$work/start"  # enough where many models code: what learns from the file itself has not learned it yet

for model in "$models"/*.occm; do
  card=${model%.occm}.md
  grep -q "SHA-256 $(sha256sum <"$model" | cut -d' ' -f1)" "$card" || { echo "$card names another file than $model"; exit 1; }
  if [[ $model = *@(-memory|/broad-*).occm && $model != *200K* ]]; then
    # Millions of rows take a second to load and another to inspect: evaluate loads them once, codes, restores and compares.
    "$bin/evaluate" -q --json --mode adaptive --ckpt "$model" --data "$work/start" >"$work/told"
    id=$(sed -n 's/.*"model_id": "\([0-9a-f]*\)".*/\1/p' "$work/told")
    size=$(sed -n 's/.*"file_bytes": \([0-9]*\).*/\1/p' "$work/told")
  else
    id=$("$bin/inspect" "$model" | awk '$1 == "model" && $2 == "id" { print $3 }')
    "$bin/compress" -q -f -k --ckpt "$model" "$work/start"
    "$bin/decompress" -q -c --ckpt "$model" "$work/start.occ" | cmp - "$work/start"
    size=$(stat -c %s "$work/start.occ")
  fi
  [ ${#id} -eq 64 ] && grep -q "model id  *$id" "$card" || { echo "$card names another model than $model, $id"; exit 1; }
  echo "$model: $(stat -c %s "$work/start") bytes in $size"
done

"$bin/compress" -q -f -k --mode carried "$work/text"
"$bin/compress" -q -k --mode carried --ckpt "$models/broad-800K.occm" -o "$work/named.occ" "$work/text"
cmp "$work/text.occ" "$work/named.occ" || { echo "the default is not broad-800K"; exit 1; }
# Also several of them, of which one is of another model and fails.
"$bin/compress" -q --ckpt "$models/images-200K.occm" -o "$work/other.occ" "$work/text"
for file in "$work/text.occ" "$golden"/built-in-*.occ; do
  [ "$file" = "$work/text.occ" ] && original=$work/text || original=$work/long
  "$bin/decompress" -q -c "$file" | cmp - "$original"
  "$bin/decompress" -q -c --range 100:500 "$file" | cmp - <(head -c 600 "$work/text" | tail -c 500)
done
code=0
"$bin/decompress" -t "$work/text.occ" "$work/other.occ" "$golden"/built-in-*.occ 2>"$work/err" || code=$?
[ $code -eq 2 ] && [ "$(grep -c 'needs the model' "$work/err")" -eq 1 ] || { echo "another model's file ended with $code:"; cat "$work/err"; exit 1; }
# Files of whatever was built in once come back.
for model in wiki-200K wiki-3.2M; do
  "$bin/compress" -q -f --ckpt "$models/$model.occm" -o "$work/old.occ" "$work/start"
  "$bin/decompress" -q -c "$work/old.occ" | cmp - "$work/start"
done
# Every level has a model that is built in.
for level in 1 2 3 4 5 6 7 8 9; do
  "$bin/compress" -q -$level -f -o "$work/level.occ" "$work/start"
  "$bin/decompress" -q -c "$work/level.occ" | cmp - "$work/start"
done
"$bin/compress" -q --embed-model -o "$work/own.occ" "$work/text"
"$bin/decompress" -q -c "$work/own.occ" | cmp - "$work/text"
