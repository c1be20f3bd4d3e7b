"""sweep.py makes every cell once, whatever stops it, and rows say what files say.

Slurm's script runs by hand, too, and mistakes have a word.

  sweep_test.py BIN_DIR SWEEP
"""

import argparse
import csv
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import needs
import scripts

needs.modules("jinja2", "pandas", "tqdm")
scripts.load("jinja2", "pandas", "tqdm")
binaries, script = (os.path.abspath(path) for path in sys.argv[1:3])
sys.path.insert(0, os.path.dirname(script))

SPEC = """
name = "tiny"
question = "Do all cells come?"
[data]
text = "text"
train = "40K"
held_out = "40K:48K"
in_sample = "{in_sample}"
[same]
train = {{ layers = 2, context = 64, batch = 4, windows = "16,0", width = 16, adamw-lr = 0.02, \
checkpoint-minutes = 60 }}
compress.mode = ["chunked", "carried"]
[[grid]]
label = "network"
train.steps = {steps}
train.tokenizer = ["bytes", "bpe:270"]
[[grid]]
label = "seeds"
train.steps = {steps}
train.tokenizer = "bytes"
seed = [1, 2]
"""


def occam(*arguments):
    return subprocess.run(
        [os.path.join(binaries, "occam"), *arguments], check=True, capture_output=True, text=True
    ).stdout


def command(spec, *arguments):
    return [sys.executable, script, spec, "--bin", binaries, *arguments]


def sweep(spec, *arguments, code=0, environment=None):
    done = scripts.run(script, spec, "--bin", binaries, *arguments, environment=environment)
    assert done.returncode == code, (arguments, done)
    return done


def write(path, content):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows(folder):
    return list(csv.DictReader(read(f"{folder}/results.csv").splitlines()))


def start_until_it_trains(folder):
    """A sweep whose training has taken its first steps."""
    process = subprocess.Popen(
        command("long.toml", "--out", folder, "--cores", "1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        for work in os.listdir(f"{folder}/work") if os.path.isdir(f"{folder}/work") else []:
            log = f"{folder}/work/{work}/model.log.jsonl"
            if os.path.exists(log) and '"step":10,' in read(log):
                return process
        time.sleep(0.02)
    raise AssertionError("the training was too quick to be stopped")


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    words = random.Random(1)
    write(
        "text",
        "".join(
            words.choice("the of and to in a is was for on".split()) + " " for _ in range(20000)
        )[:48000],
    )
    write("tiny.toml", SPEC.format(steps=60, in_sample="40K"))

    # A dry run prints every cell and starts nothing.
    dry = sweep("tiny.toml", "--out", "out", "--dry-run")
    assert "6 cells of 3 trainings, 0 done" in dry.stdout and dry.stdout.count("min  ") == 6, dry
    assert os.listdir("out/work") == [] and not os.path.exists("out/results.jsonl")

    first = sweep("tiny.toml", "--out", "out", "--cores", "2")
    assert "[6/6]" in first.stderr, first.stderr
    assert "tiny: 6 of 6 cells." in read("out/table.md")
    found = rows("out")
    # The first model is of both grids, trained once.
    assert [r["label"] for r in found] == ["network"] * 4 + ["seeds"] * 4, found
    assert len({r["id"] for r in found}) == 3 and len(read("out/results.jsonl").splitlines()) == 6
    for row in found:
        model = f"out/models/{row['id']}.occm"
        occam(
            "compress",
            "--ckpt",
            model,
            "--embed-model",
            "--mode",
            row["compress.mode"],
            "-f",
            "-o",
            "whole.occ",
            "text",
        )
        assert json.loads(occam("inspect", "--json", "whole.occ"))["model_bytes"] == int(
            row["model_bytes"]
        )
        assert row["precision"] in ("f32", "bf16"), row
        for part, begin, end in (("in_sample", 0, 40000), ("held_out", 40000, 48000)):
            write("part", read("text")[begin:end])
            occam(
                "compress",
                "--ckpt",
                model,
                "--embed-model",
                "--mode",
                row["compress.mode"],
                "-f",
                "part",
            )
            size = os.path.getsize("part.occ")
            assert size == sum(
                int(row[f"{part}_{what}_bytes"]) for what in ("data", "header")
            ) + int(row["model_bytes"]), row
            if part == "in_sample":
                assert size == int(row["adjusted_bytes"]) and row["adjusted_is"] == "a file"
    pairs = next(r for r in found if r["train.tokenizer"] == "bpe:270")
    assert (
        float(pairs["bytes_a_token"]) > 1.2
        and int(pairs["tokenizer_bytes"]) > 0
        and pairs["vocabulary"] == "270"
    )

    # Again: nothing is made. A row that is lost is made again, that one alone; a row that a kill
    # cut off is none.
    before = read("out/results.jsonl")
    assert sweep("tiny.toml", "--out", "out").stderr == "" and read("out/results.jsonl") == before
    lines = before.splitlines(keepends=True)
    write("out/results.jsonl", "".join(lines[:-1]) + lines[-1][:20])
    again = sweep("tiny.toml", "--out", "out")
    assert "[6/6]" in again.stderr and len(again.stderr.splitlines()) == 1, again.stderr
    assert (
        json.loads(read("out/results.jsonl").splitlines()[-1])["model_id"]
        == json.loads(lines[-1])["model_id"]
    )
    # A sample, where the text is longer.
    write(
        "sample.toml",
        SPEC.format(steps=60, in_sample="16K").replace(
            "layers = 2", 'layers = 2, precision = "f32"'
        ),
    )
    sweep("sample.toml", "--out", "sample", "--task", "0")
    (_, row) = [r for r in rows("sample") if r["label"] == "network"]
    assert (
        row["in_sample_original_bytes"] == "16000"
        and row["adjusted_is"] == "by a sample"
        and row["precision"] == "f32"
    )
    assert (
        abs(
            int(row["adjusted_bytes"])
            - int(row["model_bytes"])
            - 5000 * float(row["in_sample_bpb"])
        )
        < 2
    ), row

    # Steps of as many bytes, whatever the tokenizer.
    write(
        "equal.toml",
        SPEC.format(steps=60, in_sample="0")
        .replace(", batch = 4", "")
        .replace('label = "network"', "batch_bytes = 1500"),
    )
    sweep("equal.toml", "--out", "equal", "--task", "1")
    (row, _) = rows("equal")
    batch = int(row["tokens_seen"]) / 64 / 60
    assert batch == round(1500 / 64 / float(row["bytes_a_token"])), row

    # Stopped, and killed: what was half trained goes on to the same model.
    write(
        "long.toml",
        SPEC.format(steps=1250, in_sample="40K")
        .split('[[grid]]\nlabel = "seeds"')[0]
        .replace(', "bpe:270"]', "]"),
    )
    process = start_until_it_trains("stopped")
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 130
    assert sweep("long.toml", "--out", "stopped", "--dry-run").stdout.count("half trained") == 2
    sweep("long.toml", "--out", "stopped", "--keep")
    (log,) = [
        read(f"stopped/work/{w}/model.log.jsonl")
        for w in os.listdir("stopped/work")
        if not w.endswith(".lock")
    ]
    assert '"event":"resume"' in log
    process = start_until_it_trains("killed")
    process.kill()
    process.wait()
    # Its training lives on, and is waited for, not trained a second time at the same place.
    after = sweep("long.toml", "--out", "killed")
    assert "waiting" in after.stderr and len(rows("killed")) == 2, after.stderr
    assert {r["model_id"] for r in rows("killed")} == {r["model_id"] for r in rows("stopped")}

    # Slurm: submitted where there is sbatch; else a script whose tasks run by hand.
    os.mkdir("bin")
    write("bin/sbatch", '#!/bin/sh\necho "$@" >submitted\necho Submitted batch job 7\n')
    os.chmod("bin/sbatch", 0o755)
    with_sbatch = {**os.environ, "PATH": f"{work}/bin:{os.environ['PATH']}"}
    assert (
        "batch job 7"
        in sweep(
            "tiny.toml", "--out", "cluster", "--slurm=--partition=cpu", environment=with_sbatch
        ).stdout
    )
    assert read("submitted") == "--partition=cpu cluster/slurm.sh\n"
    assert "#SBATCH --array=0,1,2\n" in read("cluster/slurm.sh")
    # Tasks may finish at the same moment: the tables of one that began before the others' cells
    # came have them, too.
    arguments = argparse.Namespace(
        spec="tiny.toml", out="cluster", text=None, bin=binaries, threads=1, cores=1, keep=False
    )
    early = importlib.import_module("occam_experiments.sweep.command").Sweep(arguments)
    subprocess.run(["cluster/slurm.sh", "1"], check=True, capture_output=True, cwd=work)
    assert {r["train.tokenizer"] for r in rows("cluster")} == {"bpe:270"}
    subprocess.run(
        ["cluster/slurm.sh"],
        check=True,
        capture_output=True,
        env={**os.environ, "SLURM_ARRAY_TASK_ID": "2"},
    )
    assert len(rows("cluster")) == 4
    early.tables.write()
    assert len(rows("cluster")) == 4
    without = {**os.environ, "PATH": "/nowhere"}
    assert (
        "for n in 0; do"
        in sweep("tiny.toml", "--out", "cluster", "--slurm", environment=without).stdout
    )

    # A cell that cannot be does not stop the others.
    write(
        "wrong.toml", SPEC.format(steps=20, in_sample="0").replace("width = 16", "width = [17, 16]")
    )
    wrong = sweep("wrong.toml", "--out", "wrong", code=2)
    assert "width" in wrong.stderr and "3 trainings failed" in wrong.stderr.replace(
        "of 6 ", ""
    ), wrong.stderr
    assert len(rows("wrong")) == 8 and all(r["adjusted_bytes"] == "" for r in rows("wrong"))

    for spoiled, word in (
        ("train.steps = 60\ntrain.stepz = 60", "--stepz"),
        ("train.out = 60", "train.out"),
        ("stepz = 60", "stepz"),
        ("x = [", "spoiled.toml"),
        ("", "how long"),
        ("train.steps = 1\nbatch_bytes = 1", "twice"),
    ):
        write(
            "spoiled.toml",
            SPEC.format(steps=60, in_sample="40K").replace("train.steps = 60", spoiled),
        )
        assert word in sweep("spoiled.toml", "--out", "spoiled", code=2).stderr, spoiled
    write("spoiled.toml", SPEC.format(steps=60, in_sample="40K") + "[[grid]]\n")
    assert "is empty" in sweep("spoiled.toml", "--out", "spoiled", code=2).stderr
    write("spoiled.toml", SPEC.format(steps=60, in_sample="40K").replace("40K:48K", "39K:48K"))
    assert "held-out" in sweep("spoiled.toml", "--out", "spoiled", code=2).stderr
    write("spoiled.toml", SPEC.format(steps=60, in_sample="40K").replace("40K:48K", "40K:49K"))
    assert "no bytes" in sweep("spoiled.toml", "--out", "spoiled", code=2).stderr
    assert "missing" in sweep("tiny.toml", "--out", "spoiled", "--text", "none", code=3).stderr

    # The specs of the studies: flags that there are, and cells that can be told apart.
    with open("long text", "wb") as text:
        text.truncate(64000000)
    folder = os.path.join(os.path.dirname(script), "specs")
    specs = [name for name in os.listdir(folder) if name.endswith(".toml")]
    assert len(specs) >= 6
    for spec in specs:
        assert (
            "0 done"
            in sweep(
                os.path.join(folder, spec), "--text", "long text", "--out", "dry", "--dry-run"
            ).stdout
        )
    os.chdir("/")
print("sweep_test.py: all held")
