#!/usr/bin/env bash
# Models of other symbols than bytes: trained, resumed, and coding whatever comes.
#   tokens_test.sh BIN_DIR
set -euo pipefail
bin=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "$1"; exit 1; }
for i in $(seq 4000); do echo "Line $((i * i % 997)) of $i lines, wherefore the quixotic sphinx of line $((i % 89)) sings."; done >text

train() { "$bin/train" -q -T 1 --precision f32 --width 16 --layers 2 --heads 2 --context 64 --batch 8 "$@"; }
for tokenizer in bpe:600 bpe-plain:600 ascii7 ascii7-low; do
  kind=${tokenizer%:*}
  train --tokenizer $tokenizer --data text --steps 100 --muon-lr 0.02 --out $kind.h5
  "$bin/inspect" $kind.h5 >told && grep -q "tokenizer  *$tokenizer, [0-9]* bytes" told || fail "inspect does not tell the tokenizer $tokenizer"
  head -c 20000 text >long
  head -c 1 text >one
  : >empty
  head -c 5000 /dev/urandom >noise
  for file in long one empty noise; do
    for mode in chunked carried; do
      "$bin/compress" -q -f -k --mode $mode --ckpt $kind.occm $file
      "$bin/decompress" -q -c --ckpt $kind.h5 $file.occ | cmp - $file || fail "$kind, $mode: $file does not come back"
    done
  done
  "$bin/compress" -q -f -k --ckpt $kind.occm long
  "$bin/inspect" --json long.occ >told && grep -q '"method": "model"' told || fail "$kind: the model was not used"
  "$bin/decompress" -q --ckpt $kind.occm --range 5000:777 -o part -f long.occ
  head -c 5777 long | tail -c 777 | cmp - part || fail "$kind: a range does not come back"
  "$bin/compress" -q -c --ckpt $kind.occm --embed-model <long | "$bin/decompress" -q | cmp - long || fail "$kind: a pipe does not come back"
  "$bin/evaluate" -q --json --ckpt $kind.h5 --data text --float >evaluation
  python3 -S - $kind <<'PYTHON' || fail "$kind: rates are not per original byte"
import json, sys
e = json.load(open("evaluation"))
assert e["seen"] == "held out", e["seen"]
symbols = (e["payload_bytes"] - e["lost_bit_bytes"]) * 8 / e["original_bytes"]
assert abs(symbols - e["float_bits_per_byte"]) < 0.05 * e["float_bits_per_byte"], e
lost = e["lost_bit_bytes"] * 8 / e["original_bytes"]
assert {"ascii7": lost < 0.05, "ascii7-low": 0.05 < lost < 1.05}.get(sys.argv[1], lost == 0), e
PYTHON
done

# Lengths in bytes are those of the data, whatever the tokenizer: a run ends with the step that reaches them, and a context
# is as many symbols as stand for its bytes.
for kind in bytes bpe:600; do
  "$bin/train" -q -T 1 --width 16 --layers 2 --heads 2 --batch 8 --tokenizer $kind --data text --bytes-seen 50K --context-bytes 256 \
    --out seen.h5 --force
  "$bin/inspect" --json seen.h5 >told
  python3 -S - $kind <<'PYTHON' || fail "$kind: lengths in bytes are something else"
import json, sys
log = [json.loads(line) for line in open("seen.log.jsonl")]
end = [line for line in log if line["event"] == "step"][-1]
a_step = end["bytes_seen"] / end["step"]
assert 50e3 - 1e-3 <= end["bytes_seen"] < 50e3 + a_step, end
context = json.load(open("told"))["config"]["context"]
assert abs(a_step / 8 - 256) <= 8 * a_step / 8 / context, (a_step, context)
assert (context == 256) == (sys.argv[1] == "bytes"), context
PYTHON
done
code=0; train --tokenizer bytes --data text --bytes-seen 5K --steps 3 --out wrong.h5 2>/dev/null || code=$?
[ $code = 2 ] || fail "two lengths end with exit code $code"
code=0; train --tokenizer bytes --data text --context-bytes 64 --steps 3 --out wrong.h5 2>/dev/null || code=$?
[ $code = 2 ] || fail "two contexts end with exit code $code"

# The tokenizer of a run that is resumed is the checkpoint's.
train --tokenizer bpe:300 --data text --steps 4 --out whole.h5
cp whole.occm before.occm
"$bin/train" -q -T 1 --resume --data text --out whole.h5
cmp whole.occm before.occm || fail "a resumed run ends with another model"
code=0; "$bin/train" -q --resume --tokenizer bpe:400 --data text --out whole.h5 2>/dev/null || code=$?
[ $code = 2 ] || fail "--resume takes another tokenizer"
for wrong in bpe bpe:256 bpe:70000 bpe:x words:500; do
  code=0; train --tokenizer $wrong --data text --steps 1 --out wrong.h5 2>/dev/null || code=$?
  [ $code = 2 ] || fail "--tokenizer $wrong ends with exit code $code"
done
