"""Whatever it is given, no model makes a file of more than 100.1 % and the headers, and its own rate is told: a small model of text, and
those of model/pretrained.

  nothing_grows_test.py BIN_DIR PRETRAINED_DIR [BYTES]

BYTES of each kind of data are compressed. The bound holds for each segment and chunk. So two chunks of 2048 bytes and a part of
one show what more of them do. The long form takes many lanes, too. Short files have 40 bytes of headers at most, and no more
are granted to them: so little data shows a small growth.
"""

import glob
import json
import math
import os
import random
import subprocess
import sys
import tempfile

binaries, pretrained = (os.path.abspath(path) for path in sys.argv[1:3])
SIZE = int(sys.argv[3]) if len(sys.argv) > 3 else 4_200
# Of a file of one segment (docs/spec/occ.md), sections 2 to 5 and 10.
HEADERS = 40 if SIZE < 100_000 else 72 + 38 + 9 + 8 + 37


def occam(*arguments):
    return subprocess.run([os.path.join(binaries, "occam"), *arguments], check=True, capture_output=True, text=True).stdout


def photograph():
    """Patches of 32 rows of 64 grey pixels: slopes and a little noise."""
    draw, out = random.Random(2), bytearray()
    while len(out) < SIZE:
        start, right, down = draw.randrange(256), draw.uniform(-3, 3), draw.uniform(-3, 3)
        out += bytes(max(0, min(255, round(start + right * x + down * y + draw.gauss(0, 2)))) for y in range(32) for x in range(64))
    return bytes(out[:SIZE])


def speech():
    """8-bit samples around 128: a tone and its overtones, swelling."""
    return bytes(128 + round(50 * math.sin(t / 9000) ** 2 * (math.sin(t / 11) + math.sin(t / 5) / 2 + math.sin(t / 3) / 4))
                 for t in range(SIZE))


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    data = {"random": random.Random(1).randbytes(SIZE), "photograph": photograph(), "speech": speech(), "zeros": bytes(SIZE),
            "a random byte": b"\x81", "nothing": b""}
    for name, content in data.items():
        with open(name, "wb") as file:
            file.write(content)
    with open("text", "w", encoding="ascii") as text:
        words = random.Random(3)
        text.write("".join(words.choice("the of and to in a is was for on".split()) + " " for _ in range(15000)))
    occam("train", "--width", "16", "--layers", "2", "--context", "64", "--windows", "16,0", "--batch", "8", "--steps", "60", "--data", "text",
          "-q", "--out", "text.h5")
    models = sorted(glob.glob(os.path.join(pretrained, "*.occm")))
    if SIZE < 100_000:  # with a memory, those of 200K stand for the others, which are slow to load
        models = [m for m in models if "200K" in m or "-memory" not in m and "broad-" not in m]
    for model in ["text.occm", *models]:
        for mode in ("chunked", "carried"):
            # All files at once, since large models are slow to load.
            occam("compress", "--ckpt", model, "--mode", mode, "-q", "-f", *data)
            for name, content in data.items():
                size = os.path.getsize(name + ".occ")
                assert size <= 1.001 * len(content) + HEADERS, (model, name, mode, size)
                os.remove(name)
            occam("decompress", "--ckpt", model, "-q", *(name + ".occ" for name in data))
            for name, content in data.items():
                with open(name, "rb") as file:
                    assert file.read() == content, (model, name, mode)
        # What the model alone makes of noise is no secret: more than there was.
        with open("data", "wb") as file:
            file.write(data["random"][:20_000])
        noise = len(data["random"][:20_000])
        found = json.loads(occam("evaluate", "-q", "--json", "--ckpt", model, "--data", "data"))
        assert found["model_alone"]["bytes"] > noise >= found["payload_bytes"], found
        print(f"{os.path.basename(model)}: random bytes alone {100 * found['model_alone']['rate']:.1f} %, as a file {100 * found['raw_rate']:.2f} %")
    os.chdir("/")
print("nothing_grows_test.py: all held")
