"""decoder.py, written from docs/spec alone, restores what the commands write and refuses damage.

  decoder_test.py BIN_FOLDER GOLDEN_FOLDER [--full]

The usual test takes a file of each kind in KINDS. --full also reads each page where it is hard, in
some minutes: a real model of 830 thousand parameters, one of 222 thousand that travels coded in a
file of a real page, a vocabulary of 1000 byte pairs, a lane of more than 65536 symbols, and a model
with each of its bytes changed.
"""

import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from container import (
    EXPERT,
    MODEL,
    ORDER2,
    PHOTO,
    PROGRAM,
    SOUND,
    STORED,
    SegmentDecoder,
    decompress,
    lane_lengths,
    read_archive,
    xxh3,
)
from frames import decode_frame, read_length
from models import flatten, read_flat, read_model
from notation import Damaged
from predictors import LoneExpert
from range_coder import cut_streams
from step_expert import BITMAP, StepExpert

binaries, golden = (os.path.abspath(path) for path in sys.argv[1:3])
full = "--full" in sys.argv[3:]
here = os.path.dirname(os.path.abspath(__file__))
MODES = (
    "chunked",
    "carried",
    "first adaptive",
    "second adaptive",
    "first long",
    "adaptive",
    "long",
)
METHODS = {
    STORED: "stored",
    ORDER2: "order 2",
    EXPERT: "expert",
    SOUND: "sound",
    PHOTO: "photo",
    PROGRAM: "program",
}
TOKENIZERS = {2: "byte pairs", 3: "byte pairs", 4: "lost bits", 5: "lost bits"}
KINDS = {*MODES, *METHODS.values(), *TOKENIZERS.values(), "coded model of format 1"}
KINDS |= {"coded model of format 2", "embedded", "bytes", "memory", "signals", "after a dictionary"}
KINDS |= {"kinds of contexts", "lattices"}
ORDINARY = [
    "chunked.occ",
    "carried.occ",
    "adaptive.occ",
    "usual-chunked.occ",
    "usual-carried.occ",
    "usual-adaptive.occ",
    "expert.occ",
    "long.occ",
    "usual-expert.occ",
    "alone.occ",
    "short-chunked.occ",
    "short-carried.occ",
    "short-adaptive.occ",
    "short-alone.occ",
    "short-empty.occ",
    "step.occ",
    "usual-step.occ",
    "step-alone.occ",
    "step-long.occ",
    "short-step.occ",
    "short-step-lanes.occ",
]
# Without --full: files of each way through the network. The experts take most of the time of
# others, so short_files and some_segments have those.
SOME = ["chunked.occ", "carried.occ", "adaptive.occ", "short-empty.occ"]
FEW = ["carried.occ", "usual-adaptive.occ"]


def occam(*arguments):
    subprocess.run([os.path.join(binaries, "occam"), *arguments], check=True, capture_output=True)


def decode(*arguments, code=0):
    """What decoder.py prints; what it fails with is one line."""
    done = subprocess.run(
        [sys.executable, os.path.join(here, "decoder.py"), *arguments],
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, (arguments, done.returncode, done.stderr.decode())
    if code != 0:
        assert done.stdout == b"" and done.stderr.startswith(b"decoder.py: "), (arguments, done)
        assert done.stderr.count(b"\n") == 1, (arguments, done)
    return done.stdout


def read(path):
    with open(path, "rb") as file:
        return file.read()


def kinds_of(file, model):
    """The kinds of a file that was restored, by a model's file or none."""
    data = read(file)
    header, found, segments = read_archive(data, lambda: model and read_model(read(model)))
    kinds = {METHODS.get(segment.method, MODES[header.mode]) for segment in segments}
    kinds |= {"after a dictionary"} if header.dictionary_id else set()
    if found is not None:
        kinds.add(TOKENIZERS.get(found.tokenizer.kind, "bytes"))
        kinds |= {"memory"} if found.configuration.rules else set()
        kinds |= {"signals"} if found.configuration.record else set()
        kinds |= {"kinds of contexts"} if found.configuration.kinds else set()
        kinds |= {"lattices"} if found.configuration.qualities else set()
    if header.has_model_block:
        coded_format = data[data.index(b"OCCAMQNZ") + 8]
        kinds |= {"embedded", f"coded model of format {coded_format}"}
    return kinds


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def of_golden(name):
    return os.path.join(golden, name)


def changed(data, at):
    return data[:at] + bytes([data[at] ^ 1 + at % 255]) + data[at + 1 :]


def refused(decoding, data):
    try:
        decoding(data)
    except Damaged:
        return True
    return False


def golden_files(folder=""):
    def of(name):
        return of_golden(os.path.join(folder, name))

    originals = dict(line.split()[:2] for line in read(of("originals")).decode().splitlines())
    model = ["--ckpt", of("model.occm")]
    kinds = set()
    for name in ORDINARY if full else FEW if folder else SOME:
        found = hashlib.sha256(decode(*model, of(name))).hexdigest()
        assert found == originals[name], name
        kinds |= kinds_of(of(name), model[1])
    # Coded models of other kinds are read below, and take seconds.
    for name in ("embedded.occ", "short-embedded.occ") if full or not folder else ():
        found = hashlib.sha256(decode(of(name))).hexdigest()
        assert found == originals[name], name
    flat = flatten(read(of("model.coded.occm")))
    assert flat == read(of("model.occm"))
    assert read_flat(flat).id.hex() == originals["model"]
    return kinds | kinds_of(of("embedded.occ"), None)


def golden_kinds(folder):
    """Segments of text and pictures: in contexts of their kinds, or on lattices and not."""
    path = of_golden(f"{folder}/originals")
    originals = dict(line.split() for line in read(path).decode().splitlines())
    model, kinds = of_golden(f"{folder}/model.occm"), set()
    for name in originals if full else ("carried.occ",):
        file = of_golden(os.path.join(folder, name))
        assert hashlib.sha256(decode("--ckpt", model, file)).hexdigest() == originals[name], name
        kinds |= kinds_of(file, model)
    return kinds


def some_segments():
    """Of files of experts the segment of one lane, and one of two streams."""
    model, kinds = read_flat(read(of_golden("model.occm"))), set()
    chosen = {"expert.occ": [4], "long.occ": [4], "step-long.occ": [4], "step.occ": [0]}
    for name, segment_numbers in chosen.items():
        header, _, segments = read_archive(read(of_golden(name)), lambda: model)
        decoder = SegmentDecoder(header, model)
        for number in segment_numbers:
            decoder.decode(segments[number])
            kinds.add(METHODS.get(segments[number].method, MODES[header.mode]))
    return kinds


def kinds_of_lanes():
    """A lane that is a text, then records, then a bitmap: edges that move from row to row."""
    draw, edges, picture = random.Random(1), [40, 90, 120, 150], b""
    for _ in range(100):
        edges = [edge + draw.choice((-1, 0, 0, 0, 1)) for edge in edges]
        dots = "".join("01"[sum(edge <= x for edge in edges) % 2] for x in range(192))
        picture += int(dots, 2).to_bytes(24, "big")
    write("picture", picture)
    occam("compress", "-f", "-T", "1", "--ckpt", "none", "picture")
    _, _, (segment,) = read_archive(read("picture.occ"), lambda: None)
    assert segment.method == EXPERT
    expert = LoneExpert(StepExpert, segment.symbols, False)
    assert SegmentDecoder.decode_alone(segment.payload, expert, segment.symbols) == picture
    assert expert.expert.lanes[0].kind == BITMAP


def streams_of_a_payload():
    assert cut_streams(b"", 1) == [b""] and cut_streams(b"ab", 1) == [b"ab"]
    assert cut_streams(b"\2\0ab\1", 3) == [b"ab", b"", b"\1"]
    long = bytes(200)
    assert cut_streams(b"\xc8\1" + long + b"x", 2) == [long, b"x"]
    for wrong in (b"", b"\x80", b"\x82\0ab", b"\3ab", b"\x80\x80\x80\x80\x80\1"):
        assert refused(lambda payload: cut_streams(payload, 2), wrong), wrong


def short_files():
    """The expert beside the network, in long segments, and alone."""
    model = of_golden("model.occm")
    original = decode("--ckpt", model, of_golden("usual-chunked.occ"))[:600]
    write("short", original)
    with_model = ["--ckpt", model]
    ways = [[*with_model, "--mode", "adaptive"], [*with_model, "--long", "--memory", "4G"], ["--ckpt", "none"]]
    kinds = set()
    for way in ways:
        occam("compress", "-f", "-T", "1", *way, "short")
        assert decode("--ckpt", model, "short.occ") == original, way
        kinds |= kinds_of("short.occ", model)
    return kinds


def golden_sound():
    """Files of method sound; each of their payloads' first bytes changed is refused."""
    originals = dict(line.split() for line in read(of_golden("sound/originals")).decode().splitlines())
    kinds = set()
    for name, original in originals.items():
        file = of_golden(os.path.join("sound", name))
        assert hashlib.sha256(decode(file)).hexdigest() == original, name
        kinds |= kinds_of(file, None)
    assert len(originals) == 3 and "sound" in kinds

    data = read(of_golden("sound/mono.occ"))
    header, _, (segment,) = read_archive(data, lambda: None)
    for at, value in [(0, 0), (0, 3), (1, 16), (2, 45), (3, 255), (5, 64)]:
        payload = bytearray(segment.payload)
        payload[at] = value
        record = segment_record(
            SOUND, 0, segment.original_bytes, bytes(payload), segment.original_hash
        )
        assert refused(
            lambda changed_data: decompress(changed_data, lambda: None),
            assemble(header.record, [record]),
        ), (at, value)
    return kinds


def golden_without_model(folder):
    originals = dict(line.split() for line in read(of_golden(f"{folder}/originals")).decode().splitlines())
    kinds = set()
    for name, digest in originals.items():
        # Coefficients take seconds.
        is_slow = name.endswith("-blocks.occ") and not full
        if is_slow and not name.startswith("halved"):
            continue
        data = read(of_golden(os.path.join(folder, name)))
        assert hashlib.sha256(decode(of_golden(os.path.join(folder, name)))).hexdigest() == digest
        kinds |= kinds_of(of_golden(os.path.join(folder, name)), None)
        for at in [] if is_slow else range(110, len(data), 1 + len(data) // (12 if full else 2)):
            assert refused(lambda bad: decompress(bad, lambda: None), changed(data, at)), (name, at)
    return kinds


def golden_dictionary():
    """Files and frames after a dictionary, which are refused without it and with another."""

    def of(name):
        return of_golden(os.path.join("dictionary", name))

    originals = dict(line.split() for line in read(of("originals")).decode().splitlines())
    ckpt, kinds = ["--ckpt", of_golden("model.occm")], set()
    other = write("other", read(of("dictionary"))[:-1])
    for name, digest in originals.items():
        way = ckpt if name != "alone.occ" else []
        if full or name != "lanes.occ":
            found = decode(*way, "--dictionary", of("dictionary"), of(name))
            assert hashlib.sha256(found).hexdigest() == digest, name
        decode(*way, "--dictionary", other, of(name), code=4)
        decode(*way, of(name), code=2)
        kinds |= kinds_of(of(name), ckpt[1])
    model, dictionary = read_flat(read(ckpt[1])), read(of("dictionary"))
    for line in read(of("frames")).decode().splitlines():
        check, record, frame = line.split()
        record, frame = (bytes.fromhex(part.strip("-")) for part in (record, frame))
        if full or len(record) < 100:
            assert decode_frame(frame, model, int(check), dictionary) == record, line
    return kinds


def built_in_files():
    models = os.path.join(here, "..", "..", "model", "pretrained")
    line = "The {0}. line of a text that is nothing but this: the {0}. line of a text.\n"
    original = "".join(line.format(number) for number in range(1, 301)).encode()
    for name in ("wiki-800K", "broad-800K", "broad-800K-step"):
        model = os.path.join(models, name.replace("-step", "") + ".occm")
        assert decode("--ckpt", model, of_golden(f"built-in-{name}.occ")) == original, name


def text_of(words, count):
    draw = random.Random(1)
    return " ".join(draw.choice(words) for _ in range(count)).encode()


# Shapes differ in heads, still pairs, convolutions and windows; tokenizers in all that there is.
SHAPES = {
    "bpe:300": ["--width", "32", "--heads", "2", "--kv-heads", "1", "--windows", "6,0"],
    "bpe-plain:280": ["--width", "24", "--heads", "1", "--conv-width", "0"],
    "ascii7": ["--width", "32", "--heads", "4", "--kv-heads", "2", "--mlp-factor", "2"],
    "ascii7-low": ["--width", "24", "--heads", "3", "--conv-width", "1", "--windows", "1,16"],
}


def written_by_commands(tokenizer):
    """A model of its own kind, flat and coded, and files with and without it."""
    name = tokenizer.replace(":", "-")
    words = "the of and to in a is café naïve über that for it was on are as with his".split()
    text = text_of(words, 8000)
    write(name + ".text", text)
    occam(
        "train",
        "--tokenizer",
        tokenizer,
        *SHAPES[tokenizer],
        "--layers",
        "2",
        "--context",
        "32",
        "--batch",
        "16",
        "--steps",
        "60",
        "--data",
        name + ".text",
        "-q",
        "-T",
        "1",
        "--out",
        name + ".h5",
    )
    occam("inspect", name + ".h5", "--export", name + ".coded.occm", "--coded")
    assert flatten(read(name + ".coded.occm")) == read(name + ".occm"), tokenizer

    original = text[5000:5700]  # short, so that order 2 knows less than the model
    write(name, original)
    for mode in ("chunked", "carried"):
        alone, embedded = f"{name}.{mode}.occ", f"{name}.{mode}.embedded.occ"
        occam("compress", "-T", "1", "--ckpt", name + ".occm", "--mode", mode, name, "-o", alone)
        assert decode("--ckpt", name + ".occm", alone) == original, (tokenizer, mode)
        model = read_model(read(name + ".occm"))
        _, _, segments = read_archive(read(alone), lambda model=model: model)
        methods = [segment.method for segment in segments]
        assert methods == [MODEL], (tokenizer, mode, methods)
    frames_of_commands(name, model, [original[:150], original[:192], original[:13], b"", bytes(9)])
    occam("compress", "-T", "1", "--ckpt", name + ".h5", "--embed-model", name, "-o", embedded)
    assert decode(embedded) == original, tokenizer
    return kinds_of(embedded, None)


def frames_of_commands(name, model, records):
    """Bare frames that the command writes of these records."""
    for number, record in enumerate(records):
        path, check = write(f"{name}.record{number}", record), number % 3
        raw = ["--raw-frame", "--check-bytes", str(check), "-o", path + ".frame"]
        occam("compress", "--ckpt", name + ".occm", *raw, path)
        assert decode_frame(read(path + ".frame"), model, check) == record, (name, number, check)


def golden_frames():
    """What decodes, and what is refused, as the page tells it."""
    model = read_flat(read(of_golden("model.occm")))
    for line in read(of_golden("frames")).decode().splitlines():
        check, record, frame = line.split()
        record, frame = (bytes.fromhex(part.strip("-")) for part in (record, frame))
        assert decode_frame(frame, model, int(check)) == record, line
        assert read_length(frame)[0] == len(record), line
        if check == "2" and len(frame) < len(record) < 100:  # each passes once in 65536 times
            for at in range(len(frame)):
                for hurt in (changed(frame, at), frame[:at]):
                    assert refused(lambda hurt: decode_frame(hurt, model, 2), hurt), hurt.hex()
    for start in (b"", b"\xc0", b"\xf0\x00", b"\x00\x01"):
        assert refused(lambda frame: decode_frame(frame, model, 1), start), start


def without_a_model():
    """The empty file of occ.md, section 9.3, and the stream of predictors.md, section 6.1."""
    empty = bytes.fromhex(
        "894f43430d0a1a0a01000000000800002000000000400000"
        + "00" * 40
        + "52cd9d7f402949ce49575a17e7f9bbe5c7450000000000000000000000007600000000000000"
        + "be0d61f4376d35f451652e02a17fdf97"
    )
    assert decode(write("empty.occ", empty)) == b""
    header, _, _ = read_archive(empty, lambda: None)
    original = b"the cat and the hat " * 10
    stream = "741eb1a788b999225c719c5dd1b497a1b4da90327b826049e40472b2ea1cdbad01"
    segment = segment_record(1, 0, len(original), bytes.fromhex(stream), xxh3(original))
    assert decode(write("order2.occ", assemble(header.record, [segment]))) == original


def page_with_its_model():
    """A real page by a real model, which the file holds: its 222 thousand codes are read, too."""
    model = os.path.join(here, "..", "..", "model", "pretrained", "wiki-200K.occm")
    page = read(os.path.join(here, "..", "..", "docs", "spec", "occ.md"))[:6000]
    write("page", page)
    options = ["-T", "1", "--ckpt", model, "--embed-model", "--mode", "adaptive"]
    occam("compress", *options, "page")
    assert decode("page.occ") == page
    occam("inspect", model, "--export", "page.coded.occm", "--coded")
    assert flatten(read("page.coded.occm")) == read(model)


def many_merges():
    """A vocabulary of 1000: ranges of tokens, distances, and ends that few merges do not reach."""
    write("prose", read(os.path.join(here, "..", "..", "docs", "spec", "contract.md")))
    shape = ["--tokenizer", "bpe:1000", "--width", "16", "--layers", "1", "--context", "64"]
    training = ["--batch", "4", "--steps", "20", "--val-bytes", "2K"]
    occam("train", *shape, *training, "--data", "prose", "-q", "-T", "1", "--out", "prose.h5")
    occam("inspect", "prose.h5", "--export", "prose.coded.occm", "--coded")
    assert flatten(read("prose.coded.occm")) == read("prose.occm")
    model = read_model(read("prose.occm"))
    assert len(model.tokenizer.tokens) == 1000


def long_lane():
    """Positions go past 65536, and a lane of an unfull segment past `lane_symbols`."""
    draw = random.Random(1)
    letters = bytes(draw.choice(b"abcdefghijklmnopqrstuvwxyzABCDEF") for _ in range(200000))
    write("letters", letters)
    shape = ["--width", "16", "--layers", "1", "--windows", "4", "--context", "16384"]
    length = ["--batch", "1", "--steps", "40"]
    occam("train", *shape, *length, "--data", "letters", "-q", "-T", "1", "--out", "letters.h5")
    write("long", letters[:70000])
    occam("compress", "-T", "1", "--ckpt", "letters.occm", "--mode", "carried", "long")
    model = read_model(read("letters.occm"))
    header, _, segments = read_archive(read("long.occ"), lambda: model)
    assert [segment.method for segment in segments] == [MODEL]
    assert lane_lengths(70000, header) == [70000] and header.lane_symbols == 65536
    assert decode("--ckpt", "letters.occm", "long.occ") == letters[:70000]


# Files put together by hand, with every hash right.


def with_check(record, width):
    return record + xxh3(record).to_bytes(8, "little")[:width]


def numbers(width, *values):
    return b"".join(value.to_bytes(width, "little") for value in values)


def segment_record(method, number, length, payload, original_hash):
    fields = b"S" + bytes([method]) + numbers(4, number, length, length, len(payload))
    return with_check(fields + numbers(8, xxh3(payload), original_hash), 4), payload, length


def assemble(header, segments):
    index = with_check(
        b"I" + b"".join(numbers(4, len(payload), length) for _, payload, length in segments), 8
    )
    chain = 0
    for record in [header, *(record for record, _, _ in segments), index]:
        chain = xxh3(numbers(8, chain) + record)
    data = header + b"".join(record + payload for record, payload, _ in segments) + index
    end = (
        b"E"
        + numbers(4, len(segments))
        + numbers(8, sum(length for _, _, length in segments), len(data) + 37, chain)
    )
    return data + with_check(end, 8)


def put_together_wrongly():
    """Every hash holds, and yet these files are none that an encoder writes."""
    model = read_flat(read(of_golden("model.occm")))
    data = read(of_golden("chunked.occ"))
    header, _, segments = read_archive(data, lambda: model)

    def decoding(changed_data):
        return decompress(changed_data, lambda: model)

    def with_segments(chosen):
        return assemble(header.record, chosen)

    good = [(s.record, s.payload, s.original_bytes) for s in segments]
    assert with_segments(good) == data
    assert refused(decoding, with_segments([good[1], good[0], *good[2:]]))
    assert refused(decoding, with_segments([*good[:3], good[4]]))
    last = segments[4]

    def with_last(payload, original_hash=last.original_hash):
        length = last.original_bytes
        return with_segments([*good[:4], segment_record(2, 4, length, payload, original_hash)])

    assert with_last(last.payload) == data
    assert refused(decoding, with_last(last.payload + b"\0"))
    assert refused(decoding, with_last(last.payload + b"\1"))
    assert refused(decoding, with_last(last.payload[:-1]))
    assert refused(decoding, with_last(last.payload, last.original_hash ^ 1))

    # Of two files with the same records, one has the other's header.
    other = with_check(header.record[:10] + b"\1" + header.record[11:64], 8)
    assert refused(decoding, other + data[72:])
    for unknown in (b"\2", b"\4"):  # a dictionary is of mode adaptive alone
        flags = with_check(header.record[:11] + unknown + header.record[12:64], 8)
        assert refused(decoding, assemble(flags, good))


def damaged_bytes():
    """Any byte of a file or a flat model is changed, missing or too much."""
    model_bytes, data = read(of_golden("model.occm")), read(of_golden("usual-carried.occ"))
    model = read_flat(model_bytes)

    def decoding(changed_data):
        return decompress(changed_data, lambda: model)

    for at in range(len(data)):
        assert refused(decoding, changed(data, at)), at
        assert refused(decoding, data[:at]), at
    assert refused(decoding, data + b"\1")
    assert decoding(data + b"\0") == decoding(data)
    assert decoding(data + bytes(999) + data + b"\0") == 2 * decoding(data)
    assert refused(decoding, b"\0" + data)
    assert refused(decoding, data + b"\0" + data[:-1])
    for at in range(0, len(model_bytes), 1 if full else 61):
        assert refused(read_model, changed(model_bytes, at)), at
    # A coded model has its hash over what it decodes to, so each place costs a whole decoding.
    coded = read(of_golden("model.coded.occm"))
    places = {0, 9, 13, 20, 50, 100, 9000, len(coded) - 40, len(coded) - 1}
    if full:
        places.update(range(64), range(64, len(coded), 53), range(len(coded) - 40, len(coded)))
    for at in sorted(places):
        assert refused(read_model, changed(coded, at)), at


def exit_codes():
    model, carried = of_golden("model.occm"), of_golden("usual-carried.occ")
    data, embedded = read(carried), read(of_golden("embedded.occ"))
    for at in (70, 500, len(data) - 1):
        decode("--ckpt", model, write("bad.occ", changed(data, at)), code=4)
    decode(write("bad.occ", changed(embedded, 8000)), code=4)
    decode("--ckpt", write("bad.occm", changed(read(model), 400)), carried, code=4)
    decode("--ckpt", "bpe-300.occm", carried, code=4)  # sound, but another model
    decode(carried, code=2)  # the file needs a model
    decode("missing.occ", code=3)
    done = subprocess.run(
        [sys.executable, os.path.join(here, "decoder.py"), "--wrong", carried],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2, done


def timed(part, *arguments):
    """What the part returns; its seconds are told."""
    begin = time.monotonic()
    found = part(*arguments)
    name = " ".join([part.__name__, *arguments])
    print(f"{name}: held, {time.monotonic() - begin:.0f} s", flush=True)
    return found


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    with ThreadPoolExecutor(2) as pool:
        shapes = SHAPES if full else ("bpe:300", "ascii7-low")
        kinds = set().union(*pool.map(lambda shape: timed(written_by_commands, shape), shapes))
    kinds |= timed(golden_files) | timed(golden_files, "memory") | timed(golden_files, "signals")
    kinds |= timed(some_segments) | timed(short_files) | timed(golden_sound)
    kinds |= timed(golden_without_model, "photos") | timed(golden_without_model, "programs")
    kinds |= timed(golden_dictionary) | timed(golden_kinds, "kinds") | timed(golden_kinds, "lattice")
    assert KINDS <= kinds, KINDS - kinds
    small = (golden_frames, without_a_model, kinds_of_lanes, streams_of_a_payload)
    for part in (*small, put_together_wrongly, damaged_bytes, exit_codes):
        timed(part)
    if full:
        for part in (built_in_files, page_with_its_model, many_merges, long_lane):
            timed(part)
    os.chdir("/")
print("decoder_test.py: all held")
