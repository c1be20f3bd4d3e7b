#!/usr/bin/env bash
# Trains the models of photographs, of speech and of everything in model/pretrained, and says what they are worth: a card for each.
#   experiments/modalities/train.sh SETS TEXT [MODELS] [OUT_DIR]
# SETS: what prepare.sh made; TEXT: 64 MB, the last 2 of them held out; MODELS: "images speech mixed"; OUT_DIR: runs/modalities. A
# model that was interrupted goes on where it was; one that is done is only measured. By their speeds, on 2 cores with fast bfloat16 images take an
# hour and a quarter, speech three quarters of an hour, the mixture two and a half hours.
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2,6p "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
sets=$1 text=$2 models=${3:-images speech mixed} out=${4:-runs/modalities}
mkdir -p "$out"

# train NAME DATA OPTION...: DATA are the --data options, which a run that goes on is told again.
train() {
  local model=$out/$1 data=$2
  shift 2
  # shellcheck disable=SC2086 # options, to be split
  if [ ! -e "$model.h5" ]; then
    build/release/bin/occam train $data "$@" --out "$model.h5"
  elif [ ! -e "$model.occm" ]; then
    build/release/bin/occam train --resume $data --out "$model.h5"
  fi
}
# card NAME LICENCE EVALUATE_OPTIONS...
card() {
  { MODES="" experiments/model_card.sh "$out/$1.h5" "${@:3}"; printf '\nData: %s\n' "$2"; } | tee "$out/$1.md"
}

text_by="English Wikipedia (CC BY-SA 3.0 and GFDL)"
images_by="85 photographs of ImageNet (for research that is not commercial) and 13 of Kodak's (free to use)"
speech_by="130 speakers of LibriSpeech (CC BY 4.0)"
imagenet="--data $sets/imagenet.set" kodak="--data $sets/kodak.set" speech="--data $sets/speech.set"
for model in $models; do
  case $model in
    images)
      # Those of model/pretrained know signals, and were trained on a GPU: their cards have the commands. These do without.
      # The grid of what is held out first; then the photographs also by three other grids, which show it four times as much.
      train photographs-800K "--data imagenet=$sets/imagenet.set:0.75 --data kodak=$sets/kodak.set:0.25" --params 800K --tokens 200M
      train images-800K "--data imagenet=$sets/imagenet-4.set:0.75 --data kodak=$sets/kodak-4.set:0.25" --init "$out/photographs-800K.h5" \
        --params 800K --tokens 100M --constant-share 0.1 --muon-lr 0.012 --adamw-lr 0.005 --seed 2
      card images-800K "$images_by." "$imagenet" "$kodak" ;;
    speech)
      # That of model/pretrained has windows of 256, and was trained on a GPU: its card has the commands.
      train speech-800K "$speech" --params 800K --tokens 200M
      card speech-800K "$speech_by." "$speech" ;;
    mixed)
      # mixed-3.2M-memory was trained on a GPU: its card has the commands.
      train mixed-3.2M "--data text=$text:0.5 --data image=$sets/imagenet.set:0.19 --data kodak=$sets/kodak.set:0.06 --data audio=$sets/speech.set:0.25" \
        --params 3.2M --tokens 200M --val-bytes 62M:64M
      card mixed-3.2M "$text_by, $images_by, $speech_by." "--data $text --bytes 62M:64M" "$imagenet" "$kodak" "$speech" ;;
    *) echo "no model '$model': images, speech, mixed" >&2; exit 2 ;;
  esac
done
