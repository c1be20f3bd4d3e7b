#!/usr/bin/env bash
# occam generate as a user meets it: prompts, seeds, files, pipes, terminals and mistakes, by models and by codecs.
#   generate_test.sh BIN_DIR
# shellcheck source=promises.sh
. "$(dirname "$0")/promises.sh"

for i in $(seq 3000); do echo "Line $((i * i % 997)) of $i lines, wherefore the quixotic sphinx of line $((i % 89)) sings."; done >text
train() { "$bin/train" -q -T 1 --precision f32 --width 16 --layers 2 --heads 2 --context 64 --batch 8 --data text --muon-lr 0.02 "$@"; }
train --steps 60 --out bytes.h5
train --steps 60 --tokenizer bpe:300 --out pairs.h5
train --steps 60 --tokenizer ascii7 --out seven.h5
generate=("$bin/generate" --ckpt bytes.occm --prompt 'Line 7 of ')
holds() { [ "$(wc -c <"$1")" -eq "$2" ] || fail "$1 has $(wc -c <"$1") bytes, not $2"; }

# ---- As many bytes as asked for, the same of a checkpoint and its model, by the seed ----
for model in bytes pairs seven; do
  for n in 0 1 2 333; do
    expect 0 "$bin/occam" generate --ckpt $model.occm --prompt 'Line 7 of ' --bytes $n -q -o $model.$n
    holds $model.$n $n
    [ -s err ] && fail "generate -q says something"
  done
  expect 0 "$bin/generate" --ckpt $model.h5 --prompt 'Line 7 of ' --bytes 333
  same out $model.333
  says 'prompt of 10 bytes'
  expect 0 "$bin/generate" --ckpt $model.h5 --prompt 'Line 7 of ' --bytes 333 --seed 2
  cmp -s out $model.333 && fail "$model: another seed gives the same"
  head -c 2 $model.333 | cmp -s - $model.2 || fail "$model: fewer bytes are not the first of more"
done
expect 0 "${generate[@]}"
holds out 500
expect 0 "${generate[@]}" --bytes 0.3K --echo
cp out echoed
(printf 'Line 7 of '; head -c 300 bytes.333) | cmp -s - echoed || fail "--echo does not write the prompt and what follows"
OCCAM_MAX_ISA=SSE41 expect 0 "${generate[@]}" --bytes 333
same out bytes.333

# ---- Prompts: none, from a file, a pipe, longer than the context, any bytes ----
expect 0 "$bin/generate" --ckpt bytes.occm --bytes 100
says 'no prompt'
cp out fresh
expect 0 "$bin/generate" --ckpt bytes.occm --prompt '' --bytes 100
same out fresh
"$bin/generate" -q --ckpt bytes.occm --prompt-file - --bytes 100 </dev/null | cmp -s - fresh || fail "an empty pipe is no empty prompt"
printf 'Line 7 of ' | "$bin/generate" -q --ckpt bytes.occm --prompt-file - --bytes 333 | cmp -s - bytes.333 || fail "a prompt from a pipe is another"
head -c 5000 text >long
head -c 3000 /dev/urandom >noise
for prompt in long noise; do
  expect 0 "$bin/generate" --ckpt bytes.occm --prompt-file $prompt --bytes 50 --temperature 0
  holds out 50
  cp out greedy
  expect 0 "$bin/generate" --ckpt bytes.occm --prompt-file $prompt --bytes 50 --top-k 1 --temperature 3.5 --seed 9
  same out greedy
done
# What comes after a long prompt of lines is lines, if the model has learned anything.
expect 0 "$bin/generate" --ckpt bytes.occm --prompt-file long --bytes 400 --temperature 0.3
prints 'wherefore the'

# ---- Files ----
expect 3 "${generate[@]}" -o text
says 'exists already'
expect 0 "${generate[@]}" --bytes 333 -f -q -o bytes.1
same bytes.1 bytes.333
expect 3 "${generate[@]}" -o no/such/folder
"${generate[@]}" -q --bytes 100M -o endless & pid=$!
# Until it writes, to a file without a name yet or with a temporary one, and some more of it.
for ((i = 0; i < 600; i++)); do ls -l "/proc/$pid/fd" 2>/dev/null | grep -Eq '\(deleted\)|\.partial-' && break; sleep 0.05; done
sleep 0.3
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail "interrupted generation does not end with 130"
absent endless endless.partial-*

# ---- A terminal gets text alone ----
if command -v script >/dev/null; then
  script -qec "$bin/generate -q --ckpt bytes.occm --prompt-file noise --echo --bytes 40" /dev/null </dev/null >seen 2>&1
  iconv -f UTF-8 -t UTF-8 seen >/dev/null 2>&1 || fail "a terminal gets what is no UTF-8"
  tr -d '\t\n\r' <seen | LC_ALL=C grep -q '[[:cntrl:]]' && fail "a terminal gets control characters"
fi

# ---- Codecs: in the other program, under the same name ----
tail -c 2048 long >tail
for codec in gzip zstd; do
  [ $codec = gzip ] && n=20 || n=5  # the slower of the two
  expect 0 "$bin/occam" generate --codec $codec --prompt-file long --bytes $n -T 2
  holds out $n
  says 'prompt of 5000 bytes'
  cp out once
  expect 0 "$bin/generate" --codec $codec --prompt-file long --bytes $n -T 1 --look-back 2048
  same out once
  expect 0 "$bin/generate" --codec $codec --prompt-file tail --bytes $n -T 1
  same out once
done
expect 0 "$bin/generate" --prompt 'The history of ' --bytes 20 -o built-in -q
holds built-in 20
expect 0 "$bin/generate" --codec gzip --bytes 3 -o three -q
holds three 3

# ---- Mistakes ----
expect 2 "$bin/generate" --ckpt bytes.occm --codec gzip
says '--ckpt or --codec'
expect 2 "$bin/generate" --codec winzip
says 'winzip'
expect 2 "${generate[@]}" --prompt-file text
expect 2 "${generate[@]}" --no-such-option
expect 2 "${generate[@]}" stray
says 'stray'
expect 2 "${generate[@]}" --look-back 7
says 'codec'
for wrong in '--temperature warm' '--temperature -1' '--temperature 0.1234' '--temperature 101' '--temperature .' '--temperature 1e3' \
  '--top-k -1' '--top-k x' '--seed -1' '--bytes many'; do
  # shellcheck disable=SC2086
  expect 2 "${generate[@]}" $wrong
done
expect 3 "$bin/generate" --ckpt missing --prompt x
says 'missing'
expect 3 "$bin/generate" --ckpt bytes.occm --prompt-file missing
expect 4 "$bin/generate" --ckpt text
expect 0 "$bin/generate" --help
prints 'Examples:'
[ $failures -eq 0 ] && echo "generate_test.sh: all held"
exit $((failures > 0))
