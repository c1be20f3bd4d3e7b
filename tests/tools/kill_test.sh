#!/usr/bin/env bash
# Training that is killed (-9) at random moments and resumed ends with the very model of training never stopped, and every
# moment leaves a whole checkpoint or none.
#   kill_test.sh BIN_DIR [KILLS] [SEED]
set -uo pipefail
bin=$(cd "$1" && pwd)
kills=${2:-12} seed=${3:-$$}
RANDOM=$seed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo "kill_test.sh: seed $seed"
fail() { echo "FAILED (seed $seed): $*" >&2; exit 1; }

awk 'BEGIN { srand(7); split("the of and to in a is that it was for on are as with they at be this from", w, " ");
  for (i = 0; i < 12000; i++) printf "%s%s", w[int(rand() * rand() * 20) + 1], (i % 13 == 12 ? ".\n" : " ") }' >text
run=(--width 16 --layers 3 --context 64 --windows 16,16,0 --batch 4 --steps 400)
"$bin/train" "${run[@]}" --data text --out whole.h5 -q --keep-best || fail "the unbroken run"

# A checkpoint a step, so that many kills fall into the writing of one.
killed=0 resumed=0
for ((i = 0; killed < kills && i < 10 * kills; i++)); do
  if [ -e cut.h5 ]; then
    "$bin/inspect" cut.h5 >/dev/null || fail "the checkpoint after kill $killed is not whole"
    begin=(--resume)
    resumed=$((resumed + 1))
  else
    begin=("${run[@]}" -f)
  fi
  "$bin/train" "${begin[@]}" --data text --out cut.h5 -q --keep-best --checkpoint-minutes 0 2>err & pid=$!
  # Most kills come after a first checkpoint, however slow the machine is.
  if [ $((RANDOM % 4)) -ne 0 ]; then
    for ((w = 0; w < 600; w++)); do [ -e cut.h5 ] || ! kill -0 $pid 2>/dev/null || { sleep 0.1; continue; }; break; done
  fi
  sleep "0.$(printf '%03d' $((RANDOM % 300)))"
  if kill -KILL $pid 2>/dev/null; then
    wait $pid 2>/dev/null
    got=$?
    [ $got -eq 137 ] && killed=$((killed + 1))
  else
    wait $pid
    got=$?
  fi
  [ $got -eq 137 ] || [ $got -eq 0 ] || { cat err >&2; fail "exit $got"; }
  # Finished too early: once more from the start.
  if [ $got -eq 0 ] && [ $killed -lt "$kills" ]; then
    cmp -s cut.occm whole.occm || fail "the model after $killed kills differs"
    rm -f cut.*
  fi
done
[ $killed -eq "$kills" ] || fail "only $killed kills hit a training"

# The last part also meets what a killed process leaves, and what only looks like it.
begin=("${run[@]}" -f)
[ -e cut.h5 ] && begin=(--resume)
echo torn >cut.h5.partial-AbC123
echo mine >cut.h5.backup
printf '{"event": "st' >>cut.log.jsonl
"$bin/train" "${begin[@]}" --data text --out cut.h5 -q --keep-best || fail "the last part"
cmp cut.occm whole.occm || fail "the model after $killed kills differs"
cmp cut.best.occm whole.best.occm || fail "the best model after $killed kills differs"
"$bin/inspect" cut.h5 | grep prequential >cut.length
"$bin/inspect" whole.h5 | grep prequential >whole.length
cmp cut.length whole.length || fail "the prequential length after $killed kills differs"
ls | grep -E '\.partial-' && fail "leftovers are there"
[ -e cut.h5.backup ] || fail "a file of the user is gone"
grep -vE '^\{.*\}$' cut.log.jsonl && fail "the log has lines that are not whole"
echo "kill_test.sh: $killed kills, $resumed resumed parts, the same model"
