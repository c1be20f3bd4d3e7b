#!/usr/bin/env bash
# No file can hurt: what a file asks for is counted, refused by a sentence and not obeyed, and whatever is at work ends soon after a
# signal. Memory is limited by the system, too, so that what is counted wrongly shows.
#   hostile_test.sh BIN_DIR
. "$(dirname "$0")/promises.sh"
ulimit -v 4000000

seq 40000 >text
head -c 3000 text >small
expect 0 "$bin/train" --width 16 --layers 2 --context 64 --batch 4 --data text --steps 2 --out tiny.h5 -q
expect 0 "$bin/compress" -q --ckpt tiny.occm --embed-model small
# What restoring takes is told before it is taken, as numbers.
expect 0 "$bin/compress" -l --json small.occ
prints '"restoring_memory_bytes":[0-9][0-9]*,"restoring_multiplications":[0-9]'
expect 0 "$bin/inspect" --json small.occ
prints '"multiplications": [0-9]'
prints '"lane_memory_bytes": [0-9]'
expect 0 "$bin/compress" -q --ckpt tiny.occm -o named.occ small
expect 0 "$bin/compress" -l --json named.occ
prints '"restoring_memory_bytes":null'
need=$("$bin/compress" -l --json small.occ | sed 's/.*restoring_memory_bytes":\([0-9]*\).*/\1/')
# The limit is kept, and no more than it is asked for.
expect 0 "$bin/decompress" -q --memory "$need" -f -o again small.occ
same again small
expect 3 "$bin/decompress" --memory $((need - 1)) -f -o again small.occ
says "small.occ needs .* of memory, more than the limit of .* (--memory LIMIT sets how much may be taken)"
for command in "decompress -t" "decompress -c --keep-going" "decompress -c --range 0:9"; do
  expect 3 "$bin/${command%% *}" ${command#* } --memory 100K small.occ
  says "more than the limit of 100 KB"
done
for command in "compress -c" "evaluate --data small" "generate --bytes 9"; do
  expect 3 "$bin/${command%% *}" --ckpt tiny.occm --memory 100K ${command#* } $([ "${command%% *}" = compress ] && echo small)
  says "more than the limit of 100 KB"
done
for file in tiny.occm tiny.h5 small.occ; do
  expect 3 "$bin/inspect" --memory 30K "$file"
  says "more than the limit of 30 KB"
done
expect 2 "$bin/decompress" --memory 0 -t small.occ
expect 2 "$bin/decompress" --memory much -t small.occ

# A small number of parameters is taken for the nearest network, however far that is.
expect 0 "$bin/train" --params 50K --context 64 --batch 4 --data text --steps 1 --out few.h5 -q
# No training begins that the machine has no memory for: the sentence tells both numbers.
expect 3 "$bin/train" --params 1T --data text --steps 1 --out huge.h5
says "params 1T needs 16 TB of memory or more, and there are"
for huge in "--width 4096 --layers 256" "--width 4096 --context 65536 --batch 1M" "--width 2048 --layers 64 --context 64K"; do
  huge=${huge/64K/65536}
  expect 3 "$bin/train" ${huge/1M/1048576} --data text --steps 1 --out huge.h5
  says "this training needs .* of memory or more, and there are"
done
for huge in "--width 4104" "--context 65537" "--batch 1048577" "--batch 9000000000000000000" "--batch -1" "--layers 257" \
  "--memory huge" "--tokenizer bpe:70000" "--params 9e30"; do
  expect 2 "$bin/train" $huge --data text --steps 1 --out huge.h5
done
absent huge.h5 huge.occm

# Noise in place of a model is found at once: 100 KB of it after a head that promises much.
python3 - <<'PYTHON'
import random, struct
with open("tiny.occm", "rb") as file:
    flat = file.read()
head = b"OCCAMQNZ" + struct.pack("<II", 1, 3) + struct.pack("<8I", 256, 2048, 2, 64, 64, 4, 4, 2048) + struct.pack("<2I", 0, 0)
with open("noise.occm", "wb") as file:
    file.write(head + struct.pack("<I", 1) + b"\x01" + random.Random(1).randbytes(100_000))
PYTHON
expect 4 "$bin/compress" --ckpt noise.occm -c small
says "tensor embedding"

# Texts of files are shown, not obeyed.
name=$'a\x1b[31m\nb'
head -c 3000 text >"$name"
expect 0 "$bin/train" --width 16 --layers 1 --context 64 --batch 4 --data "$name" --steps 1 --out named.h5 -q
"$bin/inspect" named.h5 >out || fail "inspect"
prints 'a\\x1b\[31m\\x0ab'
"$bin/inspect" --json named.h5 >>out || fail "inspect --json"
"$bin/compress" -q -f "$name" || fail "compress of a name with escapes"
{ "$bin/compress" -l "$name.occ"; "$bin/compress" -l --json "$name.occ"; } >>out || fail "compress -l"
"$bin/decompress" -t "$name" 2>>out && fail "a text is no archive"
LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' out && fail "a control character of a file's reaches the terminal"

# Whatever is at work, a signal ends it within two seconds, also what cannot be told to stop. It comes when the work
# has taken $after hundredths of a second of the processors and the file $begun is there. On a slow machine that is later.
after=0 begun=/
ends() {
  local begin took got
  "$@" >/dev/null 2>err </dev/null & local pid=$!
  # Until the program, no more the shell that becomes it, has taken charge of signals.
  for ((i = 0; i < 200; i++)); do
    [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$1")" ] &&
      grep -q '^SigBlk:.*[1-9a-f]' "/proc/$pid/status" && break
    sleep 0.05
  done
  for ((i = 0; i < 600 && after > 0; i++)); do
    sleep 0.1
    read -ra stat <"/proc/$pid/stat" || break
    [ $(((stat[13] + stat[14]) * 100 / $(getconf CLK_TCK))) -ge $after ] && [ -e "$begun" ] && break
  done
  begin=$(date +%s%N)
  kill -TERM $pid
  wait $pid
  got=$?
  took=$((($(date +%s%N) - begin) / 1000000))
  [ $got -eq 130 ] || { fail "exit $got after SIGTERM: $*"; cat err >&2; }
  # Of two seconds and what a loaded machine needs to end a process.
  [ $took -lt 6000 ] || fail "$took ms after SIGTERM: $*"
}
mkfifo endless
ends "$bin/decompress" -t endless                 # waits for somebody to open it
ends "$bin/compress" -o out.occ /dev/zero
ends "$bin/baselines" --codec zpaq,ppmd text text text text text text text text text text text text text
absent out.occ
# In the middle of a step of minutes: what was learned before it stays.
seq 2000000 >long
slow=(--width 256 --layers 4 --context 1024 --batch 512 --data long --steps 3 -q --out slow.h5)
after=50 begun=slow.log.jsonl ends "$bin/train" "${slow[@]}"
expect 0 "$bin/inspect" slow.h5
after=50 ends "$bin/train" --resume --data long -q --out slow.h5
expect 0 "$bin/inspect" slow.h5
after=50 ends "$bin/train" --tokenizer bpe:60000 "${slow[@]/slow.h5/pairs.h5}"  # learns the pairs first
absent pairs.h5
after=25 ends "$bin/evaluate" --ckpt tiny.occm --data long
after=25 ends "$bin/compress" --ckpt tiny.occm -f -o out.occ long
after=25 ends "$bin/generate" --ckpt tiny.occm --bytes 100M
after=25 ends "$bin/explain" --ckpt tiny.occm long -o out.html
absent out.occ out.html

[ $failures -eq 0 ] && echo "hostile_test.sh: all held"
exit $((failures > 0))
