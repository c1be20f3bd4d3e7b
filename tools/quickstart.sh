#!/usr/bin/env bash
# From nothing to a compressed and restored text in one command, on a fresh Debian 12:
#   tools/quickstart.sh [TEXT]
# installs the packages, builds, trains a small transformer for a few minutes, compresses a part of the text that the
# training did not see, restores it, compares, and prints what the model is worth with its own bytes charged.
# TEXT is a file (plain, .gz or .xz) or a folder; without it, enwik8 is fetched.
#   MINUTES=4      how long to train
#   PARAMS=200K    how large a model
#   MEMORY=small   its memory of n-grams (train --memory); by default the one that makes the text and the model smallest
#                  together: none below 8 MB of text, tiny below 45 MB, else small (docs/results.md)
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${MINUTES:-4}
params=${PARAMS:-200K}
say() { printf '\n== %s\n' "$*"; }

say "Installing what the build needs"
tools/install_deps.sh --minimal

say "Building"
cmake --preset release -DOCCAM_TESTS=OFF >/dev/null
cmake --build --preset release
occam=build/release/bin/occam

text=${1:-}
if [ -z "$text" ]; then
  say "Fetching enwik8 (100 MB of Wikipedia, the field's common text)"
  if text=$(tools/fetch_enwik.sh enwik8); then
    :
  else
    # Part of every g++ installation, so it is there wherever Occam was built.
    text=$(find /usr/include/c++ -mindepth 1 -maxdepth 1 -type d | sort -V | tail -n 1)
    say "enwik8 cannot be fetched, so this run uses a text of this machine: the C++ library's headers, $text"
  fi
fi

mkdir -p runs
rm -rf runs/quickstart*
case $text in  # one plain file, so that its end can be set apart
  *.gz) zcat "$text" >runs/quickstart.source ;;
  *.xz) xz -dc "$text" >runs/quickstart.source ;;
  *)
    if [ -f "$text" ]; then
      ln -s "$(realpath "$text")" runs/quickstart.source
    elif [ -d "$text" ]; then
      find -L "$text" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat >runs/quickstart.source
    else
      echo "quickstart.sh: there is no $text" >&2
      exit 3
    fi
    ;;
esac
size=$(stat -Lc %s runs/quickstart.source)
held_out_bytes=$((size / 20 < 1000000 ? size / 20 : 1000000))
if [ "$size" -lt 8000000 ]; then memory=none; elif [ "$size" -lt 45000000 ]; then memory=tiny; else memory=small; fi
memory=${MEMORY:-$memory}
model=runs/quickstart.h5
held_out=runs/quickstart.txt
tail -c "$held_out_bytes" runs/quickstart.source >"$held_out"

say "Training $params parameters and memory $memory for $minutes minutes on $text, but for its last $held_out_bytes bytes"
"$occam" train --params "$params" --memory "$memory" --data runs/quickstart.source --val-bytes "$held_out_bytes" --minutes "$minutes" --out "$model"

say "Compressing those $held_out_bytes bytes, which the training did not see, and restoring them"
"$occam" compress --ckpt runs/quickstart.occm -v "$held_out"
"$occam" decompress --ckpt runs/quickstart.occm -v -o "$held_out.restored" "$held_out.occ"
cmp "$held_out" "$held_out.restored"
echo "identical: $held_out_bytes bytes from $(stat -c %s "$held_out.occ")"

say "What the model is worth, its own bytes charged"
"$occam" evaluate --ckpt "$model" --data runs/quickstart.source
