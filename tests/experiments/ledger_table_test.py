"""ledger_table.py: its figures are those of the files.

A second run measures nothing again, and mistakes have a word.

  ledger_table_test.py BIN_DIR LEDGER_TABLE
"""

import csv
import json
import os
import random
import subprocess
import sys
import tempfile

import needs
import scripts

needs.modules("jinja2", "pandas")
scripts.load("jinja2", "pandas")
binaries, script = (os.path.abspath(path) for path in sys.argv[1:3])


def occam(*arguments):
    return subprocess.run(
        [os.path.join(binaries, "occam"), *arguments], check=True, capture_output=True, text=True
    ).stdout


def table(*arguments, code=0):
    done = scripts.run(script, "--bin", binaries, "--no-decoder", "-T", "1", *arguments)
    assert done.returncode == code, (arguments, done)
    return done


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    words = random.Random(1)
    with open("text", "w", encoding="ascii") as text:
        text.write(
            "".join(
                words.choice("the of and to in a is was for on".split()) + " " for _ in range(20000)
            )[:60000]
        )
    tiny = [
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
        "0:50K",
        "--val-bytes",
        "50K:60K",
        "--steps",
        "60",
        "-q",
    ]
    occam("train", *tiny, "--out", "m.h5")
    occam("train", *tiny, "--weight-bits", "3", "--out", "m3.h5")
    usual = [
        "--text",
        "text",
        "--model",
        "tiny=m.h5",
        "--trained",
        "tiny:3=m3.h5",
        "--bits",
        "7,3",
        "--sizes",
        "20K,50K",
        "--held-out",
        "50K:60K",
        "--float-up-to",
        "20K",
        "--out",
        "out",
    ]
    first = table(*usual)
    assert "tiny, 3 bits trained: 50 KB" in first.stderr
    with open("out/ledger.md", encoding="utf-8") as file:
        assert file.read() == first.stdout
    with open("out/ledger.csv", encoding="utf-8") as file:
        rows = {(r["precision"], r["how"]): r for r in csv.DictReader(file)}
    assert list(rows) == [
        ("f32", "float"),
        ("f16", "float"),
        ("7 bits", "rounded"),
        ("3 bits", "rounded"),
        ("3 bits", "trained"),
    ]
    assert {r["first_bytes_are"] for r in rows.values()} == {"in-sample"}

    # One row by hand.
    occam("inspect", "m.h5", "--bits", "3", "--export", "r.occm", "--coded")
    with open("text", "rb") as text, open("part", "wb") as part:
        part.write(text.read(20000))
    occam("compress", "--mode", "chunked", "--ckpt", "r.occm", "--embed-model", "part")
    row = rows["3 bits", "rounded"]
    assert int(row["model_bytes"]) == os.path.getsize("r.occm")
    assert int(row["data_bytes_of_20000"]) == os.path.getsize("part.occ") - os.path.getsize(
        "r.occm"
    )
    assert abs(float(row["adjusted_rate_of_20000"]) - os.path.getsize("part.occ") / 20000) < 1e-6
    rate = int(row["held_out_data_bytes"]) / 10000
    assert (
        abs(
            float(row["adjusted_rate_of_1000000000_extrapolated"])
            - rate
            - os.path.getsize("r.occm") / 1e9
        )
        < 1e-6
    )
    assert (
        rows["f32", "float"]["data_bytes_of_50000"]
        == ""
        != rows["f32", "float"]["data_bytes_of_20000"]
    )
    assert int(rows["f16", "float"]["model_bytes"]) == 2 * int(row["parameters"])

    # Again: nothing is measured, even after a kill in the middle of a line.
    with open("out/cells.jsonl", "a", encoding="utf-8") as file:
        file.write('{"key": {"wh')
    second = table(*usual)
    assert second.stdout == first.stdout and second.stderr == "", second
    with open("out/cells.jsonl", encoding="utf-8") as file:
        keys = [json.dumps(json.loads(line)["key"]) for line in file]
    assert len(keys) == len(set(keys)) == 11

    # From what was kept the same page is written, without a text.
    again = table("--redraw", "out", "--out", "again")
    assert again.stdout == first.stdout, again
    assert read("again", "ledger.md") == read("out", "ledger.md")

    # A sample stands for what is longer, and says so.
    sampled = table(
        *usual, "--bits", "7", "--sizes", "10K,50K", "--sample", "16K", "--out", "sampled"
    ).stdout
    row = next(
        line
        for line in sampled.splitlines()
        if line.startswith("| tiny") and "| 7 bits | rounded" in line
    )
    assert row.count("~") == 1 and row.split("|")[10].endswith("~ "), row
    with open("sampled/ledger.csv", encoding="utf-8") as file:
        estimate = next(r for r in csv.DictReader(file) if r["precision"] == "7 bits")
    assert os.path.getsize("sampled/sample-16000-of-50000") == 16000
    exact = int(rows["7 bits", "rounded"]["data_bytes_of_50000"])
    assert 0.95 < int(estimate["data_bytes_of_50000_by_sample"]) / exact < 1.1, (estimate, exact)
    assert "no bytes" in table(*usual, "--sizes", "1M", "--sample", "16K", code=2).stderr
    assert "at least 16 KB" in table(*usual, "--sample", "1K", code=2).stderr

    redrawn = table("--redraw", "sampled", "--out", "again").stdout
    assert redrawn == read("sampled", "ledger.md"), redrawn
    assert "missing" in table("--redraw", work, "--out", "again", code=3).stderr
    assert "--redraw" in table(*usual, "--redraw", "out", code=2).stderr
    assert "trained on" in table(*usual, "--held-out", "40K:60K", code=2).stderr
    assert "no bytes" in table(*usual, "--sizes", "1M", code=2).stderr
    assert "missing.h5" in table(*usual, "--model", "x=missing.h5", code=3).stderr
    os.chdir("/")
print("ledger_table_test.py: all held")
