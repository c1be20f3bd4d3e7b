"""The Python blocks of docs/spec, run as they stand, restore golden segments and models.

  pages_test.py PAGES_FOLDER GOLDEN_FOLDER [--full]

The blocks are slow: usually they restore a few segments, and with --full whole files of each mode.
"""

import hashlib
import os
import re
import sys
from types import SimpleNamespace

import numpy as np

from coded_models import CACHE, KINDS, MEMORY
from container import (
    CHUNKED,
    EXPERT,
    EXPERT_MODES,
    FIRST_ADAPTIVE,
    FIRST_LONG,
    LONG_MODES,
    ORDER2,
    PHOTO,
    PROGRAM,
    STORED,
    read_archive,
    xxh3,
)
from models import Reader, read_configuration, read_flat
from signals import NAMES

pages, golden = sys.argv[1:3]
full = "--full" in sys.argv[3:]
PAGES = [
    "README",
    "contract",
    "range_coder",
    "occ",
    "occm",
    "predictors",
    "expert",
    "step_expert",
    "sound",
    "photo",
    "blocks",
    "program",
    "coded_models",
    "memory",
    "lattice",
    "signals",
    "frame",
    "dictionary",
]


def read(name):
    with open(os.path.join(golden, name), "rb") as file:
        return file.read()


def run_blocks():
    """The names that all Python blocks define, in the order of the pages."""
    names = {"float32": np.float32, "sqrt": np.sqrt, "rint": lambda x: int(np.rint(x))}
    for page in PAGES:
        path = os.path.join(pages, page + ".md")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            lines_before = (
                text[: block.start()].count("\n") + 1
            )  # so that errors tell the page's line
            exec(compile("\n" * lines_before + block[1], path, "exec"), names)
    return names


names = run_blocks()
page = SimpleNamespace(**names)


def paper_model(model):
    """The model under the names of contract.md: numbers in lists."""
    c = model.configuration
    paper = SimpleNamespace(**{name: getattr(c, name) for name in "VDLHGMKCN"}, window=c.window)
    paper.P, paper.T = c.N // 2, (c.N // 2 + 1) // 2
    paper.key_scale, paper.value_scale = model.key_scale, model.value_scale
    paper.final_gain = model.tensors["final_gain"]

    def matrix(name):
        tensor = model.tensors[name]
        return SimpleNamespace(codes=tensor.codes.tolist(), scales=list(tensor.scales))

    def convolution(name):
        w = matrix(name)
        return [[np.float32(code) * scale for code in row] for row, scale in zip(w.codes, w.scales)]

    paper.embedding, paper.head = matrix("embedding"), matrix("head")
    paper.rules, paper.W, paper.gate_block = c.rules, c.W, c.gate
    if c.rules:
        paper.step, paper.tables = model.step, [table.tolist() for table in model.tables]
        for name in ("memory_projection", "memory_gates", "memory_gated"):
            setattr(paper, name, matrix(name))
    paper.signal_rules, paper.record, paper.residual = c.signal_rules, c.record, c.residual
    paper.kinds, paper.kind = c.kinds, 0
    paper.lattices = [page.Lattice(quality) for quality in c.qualities]
    paper.signal_tables = [matrix(f"signal_{NAMES[rule - 1]}") for rule in c.signal_rules]
    paper.layers = []
    for l in range(c.L):
        layer = SimpleNamespace(
            **{n: matrix(f"{l}.{n}") for n in ("wq", "wk", "wv", "wo", "wu", "wd")}
        )
        layer.gains = [model.tensors[f"{l}.gain{i}"] for i in (1, 2)]
        layer.convolutions = [convolution(f"{l}.conv{i}") for i in (1, 2)] if c.K > 0 else []
        paper.layers.append(layer)
    return paper


def fresh_state(m):
    """The table of contract.md, section 5."""
    zero = np.float32(0)

    def of_heads(make):
        return [[make() for _ in range(m.G)] for _ in range(m.L)]

    return SimpleNamespace(
        position=0,
        past=page.KnownPast(),
        signals=page.SignalPast(m.record, m.kinds, m.kind, m.lattices) if m.record else None,
        keys=of_heads(list),
        values=of_heads(list),
        still=of_heads(lambda: [zero] * (2 * (m.P - m.T))),
        history=[[[[zero] * m.D for _ in range(m.K - 1)] for _ in range(2)] for _ in range(m.L)],
    )


def restore(header, model, paper, segment):
    """The bytes of a segment, by the pages' code alone."""
    if segment.method == STORED:
        return segment.payload
    if segment.method == PHOTO:
        return page.decode_photo(segment.payload, segment.original_bytes)
    if segment.method == PROGRAM:
        return page.decode_program(segment.payload, segment.original_bytes, header.mode)
    if segment.method == ORDER2:
        return restore_lanes([segment.payload], page.Order2(), [segment.symbols])
    if segment.method == EXPERT:
        alone = page.lone_expert(segment.symbols, header.mode)
        return restore_lanes([segment.payload], alone, [segment.symbols])
    payload = segment.payload
    if paper.kinds:
        paper.kind, payload = payload[0], payload[1:]
    lengths = page.lane_lengths(segment.symbols, header)
    streams = page.cut_streams(payload, header.mode, len(lengths))
    if header.mode in EXPERT_MODES:
        steps = header.mode > FIRST_LONG
        kind = page.StepExpertWithNetwork if steps else page.ExpertWithNetwork
        is_long = header.mode in LONG_MODES
        predictor = kind(paper, header.context, segment.symbols, is_long)
    elif header.mode == FIRST_ADAPTIVE:
        predictor = page.AdaptivePredictor(paper, header.context)
    else:
        predictor = page.NetworkPredictor(paper, header.context, header.mode == CHUNKED)
    return restore_lanes(streams, predictor, lengths)


def restore_lanes(streams, predictor, lengths):
    decoders = [page.RangeDecoder(stream) for stream in streams]
    symbols = page.decode_symbols(decoders, predictor, lengths)
    for decoder in decoders:
        page.finish(decoder)
    return bytes(symbols)


model = read_flat(read("model.occm"))
paper = paper_model(model)
cosine, sine = page.rotary_table()
names.update(
    fresh_state=fresh_state, FREQUENCIES=page.rotary_frequencies(paper.P), COSINE=cosine, SINE=sine
)

# In these files segment 2 is of method order 2, segment 3 is stored, segment 4 is of method model.
# In step.occ segment 0 has four lanes: two streams.
chosen = {"chunked.occ": [2, 4], "adaptive.occ": [3, 4], "expert.occ": [4]}
chosen.update({"step.occ": [0], "step-long.occ": [4]})
if full:
    chosen = {name: range(5) for name in ("chunked.occ", "carried.occ", "adaptive.occ")}
    chosen.update({f"usual-{mode}.occ": [0] for mode in ("chunked", "carried", "adaptive")})
    chosen.update({"expert.occ": range(5), "usual-expert.occ": [0], "alone.occ": [0]})
    chosen.update({"step.occ": range(5), "usual-step.occ": [0], "step-alone.occ": [0]})
    chosen.update({"long.occ": range(5), "step-long.occ": range(5)})
for name, numbers in chosen.items():
    header, _, segments = read_archive(read(name), lambda: model)
    for number in numbers:
        segment = segments[number]
        original = restore(header, model, paper, segment)
        assert len(original) == segment.original_bytes, (name, number)
        assert xxh3(original) == segment.original_hash, (name, number)

# Examples of step_expert.md (section 8).
with open(os.path.join(pages, "step_expert.md"), encoding="utf-8") as file:
    examples = file.read().split("## 8.")[1]
rows = re.findall(r"^\| ([123]) \| ([\d, ]+) \| ([\d, ]+) \|$", examples, re.MULTILINE)
expert, told = page.StepExpert(2, 12, False, False), []
for step in range(4):
    for lane, byte in enumerate(b"ab"):
        expert.start_byte(lane)
        told.append([])
        for shift in range(7, -1, -1):
            told[-1].append(expert.predict())
            expert.learn(byte >> shift & 1)
assert told[:2] == [[33075] * 8] * 2
assert told[2:] == [[int(p) for p in cell.split(", ")] for row in rows for cell in row[1:]]
sequence = page.StepSequence()
for byte in b'A (cat) said "no. Yes':
    sequence.add(byte)
assert (sequence.text_state(), sequence.first_word, sequence.mark) == (25, 0x1011D34A, 46)
sequence = page.StepSequence()
for count in range(17):
    assert sequence.kind == 0
    sequence.add(0)
assert sequence.kind == 1 and sequence.controls == 67506
for count in range(186):
    assert sequence.kind == 1
    sequence.add(65)
assert sequence.kind == 0 and page.plane_hash(1, 2) == 0xDB025BBD902CC80E

# Files of sound.
for name in ["mono.occ", "step-stereo.occ", *(["stereo.occ"] if full else [])]:
    header, _, segments = read_archive(read(f"sound/{name}"), lambda: None)
    for segment in segments:
        original = page.decode_sound(segment.payload, segment.original_bytes, header.mode)
        assert xxh3(original) == segment.original_hash, name
        # How its encoder found it: by the header, and as samples without one.
        samples = original[44:-5]
        assert page.look_for_samples(samples * 2) == (1 if name == "mono.occ" else 2, 0), name
        assert page.repeated_bytes(samples) == 0, name
        assert 0 <= 2 * len(samples) - page.repeated_bytes(samples * 3) < 64, name

# Examples of sound.md (section 8).
with open(os.path.join(pages, "sound.md"), encoding="utf-8") as file:
    examples = file.read().split("## 8.")[1]
curve = b"".join(x.to_bytes(4, "little") for x in page.CURVE)
assert hashlib.sha256(curve).hexdigest() in examples
shares = page.Distribution(100, 65536)
told = [str(shares.below(x)) for x in (-32768, -32767, 0, 6, 7, 100, 32767, 32768)]
assert " | ".join(told) in examples
squares = page.LeastSquares(2, 4, 5, 4)
for t in range(8):
    squares.predict([1000 - 100 * t, 500 + 30 * t])
    squares.learn(700 - 20 * t)
assert squares.weights == [406323, 655359] and squares.predict([200, 740]) == 8639
gradient = page.GradientFilter(2, 32)
predicted = []
for value in (100, 200, 300, 400):
    predicted.append(gradient.predict())
    gradient.learn(value, value - predicted[-1])
assert predicted == [0, 0, 11, 32] and gradient.weights == [127558, 37227]
# Photographs, small ones.
blocks = ("gray-blocks.occ", "colour-blocks.occ", "halved-blocks.occ")
for name in ("gray.occ", "colour.occ", *(blocks if full else blocks[:1])):
    header, _, segments = read_archive(read(f"photos/{name}"), lambda: None)
    assert [segment.method for segment in segments] == [PHOTO], name
    original = restore(header, None, None, segments[0])
    assert xxh3(original) == segments[0].original_hash, name

# Programs, and the examples of their page.
for name in ("x86.occ", "arm64.occ") if full else ("arm64.occ",):
    header, _, segments = read_archive(read(f"programs/{name}"), lambda: None)
    assert [segment.method for segment in segments] == [PROGRAM], name
    original = restore(header, None, None, segments[0])
    assert xxh3(original) == segments[0].original_hash, name
    assert page.instruction_set(original) == segments[0].payload[0], name
with open(os.path.join(pages, "program.md"), encoding="utf-8") as file:
    rows = re.findall(r"\| (x86|arm64) \| (\d+) \| `([^`]+)`[^|]*\| (.*) \|", file.read())
assert len(rows) == 6, rows
for instructions, place, before, after in rows:
    data = bytearray(int(place)) + bytes.fromhex(before)
    if instructions == "x86":
        page.make_x86_absolute(data)
    else:
        page.make_arm64(data, absolute=True)
    told = before if after == "the same" else after.strip("`")
    assert data[int(place) :] == bytes.fromhex(told), (instructions, before)


def walk_short(data):
    """Passes over the fields of a short archive by the page's numbers."""
    mode, method, flags, at = data[9] >> 4, data[9] & 15, data[10], 11
    context, layout = 2048, page.short_layout(mode, 2048, 0)
    if flags & 1:
        context, at = page.read_number(data, at + 1, 2**20)
        layout, at = page.short_layout(mode, context, flags >> 4), at + 8
    if flags & 2:
        length, at = page.read_number(data, at, 2**30)
        at += length
    original_bytes, at = page.read_number(data, at, 2**24)
    if flags & 4:
        _, at = page.read_number(data, at, 2**24)
    payload_bytes = original_bytes
    if method != STORED:
        payload_bytes, at = page.read_number(data, at, 2**24)
    checked = at + payload_bytes + 4
    told = int.from_bytes(data[checked : checked + 4], "little")
    assert told == xxh3(data[:checked]) & 0xFFFFFFFF
    assert data[checked + 4 :] == page.short_end(data[: checked + 4])
    return context, layout, data[at : at + payload_bytes]


with open(os.path.join(pages, "occ.md"), encoding="utf-8") as file:
    examples = file.read().split("### 10.2")[1]
examples = [bytes.fromhex(line) for line in re.findall(r"^    ([0-9a-f ]+)$", examples, re.MULTILINE)]
assert [walk_short(data)[2] for data in examples] == [b"", b"abc"], examples
for context, lanes in ((2048, 1), (2048, 4), (64, 32), (2000, 8)):
    told = {32: 0, 8: 2, 4: 3, 1: 5}[lanes]
    assert page.adaptive_layout(context, lanes) == page.short_layout(5, context, told)
streams = page.cut_streams(bytes.fromhex("0201abcdef12"), 5, 7)
assert [stream.hex() for stream in streams] == ["abcd", "ef", "12"]
short_files = ("chunked", "carried", "adaptive", "step", "step-lanes", "alone", "embedded", "empty")
for name in short_files:
    data = read(f"short-{name}.occ")
    header, _, segments = read_archive(data, lambda: model)
    context, layout, payload = walk_short(data)
    assert (context, layout) == (header.context, (header.lanes, header.lane_symbols)), name
    assert payload == b"".join(segment.payload for segment in segments), name

# Bare frames; the shorter ones, and the examples of their page.
with open(os.path.join(pages, "frame.md"), encoding="utf-8") as file:
    frame_page = file.read()
for line in read("frames").decode().splitlines():
    check, record, frame = line.split()
    record, frame = (bytes.fromhex(part.strip("-")) for part in (record, frame))
    if check == "1" and len(record) <= 60:
        assert f"`{frame.hex()}`" in frame_page, line
    if len(record) <= 60 or full:
        predictor = page.NetworkPredictor(paper, paper.C, False)
        decoded = page.decode_frame(
            frame, predictor, lambda symbol: bytes([symbol]), int(check), xxh3
        )
        assert decoded == record, line

# After a dictionary: the file without a model, and the frame of the page.
dictionary = read("dictionary/dictionary")
_, _, (segment,) = read_archive(read("dictionary/alone.occ"), lambda: None)
expert = page.LoneExpertAfter(dictionary, segment.symbols)
original = restore_lanes([segment.payload], expert, [segment.symbols])
assert segment.original_hash == xxh3(original) & 0xFFFFFFFF
with open(os.path.join(pages, "dictionary.md"), encoding="utf-8") as file:
    dictionary_page = file.read()
assert f"`{hashlib.sha256(dictionary).hexdigest()[:16]}`" in dictionary_page
for line in read("dictionary/frames").decode().splitlines():
    check, record, frame = line.split()
    record, frame = (bytes.fromhex(part.strip("-")) for part in (record, frame))
    if 0 < len(record) <= 60 or full:
        predictor = page.ExpertWithNetworkAfter(paper, paper.C, dictionary, 16384)
        decoded = page.decode_frame(frame, predictor, lambda byte: bytes([byte]), int(check), xxh3)
        assert decoded == record, line
    if len(record) == 60:
        assert f"`{frame.hex()}`" in dictionary_page, line

# Models with a memory and with signals: segments 0 and 4 are of method model.
others = {name: read_flat(read(f"{name}/model.occm")) for name in ("memory", "signals")}
for name, other in others.items():
    paper = paper_model(other)
    header, _, segments = read_archive(read(f"{name}/carried.occ"), lambda: other)
    for number in [0, 4] if full else [4]:
        original = restore(header, other, paper, segments[number])
        assert xxh3(original) == segments[number].original_hash, (name, number)

# A model with kinds of contexts, and one with lattices: a picture, and samples that lie on one.
for name, few in (("kinds", [1]), ("lattice", [0])):
    other = read_flat(read(f"{name}/model.occm"))
    header, _, segments = read_archive(read(f"{name}/carried.occ"), lambda: other)
    for number in range(3) if full else few:
        original = restore(header, other, paper_model(other), segments[number])
        assert xxh3(original) == segments[number].original_hash, (name, number)

# Examples of signals.md (section 4).
with open(os.path.join(pages, "signals.md"), encoding="utf-8") as file:
    examples = file.read().split("## 4.")[1]
rows = re.findall(r"^\| (none|[\d, ]+) \| ([\d |]+) \|$", examples, re.MULTILINE)
assert len(rows) == 5
for known, expected in rows:
    past = page.SignalPast((4, 2))
    for byte in [] if known == "none" else known.split(", "):
        past.append(int(byte))
    assert [past.row(rule) for rule in range(1, 8)] == [int(x) for x in expected.split(" | ")], known


def as_floats(patterns):
    return np.array(patterns, np.uint32).view(np.float32)


def check_coded(coded, model):
    """The coded model, tensor by tensor, beside the flat one."""
    reader = Reader(coded[16:], "the coded model")
    configuration = read_configuration(reader, model.contract)
    reader.take(reader.number(4))  # the tokenizer
    decoder = page.RangeDecoder(coded[16 + reader.position : -32])
    walk = page.ModelWalk(decoder)
    for name, rows, columns, form in configuration.tensors():
        kind, tensor = KINDS[name.split(".")[-1]], model.tensors[name]
        if form == "floats":
            assert np.array_equal(as_floats(walk.decode_floats(kind, columns)), tensor), name
            continue
        assert np.array_equal(as_floats(walk.decode_floats(kind, rows)), tensor.scales), name
        assert np.array_equal(np.array(walk.decode_codes(kind, rows, columns)), tensor.codes), name
    if configuration.rules:
        assert as_floats(walk.decode_floats(MEMORY, 1))[0] == model.step
    for i, table in enumerate(model.tables):
        assert page.decode_table(walk, i, *table.shape) == table.tolist(), i
    for scales in (model.key_scale, model.value_scale):
        assert np.array_equal(as_floats(walk.decode_floats(CACHE, scales.size)), scales.ravel())
    page.finish(decoder)


check_coded(read("model.coded.occm"), model)
for name, other in others.items():
    check_coded(read(f"{name}/model.coded.occm"), other)

# Merges and lost bits: examples of occm.md (section 4), coded_models.md (5), predictors.md (6.3).
merges = [(104, 101), (116, 256), (257, 32), (32, 256)]
assert page.write_merges(merges).hex() == "040016a62effff1310fc05"
assert page.read_merges(page.write_merges(merges)) == merges
decoder = page.RangeDecoder(bytes.fromhex("681263f247b6290e"))
assert page.decode_merges(decoder, 4) == merges
page.finish(decoder)
text = "café café café".encode()
decoder = page.RangeDecoder(bytes.fromhex("19"))
assert page.decode_lost_bits(decoder, [byte & 127 for byte in text]) == [byte >> 7 for byte in text]
page.finish(decoder)
print("pages_test.py: all held")
