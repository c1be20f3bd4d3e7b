"""gallery.py shows what `generate` makes of the sets' validation parts.

It generates nothing twice, and mistakes have a word.

  gallery_test.py BIN_DIR GALLERY     exits 77 where a library is missing
"""

import base64
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import wave

import needs
import scripts

needs.modules("jinja2", "matplotlib", "numpy", "tqdm")
scripts.load("jinja2", "matplotlib.pyplot", "numpy", "tqdm")

binaries, script = (os.path.abspath(path) for path in sys.argv[1:3])


def occam(*arguments):
    return subprocess.run(
        [os.path.join(binaries, "occam"), *arguments], check=True, capture_output=True
    ).stdout


def gallery(*arguments, code=0):
    done = scripts.run(script, "--bin", binaries, "--jobs", "2", *arguments)
    assert done.returncode == code, (arguments, done)
    if code != 0:
        assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def write_set(path, train, validation, **about):
    with open(path, "wb") as file:
        file.write(train + validation)
    with open(path + ".json", "w", encoding="utf-8") as file:
        json.dump(
            {
                "train_bytes": len(train),
                "validation_bytes": len(validation),
                "validation_sha256": hashlib.sha256(validation).hexdigest(),
                **about,
            },
            file,
        )


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    draw = random.Random(1)
    text = "".join(
        draw.choice("the of <and> to in a is was for on".split()) + " " for _ in range(20000)
    )[:40000].encode()
    with open("text", "wb") as file:
        file.write(text)
    occam(
        "train",
        "--width",
        "16",
        "--layers",
        "2",
        "--context",
        "64",
        "--batch",
        "8",
        "--windows",
        "16,0",
        "--data",
        "text",
        "--train-bytes",
        "0:30K",
        "--val-bytes",
        "30K:40K",
        "--steps",
        "30",
        "-q",
        "--out",
        "m.h5",
    )
    pixels = bytes(draw.randrange(256) for _ in range(12 * 8 * 4))
    write_set("i.set", bytes(96), pixels, shape=[12, 8])
    # Sound that is loud in one place of each half alone.
    sound = bytearray([128]) * 8000
    for loud in (1000, 6000):
        sound[loud : loud + 1000] = bytes(draw.randrange(256) for _ in range(1000))
    write_set("a.set", b"", bytes(sound), sample_rate_hz=8000)

    usual = [
        "--text",
        "text=m.occm",
        "--image",
        "i.set=m.h5,m.occm",
        "--audio",
        "a.set=m.occm",
        "--items",
        "2",
        "--text-bytes",
        "600:30",
        "--audio-bytes",
        "960:40",
        "--temperature",
        "0.9",
        "--seed",
        "5",
        "--out",
        "out",
    ]
    told = gallery(*usual)
    # The checkpoint and its model are one: what it makes of a patch is made once or, at the same
    # time, twice.
    assert "image 2 by gzip" in told, told
    first = open("out/generated.jsonl", encoding="utf-8").read()
    for name in ("image.png", "audio-1.png", "audio-2.png"):
        with open(f"out/{name}", "rb") as file:
            assert file.read(8) == b"\x89PNG\r\n\x1a\n", name

    # What the gallery shows is what the command makes.
    def generated(by, given, count):
        with open("given", "wb") as file:
            file.write(given)
        return occam(
            "generate",
            *by,
            "--prompt-file",
            "given",
            "--bytes",
            str(count),
            "--temperature",
            "0.9",
            "--seed",
            "5",
            "-q",
        )

    model = ["--ckpt", "m.occm"]
    for place, number in ((1000, 1), (6000, 2)):
        given, follows = bytes(sound[place : place + 960]), bytes(sound[place + 960 : place + 1000])
        for name, piece in (
            ("original", follows),
            ("m", generated(model, given, 40)),
            ("gzip", generated(["--codec", "gzip"], given, 40)),
        ):
            with wave.open(f"out/audio-{number}-{name}.wav") as file:
                assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (
                    8000,
                    1,
                    1,
                )
                assert file.readframes(2000) == given + piece, (number, name)
    cells = [json.loads(line) for line in first.splitlines()]
    upper = pixels[96 : 96 + 48]  # the second of four patches of 12 rows is the first of two items
    assert base64.b64encode(generated(model, upper, 48)).decode() in [
        c["continuation"] for c in cells
    ]
    page = open("out/gallery.html", encoding="utf-8").read()
    # Every picture on light and on dark paper.
    assert page.count("data:image/png;base64,") == 6 and page.count("data:audio/wav;base64,") == 6
    assert page.count('<source media="(prefers-color-scheme: dark)" srcset="data:image/png') == 3
    assert not re.search(r'(src|srcset|href)="(?!data:)', page), "the page needs other files"
    assert "&lt;and&gt;" in page and "<and>" not in page
    assert "text 1" in page.lower() and "out/" not in page

    # Nothing is generated twice, and the page stays the same.
    assert gallery(*usual) == ""
    assert open("out/generated.jsonl", encoding="utf-8").read() == first
    assert open("out/gallery.html", encoding="utf-8").read() == page
    assert "text 1 by m" in gallery(*usual[:2], *usual[6:], "--seed", "6")

    for wrong, code, word in (
        (["--text", "text"], 2, "DATA=MODEL"),
        ([], 2, "nothing to show"),
        (["--image", "text=m.occm"], 2, "no prepared set"),
        (["--text", "gone=m.occm"], 3, "gone"),
        (["--text", "text=gone.occm"], 3, "gone.occm"),
        (["--text", "text=m.occm", "--codec", "winzip"], 2, "winzip"),
        (["--text", "text=m.occm", "--items", "1000"], 2, "too few"),
    ):
        message = gallery(*wrong, "--out", "wrong", code=code)
        assert word in message, message
    with open("i.set", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([pixels[-1] ^ 1]))
    assert "not what" in gallery("--image", "i.set=m.occm", "--out", "wrong", code=4)
