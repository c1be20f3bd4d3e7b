#!/usr/bin/env bash
# What models make of the held-out files of each kind, in mode adaptive, as a table. Every file is restored and compared.
#   experiments/corpora/measure.sh FOLDER MODEL...      FOLDER is of broad.py
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2,3p "$0" >&2; exit 2; }
folder=$1
shift
occam=$(dirname "$0")/../../build/release/bin/occam
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

row() { printf '|'; printf ' %s |' "$@"; echo; }
names=()
for model; do names+=("$(basename "$model" .occm)"); done
row kind bytes "xz -9e" "${names[@]}"
printf '|%s\n' "$(printf -- '---|%.0s' $(seq $((3 + $#))))"
for held in "$folder"/*.held.txt; do
  sizes=()
  for model; do
    "$occam" compress --ckpt "$model" --mode adaptive -c "$held" >"$work/file.occ"
    "$occam" decompress --ckpt "$model" -c "$work/file.occ" | cmp - "$held"
    sizes+=("$(wc -c <"$work/file.occ")")
  done
  row "$(basename "$held" .held.txt)" "$(wc -c <"$held")" "$(xz -9e -c "$held" | wc -c)" "${sizes[@]}"
done
