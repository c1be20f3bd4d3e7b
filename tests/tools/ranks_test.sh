#!/usr/bin/env bash
# Training by several ranks gives the very model of one process, goes on with any number of them, and ends with a clear word
# and a whole checkpoint when one of them does not go on.
#   ranks_test.sh BIN_DIR MPIRUN     MPIRUN is - where the program was built without MPI: exits 77 then, skipped
set -uo pipefail
bin=$(cd "$1" && pwd)
mpirun=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "FAILED: $*" >&2; cat err >&2; exit 1; }

awk 'BEGIN { srand(7); split("the of and to in a is that it was for on are as with they at be this from", w, " ");
  for (i = 0; i < 12000; i++) printf "%s%s", w[int(rand() * rand() * 20) + 1], (i % 13 == 12 ? ".\n" : " ") }' >text
# Seven sequences a step: shares of different sizes. As many weights as are summed in several parts.
run=(--width 48 --layers 3 --context 64 --windows 16,16,0 --batch 7 --data text -q -T 1)

# Several processes that cannot find each other must not each train a model.
SLURM_STEP_NUM_TASKS=2 "$bin/train" "${run[@]}" --steps 2 --out alone.h5 2>err
[ $? -eq 2 ] || fail "two processes without a launcher"
grep -q 'started 2 times together' err || fail "not a word about it"
[ -e alone.h5 ] && fail "it trained"
if [ "$mpirun" = - ]; then
  grep -q 'built without MPI' err || fail "not a word about MPI"
  echo "ranks_test.sh: built without MPI, the rest is skipped"
  exit 77
fi

# In a build with sanitizers: Open MPI keeps some of its memory to the end.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
ranks=("$mpirun" --oversubscribe --allow-run-as-root --bind-to none -n)
# By the real weights and the state of the optimizer where h5diff is there, by what the model codes with in any case.
same() {  # NAME NAME
  cmp "$1.occm" "$2.occm" || fail "$1.occm and $2.occm differ"
  command -v h5diff >/dev/null || return 0
  h5diff "$1.h5" "$2.h5" /weights && h5diff "$1.h5" "$2.h5" /training/tensors || fail "$1.h5 and $2.h5 differ"
}

"$bin/train" "${run[@]}" --steps 24 --keep-best --out one.h5 2>err || fail "one process"
for count in 1 2 3 4; do
  "${ranks[@]}" $count "$bin/train" "${run[@]}" --steps 24 --keep-best --out "by$count.h5" 2>err || fail "$count ranks"
  same one "by$count"
  cmp "by$count.best.occm" one.best.occm || fail "the best of $count ranks differs"
  [ "$(grep -c '"start"' "by$count.log.jsonl")" -eq 1 ] || fail "$count ranks write one log"
done
# Numbers that are measured by all together.
for name in one by3; do grep -E '"(validation|prequential)"' $name.log.jsonl >$name.measured; done
cmp one.measured by3.measured || fail "validation or prequential length differ"

# A memory's rows, of which ranks exchange those alone that a batch recalled.
"$bin/train" "${run[@]}" --memory tiny --steps 10 --out memory.h5 2>err || fail "one process with a memory"
for count in 2 3; do
  "${ranks[@]}" $count "$bin/train" "${run[@]}" --memory tiny --steps 10 --out "memory$count.h5" 2>err ||
    fail "$count ranks with a memory"
  same memory "memory$count"
  ! command -v h5diff >/dev/null || h5diff memory.h5 "memory$count.h5" /memory || fail "the memory of $count ranks differs"
done

# An interrupt that meets one rank stops all at the same step; another number of ranks goes on.
wait_for() { for ((i = 0; i < 600; i++)); do [ -e "$1" ] && return; sleep 0.1; done; fail "no $1"; }
"${ranks[@]}" 3 "$bin/train" "${run[@]}" --steps 300 --checkpoint-minutes 0 --out cut.h5 2>err & pid=$!
wait_for cut.h5
kill -INT "$(pgrep -P $pid | sed -n 2p)"
wait $pid
got=$?
[ $got -eq 130 ] || fail "interrupted ranks ended with $got"
# A rank that is killed ends the others, with a word and a failure, and the last checkpoint is whole.
"${ranks[@]}" 2 "$bin/train" --resume --data text -q -T 1 --checkpoint-minutes 0 --out cut.h5 2>err & pid=$!
before=$(stat -c %Y.%i cut.h5)
for ((i = 0; i < 600; i++)); do [ "$(stat -c %Y.%i cut.h5)" != "$before" ] && break; sleep 0.1; done
others=$(pgrep -P $pid)
kill -KILL "$(echo "$others" | sed -n 1p)"
wait $pid
got=$?
[ $got -ne 0 ] || fail "a killed rank is not told by the exit code"
grep -q 'Killed' err || fail "not a word about the killed rank"
alive() { grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }
for process in $others; do
  for ((i = 0; i < 100; i++)); do alive "$process" || break; sleep 0.1; done
  alive "$process" && fail "rank $process goes on alone"
done
"$bin/inspect" cut.h5 >/dev/null 2>err || fail "the checkpoint is not whole"
# More ranks go on, and one process ends what they began. Several ranks on few processors are slow, so they do a part alone.
before=$(grep -c '"event":"step"' cut.log.jsonl)
"${ranks[@]}" 4 "$bin/train" --resume --data text -q -T 1 --out cut.h5 2>err & pid=$!
for ((i = 0; i < 600; i++)); do [ "$(grep -c '"event":"step"' cut.log.jsonl)" -gt "$before" ] && break; sleep 0.1; done
[ $i -lt 600 ] || fail "4 ranks do not go on"
kill -INT "$(pgrep -P $pid | sed -n 4p)" 2>/dev/null
wait $pid
got=$?
[ $got -eq 130 ] || [ $got -eq 0 ] || fail "4 ranks going on ended with $got"  # 0: at the end already
"$bin/train" --resume --data text -q -T 1 --out cut.h5 2>err || fail "one process going on"
"$bin/train" "${run[@]}" --steps 300 --out whole.h5 2>err || fail "the unbroken run"
same cut whole

# What one rank meets alone ends all; what they do not agree in is found.
"${ranks[@]}" 2 sh -c 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then data=gone; else data=text; fi; exec "$@" --data $data' - \
  "$bin/train" --width 16 --steps 60 --out gone.h5 -q -T 1 2>err
[ $? -eq 3 ] || fail "a rank without data"
grep -q 'rank 1: .*gone' err || fail "not a word from the rank without data"
(cat text; echo more) >other
"${ranks[@]}" 2 sh -c 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then data=other; else data=text; fi; exec "$@" --data $data' - \
  "$bin/train" --width 16 --steps 60 --out gone.h5 -q -T 1 2>err
[ $? -eq 2 ] || fail "ranks with different data"
grep -q 'do not have the same training data' err || fail "not a word about different data"
"${ranks[@]}" 4 "$bin/train" "${run[@]}" --batch 3 --steps 4 --out gone.h5 2>err
[ $? -eq 2 ] || fail "fewer sequences than ranks"
[ -e gone.h5 ] && fail "a run that cannot be has written a checkpoint"
echo "ranks_test.sh: all held"
