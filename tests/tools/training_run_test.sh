#!/usr/bin/env bash
# Two trainings do not share an --out, and training that is interrupted keeps its work: however the interrupt comes.
#   training_run_test.sh BIN_DIR
# shellcheck source=promises.sh
. "$(dirname "$0")/promises.sh"

awk 'BEGIN { srand(7); split("the of and to in a is that it was for on are as with they at be this from", w, " ");
  for (i = 0; i < 12000; i++) printf "%s%s", w[int(rand() * rand() * 20) + 1], (i % 13 == 12 ? ".\n" : " ") }' >text
tiny=(--width 16 --layers 3 --context 64 --windows 16,16,0 --batch 4 -T 1 -q)
wait_for() { for ((i = 0; i < 3000; i++)); do [ -s "$1" ] && return; sleep 0.02; done; fail "no $1"; }

# ---- one --out, one training ----
"$bin/train" "${tiny[@]}" --data text --steps 1000000 --checkpoint-minutes 0 --out run.h5 & pid=$!
wait_for run.h5
expect 3 "$bin/train" "${tiny[@]}" --data text --steps 2 --out run.h5 -f
says "another training, process $pid on .*, writes run.h5 (it holds run.train.lock)"
expect 3 "$bin/train" --resume --data text --out run.h5
says "another training, process $pid on"
expect 3 "$bin/train" "${tiny[@]}" --data text --steps 2 --out ./run.h5 -f
expect 0 "$bin/train" "${tiny[@]}" --data text --steps 2 --out other.h5
kill -0 $pid || fail "the first training is gone"
# A killed process leaves the file, but not the lock.
kill -KILL $pid
wait $pid 2>/dev/null
[ -e run.train.lock ] || fail "the lock has no file"
"$bin/train" --resume --data text --out run.h5 -q & pid=$!
for ((i = 0; i < 600; i++)); do grep -q "process $pid " run.train.lock && break; sleep 0.1; done
grep -q "process $pid " run.train.lock || fail "the lock of a killed process is not taken over"
expect 3 "$bin/train" --resume --data text --out run.h5
for ((i = 0; i < 600; i++)); do grep -q '"resume"' run.log.jsonl && break; sleep 0.1; done
sleep 0.2
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail "the resumed training"
absent run.train.lock other.train.lock
# Two that begin at once: one trains, one is told.
"$bin/train" "${tiny[@]}" --data text --steps 60 --out both.h5 -f 2>err1 & one=$!
"$bin/train" "${tiny[@]}" --data text --steps 60 --out both.h5 -f 2>err2 & two=$!
wait $one
codes=$?
wait $two
codes="$codes $?"
case $codes in
  "0 3" | "3 0") grep -q 'another training' err1 err2 || fail "no word about another training" ;;
  "0 0") [ ! -s err1 ] && [ ! -s err2 ] || fail "a training complains" ;;  # one after the other, on a busy machine
  *) fail "two trainings at once end with $codes" ;;
esac
absent both.train.lock
expect 3 "$bin/train" "${tiny[@]}" --data text --steps 2 --out none/x.h5
says 'none/x.train.lock'

# ---- interrupts ----
# One thread is there to be interrupted: oneDNN's products may not be (see tools/command.cc).
"$bin/train" "${tiny[@]}" -T 3 --data text --steps 1000000 --out threads.h5 & pid=$!
wait_for threads.log.jsonl
open=0 all=0
for status in /proc/$pid/task/*/status; do
  blocked=$((16#$(awk '/^SigBlk:/ { print $2 }' "$status")))
  all=$((all + 1))
  [ $((blocked & 0x4003)) -eq 0 ] && open=$((open + 1))  # SIGHUP 1, SIGINT 2, SIGTERM 15
done
[ $all -ge 4 ] && [ $open -eq 1 ] || fail "$open of $all threads can be interrupted"
kill -TERM $pid
wait $pid
[ $? -eq 130 ] || fail "a training that is told to end"
expect 0 "$bin/train" "${tiny[@]}" --data text --steps 400 --out whole.h5
# A terminal's Ctrl-C and timeout's signal may come twice: to the process and to its group.
for signals in INT TERM HUP "INT INT" "TERM TERM" "INT TERM" "INT INT INT INT"; do
  for ((tries = 0; tries < 5; tries++)); do
    rm -f cut.*
    "$bin/train" "${tiny[@]}" --data text --steps 400 --out cut.h5 2>err & pid=$!
    wait_for cut.log.jsonl
    for signal in $signals; do kill -"$signal" $pid 2>/dev/null; done
    wait $pid
    got=$?
    [ $got -ne 0 ] && break  # 0: on a busy machine it was at its end before the signal came
  done
  [ $got -eq 130 ] || fail "exit $got after $signals"
  [ -s err ] && fail "says something after $signals: $(cat err)"
  [ -e cut.h5 ] || { fail "no checkpoint after $signals"; continue; }
  expect 0 "$bin/train" --resume --data text --out cut.h5 -q
  same cut.occm whole.occm
done
# What is told of the model is how its run began.
"$bin/inspect" cut.h5 | grep -q 'trained by .* --steps 400 --out cut.h5' || fail "the command of a resumed run"
rm -f cut.*
timeout -s INT 2 "$bin/train" "${tiny[@]}" --data text --steps 100000000 --out cut.h5
[ $? -eq 124 ] || fail "timeout"
[ -e cut.h5 ] || fail "no checkpoint after timeout -s INT"

# Where one step takes minutes, a request ends it in the middle, and nothing of it is kept.
head -c 60000 text >long
"$bin/train" --width 192 --layers 7 --context 2048 --batch 2048 -T 1 -q --data long --steps 2 --precision f32 --out slow.h5 & pid=$!
wait_for slow.log.jsonl
began=$(date +%s)
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail "a request in the middle of a step ends it with $?"
[ $(($(date +%s) - began)) -le 8 ] || fail "a request waits for the end of a step"
grep -q '"step":[1-9]' slow.log.jsonl && fail "a step that was stopped is logged"

[ $failures -eq 0 ] && echo "training_run_test.sh: all held"
exit $((failures > 0))
