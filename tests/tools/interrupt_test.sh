#!/usr/bin/env bash
# compress and decompress that are interrupted end with 130 and leave nothing behind, whether they work or wait for a pipe.
#   interrupt_test.sh BIN_DIR
set -uo pipefail
bin=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0
fail() { echo "FAILED: $*" >&2; failures=$((failures + 1)); }

awk 'BEGIN { srand(7); split("the of and to in a is that it was for on are as with they at be this from", w, " ");
  for (i = 0; i < 12000; i++) printf "%s%s", w[int(rand() * rand() * 20) + 1], (i % 13 == 12 ? ".\n" : " ") }' >text
"$bin/train" --width 16 --layers 3 --context 64 --windows 16,16,0 --batch 4 --data text --steps 2 --out tiny.h5 -q || fail "train"
model=(--ckpt tiny.occm)
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do cat text; done >long  # two segments
"$bin/compress" "${model[@]}" --mode chunked -o long.occ long || fail "compress"

# Waits until process PID writes to a file: one without a name yet, or with a temporary one.
wait_for_writing() {
  for ((i = 0; i < 1500; i++)); do ls -l "/proc/$1/fd" 2>/dev/null | grep -Eq '\(deleted\)|\.partial-' && return; sleep 0.02; done
  fail "nothing is written by process $1"
}
# Waits until process PID takes signals as the commands do: they are blocked but for the thread that waits for them. The shell blocks
# them, too, and ignores them, before it becomes the command.
wait_for_signals() {
  local blocked
  for ((i = 0; i < 300; i++)); do
    blocked=$(sed -n 's/^SigBlk:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
    [ "$(readlink "/proc/$1/exe")" != "$(readlink "/proc/$$/exe")" ] && ((0x${blocked:-0} & 2)) && return
    sleep 0.1
  done
  fail "process $1 takes no signals"
}
# interrupt SIGNAL COMMAND...: starts it, waits until it writes, sends the signal.
interrupt() {
  local signal=$1 got
  shift
  "$@" <&0 2>err & local pid=$!
  wait_for_writing $pid
  kill -"$signal" $pid
  [ "$twice" = yes ] && kill -"$signal" $pid
  wait $pid
  got=$?
  [ $got -eq 130 ] || { fail "exit $got after $signal: $*"; cat err >&2; }
  [ -s err ] && { fail "says something after $signal: $*"; cat err >&2; }
  compgen -G 'out*' && fail "something is left behind by: $*"
}
# The same while the command waits for what never comes: the first N bytes of FILE, then silence.
starve() {
  local signal=$1 count=$2 file=$3
  shift 3
  # A pipe of its own: who writes to the last one may still be at it.
  rm -f pipe
  mkfifo pipe
  { head -c "$count" "$file"; exec sleep 60; } >pipe & local feeder=$!
  interrupt "$signal" "$@" <pipe
  kill $feeder
  wait $feeder 2>/dev/null
}

twice=no
for signal in INT TERM; do
  interrupt $signal "$bin/compress" "${model[@]}" -T 2 -o out.occ /dev/zero  # without end
  interrupt $signal "$bin/compress" "${model[@]}" --mode carried -T 1 -o out.occ /dev/zero
  for size in 0 1000 600000; do
    starve $signal $size long "$bin/compress" "${model[@]}" -T 1 -o out.occ
  done
  starve $signal 600000 long "$bin/compress" "${model[@]}" --mode chunked -T 1 -o out.occ  # more than a segment
  for size in 0 100 2000 $(($(stat -c %s long.occ) - 10)); do
    starve $signal $size long.occ "$bin/decompress" "${model[@]}" -T 2 -o out.text
  done
  starve $signal 2000 long.occ "$bin/decompress" "${model[@]}" --keep-going -o out.text
  starve $signal 2000 long.occ "$bin/decompress" "${model[@]}" --range 10: -o out.text
done
# An impatient second signal ends it at once, and leaves nothing either.
twice=yes
interrupt INT "$bin/compress" "${model[@]}" --mode carried -T 1 -o out.occ /dev/zero
starve INT 600000 long "$bin/compress" "${model[@]}" -T 1 -o out.occ
# What was there before stays.
echo mine >kept.occ
cp kept.occ before
"$bin/compress" "${model[@]}" -f -o kept.occ /dev/zero & pid=$!
wait_for_writing $pid
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail "compress -f that was interrupted"
cmp kept.occ before || fail "an interrupted compress -f took the old file away"
# Into a pipe, and testing.
rm -f pipe
mkfifo pipe
{ head -c 2000 long.occ; exec sleep 60; } >pipe & feeder=$!
"$bin/decompress" "${model[@]}" -t <pipe & pid=$!
wait_for_signals $pid
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail "decompress -t that was interrupted"
kill $feeder
wait $feeder 2>/dev/null
ls | grep partial && fail "temporary files are left behind"

[ $failures -eq 0 ] && echo "interrupt_test.sh: all held"
exit $((failures > 0))
