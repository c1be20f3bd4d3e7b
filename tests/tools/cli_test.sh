#!/usr/bin/env bash
# The command line as a user meets it: exit codes, files, pipes, messages.
#   cli_test.sh BIN_DIR
# shellcheck source=promises.sh
. "$(dirname "$0")/promises.sh"

# ---- A small text and a small model ----
awk 'BEGIN { srand(7); split("the of and to in a is that it was for on are as with they at be this from", w, " ");
  for (i = 0; i < 12000; i++) printf "%s%s", w[int(rand() * rand() * 20) + 1], (i % 13 == 12 ? ".\n" : " ") }' >text
tiny=(--width 16 --layers 3 --context 64 --windows 16,16,0 --batch 4)
expect 0 "$bin/train" "${tiny[@]}" --data text --steps 12 --out tiny.h5
for f in tiny.h5 tiny.occm tiny.log.jsonl; do [ -s "$f" ] || fail "train wrote no $f"; done
prints 'validation'

# ---- train ----
expect 3 "$bin/train" "${tiny[@]}" --data text --steps 12 --out tiny.h5
says 'exists already'
expect 2 "$bin/train" --data text --out x.h5 --params many
says 'params'
expect 2 "$bin/train" --data text --out x.h5 --minutes 1 --steps 1
expect 2 "$bin/train" --data text --out x.h5 --no-such-option
expect 2 "$bin/train" --data text --out x.h5 --precision f16
says 'precision'
OCCAM_MAX_ISA=AVX2 expect 2 "$bin/train" "${tiny[@]}" --data text --steps 2 --out x.h5 --precision bf16
says 'bfloat16'
expect 2 "$bin/train" --out x.h5
expect 3 "$bin/train" --data missing --out x.h5
says 'missing'
expect 2 "$bin/train" --data text --out x.h5 --train-bytes 0:1G
expect 2 "$bin/train" "${tiny[@]}" --data text --steps 3 --out x.h5 --train-bytes 0:20K --val-bytes 10K:30K
absent x.h5 x.occm
expect 0 "$bin/train" "${tiny[@]}" --data text --steps 2 --out x.h5 --init tiny.h5 -q
[ -s out ] && fail "train -q prints"
expect 2 "$bin/train" --width 32 --layers 3 --data text --steps 2 --out y.h5 --init tiny.h5
# A model file serves as well; with rates next to zero it comes back nearly as it was.
expect 0 "$bin/train" "${tiny[@]}" --data text --steps 1 --muon-lr 1e-9 --adamw-lr 1e-9 --out same.h5 --init tiny.occm -q
for m in tiny.occm same.occm; do "$bin/evaluate" --json --ckpt $m --data text --bytes 0:8000; done |
  sed -n '/"model_alone"/,/bytes/ s/.*"bytes": \([0-9]*\).*/\1/p' | sort -n >sizes
awk 'NR == 1 { a = $1 } NR == 2 { exit !($1 <= 1.01 * a) }' sizes || fail "train --init of a model file starts from something else: $(cat sizes)"
expect 2 "$bin/train" --width 32 --layers 3 --data text --steps 2 --out y.h5 --init tiny.occm
# An interrupted run goes on to the very weights of one that was not.
"$bin/train" "${tiny[@]}" --data text --steps 400 --out cut.h5 -q & pid=$!
for ((i = 0; i < 600; i++)); do grep -qs '"event":"step"' cut.log.jsonl && break; sleep 0.05; done
kill -INT $pid 2>/dev/null
wait $pid
got=$?
if [ $got -eq 130 ]; then
  expect 0 "$bin/train" --resume --data text --out cut.h5 -q
elif [ $got -ne 0 ]; then
  fail "interrupted training ended with $got"
fi
expect 0 "$bin/train" "${tiny[@]}" --data text --steps 400 --out whole.h5 -q
same cut.occm whole.occm
expect 2 "$bin/train" --resume --steps 500 --data text --out cut.h5
says 'resume'
expect 2 "$bin/train" --resume --precision f32 --data text --out cut.h5
expect 2 "$bin/train" --resume --rounded-share 0 --data text --out cut.h5
expect 2 "$bin/train" "${tiny[@]}" --data text --steps 2 --rounded-share 1.5 --out y.h5
says 'rounded_share'
expect 2 "$bin/train" --resume --weight-rate 1 --data text --out cut.h5
expect 2 "$bin/train" "${tiny[@]}" --data text --steps 2 --weight-rate 1e-6 --rounded-share 0 --out y.h5
says 'weight_rate'
# Weights that are charged for are fewer bytes: at most half of those of 7 bits.
expect 0 "$bin/train" "${tiny[@]}" --data text --steps 100 --weight-rate 1e-3 --out light.h5 -q
grep -q '"whole":true,"rounded":true,"weight_bits":' light.log.jsonl || fail "the log does not tell the bits of the weights"
coded_bytes() { "$bin/inspect" --json "$1" | sed -n 's/.*"model_bytes": \([0-9]*\).*/\1/p'; }
[ $((2 * $(coded_bytes light.h5))) -lt "$(coded_bytes whole.h5)" ] || fail "charging for weights did not make them lighter"
# What happens to the data or the disk between two parts of a run: a clear word, and the checkpoint stays.
parts=(--train-bytes 0:30K --val-bytes 30K:40K)
"$bin/train" "${tiny[@]}" --data text "${parts[@]}" --steps 100000 --checkpoint-minutes 0 --out half.h5 -q & pid=$!
for ((i = 0; i < 300; i++)); do [ -e half.h5 ] && break; sleep 0.1; done
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail "interrupted training ended with $?"
cp half.h5 before.h5
cp half.log.jsonl before.log.jsonl
expect 3 "$bin/train" --resume --data gone --out half.h5
says 'gone'
head -c 20000 text >short
expect 2 "$bin/train" --resume --data short --out half.h5
says 'began with'
tr t T <text >changed
expect 2 "$bin/train" --resume --data changed --out half.h5
says 'digest of the training data'
same half.log.jsonl before.log.jsonl
# A limit on the size of files is how a script fills a disk: room for the log, not for a checkpoint (blocks of 1 KB).
( trap '' XFSZ; ulimit -f 100; expect 3 "$bin/train" --resume --checkpoint-minutes 0 --data text --out half.h5 -q; exit $failures )
failures=$?
says 'half.h5 still holds step'
same half.h5 before.h5
# Windows hold no weights, so a run may go on with others.
before=$(grep -c '"event":"step"' half.log.jsonl)
"$bin/train" --resume --windows 5,0 --data text --out half.h5 -q & pid=$!
for ((i = 0; i < 600; i++)); do [ "$(grep -c '"event":"step"' half.log.jsonl)" -gt "$before" ] && break; sleep 0.05; done
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail "training with other windows ended with $?"
"$bin/inspect" half.h5 | grep -q 'windows 5 64 5' || fail "training went on with its old windows"
ls | grep -E '\.partial-' && fail "temporary files were left behind"

# ---- keep-best and the prequential length ----
expect 0 "$bin/train" "${tiny[@]}" --data text --steps 200 --out kept.h5 --keep-best
prints 'kept in kept.best.h5 and kept.best.occm'
prints ' 160 steps  from here on with the weights rounded'
grep -q '"event":"rounding","step":160' kept.log.jsonl || fail "the log does not tell of rounding"
prints 'prequential: .* for the first 40.4 KB of 40.7 KB training data, '
grep -q '"event":"best"' kept.log.jsonl || fail "the log does not tell of the best"
expect 0 "$bin/inspect" kept.best.h5 --export again.occm
same again.occm kept.best.occm
expect 0 "$bin/inspect" kept.best.h5
prints 'state was dropped'
expect 0 "$bin/inspect" kept.h5
prints 'prequential'
rm kept.h5
expect 3 "$bin/train" "${tiny[@]}" --data text --steps 2 --out kept.h5 --keep-best
says 'exists already, and so do .*kept.best.h5'

# ---- compress and decompress ----
mv text corpus
head -c 4000 corpus >text  # enough where many commands code
expect 0 "$bin/compress" --ckpt tiny.h5 -v text
grep -qE '^text: [0-9]+ -> [0-9]+ bytes \([0-9.]+ %, [0-9.]+ bpb, [0-9.]+ : 1\), [0-9.]+ KB/s$' err || { fail "-v does not tell rate, ratio, speed"; cat err >&2; }
[ -e text ] || fail "compress removed its input"
cp text.occ first.occ
expect 3 "$bin/compress" --ckpt tiny.h5 text
says 'exists already'
expect 0 "$bin/compress" --ckpt tiny.occm -f text
same text.occ first.occ
"$bin/compress" --ckpt tiny.occm <text >piped.occ || fail "compress from a pipe"
same piped.occ first.occ
cat text | "$bin/compress" --ckpt tiny.occm -c - | cat >piped.occ
same piped.occ first.occ
for t in 1 2 3; do
  expect 0 "$bin/compress" --ckpt tiny.occm -T $t -o t$t.occ text
  same t$t.occ first.occ
done
expect 0 "$bin/compress" --ckpt tiny.occm --kernels plain -o plain.occ text
same plain.occ first.occ
for isa in PLAIN SSE41 AVX2 AVX512_CORE AVX512_CORE_VNNI; do
  OCCAM_MAX_ISA=$isa expect 0 "$bin/compress" --ckpt tiny.occm -o $isa.occ text
  same $isa.occ first.occ
  OCCAM_MAX_ISA=$isa expect 0 "$bin/decompress" --ckpt tiny.occm -f -o again first.occ
  same again text
done
OCCAM_MAX_ISA=MMX expect 2 "$bin/compress" --ckpt tiny.occm -o x.occ text
says 'OCCAM_MAX_ISA'
mv text original
expect 0 "$bin/decompress" --ckpt tiny.h5 text.occ
same text original
expect 0 "$bin/compress" -d --ckpt tiny.h5 -o - text.occ
same out original
"$bin/decompress" --ckpt tiny.h5 <text.occ | cmp -s - original || fail "decompress through pipes"
expect 0 "$bin/decompress" --ckpt tiny.h5 -t text.occ
expect 0 "$bin/decompress" --ckpt tiny.h5 -t -v text.occ first.occ
[ "$(grep -cE '^[a-z]+.occ: [0-9]+ -> [0-9]+ bytes .*, sound$' err)" -eq 2 ] || { fail "-t -v does not tell of each file"; cat err >&2; }
expect 0 "$bin/compress" -l text.occ first.occ
prints 'original'
[ "$(grep -c '^[a-z]*.occ$' out)" -eq 2 ] || fail "-l does not list each file"
expect 0 "$bin/occam" compress -d --ckpt tiny.h5 -c text.occ
# Levels, of which the sixth is the default.
head -c 3000 text >some
expect 0 "$bin/compress" some
for level in 1 6; do
  expect 0 "$bin/compress" -$level -o some.$level.occ some
  expect 0 "$bin/compress" --level $level -f -o some.long.occ some
  same some.long.occ some.$level.occ
  expect 0 "$bin/decompress" -f -o again some.$level.occ
  same again some
done
same some.6.occ some.occ
expect 0 "$bin/compress" -l some.1.occ
prints 'chunked, 2048 symbols'
expect 0 "$bin/compress" -3 --mode carried -o some.3.occ some
expect 0 "$bin/compress" -l some.3.occ
prints 'carried, 2048 symbols'
expect 2 "$bin/compress" -3 --ckpt tiny.occm -c some
says 'a level chooses the model'
expect 2 "$bin/compress" -3 -4 -c some
expect 2 "$bin/compress" --level 10 -c some
expect 2 "$bin/compress" -1 --raw-frame -c some

# ---- benchmark ----
head -c 3000 text >few
expect 0 "$bin/benchmark" -b2 -e3 few
[ "$(wc -l <out)" -eq 4 ] || fail "benchmark -b2 -e3 prints not two lines and two levels: $(cat out)"
prints '^few, 3000 bytes$'
expect 0 "$bin/benchmark" -b 2 --json few
[ "$(wc -l <out)" -eq 1 ] || fail "benchmark -b 2 prints more than one level: $(cat out)"
"$bin/compress" -q -2 -c few >few.occ
prints "\"level\":2,\"codes_by\":\"broad-200K, carried\",\"original_bytes\":3000,\"file_bytes\":$(stat -c %s few.occ),"
: >nothing
expect 0 "$bin/benchmark" --no-network --json few nothing
[ "$(wc -l <out)" -eq 2 ] || fail "benchmark of two files prints not one line each: $(cat out)"
"$bin/compress" -q --ckpt none -c few >few.occ
prints "\"codes_by\":\"no network\",\"original_bytes\":3000,\"file_bytes\":$(stat -c %s few.occ),"
expect 0 "$bin/benchmark" -e 2 few
[ "$(wc -l <out)" -eq 4 ] || fail "benchmark -e 2 does not begin with the first level: $(cat out)"
expect 2 "$bin/benchmark"
expect 2 "$bin/benchmark" -b0 few
says '1 to 9'
expect 2 "$bin/benchmark" -b4 -e3 few
expect 2 "$bin/benchmark" --no-network -b1 few
expect 3 "$bin/benchmark" missing
says 'missing'
# A file that cannot be read does not keep the next one from being measured.
expect 3 "$bin/benchmark" -b1 missing few
prints '^few, 3000 bytes$'

# A short file has at most 40 bytes around its payload.
for size in 0 1 3000; do
  head -c $size text >short
  rm -f short.*.occ
  : >shorts
  for way in "--mode chunked" "--mode carried" "--mode adaptive" "--ckpt none" "-1" "-3" "--embed-model --ckpt tiny.occm"; do
    expect 0 "$bin/compress" $way -o "short.${way//[ .]/_}.occ" short
    cat short >>shorts
  done
  expect 0 "$bin/compress" -l --json short.*.occ
  [ "$(grep -c '"header_bytes":' out)" -eq 7 ] || fail "$size bytes: not seven files are listed"
  awk 'match($0, /"header_bytes":[0-9]+/) && substr($0, RSTART + 15, RLENGTH - 15) > 40 { more = 1 } END { exit more }' out ||
    { fail "$size bytes: more than 40 bytes of headers"; cat out >&2; }
  expect 0 "$bin/decompress" -c short.*.occ
  same out shorts
done
# A dictionary: a file that both sides have, and tell from any other.
head -c 2000 text >old
{ head -c 900 old; echo 'something new'; tail -c 1100 old; } >new
expect 0 "$bin/compress" --dictionary old --ckpt none new
[ "$(stat -c %s new.occ)" -lt 100 ] || fail "a new version takes $(stat -c %s new.occ) bytes after the old one"
expect 0 "$bin/decompress" --dictionary old -o again -f new.occ
same again new
"$bin/compress" --dictionary old --ckpt none <new | "$bin/decompress" --dictionary old | cmp -s - new || fail "a dictionary through pipes"
expect 2 "$bin/decompress" -o again -f new.occ
says 'needs the dictionary'
expect 4 "$bin/decompress" --dictionary new -t new.occ
expect 0 "$bin/compress" -l new.occ
prints "dictionary  $(sha256sum <old | cut -c1-16)$"
expect 0 "$bin/inspect" new.occ
prints "dictionary_id  *$(sha256sum <old | cut -c1-16)$"
expect 0 "$bin/compress" --ckpt tiny.occm --raw-frame --dictionary old -f new
expect 0 "$bin/decompress" --ckpt tiny.occm --raw-frame --dictionary old -o again -f new.frame
same again new
expect 4 "$bin/decompress" --ckpt tiny.occm --raw-frame -o again -f new.frame
for wrong in "-1" "--mode carried" "--long"; do
  expect 2 "$bin/compress" --dictionary old $wrong -o x.occ new
done
expect 2 "$bin/compress" --dictionary nothing -o x.occ new
expect 2 "$bin/compress" --dictionary old -o old -f new
expect 3 "$bin/compress" --dictionary missing -o x.occ new
expect 2 "$bin/compress" --dictionary <(cat old) -o x.occ new
expect 2 "$bin/compress" --dictionary - -o x.occ new
absent x.occ

# Mode long: it needs leave for its memory, both ways, before it takes any.
expect 3 "$bin/compress" --ckpt tiny.occm --long -o far.occ text
says 'GB of memory, more than the limit of 1 GB'
absent far.occ
expect 0 "$bin/compress" --ckpt tiny.occm --long --memory 4G -o far.occ text
"$bin/compress" --ckpt tiny.occm --mode long --lanes 32 --memory 4G -T 3 <text | cmp -s - far.occ || fail "long from a pipe"
expect 3 "$bin/decompress" --ckpt tiny.occm -o again.far far.occ
absent again.far
for t in 1 3; do
  expect 0 "$bin/decompress" --ckpt tiny.occm --memory 4G -T $t -f -o again far.occ
  same again original
done
expect 0 "$bin/compress" -l far.occ
prints 'long, 64 symbols; a full segment has 32 lanes'
head -c 3000 text >part
for options in "--ckpt tiny.occm --lanes 1" "--ckpt none" "--ckpt tiny.occm --embed-model --lanes 3"; do
  expect 0 "$bin/compress" $options --long --memory 4G -f -o far.occ part
  expect 0 "$bin/decompress" --ckpt tiny.occm --memory 4G -f -o again far.occ
  same again part
  expect 0 "$bin/decompress" --ckpt tiny.occm --memory 4G --range 100:50 -f -o again far.occ
  tail -c +101 part | head -c 50 | cmp -s - again || fail "a range of mode long"
done
for wrong in "--long --lanes 33" "--lanes 0" "--mode carried --lanes 1" "--lanes 1 --raw-frame" "--long --mode carried" "--long --raw-frame"; do
  expect 2 "$bin/compress" --ckpt tiny.occm --memory 4G $wrong -f -o far.occ text
done
expect 2 "$bin/decompress" --ckpt tiny.occm --long -f -o again far.occ
expect 2 "$bin/decompress" --ckpt tiny.occm --lanes 1 -f -o again text.occ
for lanes in 3 32; do
  expect 0 "$bin/compress" --ckpt tiny.occm --lanes $lanes -f -o few.occ text
  expect 0 "$bin/compress" -l few.occ
  prints "adaptive, 64 symbols; a full segment has $lanes lanes"
  expect 0 "$bin/decompress" --ckpt tiny.occm -f -o again few.occ
  same again original
done
# Contexts that are carried, and parts.
expect 0 "$bin/compress" --ckpt tiny.h5 --mode carried -o carried.occ text
for t in 1 3; do
  "$bin/compress" --ckpt tiny.occm --mode carried -T $t <text | cmp -s - carried.occ || fail "carried, $t threads, from a pipe"
  expect 0 "$bin/decompress" --ckpt tiny.h5 -T $t -f -o again carried.occ
  same again original
done
expect 0 "$bin/compress" -l carried.occ
prints 'carried, 64 symbols'
expect 0 "$bin/compress" -l text.occ
prints 'adaptive, 64 symbols; a full segment has 1 lane of'
expect 2 "$bin/compress" --ckpt tiny.h5 --mode neither -f text
says 'chunked, carried, adaptive or long'
size=$(stat -c %s original)
for range in 0:100 1000:2K 3K: $size: 0:$size 0:0; do
  offset=$(numfmt --from=si "${range%%:*}")
  length=$(numfmt --from=si "${range#*:}" 2>/dev/null || echo "$size")
  tail -c +$((offset + 1)) original | head -c "$length" >part
  expect 0 "$bin/decompress" --ckpt tiny.h5 --range $range -f -o restored carried.occ
  same restored part
  "$bin/decompress" --ckpt tiny.h5 --range $range <text.occ | cmp -s - part || fail "range $range of standard input"
  cat text.occ | "$bin/decompress" --ckpt tiny.h5 --range $range | cmp -s - part || fail "range $range from a pipe"
done
rm restored
expect 2 "$bin/decompress" --ckpt tiny.h5 --range $size:1 -o restored text.occ
says "$size bytes"
expect 2 "$bin/decompress" --ckpt tiny.h5 --range 10:1 text.occ
says 'name the output'
expect 2 "$bin/decompress" --ckpt tiny.h5 --range 10 -c text.occ
expect 2 "$bin/compress" --ckpt tiny.h5 --range 0:1 -c text
absent restored
# Files that hold their model.
expect 0 "$bin/compress" --ckpt tiny.h5 --embed-model -v -o own.occ text
grep -qE '^text: .* : 1\), data [0-9]+, model [0-9]+, headers [0-9]+, [0-9.]+ KB/s$' err || { fail "-v does not tell the parts"; cat err >&2; }
expect 0 "$bin/inspect" tiny.h5 --export coded.occm --coded
more=$(($(stat -c %s own.occ) - $(stat -c %s first.occ) - $(stat -c %s coded.occm)))
[ $more -ge 1 ] && [ $more -le 5 ] || fail "own.occ is not file, model and its length, but $more bytes more"
"$bin/compress" --ckpt coded.occm --embed-model <text | cmp -s - own.occ || fail "embedding from a pipe"
for t in 1 3; do
  expect 0 "$bin/decompress" -T $t -f -o again own.occ
  same again original
done
cat own.occ | "$bin/decompress" | cmp -s - original || fail "a file with its model from a pipe"
expect 0 "$bin/decompress" --ckpt tiny.occm -f -o again own.occ
same again original
expect 0 "$bin/decompress" -t own.occ
expect 0 "$bin/decompress" --keep-going -f -o again own.occ
same again original
tail -c +1001 original | head -c 2000 >part
expect 0 "$bin/decompress" --range 1000:2K -f -o restored own.occ
same restored part
rm restored
expect 0 "$bin/compress" -l own.occ
prints 'payload [0-9]*, model [0-9]*, headers'
prints 'in the file'
expect 0 "$bin/inspect" own.occ
prints 'model_bytes'
prints 'layers.0.wq'
expect 0 "$bin/inspect" own.occ --export inner.occm
same inner.occm tiny.occm
expect 0 "$bin/occam_decoder" own.occ small.again
same small.again original
expect 0 "$bin/compress" --ckpt tiny.occm --embed-model --long --lanes 1 --memory 4G -f -o far.occ text
expect 3 "$bin/occam_decoder" far.occ small.none
expect 0 "$bin/occam_decoder" far.occ small.far 4000000000
same small.far original
expect 2 "$bin/occam_decoder" far.occ small.none 4G
expect 2 "$bin/occam_decoder" text.occ small.none
absent small.none
expect 0 "$bin/occam_encoder" coded.occm text small.occ
"$bin/compress" --ckpt tiny.h5 --embed-model --mode carried <text | cmp -s - small.occ || fail "occam_encoder writes something else"
expect 2 "$bin/decompress" --ckpt x.h5 -f -o restored own.occ
says 'give none'
expect 2 "$bin/inspect" text.occ --export inner.occm -f
says 'no model'
expect 2 "$bin/inspect" own.occ --release inner.h5
expect 2 "$bin/decompress" --embed-model -f -o restored own.occ
says 'embed-model'
for at in 80 1000; do
  { head -c $at own.occ; printf XXXX; tail -c +$((at + 5)) own.occ; } >hurt.occ
  expect 4 "$bin/decompress" -o restored.hurt hurt.occ
  expect 4 "$bin/decompress" --keep-going -o restored.hurt hurt.occ
  expect 4 "$bin/compress" -l hurt.occ
done
absent restored.hurt
# A small record as a bare frame.
head -c 150 text >record
for check in 0 1 2; do
  expect 0 "$bin/compress" --ckpt tiny.h5 --raw-frame --check-bytes $check -f record
  [ "$(stat -c %s record.frame)" -lt 150 ] || fail "a frame is as long as its record"
  [ "$check" -eq 0 ] || [ "$(stat -c %s record.frame)" -eq $(($(stat -c %s shorter) + 1)) ] || fail "a byte of check is not one byte"
  cp record.frame shorter
  expect 0 "$bin/decompress" --ckpt tiny.occm --raw-frame --check-bytes $check -o again -f record.frame
  same again record
done
[ "$(head -c 1 record.frame | od -An -tu1 | tr -d ' ')" -eq 150 ] || fail "a frame does not begin with its record's length"
expect 0 "$bin/compress" --raw-frame --rm -f record
expect 4 "$bin/decompress" --ckpt tiny.occm --raw-frame -o again -f record.frame
says '^occam: record.frame: .* of another model$'
expect 0 "$bin/decompress" --raw-frame -t -v record.frame
says ', sound$'
expect 0 "$bin/decompress" --raw-frame record.frame
head -c 150 text | cmp -s - record || fail "the built-in model does not restore its frame"
"$bin/compress" --raw-frame <record | "$bin/decompress" --raw-frame | cmp -s - record || fail "frames through pipes"
head -c 1061056 /dev/zero >record
expect 2 "$bin/compress" --ckpt tiny.h5 --raw-frame -o x.frame record
says 'at most 1061055 bytes'
expect 2 "$bin/compress" --ckpt tiny.h5 --check-bytes 2 -o x.frame record
says 'raw-frame'
for option in --embed-model '--mode carried' --list; do
  expect 2 "$bin/compress" --ckpt tiny.h5 --raw-frame $option -o x.frame text
done
expect 2 "$bin/compress" --ckpt tiny.h5 --raw-frame --check-bytes 3 -o x.frame text
expect 2 "$bin/decompress" --ckpt tiny.h5 --raw-frame text.occ
absent x.frame
# Rounded to other bits than trained for: smaller.
for bits in 7 4 2; do
  expect 0 "$bin/inspect" tiny.h5 --bits $bits --export bits$bits.occm --coded
done
same bits7.occm coded.occm
[ "$(stat -c %s bits4.occm)" -lt "$(stat -c %s bits7.occm)" ] || fail "4 bits are not smaller than 7"
expect 0 "$bin/compress" --ckpt bits2.occm --embed-model -f -o own2.occ text
expect 0 "$bin/decompress" -f -o again own2.occ
same again original
expect 2 "$bin/inspect" tiny.h5 --bits 8 --export bits8.occm
expect 2 "$bin/inspect" tiny.occm --bits 4 --export bits8.occm
absent bits8.occm
# Damaged files: what is sound comes back, and what is missing is told.
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do cat corpus; done >long  # two segments
expect 0 "$bin/compress" --ckpt tiny.h5 --mode chunked -o long.occ long
expect 0 "$bin/decompress" --ckpt tiny.h5 --keep-going -o restored long.occ
same restored long
{ head -c 200 long.occ; printf XXXX; tail -c +205 long.occ; } >hurt.occ
expect 4 "$bin/decompress" --ckpt tiny.h5 -f -o restored hurt.occ
expect 4 "$bin/decompress" --ckpt tiny.h5 --keep-going -f -o restored hurt.occ
says "^occam: bytes 0:524288 of hurt.occ are missing: the payload"
{ head -c 524288 /dev/zero; tail -c +524289 long; } | cmp -s - restored || fail "keep-going restores something else"
{ "$bin/decompress" --ckpt tiny.h5 --keep-going <hurt.occ 2>err; true; } | cmp -s - restored || fail "keep-going from standard input"
expect 4 "$bin/decompress" --ckpt tiny.h5 --keep-going -t hurt.occ
head -c $(($(stat -c %s long.occ) - 300)) long.occ >hurt.occ
"$bin/decompress" --ckpt tiny.h5 --keep-going -f --rm -o restored hurt.occ 2>err
[ $? -eq 4 ] || fail "keep-going with a cut file"
head -c 524288 long | cmp -s -n 524288 - restored || fail "keep-going with a cut file restores something else"
[ -e hurt.occ ] || fail "a damaged file was removed"
expect 2 "$bin/decompress" --ckpt tiny.h5 --keep-going --range 0:1 -c long.occ
expect 2 "$bin/compress" --ckpt tiny.h5 --keep-going -c long
rm restored
# Permissions and times go along.
cp text stamped
chmod 640 stamped
touch -d '2001-02-03 04:05:06.789' stamped
expect 0 "$bin/compress" --ckpt tiny.h5 stamped
[ "$(stat -c '%a %y' stamped.occ)" = "$(stat -c '%a %y' stamped)" ] || fail "compress does not keep mode and time"
expect 0 "$bin/decompress" --ckpt tiny.h5 -o unstamped stamped.occ
[ "$(stat -c '%a %y' unstamped)" = "$(stat -c '%a %y' stamped)" ] || fail "decompress does not keep mode and time"
cp text rm_me
expect 0 "$bin/compress" --ckpt tiny.h5 --rm rm_me
absent rm_me
expect 0 "$bin/decompress" --ckpt tiny.h5 rm_me.occ
same rm_me original
: >empty
expect 0 "$bin/compress" --ckpt tiny.h5 empty
mv empty.occ e2.occ
expect 0 "$bin/decompress" --ckpt tiny.h5 e2.occ
same e2 empty
head -c 5000 /dev/urandom >random
expect 0 "$bin/compress" --ckpt tiny.h5 random empty -f
expect 0 "$bin/decompress" --ckpt tiny.h5 -f random.occ empty.occ

# ---- what goes wrong ----
expect 2 "$bin/decompress" -f text.occ
says 'give the model that it was made with'
expect 2 "$bin/decompress" --ckpt tiny.h5 original
says 'suffix'
expect 4 "$bin/decompress" --ckpt tiny.h5 -o restored original
absent restored
expect 2 "$bin/compress" --ckpt tiny.h5 -o a text original
expect 2 "$bin/compress" --ckpt tiny.h5 text.occ
expect 3 "$bin/compress" --ckpt tiny.h5 missing
says 'missing'
expect 3 "$bin/compress" --ckpt missing.h5 text -f
expect 3 "$bin/compress" --ckpt tiny.h5 .
says 'directory'
expect 3 "$bin/compress" --ckpt tiny.h5 -o no/such/folder/x.occ text
expect 4 "$bin/compress" --ckpt text text -f
says 'neither'
expect 4 "$bin/decompress" --ckpt x.h5 -o restored text.occ
says 'model'
absent restored
if [ -e /dev/full ]; then
  expect 3 "$bin/compress" --ckpt tiny.h5 -o /dev/full text
  "$bin/decompress" --ckpt tiny.h5 -c text.occ >/dev/full 2>err
  [ $? -eq 3 ] || fail "decompress onto a full disk"
fi
for file in text.occ tiny.h5 tiny.occm; do
  size=$(stat -c %s $file)
  for keep in 0 1 7 8 40 100 511 512 $((size / 2)) $((size - 1)); do
    [ $keep -lt $size ] || continue
    head -c $keep $file >cut
    case $file in
      text.occ) expect 4 "$bin/decompress" --ckpt tiny.h5 -o restored cut ;;
      *) expect 4 "$bin/decompress" --ckpt cut -o restored text.occ ;;
    esac
    absent restored
  done
done
ls | grep -E '\.partial-' && fail "temporary files were left behind"

# ---- inspect and evaluate ----
expect 0 "$bin/inspect" tiny.h5
prints 'layers.0.wq'
prints '3 layers'
expect 0 "$bin/inspect" tiny.h5 --export exported.occm
same exported.occm tiny.occm
expect 3 "$bin/inspect" tiny.h5 --export exported.occm
expect 0 "$bin/inspect" tiny.h5 --release released.h5
[ "$(stat -c %s released.h5)" -lt "$(stat -c %s tiny.h5)" ] || fail "a released checkpoint is no smaller"
expect 2 "$bin/train" --resume --data text --out released.h5
expect 0 "$bin/inspect" released.h5 --export exported2.occm
same exported2.occm tiny.occm
expect 0 "$bin/inspect" --json tiny.occm
prints '"model_id"'
parameters=$(sed -n 's/.*"parameters": \([0-9]*\).*/\1/p' out)
# The weights in floats, for Python: tensors that lie one after the other and have all parameters.
for model in tiny.h5 tiny.occm; do
  expect 0 "$bin/inspect" $model --export floats.safetensors -f
  python3 - "$parameters" <<'END' || fail "floats.safetensors of $model is none"
import json, sys
data = open("floats.safetensors", "rb").read()
size = int.from_bytes(data[:8], "little")
header = json.loads(data[8 : 8 + size])
assert "occam_config" in header.pop("__metadata__")
place = count = 0
for tensor in header.values():
    rows = 1
    for length in tensor["shape"]:
        rows *= length
    assert tensor["dtype"] == "F32" and tensor["data_offsets"] == [place, place + 4 * rows], tensor
    place, count = place + 4 * rows, count + rows
assert place == len(data) - 8 - size and count == int(sys.argv[1]), (place, len(data), count)
END
done
expect 3 "$bin/inspect" tiny.h5 --export floats.safetensors
expect 2 "$bin/inspect" tiny.h5 --coded --export x.safetensors
absent x.safetensors
expect 0 "$bin/inspect" text.occ
prints 'segment'
expect 4 "$bin/inspect" text
expect 2 "$bin/inspect"
expect 0 "$bin/evaluate" --ckpt tiny.h5 --data corpus
prints 'xz'
prints 'held out'
expect 0 "$bin/evaluate" --ckpt tiny.occm --data corpus --bytes 0:20000 --json
prints '"adjusted_rate"'
expect 0 "$bin/evaluate" --ckpt tiny.h5 --data corpus --bytes 0:5000 --float
prints 'float'
head -c 20000 /dev/urandom >noise
expect 0 "$bin/evaluate" --ckpt tiny.occm --data noise --mode carried
prints 'contexts carried'
prints 'the model alone'
expect 2 "$bin/evaluate" --ckpt tiny.occm --data text --mode linked
expect 2 "$bin/evaluate" --ckpt tiny.occm --data text --float
says 'checkpoint'

# ---- baselines ----
expect 0 "$bin/baselines" text
prints '^gzip  .*%'
expect 0 "$bin/occam" baselines --json --codec gzip,xz --chunk 2048 --form bare --bytes :3000 text
prints '"codec":"gzip".*"chunk":2048,"form":"bare","original_bytes":3000,'
[ "$(wc -l <out)" -eq 2 ] || fail "not two lines for two codecs"
expect 0 "$bin/baselines" --list
prints 'bare form leaves out'
expect 2 "$bin/baselines"
expect 2 "$bin/baselines" --codec arj text
says 'arj'
expect 2 "$bin/baselines" --chunk 0 text
expect 3 "$bin/baselines" gone
: >empty
expect 2 "$bin/baselines" empty
if command -v 7z >/dev/null; then TMPDIR=/nowhere expect 3 "$bin/baselines" --codec ppmd text; fi
mkdir bare_path
PATH=$PWD/bare_path expect 0 "$bin/baselines" --codec ppmd text
prints 'not installed'

# ---- threads: four for each processor that may be used, and no more ----
for command in compress "decompress tiny.h5" "evaluate --data text" "train --data text --out x.h5 -f" "generate --codec gzip --prompt a"; do
  read -ra words <<<"$command"
  for threads in 30000 2147483647 -1; do
    expect 2 "$bin/occam" "${words[@]}" -T $threads
    says '--threads'
  done
done
expect 2 "$bin/compress" --ckpt tiny.occm -T 30000 -c text
processors=$(sed -n 's/.*this process may use \([0-9]*\) processor.*/\1/p' err)
[ "$processors" -ge 1 ] && [ "$processors" -le "$(nproc --all)" ] || fail "-T counts $processors processors"
expect 0 "$bin/compress" --ckpt tiny.occm -T $((4 * processors)) -c text
expect 2 "$bin/compress" --ckpt tiny.occm -T $((4 * processors + 1)) -c text
expect 2 taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')" "$bin/compress" --ckpt tiny.occm -T 5 -c text
says 'may use 1 processor and'

# ---- help ----
for command in train compress decompress evaluate baselines inspect; do
  expect 0 "$bin/$command" --help
  prints 'Examples'
  prints 'Exit codes'
  expect 0 "$bin/occam" $command --version
  prints 'numeric contract'
done
expect 0 "$bin/occam" --help
expect 2 "$bin/occam" no-such-command

[ $failures -eq 0 ] && echo "cli_test.sh: all held"
exit $((failures > 0))
