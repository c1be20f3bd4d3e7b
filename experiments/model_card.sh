#!/usr/bin/env bash
# Prints the card of a trained model: what it is, how it was made, what it is worth on what was held out.
#   experiments/model_card.sh MODEL.h5 'EVALUATE OPTIONS'...     for example '--data wiki64.txt --bytes 62M:64M'
# MODEL.occm is beside the checkpoint. Every file that a rate is of is restored and compared.
#   MODES="carried adaptive"    contexts to measure besides the chunked ones, where the data is one long text and no records
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2,5p "$0" >&2; exit 2; }
checkpoint=$1
shift
model=${checkpoint%.h5}
occam=$(dirname "$0")/../build/release/bin/occam

echo "# $(basename "$model")"
echo
"$occam" inspect "$checkpoint" | sed -n '2,/^  validation/p' | sed 's/^  //; s/^/    /'
echo
sha256sum "$model.occm" | sed 's|  .*/|  |; s/^/    SHA-256 /'
for data in "$@"; do
  echo
  echo "Held out (\`$data\`), every file restored and compared:"
  echo
  # shellcheck disable=SC2086 # options, to be split
  "$occam" evaluate -q --ckpt "$checkpoint" $data --float | sed 's/^/    /'
  for mode in ${MODES-carried adaptive}; do
    echo
    # shellcheck disable=SC2086
    "$occam" evaluate -q --ckpt "$checkpoint" $data --mode $mode | sed -n 's/^Occam,/    Occam,/p'
  done
done
