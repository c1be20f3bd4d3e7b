#!/usr/bin/env bash
# The sets that models of photographs and speech are trained on and measured by.
#   experiments/modalities/prepare.sh DATA_DIR OUT_DIR
# DATA_DIR holds images/imagenet/*.JPEG, images/kodak/*.png, audio/*.flac and text/wiki64.txt or text/wiki64.txt.xz. What is held
# out: the last 15 of 100 ImageNet photographs, the last 3 of 16 of Kodak's, the last 20 of 150 speakers, the last 2,000,000 bytes
# of the text. random.set is 1 MB from seed 1.
set -euo pipefail
[ $# -eq 2 ] || { sed -n 2,3p "$0" >&2; exit 2; }
data=$1 out=$2
occam=$(dirname "$0")/../../build/release/bin/occam
mkdir -p "$out"
prepare() { "$occam" prepare "$@"; echo; }

prepare images --validation-files 15 -f --out "$out/imagenet.set" "$data"/images/imagenet/*.JPEG
prepare images --validation-files 3 -f --out "$out/kodak.set" "$data"/images/kodak/*.png
# To train on: the same photographs, cut by four grids (train.sh).
prepare images --validation-files 15 --grids 4 -f --out "$out/imagenet-4.set" "$data"/images/imagenet/*.JPEG
prepare images --validation-files 3 --grids 4 -f --out "$out/kodak-4.set" "$data"/images/kodak/*.png
prepare audio --validation-files 20 -f --out "$out/speech.set" "$data"/audio/*.flac
text=$data/text/wiki64.txt
[ -e "$text" ] || text=$text.xz
prepare bytes --val-bytes 62M:64M -f --out "$out/text.set" "$text"
prepare random --bytes 1M --seed 1 -f --out "$out/random.set"
