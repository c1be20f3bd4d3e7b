"""adjusted_optimum.py finds the smallest file with its model in it.

It goes on where it was stopped, and draws what it found.

  adjusted_optimum_test.py BIN_DIR ADJUSTED_OPTIMUM     exits 77 where a library is missing
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import needs
import scripts

needs.modules("jinja2", "matplotlib", "pandas")
scripts.load("jinja2", "matplotlib.pyplot", "pandas")

binaries, script = (os.path.abspath(path) for path in sys.argv[1:3])


def occam(*arguments, code=0):
    done = subprocess.run(
        [os.path.join(binaries, "occam"), *arguments], capture_output=True, text=True
    )
    assert done.returncode == code, (arguments, done)
    return done.stdout


def search(*arguments, code=0):
    usual = ["--out", "out", "--bin", binaries, "--no-decoder", "-T", "1"]
    done = scripts.run(script, "text", *usual, *arguments)
    assert done.returncode == code, (arguments, done)
    return done


def cells():
    with open("out/cells.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    words = random.Random(1)
    with open("text", "w", encoding="ascii") as text:
        text.write(
            "".join(
                words.choice("the of and to in a is was for on".split()) + " " for _ in range(20000)
            )[:60000]
        )
    usual = [
        "--minutes",
        "0.01",
        "--sizes",
        "20K,60K",
        "--widths",
        "16,32",
        "--layers",
        "2",
        "--bits",
        "4,7",
        "--rates",
        "0",
        "--train",
        "--context 64 --windows 16,0 --batch 8",
    ]
    first = search(*usual)
    archives = [cell for cell in cells() if cell["key"]["what"] == "archive"]
    # Each of the sizes: all shapes and precisions (rounds that give a cell equal times share it).
    settings = {tuple(cell["key"][name] for name in ("size", "width", "bits")) for cell in archives}
    assert settings == {
        (size, width, bits) for size in (20000, 60000) for width in (16, 32) for bits in (4, 7)
    }, settings
    for size, name in ((20000, "20 KB"), (60000, "60 KB")):
        own = [cell for cell in archives if cell["key"]["size"] == size]
        best = min(own, key=lambda cell: cell["file_bytes"])
        assert best["file_bytes"] == best["data_bytes"] + best["model_bytes"] + best["header_bytes"]
        assert (
            f"| {name} | {best['parameters']:,} |" in first.stdout
            and f"{best['file_bytes']:,} (" in first.stdout
        )
        # The model that was kept makes that very file again.
        with open("text", "rb") as text, open("part", "wb") as part:
            part.write(text.read(size))
        occam(
            "compress",
            "--ckpt",
            f"out/best-{size}.occm",
            "--embed-model",
            "--mode",
            "carried",
            "-f",
            "part",
        )
        assert os.path.getsize("part.occ") == best["file_bytes"]
        assert (
            occam("inspect", f"out/best-{size}.h5", "--json")
            and json.loads(occam("inspect", "--json", "part.occ"))["model_id"] == best["model_id"]
        )

    # Again: nothing is trained, and the figure is the same.
    with open("out/optimum.svg", "rb") as svg:
        figure = svg.read()
    second = search(*usual)
    assert second.stderr == "" and second.stdout == first.stdout, second
    with open("out/optimum.svg", "rb") as svg:
        assert svg.read() == figure
    table = search("--minutes", "0", *usual[2:4], "--widths", "16")
    assert table.stderr == "" and table.stdout == first.stdout, table
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    texts = [
        c.text.strip() for c in ElementTree.fromstring(figure, parser).iter(ElementTree.Comment)
    ]
    for wanted in ("parameters", "60 KB: file with its model", "xz -9e, 20 KB"):
        assert wanted in texts, texts
    with open("out/optimum.png", "rb") as png:
        assert png.read(8) == b"\x89PNG\r\n\x1a\n"

    # A cell that is lost is made again, that one alone.
    with open("out/cells.jsonl", encoding="utf-8") as file:
        lines = file.readlines()
    lost = next(i for i, line in enumerate(lines) if '"what": "archive"' in line)
    with open("out/cells.jsonl", "w", encoding="utf-8") as file:
        file.writelines(lines[:lost] + lines[lost + 1 :])
    third = search(*usual)
    assert len(third.stderr.splitlines()) == 1, third.stderr

    # Of a long text a sample is coded first; only what was coded whole is called smallest.
    with open("out/cells.jsonl", encoding="utf-8") as file:
        before = len(file.readlines())
    sampled = search(*usual, "--sizes", "60K", "--sample", "16K")
    made = cells()[before:]
    assert {cell["original_bytes"] for cell in made} == {16000}, made
    assert all(": ~" in line for line in sampled.stderr.splitlines()), sampled
    os.rename("out", "other")
    os.mkdir("out")
    alone = search(*usual, "--sizes", "60K", "--sample", "16K", "--bits", "5", "--widths", "16")
    assert {cell["original_bytes"] for cell in cells() if cell["key"]["what"] == "archive"} == {
        16000,
        60000,
    }
    rows = [line for line in alone.stdout.splitlines() if line.startswith("| 60 KB")]
    assert "~" not in rows[0], alone.stdout

    assert "no bytes" in search(*usual, "--sizes", "1M", code=2).stderr
    assert "minutes" in search("--minutes", "-1", code=2).stderr
    assert "nothing of 20 KB" in search("--minutes", "0", "--sizes", "20K", code=2).stderr
    assert "width" in search(*usual, "--widths", "17", code=2).stderr
    os.chdir("/")
print("adjusted_optimum_test.py: all held")
