"""plot_run.py draws what train logs, and says clearly what it cannot draw.

  plot_run_test.py BIN_DIR PLOT_RUN     exits 77 where a library is missing
"""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import needs
import scripts

needs.modules("matplotlib")
scripts.load("matplotlib.pyplot")

binaries, plot_run = (os.path.abspath(path) for path in sys.argv[1:3])
sys.path.insert(0, os.path.dirname(plot_run))
from occam_experiments import plot_run as plot  # noqa: E402


def draw(*arguments, code=0):
    done = scripts.run(plot_run, *arguments)
    assert done.returncode == code, (arguments, done)
    if code != 0:
        assert len(done.stderr.splitlines()) == 1 or code == 2, done.stderr
    return done.stderr


def texts_of(svg):
    """matplotlib keeps the text of what it draws as paths in comments."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    tree = ElementTree.parse(svg, parser)
    return [c.text.strip() for c in tree.iter(ElementTree.Comment)]


def write(path, lines, end="\n"):
    with open(path, "w", encoding="utf-8") as log:
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        log.write("\n".join(texts) + end)
    return path


def step(number, loss):
    return {
        "event": "step",
        "step": number,
        "bytes_seen": 100.0 * number,
        "loss_bpb": loss,
        "gradient_norm": 1,
        "muon_lr": 0.01,
        "tokens_per_s": 1000,
    }


def check_logs_of_killed_runs():
    lines = [
        {"event": "start", "step": 0},
        step(10, 3),
        step(20, 2),
        step(30, 7),
        {"event": "resume", "step": 20},
        step(30, 1),
    ]
    path = write("killed.log.jsonl", lines, end='\n{"event": "st')
    run = plot.read_log(path)
    assert [s["step"] for s in run["step"]] == [10, 20, 30]
    assert [s["loss_bpb"] for s in run["step"]] == [3, 2, 1]
    draw(path, "-o", "killed.svg")


def check_labels():
    assert plot.labels_of(["a.log.jsonl", "b/c.log.jsonl"]) == ["a", "c"]
    assert plot.labels_of(["x/a.log.jsonl", "y/a.log.jsonl"]) == ["x/a", "y/a"]
    assert plot.labels_of(["a.log.jsonl", "./a.log.jsonl"]) == ["a", "a"]


def check_trained_runs():
    with open("text", "w", encoding="utf-8") as text:
        text.write("all work and some play makes a model of words. " * 400)
    for width in ("16", "32"):
        subprocess.run(
            [
                os.path.join(binaries, "train"),
                "--data",
                "text",
                "--width",
                width,
                "--layers",
                "2",
                "--context",
                "64",
                "--windows",
                "16,0",
                "--steps",
                "40",
                "--out",
                f"w{width}.h5",
                "-q",
            ],
            check=True,
        )
    logs = ["w16.log.jsonl", "w32.log.jsonl"]
    for scale in ("linear", "log"):
        draw(*logs, "-o", f"{scale}.svg", "--scale", scale)
        texts = texts_of(f"{scale}.svg")
        for wanted in ("bits per byte", "w16: loss", "w32: loss", "w16: validation on a part"):
            assert wanted in texts, (wanted, texts)
        assert any(t.startswith("training data seen") and scale in t for t in texts), texts
        assert any(
            t.startswith("w32: validation on all, ") and t.endswith(" bpb") for t in texts
        ), texts
    draw(*logs, "-o", "again.svg", "--scale", "log")
    with open("log.svg", "rb") as one, open("again.svg", "rb") as other:
        assert one.read() == other.read(), "the same logs gave another figure"
    draw(*logs, "-o", "run.png")
    with open("run.png", "rb") as png:
        assert png.read(8) == b"\x89PNG\r\n\x1a\n"


def check_failures():
    assert "missing" in draw("missing.log.jsonl", "-o", "x.svg", code=3)
    assert "line 1" in draw(write("text.txt", ["no log"]), "-o", "x.svg", code=4)
    assert "no step" in draw(
        write("new.log.jsonl", [{"event": "start", "step": 0}]), "-o", "x.svg", code=4
    )
    draw("w16.log.jsonl", "-o", "x.txt", code=2)
    draw("w16.log.jsonl", code=2)
    assert "nowhere" in draw("w16.log.jsonl", "-o", "nowhere/x.svg", code=3)
    assert not os.path.exists("x.svg")


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    check_trained_runs()
    check_logs_of_killed_runs()
    check_labels()
    check_failures()
    os.chdir("/")
print("plot_run_test.py: all held")
