#!/usr/bin/env bash
# No command destroys a file that it reads, needs or was not asked to replace.
#   nothing_lost_test.sh BIN_DIR
# shellcheck source=promises.sh
. "$(dirname "$0")/promises.sh"

seq 500 >text
tiny=(--width 16 --layers 2 --context 32 --batch 2 --steps 3 -q)
expect 0 "$bin/train" "${tiny[@]}" --data text --out tiny.h5
cp text original
cp tiny.occm model

# ---- One file as two things: nothing is done, whatever its names ----
ln text hard
ln -s text soft
for output in text ./text "$PWD/text" hard soft; do
  expect 2 "$bin/compress" --rm -f -o "$output" text
  says 'nothing was done'
  same text original
done
expect 2 "$bin/compress" -f -o tiny.occm --ckpt tiny.occm text
says 'the model'
expect 0 "$bin/compress" --ckpt none --rm -o alone.occ hard
expect 2 "$bin/decompress" --rm -f -o alone.occ alone.occ
"$bin/decompress" -c alone.occ | cmp -s - original || fail "alone.occ is hurt"
"$bin/compress" -c text >>text 2>err && fail "compress -c x >>x"
same text original
cp text grow
expect 2 bash -c "'$bin/decompress' -c alone.occ >>alone.occ"

# The model of the run among its inputs.
mkdir folder
cp text tiny.occm folder
( cd folder && expect 2 "$bin/compress" --rm --ckpt tiny.occm ./*; exit $failures )
failures=$?
absent folder/text.occ folder/tiny.occm.occ
same folder/text original
same folder/tiny.occm model
rm folder/out folder/err
( cd folder && expect 0 "$bin/compress" --ckpt tiny.occm text tiny.occm; exit $failures )  # without --rm it stays where it is
failures=$?
same folder/tiny.occm model
# Again in the same folder: each file is refused by itself, and nothing is hurt.
( cd folder && "$bin/compress" --ckpt tiny.occm t* 2>err; [ $? -eq 3 ] || fail "a second time"; says 'suffix'; says 'exists already'; exit $failures )
failures=$?

# Two outputs with one name, and an output that is another input.
mkdir one two
cp alone.occ one/x.occ
"$bin/compress" -q -o one/x.occ.occ one/x.occ
expect 2 "$bin/decompress" -f one/x.occ.occ one/x.occ
says 'an input'
same one/x.occ alone.occ
ln -s one same_folder
expect 2 "$bin/decompress" one/x.occ same_folder/x.occ
absent one/x
expect 0 "$bin/compress" --ckpt none -f text ./original
rm -f text.occ original.occ

# The other commands.
expect 2 "$bin/generate" -f --prompt-file text -o text --bytes 10
expect 2 "$bin/generate" -f --ckpt tiny.occm -o tiny.occm --bytes 10
expect 2 "$bin/inspect" -f tiny.h5 --export tiny.h5
expect 2 "$bin/inspect" -f tiny.h5 --export x --release x
says 'released'
expect 2 "$bin/evaluate" -f --data text --curve text
expect 2 "$bin/evaluate" -f --ckpt tiny.h5 --data text --curve tiny.h5
expect 3 "$bin/evaluate" --ckpt tiny.h5 --data text --curve model
says 'exists already'
same model tiny.occm
mkdir sets
cp text sets/mine.set.json
expect 2 "$bin/prepare" bytes -f --out sets/mine.set sets
same sets/mine.set.json original
same text original
same tiny.occm model

# ---- train: -f for each file that it would replace, and never what --init or --data reads ----
for there in run.h5 run.occm run.log.jsonl; do
  echo mine >$there
  expect 3 "$bin/train" "${tiny[@]}" --data text --out run.h5
  says "$there exists already"
  [ "$(cat $there)" = mine ] || fail "$there is not mine any more"
  rm $there
  absent run.h5 run.occm run.log.jsonl run.train.lock
done
for there in run.best.h5 run.best.occm; do
  echo mine >$there
  expect 3 "$bin/train" "${tiny[@]}" --data text --keep-best --out run.h5
  says "$there exists already"
  expect 0 "$bin/train" "${tiny[@]}" --data text --out run.h5
  [ "$(cat $there)" = mine ] || fail "$there is not mine any more"
  rm run.*
done
cp tiny.h5 run.h5
cp tiny.occm run.occm
for init in run.h5 run.occm; do
  expect 2 "$bin/train" "${tiny[@]}" --data text --init $init --out run.h5 -f
  says 'what the run reads'
done
same run.h5 tiny.h5
same run.occm tiny.occm
cp tiny.h5 run.best.h5
expect 2 "$bin/train" "${tiny[@]}" --data text --init run.best.h5 --keep-best --out run.h5 -f
expect 0 "$bin/train" "${tiny[@]}" --data text --init run.best.h5 --out run.h5 -f
same run.best.h5 tiny.h5
cp text corpus.log.jsonl
expect 2 "$bin/train" "${tiny[@]}" --data corpus.log.jsonl --out corpus.h5 -f
same corpus.log.jsonl original
expect 2 "$bin/train" "${tiny[@]}" --data text --out both.occm -f
says 'the checkpoint and the model'
absent both.occm

# ---- A prepare that fails leaves the old set whole ----
expect 0 "$bin/prepare" bytes --seven-bits -q --out s.set text
cp s.set.json old.json; cp s.set old.set; cp s.set.lost old.lost
old() { same s.set.json old.json; same s.set old.set; same s.set.lost old.lost; [ -z "$(find . -name '*.partial-*')" ] || fail "a temporary file stays"; }
seq 20000 >long
# A limit on the size of files is how a script fills a disk.
( trap '' XFSZ; ulimit -f 40; expect 3 "$bin/prepare" bytes -f -q --out s.set long; exit $failures )
failures=$?
old
rm s.set.lost; mkdir s.set.lost
expect 3 "$bin/prepare" bytes -f -q --out s.set long
rmdir s.set.lost; cp old.lost s.set.lost
old
# A file of the set that belongs to somebody else, in a folder where everybody has his own.
if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 true 2>/dev/null; then
  mkdir -m 1777 shared; chmod 755 .
  cp old.json shared/s.set.json; cp old.set shared/s.set; cp old.lost shared/s.set.lost; cp long shared
  chown 65534 shared/s.set; chmod 644 shared/*
  ( cd shared && expect 3 setpriv --reuid=65534 --clear-groups "$bin/prepare" bytes -f -q --seven-bits --out s.set long; exit $failures )
  failures=$?
  same shared/s.set old.set; same shared/s.set.json old.json; same shared/s.set.lost old.lost
fi

# ---- A comma is a part of a name ----
echo 1 >notes; echo 2 >old
cp text 'notes,old'; cp text 'x.c,v'
expect 0 "$bin/compress" --ckpt none --rm 'notes,old'
[ "$(cat notes old)" = "$(printf '1\n2')" ] || fail "other files were taken for a name with a comma"
expect 0 "$bin/decompress" --rm 'notes,old.occ'
same 'notes,old' original
expect 0 "$bin/compress" -t "$(expect 0 "$bin/compress" --ckpt none 'x.c,v'; echo x.c,v.occ)"
expect 0 "$bin/baselines" --codec gzip,xz 'x.c,v'
[ "$(grep -cE '^(gzip|xz) ' out)" -eq 2 ] || fail "--codec takes a list"
expect 0 "$bin/prepare" bytes -q --out 'x,y.set' 'x.c,v'
expect 0 "$bin/inspect" tiny.h5 --export 'm,n.occm'
expect 0 "$bin/evaluate" --ckpt 'm,n.occm' --data 'x.c,v' --json
expect 0 "$bin/generate" --ckpt 'm,n.occm' --prompt-file 'x.c,v' --bytes 5 -o 'g,h' -q
expect 0 "$bin/train" --width 16 --layers 3 --windows 4,8 --context 32 --batch 2 --steps 2 -q --data 'x.c,v' --out 'a,b.h5'
expect 0 "$bin/inspect" 'a,b.h5'
prints 'windows 4 8 4'
expect 2 "$bin/train" --windows 4,x --data text --out x.h5
says '--windows'

# ---- --rm removes what was read, and nothing else ----
head -c 1000 text >rest
mkfifo pipe
"$bin/compress" --rm -q -o from_pipe.occ pipe & pid=$!
cat text >pipe
wait $pid || fail "compress of a pipe"
[ -p pipe ] || fail "a pipe was removed"
absent rest.occ

# ---- Several archives in one file are one ----
mkdir several
cd several || exit 1
seq 300 >one; seq 5000 5200 >two; : >empty; cat one empty two >both
"$bin/compress" --ckpt none -c one empty two >both.occ || fail "compress -c of several"
for file in one empty two; do "$bin/compress" --ckpt none -c $file; done | cmp -s - both.occ || fail "cat of archives is another file"
{ cat both.occ; head -c 3000 /dev/zero; } >padded.occ
for file in both.occ padded.occ; do
  "$bin/decompress" -c $file | cmp -s - both || fail "$file is not restored"
  "$bin/decompress" -c <$file | cmp -s - both || fail "$file is not restored from a pipe"
  expect 0 "$bin/decompress" -t $file
  expect 0 "$bin/decompress" -t --keep-going $file
  expect 0 "$bin/compress" -l $file
  prints 'all 3 archives'
  prints "$file (archive 2)"
  expect 0 "$bin/compress" -l --json $file
  prints '"archives":3'
  prints '"original_bytes":'"$(stat -c %s both)"
  [ "$(wc -l <out)" -eq 1 ] || fail "JSON of several archives is not one line"
  "$bin/decompress" --range 900:500 -c $file | cmp -s - <(tail -c +901 both | head -c 500) || fail "--range over $file"
  "$bin/decompress" --range 900: -c <$file | cmp -s - <(tail -c +901 both) || fail "--range over $file from a pipe"
done
"$bin/compress" --ckpt "$work/tiny.occm" --embed-model -c one two | tee own.occ | "$bin/decompress" -c | cmp -s - <(cat one two) || fail "embedded models"
"$bin/occam_decoder" own.occ decoded || fail "occam_decoder of several archives"
cat one two | cmp -s - decoded || fail "occam_decoder restores something else"
expect 0 "$bin/inspect" padded.occ
prints 'padded.occ (archive 2): a compressed file'
prints "3 archives, $(stat -c %s padded.occ) bytes of $(stat -c %s both)"
"$bin/inspect" --json padded.occ | python3 -c '
import json, os, sys
told = json.load(sys.stdin)
assert [archive["original_bytes"] for archive in told["archives"]] == [os.stat(name).st_size for name in ("one", "empty", "two")]
assert sum(archive["file_bytes"] for archive in told["archives"]) == told["file_bytes"] == os.stat("padded.occ").st_size
assert sum(archive["payload_bytes"] for archive in told["archives"]) == told["payload_bytes"]' || fail "inspect --json of several archives"
expect 0 "$bin/inspect" own.occ --export own.occm
[ -s own.occm ] || fail "no model was exported from several archives that hold the same"
expect 2 "$bin/inspect" both.occ --export none.occm
absent none.occm
expect 4 "$bin/inspect" <(cat both.occ; echo x)
[ -s out ] && fail "inspect prints something of a damaged file"
for tail in x $'\x89OCC'; do
  { cat both.occ; printf '\0\0%s' "$tail"; } >followed.occ
  expect 4 "$bin/decompress" -t followed.occ
  says 'something follows the end of the file'
  expect 4 "$bin/compress" -l followed.occ
  expect 4 "$bin/decompress" -o part --range 0:5 followed.occ
done
head -c -10 both.occ >torn.occ
expect 4 "$bin/decompress" -o torn torn.occ
absent torn
"$bin/decompress" --keep-going -o torn torn.occ 2>err && fail "a torn file is sound"
head -c "$(stat -c %s one)" torn | cmp -s - one || fail "what is whole of a torn file is lost"

[ $failures -eq 0 ] && echo "nothing_lost_test.sh: all held"
exit $((failures > 0))
