#!/usr/bin/env bash
# From nothing to a compressed and restored text in one command, on a fresh Debian 12:
#   tools/quickstart.sh [TEXT]
# installs the packages, builds, trains a small transformer for a few minutes, compresses a part of the text that the
# training did not see, restores it, compares, and prints what the model is worth with its own bytes charged.
# TEXT is a file, a folder or a glob; without it, enwik8 is fetched.
#   MINUTES=4      how long to train
#   PARAMS=200K    how large a model
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
  if tools/fetch_enwik.sh enwik8; then
    text=enwik8
  else
    # Part of every g++ installation, so it is there wherever Occam was built.
    text=$(find /usr/include/c++ -mindepth 1 -maxdepth 1 -type d | sort -V | tail -n 1)
    say "enwik8 cannot be fetched, so this run uses a text of this machine: the C++ library's headers, $text"
  fi
fi

mkdir -p runs
model=runs/quickstart.h5
rm -f runs/quickstart.*
say "Training $params parameters for $minutes minutes on $text"
"$occam" train --params "$params" --data "$text" --minutes "$minutes" --out "$model" --released

say "Compressing bytes that the training did not see"
"$occam" inspect "$model"
held_out=runs/quickstart.held_out
"$occam" extract --data "$text" --split validation --max-bytes 1M --out "$held_out"
"$occam" compress --ckpt "$model" -f -v "$held_out"
"$occam" decompress --ckpt "$model" -f -v -o "$held_out.restored" "$held_out.occ"
cmp "$held_out" "$held_out.restored"
echo "restored and compared: identical, $(stat -c %s "$held_out") bytes from $(stat -c %s "$held_out.occ")"

say "What the model is worth, its own bytes charged"
"$occam" evaluate --ckpt "$model" --data "$held_out"
