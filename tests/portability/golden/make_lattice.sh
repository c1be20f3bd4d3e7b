#!/bin/sh
# Makes the golden files of a model with lattices anew, while contract 4 is not frozen (README.md here).
#   make_lattice.sh BIN_FOLDER FOLDER
set -eu
bin=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
"$bin/portable_codec" blocks 150016 blocks
"$bin/occam" train --width 16 --layers 2 --context 512 --windows 8,0 --signals jpeg --record 16x16 --data blocks --steps 300 \
  --batch 4 --seed 1 -T 1 --out model.h5 --quiet --force
"$bin/portable_codec" write-lattice .
rm -f blocks model.h5 model.log.jsonl
