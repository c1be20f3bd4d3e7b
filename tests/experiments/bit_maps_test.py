"""bit_maps.py shows what each pixel and sample costs, and tells what the door tells.

  bit_maps_test.py BIN_DIR BIT_MAPS     exits 77 where a library is missing
"""

import importlib
import os
import random
import re
import subprocess
import sys
import tempfile
import wave

import needs

needs.modules("jinja2", "matplotlib", "numpy", "PIL")
numpy, Image = importlib.import_module("numpy"), importlib.import_module("PIL.Image")

binaries, script = (os.path.abspath(path) for path in sys.argv[1:3])
if not os.path.exists(os.path.join(binaries, "..", "python", "occam")):
    print("SKIPPED: the Python module is not built")
    sys.exit(77)
sys.path.insert(0, os.path.dirname(script))
figures = importlib.import_module("occam_experiments.bit_maps.figures")


def occam(*arguments):
    subprocess.run([os.path.join(binaries, "occam"), *arguments], check=True, capture_output=True)


def bit_maps(*arguments, code=0):
    done = subprocess.run([sys.executable, script, "--bin", binaries, *arguments],
                          capture_output=True, text=True)
    assert done.returncode == code, (arguments, done)
    return done.stderr


def predicted(patch, y, x):
    """The median edge prediction, one pixel at a time (docs/spec/signals.md, section 2)."""
    if y == 0:
        return patch[0][x - 1] if x else 128
    west = patch[y][x - 1] if x else patch[y - 1][0]
    north, corner = patch[y - 1][x], patch[y - 1][max(x - 1, 0)]
    if corner >= max(west, north):
        return min(west, north)
    return max(west, north) if corner <= min(west, north) else west + north - corner


draw = random.Random(1)
gray = numpy.array([[draw.randrange(256) for _ in range(10)] for _ in range(6)], numpy.uint8)
left = figures.residual(gray, (3, 5))
for top, first in ((0, 0), (0, 5), (3, 0), (3, 5)):
    patch = gray[top:top + 3, first:first + 5].astype(int)
    for y in range(3):
        for x in range(5):
            assert left[top + y, first + x] == patch[y][x] - predicted(patch, y, x)
assert figures.second_of(bytes([128] * 50 + [200] * 10 + [128] * 40), 10) == (50, 60)
assert figures.second_of(bytes(5), 10) == (0, 5)

with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    slope = numpy.add.outer(numpy.arange(70), numpy.arange(140)).astype(numpy.uint8)
    Image.fromarray(numpy.stack([slope] * 3, axis=2)).save("p.png")
    Image.fromarray(numpy.stack([slope.T] * 3, axis=2)).save("o.png")
    with wave.open("s.wav", "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(numpy.array([draw.randrange(-9000, 9000) for _ in range(20000)],
                                     "<i2").tobytes())
    occam("prepare", "images", "--out", "i.set", "p.png")
    occam("prepare", "images", "--validation-files", "1", "--out", "t.set", "o.png", "p.png")
    occam("train", "--width", "16", "--layers", "2", "--context", "64", "--batch", "8",
          "--windows", "16,0", "--data", "t.set", "--steps", "30", "-q", "--out", "m.h5")
    occam("inspect", "m.h5", "--export", "n.occm", "--bits", "4")
    bit_maps("--image", "p.png=m.occm,n.occm", "--audio", "s.wav=m.occm", "--out", "out")
    for name in ("image-1.png", "audio-1.png"):
        with open(f"out/{name}", "rb") as file:
            assert file.read(8) == b"\x89PNG\r\n\x1a\n", name
    with open("out/bit_maps.html", encoding="utf-8") as file:
        page = file.read()
    assert page.count("data:image/png;base64,") == 4, "each picture on two papers"
    # What is told of each model is the mean of what the door says of the patches.
    sys.path.insert(0, os.path.join(binaries, "..", "python"))
    door = importlib.import_module("occam")
    with open("i.set", "rb") as file:
        patches = file.read()
    means = re.search(r"Mean bits a pixel: (.*)", page)[1]
    told = dict(re.findall(r"\b([mn]) ([0-9]+[.][0-9]+)", means))
    for name, bits in told.items():
        costs = door.costs(patches, model=f"{name}.occm", mode="chunked")
        assert len(costs) == 4 * 32 * 64 and abs(costs.mean() - float(bits)) < 6e-4, (name, bits)
    assert told["m"] != told["n"], told

    assert "FILE=MODEL" in bit_maps("--image", "p.png", "--out", "out", code=2)
    assert "nothing to show" in bit_maps("--out", "out", code=2)
    assert "q.png" in bit_maps("--image", "q.png=m.occm", "--out", "out", code=3)
