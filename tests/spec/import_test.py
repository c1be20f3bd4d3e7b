"""Networks of all shapes that are imported, by the Python blocks of docs/spec/import.md and by the program.

  import_test.py BIN_FOLDER PAGES_FOLDER

A random model of each shape, fine and not, is written as the pages say. `compress --raw-frame` codes a record with it; the pages' code decodes the
frame. Positions of the one of GPT-2's shape begin again within the record.
"""

import hashlib
import itertools
import os
import re
import struct
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import numpy as np

from container import xxh3

binaries, pages = sys.argv[1:3]
F = np.float32
WORDS = [b"", b"", b"the", b" the", b"th", b" ", b"t", b"h", b"e", b"\xc3\xa9"]
V, T, D, L, H, G, N, M = len(WORDS) + 256 - 4, len(WORDS), 16, 2, 4, 2, 8, 24
LLAMA, QWEN3, GPT2 = 1, 2, 3
random = np.random.default_rng(7)


def run_blocks(*names_of_pages):
    names = {"float32": F, "sqrt": np.sqrt, "rint": lambda x: int(np.rint(x))}
    for name in names_of_pages:
        path = os.path.join(pages, name + ".md")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            lines_before = text[: block.start()].count("\n") + 1
            exec(compile("\n" * lines_before + block[1], path, "exec"), names)
    return names


def short(x):
    """Floats of 16 significant bits."""
    return (np.asarray(x, F).view(np.uint32) & np.uint32(0xFFFFFF00)).view(F)


def matrix(rows, columns, fine):
    scales = short((0.5 + random.random(rows)) * 1.5 / (73 * columns**0.5))
    made = part(rows, columns, 127, scales)
    made.rest = part(rows, columns, 63, short(scales / 126)) if fine else None
    return made


def part(rows, columns, most, scales):
    return SimpleNamespace(
        codes=random.integers(-most, most + 1, (rows, columns)).tolist(), scales=scales
    )


def gain(size):
    return short(0.5 + random.random(size))


def bias(size):
    return short(0.5 - random.random(size))


def make_layer(shape, fine):
    layer = SimpleNamespace(gain1=gain(D))
    layer.wq = matrix(H * N, D, fine)
    layer.wk, layer.wv = matrix(G * N, D, fine), matrix(G * N, D, fine)
    if shape == QWEN3:
        layer.q_gain, layer.k_gain = gain(N), gain(N)
    layer.wo = matrix(D, H * N, fine)
    layer.gain2 = gain(D)
    if shape != GPT2:
        layer.wg = matrix(M, D, fine)
    layer.wu, layer.wd = matrix(M, D, fine), matrix(D, M, fine)
    if shape == GPT2:
        layer.bq, layer.bo, layer.bu, layer.bd = bias(H * N), bias(D), bias(M), bias(D)
    return layer


def make_model(shape, fine):
    context = 8 if shape == GPT2 else 32
    model = SimpleNamespace(shape=shape, V=V, T=T, D=D, L=L, H=H, G=G, N=N, F=M, C=context)
    model.fine = fine
    model.begin_token, model.escape_token, model.epsilon = 1, 0, F(1e-5)
    model.tied = shape != QWEN3
    model.rotary_steps = [int(683565276 * 1e4 ** (-2 * i / N)) for i in range(N // 2)]
    model.window = lambda layer: context
    model.embedding = matrix(T, D, fine)
    if shape == GPT2:
        model.embedding_means, model.positions = bias(T), matrix(context, D, fine)
    model.final_gain = gain(D)
    if not model.tied:
        model.head = matrix(T, D, fine)
    if shape == GPT2:
        model.head_bias = bias(T)
    model.layers = [make_layer(shape, fine) for _ in range(L)]
    model.value_scale = short((0.02 + 0.02 * random.random((L, G))) / (258 if fine else 1))
    return model


def tokens_of_table():
    singles = {word for word in WORDS if len(word) == 1}
    missing = [bytes([b]) for b in range(256) if bytes([b]) not in singles]
    assert len(missing) == V - T
    return WORDS + missing


def write_model(model):
    def field(number, *values):
        value = struct.pack(f"<{len(values)}I", *values)
        return struct.pack("<II", number, len(value)) + value

    fields = [
        *(field(i + 1, x) for i, x in enumerate((V, D, L, H, G, 1, 0, model.C))),
        field(9, *[0] * L),
        field(64, model.shape),
        field(65, N),
        field(66, M),
        field(67, model.begin_token),
        field(68, model.escape_token, V - T),
        *([field(69, 1)] if model.tied else []),
        field(70, int(np.asarray(model.epsilon).view(np.uint32))),
        *([field(71, *model.rotary_steps)] if model.shape != GPT2 else []),
        *([field(72, 1)] if model.fine else []),
    ]
    merges = [(6, 7), (4, 8), (5, 2)]  # th, the, and a space before it
    # Kind 6, and of one shape kind 7 with a rule.
    wide = model.shape == QWEN3
    tokenizer = struct.pack("<BBBI", 7, 4, 1, V) if wide else struct.pack("<BI", 6, V)
    tokenizer += b"".join(bytes([len(text)]) + text for text in tokens_of_table())
    tokenizer += struct.pack("<I", len(merges))
    tokenizer += b"".join(struct.pack("<2I" if wide else "<2H", *m) for m in merges)
    body = struct.pack("<I", len(fields)) + b"".join(fields)
    body += struct.pack("<I", len(tokenizer)) + tokenizer

    def codes(w):
        own = w.scales.astype("<f4").tobytes() + np.array(w.codes, np.int8).tobytes()
        return own + codes(w.rest) if getattr(w, "rest", None) else own

    def tensors(of, names):
        return b"".join(
            codes(w) if isinstance(w, SimpleNamespace) else w.astype("<f4").tobytes()
            for w in (getattr(of, name) for name in names.split() if hasattr(of, name))
        )

    body += tensors(model, "embedding embedding_means positions")
    for layer in model.layers:
        body += tensors(
            layer, "gain1 wq wk wv bq q_gain k_gain wo bo gain2 wg wu bu wd bd"
        )
    body += tensors(model, "final_gain head head_bias") + model.value_scale.tobytes()
    data = b"OCCAMQNT" + struct.pack("<IIQ", 1, 4, 24 + len(body) + 32) + body
    return data + hashlib.sha256(data).digest()


names = run_blocks("README", "contract", "range_coder", "occm", "predictors", "frame", "import")
page = SimpleNamespace(**names)
cosine, sine = page.rotary_table()


def of_heads():
    return [[[] for _ in range(G)] for _ in range(L)]


names.update(
    COSINE=cosine,
    SINE=sine,
    fresh_state=lambda m: SimpleNamespace(
        position=0, keys=of_heads(), key_scales=of_heads(), values=of_heads()
    ),
)
record = "the the the the é the the Athe the the the the the".encode()
text_of = tokens_of_table()
for shape, fine in itertools.product((LLAMA, QWEN3, GPT2), (False, True)):
    model = make_model(shape, fine)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.occm")
        with open(path, "wb") as file:
            file.write(write_model(model))
        coded = subprocess.run(
            [os.path.join(binaries, "compress"), "--ckpt", path, "--raw-frame", "-c", "-q"],
            input=record,
            capture_output=True,
            check=True,
        ).stdout
    assert len(coded) < len(record), (shape, fine)  # else the record stands there as it is
    predictor = page.NetworkPredictor(model, model.C, False)
    decoded = page.decode_frame(coded, predictor, lambda symbol: text_of[symbol], 1, xxh3)
    assert decoded == record, (shape, fine, decoded)
print("import_test.py: all held")
