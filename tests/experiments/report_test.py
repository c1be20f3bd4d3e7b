"""report.py and in_context.py: pages say what the rows say.

The law finds what made the rows, and curves sum to what models code.

  report_test.py BIN_DIR EXPERIMENTS_DIR     exits 77 where a library is missing
"""

import csv
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zlib

import needs
import scripts

needs.modules("jinja2", "matplotlib", "numpy", "pandas", "scipy", "tqdm")
scripts.load("jinja2", "matplotlib.pyplot", "numpy", "pandas", "scipy.optimize", "tqdm")

binaries, experiments = (os.path.abspath(path) for path in sys.argv[1:3])
sys.path.insert(0, experiments)
import numpy  # noqa: E402

from occam_experiments.report import law  # noqa: E402
from occam_experiments.sweep.table import MEASURED  # noqa: E402

noise = random.Random(1)
law.SAMPLES = 40  # of the scripts, too, which run in processes of this one


def script(name, *arguments, code=0):
    done = scripts.run(os.path.join(experiments, name), *arguments)
    assert done.returncode == code, (arguments, done)
    return done


def occam(*arguments):
    return subprocess.run(
        [os.path.join(binaries, "occam"), *arguments], check=True, capture_output=True, text=True
    ).stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, content):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def row_of(
    settings,
    parameters,
    held_out,
    in_sample,
    width=48,
    vocabulary=256,
    context=2048,
    adjusted_is="by a sample",
):
    """A row as sweep.py writes it."""
    size = settings["train_bytes"]
    row = {
        "study": "made",
        "label": "",
        "id": f"{parameters}-{settings.get('train.tokenizer')}-{settings['seed']}-{size}",
        "parameters": parameters,
        "vocabulary": vocabulary,
        "width": width,
        "layers": 7,
        "context": context,
        "bytes_a_token": 1.0,
        "tokens_seen": 10**6,
        "bytes_seen": 10**6,
        "steps": 61,
        "model_bytes": round(0.85 * parameters),
        "tokenizer_bytes": 1,
        "vocabulary_bytes": 2 * vocabulary * width,
        "train_s": 36.0,
        "train_peak_mb": 50,
        "code_peak_mb": 20,
        "precision": "f32",
        "threads": 1,
        "model_id": "00",
        "data_sha256": "da" * 32,
        "held_out_sha256": "0f" * 32,
        "version": "occam 0.1.0",
        "machine": "a machine",
        "adjusted_is": adjusted_is,
    }
    for part, bits in (("held_out", held_out), ("in_sample", in_sample)):
        row |= {
            f"{part}_original_bytes": 10**6,
            f"{part}_data_bytes": round(bits * 125000),
            f"{part}_header_bytes": 180,
            f"{part}_bpb": round(bits, 5),
            f"{part}_model_alone_bpb": round(bits, 5),
            f"{part}_segments_of_others": 0,
            f"{part}_compress_s": 5.0,
            f"{part}_restore_s": 10.0,
        }
    row["adjusted_bytes"] = round(in_sample / 8 * size) + row["model_bytes"]
    row["adjusted_rate"] = round(row["adjusted_bytes"] / size, 6)
    return {**row, **settings}


def write_results(folder, rows, kind):
    os.makedirs(folder)
    settings = [
        name
        for row in rows
        for name in row
        if name not in MEASURED and name not in ("study", "label", "id")
    ]
    with open(f"{folder}/results.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["study", "label", "id", *dict.fromkeys(settings), *MEASURED])
        table.writeheader()
        table.writerows(rows)
    write(
        f"{folder}/spec.toml",
        f'name = "made"\nquestion = "Is <this> so?"\n[report]\nkind = "{kind}"\n'
        '[data]\ntext = "made.txt"\n',
    )


def check_page(folder, figures):
    page, text = read(f"{folder}/index.html"), read(f"{folder}/index.md")
    # Self-contained: images are in it, and nothing is fetched.
    assert page.count("<img ") == len(figures) == page.count("data:image/svg+xml;base64,"), folder
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "&lt;this&gt;" in page
    for figure in figures:
        assert f"({figure}.png)" in text
        with open(f"{folder}/{figure}.png", "rb") as png:
            assert png.read(8) == b"\x89PNG\r\n\x1a\n"
    assert (
        "experiments/sweep.py" in text
        and "a machine" in text
        and "occam 0.1.0" in text
        and "| f32 |" in text
    )
    return text


def texts_of(path):
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    return [
        c.text.strip() for c in ElementTree.fromstring(read(path), parser).iter(ElementTree.Comment)
    ]


def test_law():
    sizes, data = [50e3, 100e3, 200e3, 400e3, 800e3, 1.6e6, 3.2e6, 6.4e6], [1e6, 1e7, 6.2e7]
    cells = [(p, d) for p in sizes for d in data for _ in range(2)]
    of_size = lambda p: 1.0 + 0.6 * (p / 1e6) ** -0.25
    overfitted = lambda p, d: of_size(p) + 0.3 * (p / 1e6) ** 0.8 * (d / 1e6) ** -0.5
    by_heart = lambda p, d: of_size(p) * math.exp(-0.3 * (p / 1e6) ** 0.8 * (d / 1e6) ** -0.5)
    for in_sample, rate in ((False, overfitted), (True, by_heart)):
        bits = [rate(p, d) * (1 + noise.gauss(0, 0.003)) for p, d in cells]
        fit = law.FittedLaw(
            [p for p, _ in cells], [d for _, d in cells], bits, in_sample, samples=40
        )
        for name, wanted in (
            ("E", 1.0),
            ("A", 0.6),
            ("a", 0.25),
            ("B", 0.3),
            ("b", 0.5),
            ("c", 0.8),
        ):
            middle, low, high = fit.numbers()[name]
            # With noise of 0.3 % and 48 cells the exponents are known to about a tenth.
            assert low <= middle <= high and abs(middle / wanted - 1) < 0.25, (name, middle)
        assert 0.001 < numpy.mean(fit.best.errors**2) ** 0.5 < 0.005, fit.best.errors
        if not in_sample:
            continue
        # The optimum is where the derivative vanishes: for more data, larger.
        best = [law.optimum(fit.best, d, 0.85)[0] for d in (1e6, 1e7, 1e8, 1e9)]
        assert best == sorted(best) and best[0] < best[3] / 10, best
        for size in (1e7, 1e9):
            p, rate = law.optimum(fit.best, size, 0.85)
            assert rate <= min(
                float(law.adjusted_rate(fit.best, [q], [size], 0.85)[0]) for q in (p / 1.2, p * 1.2)
            )
    # One cell far off does not move the others' law.
    away = law.Law(
        [p for p, _ in cells],
        [d for _, d in cells],
        [overfitted(*cell) * (1.2 if cell == (1.6e6, 1e6) else 1) for cell in cells],
        False,
    )
    assert (
        max(abs(e) for e, cell in zip(away.errors, cells) if cell != (1.6e6, 1e6)) < 0.01
    ), away.errors


def test_sizes():
    rows = []
    for p in (54000, 105000, 221520, 830112, 3208512):
        for size in (10**6, 10**7, 62 * 10**6):
            for seed in (1, 2) if p < 200000 else (1,):
                held_out = (1.0 + 0.6 * (p / 1e6) ** -0.25 + 0.3 * (size / 1e6) ** -0.5) * (
                    1 + noise.gauss(0, 0.003)
                )
                in_sample = (
                    (1.0 + 0.6 * (p / 1e6) ** -0.25)
                    * math.exp(-0.2 * (p / size) ** 0.5)
                    * (1 + noise.gauss(0, 0.003))
                )
                rows.append(
                    row_of(
                        {
                            "train_bytes": size,
                            "seed": seed,
                            "compress.mode": "chunked",
                            "train.params": str(p),
                        },
                        p,
                        held_out,
                        in_sample,
                    )
                )
    # One of another budget: in the table, not in the law.
    rows.append(
        {
            **rows[-1],
            "train.bytes-seen": "300K",
            "bytes_seen": 300000,
            "parameters": 7 * 10**6,
            "held_out_bpb": 9,
            "in_sample_bpb": 9,
        }
    )
    write_results("sizes", rows, "sizes")
    write("sizes/findings.md", "It is **so**.\n\nAnd so.")
    script("report.py", "sizes")
    text = check_page("sizes", ["sizes", "optimum"])
    assert (
        "It is **so**." in text
        and "<p>It is <b>so</b>.</p>" in read("sizes/index.html")
        and text.count("| prediction |") == 2
        and "## The law" in text
    )
    assert "Cells of other bytes seen, left out: 1." in text and "| 7,000,000 |" in text
    errors = [tuple(map(float, e)) for e in re.findall(r"\| ([0-9.]+) %, ([0-9.]+) % \|", text)]
    assert len(errors) == 2 and all(
        middle < 0.4 and middle < largest < 1.5 for middle, largest in errors
    ), errors
    best = min(
        (r for r in rows if r["train_bytes"] == 10**7 and r["parameters"] > 200000),
        key=lambda r: r["adjusted_bytes"],
    )
    assert f"| 10 MB | {best['parameters']:,} | {100 * best['adjusted_rate']:.2f} |" in text, text
    pair = [r for r in rows if r["parameters"] == 54000 and r["train_bytes"] == 10**6]
    low, high = sorted(r["held_out_bpb"] for r in pair)
    assert f"| {(low + high) / 2:.4f} ± {(high - low) / 2:.4f} |" in text
    wanted = {"parameters", "held-out bits per byte", "trained on 62 MB"}
    assert wanted <= set(texts_of("sizes/sizes.svg")), texts_of("sizes/sizes.svg")
    assert "enwik9: prediction" in texts_of("sizes/optimum.svg")
    # The same rows, the same figures.
    before = read("sizes/sizes.svg")
    script("report.py", "sizes", "--out", "again")
    assert read("again/sizes.svg") == before
    # Too few cells for a law: points alone.
    write_results(
        "few",
        [
            {**rows[0], "held_out_segments_of_others": 1, "held_out_model_alone_bpb": 7.5},
            *rows[1:3],
        ],
        "sizes",
    )
    script("report.py", "few")
    assert (
        "Hollow points" in read("few/index.md")
        and "Hollow" not in text
        and {"6", "8"} <= set(texts_of("few/sizes.svg"))
    )
    assert (
        "files have segments by other methods, order 2 for one, where those take fewer bytes: 1."
        in read("few/index.md")
    )
    assert "## The law" not in read("few/index.md") and "prediction" not in read("few/index.md")


def test_tokenizers():
    rows = []
    for label, tokenizer, vocabulary, width, asked in (
        ("equal network", "bytes", 256, 48, ""),
        ("equal network", "bpe:512", 512, 48, ""),
        ("equal network", "bpe-plain:512", 512, 48, ""),
        ("equal parameters", "bytes", 256, 48, ""),
        ("equal parameters", "bpe:512", 512, 40, "200K"),
    ):
        settings = {
            "label": label,
            "train_bytes": 10**7,
            "seed": 1,
            "compress.mode": "chunked",
            "train.tokenizer": tokenizer,
            "train.params": asked,
        }
        rows.append(
            row_of(settings, 2 * vocabulary * width + 84 * width**2, 1.7, 1.6, width, vocabulary)
        )
    write_results("tokenizers", rows, "tokenizers")
    script("report.py", "tokenizers")
    text = check_page("tokenizers", ["rate", "adjusted"])
    assert "other methods" not in text
    row = rows[1]
    uncharged = 100 * (row["adjusted_rate"] - row["vocabulary_bytes"] / 10**7)
    assert f"| {100 * row['adjusted_rate']:.2f} | {uncharged:.2f} |" in text
    # All are compared as what their network has with bytes.
    assert len(re.findall(r"^\| equal \w+ \| 218K \|", text, re.M)) == 5, text
    assert {"bpe-plain", "218K parameters, vocabulary charged"} <= set(
        texts_of("tokenizers/adjusted.svg")
    )
    # --params go to the nearest network, others by themselves, whichever sizes were asked for;
    # above a million, too.
    larger = [
        row_of(
            {
                **settings,
                "label": "equal network",
                "train.tokenizer": tokenizer,
                "train.params": "",
                "train.width": 192,
            },
            parameters,
            1.4,
            1.4,
            192,
            vocabulary,
        )
        for tokenizer, vocabulary, parameters in (
            ("bytes", 256, 3_208_704),
            ("bpe:512", 512, 3_307_008),
        )
    ]
    write_results("networks", rows + larger, "tokenizers")
    script("report.py", "networks")
    assert len(re.findall(r"^\| equal network \| 3\.21M \|", read("networks/index.md"), re.M)) == 2
    assert len(re.findall(r"^\| equal \w+ \| 218K \|", read("networks/index.md"), re.M)) == 5


def test_context_and_curves():
    words = "the of and to in a is was for on".split()
    write("text", "".join(noise.choice(words) + " " for _ in range(20000))[:60000])
    write(
        "tiny.toml",
        """
name = "tiny"
report = { kind = "context" }
data = { text = "text", train = "40K", held_out = "40K:60K", in_sample = 0 }
same.train = { layers = 2, width = 16, steps = 150, windows = "16,0", adamw-lr = 0.02 }
same.batch_bytes = 1024
same.compress.mode = ["chunked", "carried"]
[[grid]]
train.context = [32, 64]
""",
    )
    script("sweep.py", "tiny.toml", "--out", "tiny", "--bin", binaries)
    measure = ["in_context.py", "tiny", "--text", "text", "--codec", "gzip", "--bin", binaries]
    script(*measure)
    before = read("tiny/curves.csv"), read("tiny/curves.jsonl")
    script(*measure)  # nothing is measured twice
    assert (read("tiny/curves.csv"), read("tiny/curves.jsonl")) == before and before[1].count(
        "\n"
    ) > 2
    curves = list(csv.DictReader(read("tiny/curves.csv").splitlines()))
    (name,) = {r["name"] for r in curves if r["kind"].startswith("model")}
    assert name.endswith("context 64")
    # gzip by hand.
    held_out = read("text")[40000:].encode()
    pack = lambda piece, n: len(
        (z := zlib.compressobj(9, zlib.DEFLATED, -15)).compress(piece) + z.flush()
    )
    for row in (r for r in curves if r["kind"] == "codec"):
        n = int(row["last"])
        used = held_out[: len(held_out) // n * n]
        wanted = 8 * sum(pack(used[i : i + n], n) for i in range(0, len(used), n)) / len(used)
        assert abs(float(row["bits"]) - wanted) < 1e-4, row
    # Places are a partition, and their mean is what the model codes.
    nth = [r for r in curves if r["kind"] == "model, nth"]
    assert [int(r["first"]) for r in nth] == [1] + [int(r["last"]) + 1 for r in nth[:-1]] and nth[
        -1
    ]["last"] == "64"
    mean = sum(float(r["bits"]) * (int(r["last"]) - int(r["first"]) + 1) for r in nth) / 64
    (model,) = [
        r["id"]
        for r in csv.DictReader(read("tiny/results.csv").splitlines())
        if r["train.context"] == "64" and r["compress.mode"] == "chunked"
    ]
    found = json.loads(
        occam(
            "evaluate",
            "-q",
            "--json",
            "--ckpt",
            f"tiny/models/{model}.occm",
            "--data",
            "text",
            "--bytes",
            "40K:60K",
        )
    )
    # 20000 is not a multiple of 64: the last chunk is shorter.
    assert abs(mean - found["model_alone"]["bits_per_byte"]) < 0.02, (mean, found)
    first = {int(r["last"]): float(r["bits"]) for r in curves if r["kind"] == "model, first n"}
    assert abs(first[64] - mean) < 1e-3 and first[1] > first[64], first
    script("report.py", "tiny")
    text = read("tiny/index.md")
    for figure in ("context", "in_context_first_n", "in_context_nth"):
        assert f"({figure}.png)" in text and os.path.exists(f"tiny/{figure}.svg")
    assert "| gzip |" in text and text.count("| carried |") == 2
    assert (
        subprocess.run(
            [
                os.path.join(binaries, "occam"),
                "evaluate",
                "--ckpt",
                f"tiny/models/{model}.occm",
                "--data",
                "text",
                "--mode",
                "carried",
                "--curve",
                "c.csv",
            ],
            capture_output=True,
        ).returncode
        == 2
    )
    # Without a kind: a table of what varies.
    write("tiny/spec.toml", read("tiny/spec.toml").replace("report =", "# report ="))
    script("report.py", "tiny", "--out", "plain")
    assert "train.context" in read("plain/index.md")


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    test_law()
    test_sizes()
    test_tokenizers()
    test_context_and_curves()
    assert "missing" in script("report.py", ".", code=3).stderr
    write("spec.toml", 'name = "x"')
    write("results.csv", "a,b\n1,2\n")
    assert "no results" in script("report.py", ".", code=4).stderr
    os.chdir("/")
print("report_test.py: all held")
