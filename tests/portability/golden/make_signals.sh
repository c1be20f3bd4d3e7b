#!/bin/sh
# Makes the golden files of a model with signals anew, while contract 4 is not frozen (README.md here).
#   make_signals.sh BIN_FOLDER FOLDER
set -eu
bin=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
"$bin/portable_codec" picture 150016 picture
"$bin/occam" train --width 16 --layers 2 --context 64 --windows 8,0 --signals patches --record 16x8 --data picture --steps 300 \
  --batch 32 --seed 1 -T 1 --out model.h5 --quiet --force
"$bin/portable_codec" write .
rm -f picture model.h5 model.log.jsonl
