#!/usr/bin/env bash
# occam prepare as a user meets it: exit codes, files, messages; and that train and evaluate know a set.
#   prepare_test.sh BIN_DIR
# shellcheck source=promises.sh
. "$(dirname "$0")/promises.sh"

# ---- Photographs: 128 x 96 pixels, six patches each ----
mkdir photos
for i in 1 2 3 4; do
  awk -v seed=$i 'BEGIN { srand(seed); print "P2 128 96 255"; for (y = 0; y < 96; y++) for (x = 0; x < 128; x++)
    print int(115 + 60 * sin((x + seed * 9) / 17) + 50 * cos(y / 11) + 20 * rand()) }' >photos/$i.pgm
done
expect 0 "$bin/prepare" images --validation-files 1 --out photos.set photos
prints 'training .* 18 records, 3 files'
prints 'validation .* 6 records, 1 files'
[ "$(stat -c %s photos.set)" -eq $((24 * 2048)) ] || fail "24 patches have $(stat -c %s photos.set) bytes"
grep -q '"kind": "images"' photos.set.json || fail "the description does not tell the kind"
expect 0 "$bin/prepare" images --validation-files 1 -q --out again.set photos/4.pgm photos/3.pgm photos/1.pgm photos/2.pgm
[ -s out ] && fail "prepare -q prints"
same photos.set again.set
same photos.set.json again.set.json
expect 3 "$bin/prepare" images --out photos.set photos
says 'exists already'
expect 0 "$bin/prepare" images --out photos.set -f --patches 2 --seed 5 photos
prints '2 records, 1 files'
expect 0 "$bin/prepare" images --out photos.set -f --validation-files 1 --seven-bits photos
prints 'lost bits of the validation part (lowest): .* of 12288'
[ "$(stat -c %s photos.set.lost)" -eq $((24 * 2048 / 8)) ] || fail "the lost bits are not there"
expect 0 "$bin/prepare" images --out photos.set -f --validation-files 1 photos
absent photos.set.lost

# ---- Folders as the world has them ----
mkdir -p world/sub
cp photos/*.pgm world
echo x >world/.DS_Store; echo x >world/sub/list.txt; cp photos/1.pgm world/sub/._1.pgm
expect 0 "$bin/prepare" images --validation-files 1 --out world.set world
prints 'left out  *3 files of folders with other extensions'
cmp -s world.set photos.set || fail "stray files change a set"
head -c 3000 photos/1.pgm >world/broken.pgm
echo "P2 8 8 255 $(printf '7 %.0s' $(seq 64))" >world/sub/small.pgm
expect 4 "$bin/prepare" images --validation-files 1 -f --out world.set world
says 'world/broken.pgm'
cmp -s world.set photos.set || fail "a failing prepare changes a set"
expect 0 "$bin/prepare" images --validation-files 1 -f --skip-unusable --out world.set world
prints 'left out  *2 files that cannot be used'
prints 'world/broken.pgm'
prints '8 x 8 pixels'
cmp -s world.set photos.set || fail "unusable files change a set"
mkdir strays; echo x >strays/a.txt
expect 2 "$bin/prepare" images --out x.set strays
says 'none of 1 files'
expect 2 "$bin/prepare" images --skip-unusable --out x.set world/broken.pgm
says 'world/broken.pgm'
expect 2 "$bin/prepare" bytes --skip-unusable --out x.set photos/1.pgm
absent x.set

# ---- What goes wrong ----
head -c 3000 photos/1.pgm >broken.pgm
expect 4 "$bin/prepare" images --out x.set photos broken.pgm
says 'broken.pgm'
echo "P2 63 200 255" >small.pgm
for ((i = 0; i < 63 * 200; i++)); do echo 7; done >>small.pgm
expect 2 "$bin/prepare" images --out x.set small.pgm
says '63 x 200'
expect 4 "$bin/prepare" images --out x.set photos.set.json
says 'no PNG, JPEG or PNM'
expect 3 "$bin/prepare" images --out x.set missing
expect 3 "$bin/prepare" images --out no/such/folder/x.set photos
expect 2 "$bin/prepare" images --out x photos
says 'NAME.set'
expect 2 "$bin/prepare" images photos
expect 2 "$bin/prepare" --out x.set
expect 2 "$bin/prepare" paintings --out x.set photos
expect 2 "$bin/prepare" images --out x.set
expect 2 "$bin/prepare" images --bytes 5 --out x.set photos
says 'no meaning for images'
expect 2 "$bin/prepare" images --validation-files 5 --out x.set photos
expect 2 "$bin/prepare" audio --out x.set photos
absent x x.set x.set.json
ls | grep -E '\.partial-' && fail "temporary files were left behind"

# ---- Random bytes and files ----
expect 0 "$bin/prepare" random --bytes 64KiB --seed 3 --out random.set
expect 0 "$bin/prepare" random --bytes 64KiB --seed 3 --out random2.set
same random.set random2.set
expect 2 "$bin/prepare" random --seed 3 --out x.set
expect 2 "$bin/prepare" random --bytes 5 --out x.set photos
awk 'BEGIN { srand(7); split("the of and to in a is that it was for on are as with they at be this from", w, " ");
  for (i = 0; i < 12000; i++) printf "%s ", w[int(rand() * rand() * 20) + 1] }' >text
expect 0 "$bin/prepare" bytes --val-bytes 10K --seven-bits --out text.set text
prints 'lost bits of the training part (top): 0 of'
same text text.set  # nothing above 127, and the split is where the file has it
xz -k text
expect 0 "$bin/prepare" bytes --val-bytes 10K --out unpacked.set text.xz
same text unpacked.set

# ---- train and evaluate know a set's parts ----
tiny=(--width 16 --layers 2 --context 64 --windows 16,0 --batch 4)
expect 0 "$bin/train" "${tiny[@]}" --data photos.set --steps 3 --out photos.h5
prints 'images (100.0 %) = photos.set, train on bytes 0:36864, validate on 36864:49152'
expect 2 "$bin/train" "${tiny[@]}" --data photos.set --val-bytes 5K --steps 3 --out x.h5
says 'parts of its own'
expect 2 "$bin/train" "${tiny[@]}" --data random.set --steps 3 --out x.h5
says 'no training part'
absent x.h5
for model in photos.h5 photos.occm; do
  expect 0 "$bin/evaluate" --ckpt $model --data photos.set
  prints 'photos.set, bytes 36864:49152'
done
expect 0 "$bin/evaluate" --ckpt photos.h5 --data photos.set
prints 'held out'
expect 0 "$bin/evaluate" --ckpt photos.h5 --data photos.set --bytes 0:4096
prints 'in-sample'

# ---- Mixtures ----
mix=(--data words=text:2 --data image=photos.set:1 --val-bytes 10K)
expect 0 "$bin/train" "${tiny[@]}" "${mix[@]}" --steps 60 --out mix.h5
prints 'words (66.7 %) = text, train on'
prints 'image (33.3 %) = photos.set, train on bytes 0:36864, validate on 36864:49152'
prints 'the whole part: words [0-9.]*, image [0-9.]*$'
grep -q '"bpb_of":{"words":[0-9.]*,"image":[0-9.]*}' mix.log.jsonl || fail "the log does not tell of each source"
expect 0 "$bin/inspect" mix.h5
prints 'image (33.3 %) = photos.set, bytes 0:36864'
expect 0 "$bin/evaluate" --ckpt mix.h5 --data photos.set
prints '36864:49152 .*held out'
expect 0 "$bin/evaluate" --ckpt mix.h5 --data text
prints 'held out'
# An interrupted run goes on to the very weights of one that was not.
"$bin/train" "${tiny[@]}" "${mix[@]}" --steps 600 --checkpoint-minutes 0 --out cut.h5 -q & pid=$!
for ((i = 0; i < 1500; i++)); do [ -e cut.h5 ] && break; sleep 0.02; done
kill -INT $pid 2>/dev/null
wait $pid
got=$?
[ $got -eq 130 ] || [ $got -eq 0 ] || fail "interrupted training ended with $got"
expect 2 "$bin/train" --resume --data text --out cut.h5
says 'named sources'
expect 2 "$bin/train" --resume --data words=text:1 --data image=photos.set:1 --out cut.h5
says 'digest of the training data'
expect 2 "$bin/train" --resume --data words=text:2 --data photo=photos.set:1 --out cut.h5
expect 0 "$bin/train" --resume --data words=text:2 --data image=photos.set:1 --out cut.h5 -q
expect 0 "$bin/train" "${tiny[@]}" "${mix[@]}" --steps 600 --out whole.h5 -q
same cut.occm whole.occm
# Kinds of contexts: the same bits where a run goes on, and rates of each source by its kind.
kinds=(--signals patches --record 64x32 --kinds 0,1s)
expect 0 "$bin/train" "${tiny[@]}" "${mix[@]}" "${kinds[@]}" --steps 60 --out kinds.h5
prints 'kinds 0 1 with signals'
"$bin/train" "${tiny[@]}" "${mix[@]}" "${kinds[@]}" --steps 60 --checkpoint-minutes 0 --out went.h5 -q & pid=$!
for ((i = 0; i < 1500; i++)); do [ -e went.h5 ] && break; sleep 0.02; done
kill -INT $pid 2>/dev/null
wait $pid
expect 0 "$bin/train" --resume --data words=text:2 --data image=photos.set:1 --out went.h5 -q
same kinds.occm went.occm
for data in photos.set text; do
  expect 0 "$bin/evaluate" --ckpt kinds.h5 --data $data
  prints 'identical'
done
expect 0 "$bin/compress" --ckpt kinds.occm -f -o both.occ text
expect 0 "$bin/decompress" --ckpt kinds.h5 -f -o both.text both.occ
same both.text text
for bad in "--kinds 0,1s" "--signals patches --kinds 0" "--signals patches --kinds 0,0" "--signals patches --kinds 0,2s" \
  "--signals patches --kinds 0s,0" "--signals patches --kinds 0,16s" "--signals patches --kinds 0,xs"; do
  expect 2 "$bin/train" "${tiny[@]}" "${mix[@]}" $bad --steps 3 --out x.h5
done
expect 2 "$bin/train" --resume --kinds 0,1s --data words=text:2 --data image=photos.set:1 --out kinds.h5
# What cannot be.
for bad in "--data text --data photos.set" "--data a=text:1 --data a=photos.set:1" "--data a=text:0" "--data a=text:-1" \
  "--data a=text:1 --data b=photos.set:1e-6" "--data a=random.set:1" "--data a=photos.set:1 --val-bytes 10K"; do
  expect 2 "$bin/train" "${tiny[@]}" $bad --steps 3 --out x.h5
done
expect 2 "$bin/train" --width 16 --layers 2 --context 60 --data a=photos.set --steps 3 --out x.h5
says 'do not fit records'
expect 2 "$bin/train" "${tiny[@]}" "${mix[@]}" --tokenizer bpe:300 --steps 3 --out x.h5
says 'one source'
expect 2 "$bin/train" "${tiny[@]}" --data photos.set --tokenizer bpe:300 --steps 3 --out x.h5
expect 3 "$bin/train" "${tiny[@]}" --data a=missing:1 --steps 3 --out x.h5
absent x.h5
cp text 'a=text:1'  # a file of that very name is that file
expect 0 "$bin/train" "${tiny[@]}" --data a=text:1 --steps 3 --out named.h5
prints 'data:  a=text:1, train'

# ---- Sets that others changed ----
cp random.set moved.set
expect 3 "$bin/train" --data moved.set --steps 1 --out x.h5
says 'no description'
cp random.set.json moved.set.json
printf X | dd of=moved.set conv=notrunc status=none
expect 4 "$bin/train" --data moved.set --steps 1 --out x.h5
says 'does not hold'

expect 0 "$bin/prepare" --help
prints 'Examples'
prints 'Exit codes'

[ $failures -eq 0 ] && echo "prepare_test.sh: all held"
exit $((failures > 0))
