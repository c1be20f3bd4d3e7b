#!/usr/bin/env bash
# Training speed by the number of ranks on one machine, its cores divided among them: tokens a second of whole steps, in turns,
# the median of the turns.
#   rank_scaling.sh BIN_DIR [CORES] [RANKS] [PARAMS] [TURNS]
# CORES: default all; RANKS "1 2 4"; PARAMS "200K 800K 3.2M"; TURNS 3, of half a minute each (MINUTES=0.5). Options of mpirun,
# such as where ranks are bound, in MPIRUN_OPTIONS (default: --bind-to none); of train, such as --batch 32, in TRAIN_OPTIONS.
# 1 rank is a plain process. The machine must have nothing else to do: a rank that waits keeps its core busy.
set -euo pipefail
bin=$(cd "$1" && pwd)
cores=${2:-$(nproc)} ranks=${3:-1 2 4} sizes=${4:-200K 800K 3.2M} turns=${5:-3}
read -ra mpirun_options <<<"${MPIRUN_OPTIONS:---bind-to none}"
read -ra train_options <<<"${TRAIN_OPTIONS:-}"
[ "$(id -u)" -ne 0 ] || mpirun_options+=(--allow-run-as-root)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
head -c 20000000 /dev/urandom >data  # the speed does not depend on the text

# Prints tokens a second between the first and the last logged step, or of all where one was logged. Next to nothing is
# validated.
speed() {  # RANKS PARAMS
  local command=("$bin/train" --params "$2" --data data --train-bytes 0:19M --val-bytes 19M:19002048 --minutes "${MINUTES:-0.5}"
    --checkpoint-minutes 100 -T $((cores / $1)) -q -f --out run.h5 "${train_options[@]}")
  [ "$1" -eq 1 ] || command=(mpirun "${mpirun_options[@]}" -n "$1" "${command[@]}")
  "${command[@]}" >&2
  awk -F'[:,}]' '/"event":"step"/ {
      for (i = 1; i < NF; i++) { if ($i ~ /"bytes_seen"/) bytes = $(i + 1); if ($i ~ /"elapsed_s"/) s = $(i + 1) }
      if (!n++) { bytes0 = bytes; s0 = s } }
    END { if (n == 1) bytes0 = s0 = 0; printf "%.0f\n", (bytes - bytes0) / (s - s0) }' run.log.jsonl
}

printf '%-8s%8s%10s%12s%10s\n' params ranks threads tokens/s against
for size in $sizes; do
  for ((turn = 0; turn < turns; turn++)); do
    for count in $ranks; do speed "$count" "$size" >>"$size.$count"; done
  done
  first=
  for count in $ranks; do
    median=$(sort -n "$size.$count" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')
    first=${first:-$median}
    awk -v p="$size" -v r="$count" -v t=$((cores / count)) -v m="$median" -v f="$first" \
      'BEGIN { printf "%-8s%8d%10d%12d%9.2fx\n", p, r, t, m, m / f }'
  done
done
