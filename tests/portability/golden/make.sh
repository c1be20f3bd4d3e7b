#!/bin/sh
# Makes the golden files anew, for a new version of contract or format: never for one that exists (README.md here).
#   make.sh BIN_FOLDER FOLDER
set -eu
bin=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
"$bin/portable_codec" text 150000 text
"$bin/occam" train --width 16 --layers 2 --context 64 --windows 8,0 --data text --steps 300 --batch 32 --seed 1 -T 1 \
  --out model.h5 --keep-best --quiet --force
mv model.best.h5 model.h5  # without the state of training
"$bin/portable_codec" write .
rm -f text model.log.jsonl
