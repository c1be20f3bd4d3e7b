#!/bin/sh
# Makes the golden files of a model with kinds of contexts anew, while contract 4 is not frozen (README.md here).
#   make_kinds.sh BIN_FOLDER FOLDER
set -eu
bin=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
"$bin/portable_codec" picture 150016 picture
"$bin/portable_codec" text 150000 text
"$bin/occam" train --width 16 --layers 2 --context 64 --windows 8,0 --signals patches --record 16x8 --data text=text:1 \
  --data picture=picture:1 --kinds 0,1s --steps 500 --batch 32 --seed 1 -T 1 --out model.h5 --quiet --force
"$bin/portable_codec" write-kinds .
rm -f picture text model.h5 model.log.jsonl
