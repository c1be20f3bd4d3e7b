"""table1.py: its cells are the sizes of files.

A second run measures nothing again, and mistakes have a word.

  table1_test.py BIN_DIR TABLE1
"""

import csv
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import zlib

import needs
import scripts

needs.modules("jinja2", "matplotlib", "pandas", "tqdm")
scripts.load("jinja2", "matplotlib.pyplot", "pandas", "tqdm")
binaries, script = (os.path.abspath(path) for path in sys.argv[1:3])


def occam(*arguments):
    return subprocess.run(
        [os.path.join(binaries, "occam"), *arguments], check=True, capture_output=True, text=True
    ).stdout


def table(*arguments, code=0):
    done = scripts.run(script, "--bin", binaries, *arguments)
    assert done.returncode == code, (arguments, done)
    return done


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def cells_of(path):
    with open(path, encoding="utf-8") as file:
        return {
            (r["kind"], r["name"], r["chunk"], r["form"], r["data"]): r
            for r in csv.DictReader(file)
        }


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    draw = random.Random(1)
    text = "".join(
        draw.choice("the of and to in a is was for on".split()) + " " for _ in range(20000)
    )[:40000].encode()
    write("text", text)
    noise = draw.randbytes(9000)
    write("noise.set", bytes(1000) + noise)
    about = {
        "train_bytes": 1000,
        "validation_bytes": 9000,
        "validation_sha256": hashlib.sha256(noise).hexdigest(),
    }
    write("noise.set.json", json.dumps(about).encode())
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
        "60",
        "-q",
        "--out",
        "m.h5",
    )
    usual = [
        "--data",
        "text=text",
        "--data",
        "random=noise.set",
        "--codec",
        "gzip,xz",
        "--model",
        "tiny=m.h5",
        "--jobs",
        "2",
        "--out",
        "out",
    ]
    first = table(*usual)
    assert "gzip, text, 2048, bare" in first.stderr and "[20/20]" in first.stderr, first.stderr
    cells = cells_of("out/table.csv")

    # Codecs by hand, models by their files.
    def deflated(piece):
        pack = zlib.compressobj(9, zlib.DEFLATED, -15)
        return len(pack.compress(piece) + pack.flush())

    assert int(cells["codec", "gzip", "2048", "bare", "text"]["bytes"]) == sum(
        deflated(text[i : i + 2048]) for i in range(0, 40000, 2048)
    )
    assert int(cells["codec", "gzip", "2048", "file", "random"]["bytes"]) == sum(
        deflated(noise[i : i + 2048]) + 18 for i in range(0, 9000, 2048)
    )
    occam("compress", "--ckpt", "m.h5", "--embed-model", "--mode", "carried", "text")
    row = cells["model", "tiny", "carried", "file", "text"]
    occam("inspect", "m.h5", "--export", "m.occm", "--coded", "-f")
    assert int(row["model_bytes"]) == os.path.getsize("m.occm")
    assert int(row["bytes"]) == os.path.getsize("text.occ") - os.path.getsize("m.occm")
    assert abs(float(row["adjusted_own"]) - os.path.getsize("text.occ") / 40000) < 1e-9
    assert (
        abs(float(row["adjusted_gb"]) - float(row["raw_rate"]) - os.path.getsize("m.occm") / 1e9)
        < 1e-9
    )
    assert (
        abs(
            float(row["adjusted_gb_2_bytes"])
            - float(row["raw_rate"])
            - 2 * int(row["parameters"]) / 1e9
        )
        < 1e-9
    )
    # A model of text makes noise grow, which its file does not.
    foreign = cells["model", "tiny", "chunked", "file", "random"]
    assert float(foreign["alone_rate"]) > 1.05 and int(foreign["bytes"]) < 9000 + 200, foreign
    assert float(cells["quoted", "Chinchilla 70B", "2048", "", "image"]["raw_rate"]) == 0.48

    with open("out/table.md", encoding="utf-8") as file:
        page = file.read()
    assert page + "\n" == first.stdout
    for wanted in (
        "| 2048 | quoted: Transformer 3.2M | 17.0 | 224.0 |",
        "the model alone",
        "JPEG",
        "| never |",
    ):
        assert wanted in page, wanted
    with open("out/table.html", encoding="utf-8") as file:
        assert "Occam, tiny" in file.read()
    assert not [name for name in os.listdir("out") if name.startswith("work-")]

    # Again: nothing is measured, even after a kill in the middle of a line.
    with open("out/cells.jsonl", "a", encoding="utf-8") as file:
        file.write('{"key": {"wh')
    second = table(*usual)
    assert second.stdout == first.stdout and second.stderr == "", second
    # And the pages are those of the table alone.
    with open("out/table.html", encoding="utf-8") as file:
        html = file.read()
    assert table("--redraw", "out", "--out", "redrawn").stdout == first.stdout
    for name, content in (("table.md", page), ("table.html", html)):
        with open(f"redrawn/{name}", encoding="utf-8") as file:
            assert file.read() == content, name
    # Other data is measured, and only that.
    write("text", text[:-1])
    assert "[10/10]" in table(*usual).stderr

    assert "there is no codec arj" in table(*usual, "--codec", "arj", code=2).stderr
    assert "missing.h5" in table(*usual, "--model", "x=missing.h5", code=3).stderr
    assert "gone" in table(*usual, "--data", "x=gone", code=3).stderr
    write("noise.set", bytes(10000))
    os.remove("out/data-random")
    assert "not what" in table(*usual, code=4).stderr
    os.chdir("/")
print("table1_test.py: all held")
