#!/usr/bin/env python3
"""How quickly do models and codecs learn from the begin of a chunk?

  experiments/in_context.py DIR --text TEXT [--bytes 62M:63M] [--model NAME=CKPT ...] [--codec gzip,xz,...]

DIR is a folder of sweep.py; of its models the one with the longest context is measured for each number of parameters, or those that --model
names. Models: what the exact network's frequencies cost at each place of fresh chunks (evaluate --curve). Codecs: what they make of pieces
of n bytes with no memory of each other, without headers, each restored and compared; any n bytes are the first n of some chunk. Of small
n a few thousand pieces are enough.

Writes DIR/curves.csv, from which report.py draws: mean bits of the n-th byte, places between two powers of the square root of 2 as one, with the
standard error as if bytes were independent; and bits a byte of the first n. What is finished is kept in DIR/curves.jsonl and not measured
again. Exit codes are those of Occam.
"""

import argparse
import csv
import io
import math
import os
import sys
import tomllib

from occam_runs import BIN, Cells, Failure, Occam, USAGE, digest_of_range, parse_range, run_script, write_whole
from report import read_rows

PIECES = 4000
CODECS = ["gzip", "bzip2", "zstd", "brotli", "xz"]
FIELDS = ["kind", "name", "first", "last", "bits", "error_bits"]


def edges_up_to(most):
    """1, 2, 3, 4, 6, 8, 11, 16, ..., the last at least `most`."""
    edges, k = [1], 1
    while edges[-1] < most:
        edges.append(max(edges[-1] + 1, round(2 ** (k / 2))))
        k += 1
    return edges


def points_of(name, places):
    """Rows of curves.csv of one model; `places`: (chunks, mean, deviation) of the first, second, ... byte."""
    rows, before = [], 0
    for edge in edges_up_to(len(places)):
        own = places[before:edge]
        count = sum(chunks for chunks, _, _ in own)
        if own and count:
            bits = sum(chunks * mean for chunks, mean, _ in own) / count
            error = math.sqrt(sum(chunks * deviation**2 for chunks, _, deviation in own)) / count
            rows.append(["model, nth", name, before + 1, before + len(own), f"{bits:.5f}", f"{error:.5f}"])
        before = edge
    total, power = 0.0, 1
    for n, (_, mean, _) in enumerate(places, 1):
        total += mean
        if n == power:
            rows.append(["model, first n", name, 1, n, f"{total / n:.5f}", ""])
            power *= 2
    return rows


class Curves:
    def __init__(self, args):
        self.args = args
        self.occam = Occam(args.bin, args.threads)
        self.begin, self.end = parse_range(args.bytes, "--bytes")
        self.data = digest_of_range(args.text, self.begin, self.end)
        if self.data is None:
            raise Failure(USAGE, f"{args.text} has no bytes {args.bytes}")
        self.finished = Cells(os.path.join(args.dir, "curves.jsonl"))
        self.models = [self.split(text) for text in args.model] or self.models_of_sweep()

    @staticmethod
    def split(text):
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise Failure(USAGE, f"--model is NAME=CKPT, not {text}")
        return name, path

    def models_of_sweep(self):
        longest = {}
        for row in read_rows(os.path.join(self.args.dir, "results.csv")):
            if row["context"] > longest.get(row["parameters"], {"context": 0})["context"]:
                longest[row["parameters"]] = row
        return [(f"{parameters:,} parameters, context {row['context']}", os.path.join(self.args.dir, "models", row["id"] + ".occm"))
                for parameters, row in sorted(longest.items())]

    def model_rows(self, name, path):
        model = self.occam.json("inspect", "--json", path)["model_id"]
        return points_of(name, self.finished.get({"model": model, "data": self.data}, lambda: self.measure_model(name, path))["places"])

    def measure_model(self, name, path):
        print(f"{name}: {path}", file=sys.stderr, flush=True)
        curve = os.path.join(self.args.dir, "curve.new.csv")
        self.occam.run("evaluate", "-q", "--json", "--ckpt", path, "--data", self.args.text, "--bytes", self.args.bytes, "-T", self.occam.threads,
                       "--curve", curve)
        with open(curve, encoding="utf-8", newline="") as file:
            places = [(int(r["chunks"]), float(r["mean_bits"]), float(r["deviation_bits"])) for r in csv.DictReader(file)]
        os.remove(curve)
        return {"places": places}

    def codec_rows(self, codec, lengths):
        rows = []
        for n in lengths:
            end = min(self.end, self.begin + PIECES * n)
            end -= (end - self.begin) % n
            if end > self.begin:
                found = self.finished.get({"codec": codec, "chunk": n, "bytes": [self.begin, end], "data": self.data},
                                          lambda: self.measure_codec(codec, n, end))
                rows.append(["codec", codec, 1, n, f"{8 * found['bytes'] / found['original_bytes']:.5f}", ""])
        return rows

    def measure_codec(self, codec, n, end):
        print(f"{codec}: {n} bytes", file=sys.stderr, flush=True)
        found = self.occam.json("baselines", "-q", "--json", "--codec", codec, "--chunk", n, "--form", "bare", "--bytes", f"{self.begin}:{end}",
                                self.args.text)
        return {name: found[name] for name in ("bytes", "original_bytes")}

    def write(self):
        rows = [row for name, path in self.models for row in self.model_rows(name, path)]
        longest = max(row[3] for row in rows)
        lengths = [2**k for k in range(4, int(math.log2(longest)) + 1)]
        rows += [row for codec in self.args.codec for row in self.codec_rows(codec, lengths)]
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerows([FIELDS, *rows])
        print(write_whole(os.path.join(self.args.dir, "curves.csv"), text.getvalue()))


def held_out_of(folder):
    """What the sweep held out."""
    with open(os.path.join(folder, "spec.toml"), "rb") as file:
        return tomllib.load(file)["data"]["held_out"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", metavar="DIR")
    parser.add_argument("--text", required=True, metavar="TEXT", help="not packed")
    parser.add_argument("--bytes", metavar="BEGIN:END", help="of it (default: what the sweep held out)")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=CKPT", help="repeat")
    parser.add_argument("--codec", type=lambda t: t.split(","), default=CODECS, metavar="NAMES", help=f"({','.join(CODECS)})")
    parser.add_argument("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    parser.add_argument("-T", "--threads", type=int, default=1)
    args = parser.parse_args()
    args.bytes = args.bytes or held_out_of(args.dir)
    Curves(args).write()


if __name__ == "__main__":
    run_script(main)
