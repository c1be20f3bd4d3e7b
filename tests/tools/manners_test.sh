#!/usr/bin/env bash
# What a command meets on its way and survives: closed and full outputs, names of any bytes, files that cannot be removed, no
# thread to be had. The exit code is that of the work, and the other files are done.
#   manners_test.sh BIN_DIR
# shellcheck source=promises.sh
. "$(dirname "$0")/promises.sh"

seq 500 >text
tiny=(--width 16 --layers 2 --context 32 --batch 2 --steps 3)
expect 0 "$bin/train" "${tiny[@]}" -q --data text --out tiny.h5
ends() {  # CODE COMMAND: of a shell
  local got
  bash -c "$2" </dev/null >out 2>err
  got=$?
  [ $got -eq "$1" ] || { fail "exit $got instead of $1: $2"; cat err >&2; }
}

# ---- Standard error closed or full ----
for stderr in '2>&-' '2>/dev/full'; do
  [ -e /dev/full ] || continue
  ends 0 "'$bin/compress' --ckpt none -f -v text $stderr"
  rm text.occ
  ends 3 "'$bin/compress' missing text $stderr"
  [ -e text.occ ] || fail "with $stderr the other file is not done"
  ends 4 "'$bin/decompress' -t text tiny.h5 $stderr"
  ends 2 "'$bin/occam' nothing $stderr"
  ends 3 "'$bin/baselines' missing $stderr"
  ends 0 "'$bin/generate' --bytes 3 $stderr"
  ends 0 "'$bin/train' ${tiny[*]} --data text --out e.h5 -f $stderr"
  ends 4 "'$bin/occam_decoder' text x $stderr"
done

# ---- Standard output full: what was to be printed is lost, what was to be done is done ----
if [ -e /dev/full ]; then
  ends 3 "'$bin/compress' -l text.occ text.occ >/dev/full"
  ends 3 "'$bin/inspect' tiny.h5 --json >/dev/full"
  ends 3 "'$bin/baselines' --list >/dev/full"
  ends 3 "'$bin/train' ${tiny[*]} --data text --out full.h5 >/dev/full"
  same full.occm tiny.occm
  ends 3 "'$bin/occam' --help >/dev/full"
fi

# ---- Descriptors 0 to 2 closed: nothing that is printed gets into a file ----
ends 3 "'$bin/train' ${tiny[*]} --data text --out closed.h5 <&- >&- 2>&-"
same closed.occm tiny.occm
grep -qvE '^\{.*\}$' closed.log.jsonl && fail "progress lines are in the log"
ends 0 "'$bin/train' ${tiny[*]} -q --data text --out quiet.h5 <&- >&- 2>&-"
ends 0 "'$bin/compress' -v -f -o closed.occ text <&- >&- 2>&-"
same closed.occ text.occ
ends 3 "'$bin/compress' -c text >&-"
ends 3 "'$bin/compress' <&-"
ends 2 "'$bin/occam_decoder' text.occ restored <&- >&- 2>&-"
absent restored

# ---- Names that are not UTF-8, in JSON: \xHH for each byte that is none ----
name=$'caf\xe9'
cp text "$name"; cp tiny.occm "$name.occm"; cp text.occ "$name.occ"
for command in "baselines --json --codec gzip" "evaluate --json --ckpt tiny.occm --data" "inspect --json"; do
  read -ra words <<<"$command"
  [ "${words[0]}" = inspect ] && file=$name.occ || file=$name
  expect 0 "$bin/occam" "${words[@]}" "$file"
  grep -q 'caf\\\\xe9' out || fail "$command does not tell the name: $(head -3 out)"
  python3 -S -c 'import json; json.loads(open("out", encoding="utf-8").read().splitlines()[0] if "baselines" in "'"$command"'" else open("out", encoding="utf-8").read())' ||
    fail "$command prints no JSON"
done
expect 0 "$bin/train" "${tiny[@]}" -q --data "$name" --out "run$name.h5"
expect 0 "$bin/inspect" --json "run$name.h5"
grep -q 'caf\\\\xe9' "run$name.log.jsonl" || fail "the log does not tell the name"

# ---- Names of up to 255 bytes ----
for size in 237 251; do
  long=$(printf 'n%.0s' $(seq $size))
  cp text "$long"
  expect 0 "$bin/compress" --ckpt none --rm "$long"
  expect 0 "$bin/decompress" --rm "$long.occ"
  same "$long" text
  rm "$long"
done
long=$(printf 'n%.0s' $(seq 255))
cp text "$long"
expect 3 "$bin/compress" "$long"
says 'a longer name than a file can have; -o'
expect 0 "$bin/compress" --ckpt none -o short.occ "$long"
expect 0 "$bin/decompress" -f -o "$long" short.occ
same "$long" text
rm "$long"

# ---- Models and files from a pipe ----
"$bin/compress" --ckpt tiny.occm -c text >by_file.occ
for model in tiny.occm tiny.h5; do
  "$bin/compress" --ckpt <(cat $model) -c text | cmp -s - by_file.occ || fail "--ckpt from a pipe: $model"
  "$bin/decompress" --ckpt <(cat $model) -c by_file.occ | cmp -s - text || fail "decompress --ckpt from a pipe: $model"
  expect 0 "$bin/inspect" --json <(cat $model)
  prints '"model_id"'
  expect 0 "$bin/evaluate" --ckpt <(cat $model) --data <(cat text) --bytes 0:100 --json
  prints '"model_id"'
  "$bin/generate" --ckpt <(cat $model) --prompt-file <(cat text) --bytes 3 -q >/dev/null || fail "generate: $model"
  "$bin/train" "${tiny[@]}" -q --data <(cat text) --init <(cat $model) --out piped.h5 -f || fail "train --init from a pipe: $model"
done
expect 0 "$bin/inspect" <(cat by_file.occ)
prints 'a compressed file'

"$bin/train" "${tiny[@]}" -q --data - --out std.h5 -f <text || fail "train --data -"
same std.occm tiny.occm
"$bin/prepare" bytes -q --out std.set - <text || fail "prepare bytes -"
"$bin/prepare" bytes -q --out named.set text || fail "prepare bytes"
same std.set named.set
"$bin/evaluate" --ckpt tiny.occm --data - --bytes 0:100 --json <text >out || fail "evaluate --data -"
prints '"data": "-"'
python3 -c 'import bz2; open("text.bz2", "wb").write(bz2.compress(open("text", "rb").read()))'
for command in "train ${tiny[*]} --data text.bz2 --out bz.h5" "prepare bytes --out bz.set text.bz2" \
  "evaluate --ckpt tiny.occm --data text.bz2"; do
  read -ra words <<<"$command"
  expect 2 "$bin/occam" "${words[@]}"
  says 'text.bz2 is packed by bzip2, which is not unpacked here; unpack it first'
done
absent bz.h5 bz.set

# ---- What oneDNN is told by its own variable holds for training, too ----
for isa in SSE41 AVX2 AVX512_CORE ALL; do
  expect 0 env ONEDNN_MAX_CPU_ISA=$isa "$bin/train" "${tiny[@]}" -q --data text --out isa.h5 -f
done
[ "$(ONEDNN_MAX_CPU_ISA=AVX2 "$bin/train" "${tiny[@]}" -q --precision bf16 --data text --out isa.h5 -f 2>&1 >/dev/null | wc -l)" -eq 1 ] ||
  fail "bfloat16 where oneDNN may not use it is not refused by a sentence"

# ---- For root to show, who can be somebody else: no thread to be had, and a removal that fails ----
# Somebody else must be able to run what was built.
if [ "$(id -u)" -ne 0 ] || ! setpriv --reuid=65534 --regid=65534 --clear-groups bash -c '"$1" --version' - "$bin/occam" >/dev/null 2>&1; then
  [ $failures -eq 0 ] && echo "manners_test.sh: all held; what takes root was left out"
  exit $((failures > 0))
fi
chmod 755 .
mkdir -m 777 theirs
mkdir sealed
cp text sealed/a; cp text sealed/b
chmod 644 sealed/* ./*.occ*
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
for file in a b; do
  nobody "$bin/compress" --ckpt none --rm -o theirs/$file.occ sealed/$file 2>err
  [ $? -eq 3 ] || fail "a removal that fails"
  says "cannot remove sealed/$file"
  "$bin/decompress" -c theirs/$file.occ | cmp -s - text || fail "what cannot be removed was not written"
done
for command in "compress -c -T 2 text" "decompress -T 2 -t text.occ" "train -T 2 ${tiny[*]} --data text --out theirs/x.h5" \
  "evaluate -T 2 --ckpt tiny.occm --data text" "generate --bytes 3" "baselines --codec gzip text"; do
  read -ra words <<<"$command"
  for limit in 1 2; do
    # One process of this user, and room for no thread, or for one.
    nobody bash -c "ulimit -u $limit; exec \"\$@\"" - "$bin/occam" "${words[@]}" >out 2>err
    got=$?
    [ $got -eq 3 ] || [ $limit -eq 2 ] || fail "exit $got without threads: $command"
    [ $got -ne 3 ] || says 'cannot start'
    grep -q 'a bug' err && fail "no thread to be had is said to be a bug: $command"
  done
done
ls theirs/x* 2>/dev/null && fail "a training without threads leaves files"

[ $failures -eq 0 ] && echo "manners_test.sh: all held"
exit $((failures > 0))
