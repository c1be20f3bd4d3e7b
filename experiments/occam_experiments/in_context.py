"""How quickly do models and codecs learn from the begin of a chunk?

  experiments/in_context.py DIR --text TEXT [--bytes 62M:63M] [--model NAME=CKPT ...]
                            [--codec gzip,xz,...]

DIR is a folder of sweep.py. Of its models the one with the longest context is measured for each
number of parameters, or those that --model names. Models: what the exact network's frequencies cost
at each place of fresh chunks (evaluate --curve). Codecs: what they make of pieces of n bytes with
no memory of each other, without headers, each restored and compared; any n bytes are the first n of
some chunk. Of small n a few thousand pieces are enough.

Writes DIR/curves.csv, from which report.py draws: mean bits of the n-th byte, places between two
powers of the square root of 2 as one, with the standard error as if bytes were independent; and
bits a byte of the first n. What is finished is kept in DIR/curves.jsonl and not measured again.
Exit codes are those of Occam.
"""

import argparse
import itertools
import math
import os
import sys
from typing import Any

import pandas as pd

from .cells import Cell, Cells
from .errors import USAGE, Failure
from .files import digest_of_range, write_whole
from .occam import BIN, Occam
from .report.command import read_spec
from .report.rows import read_rows
from .units import names, parse_range, split_pair

PIECES = 4000
CODECS = ["gzip", "bzip2", "zstd", "brotli", "xz"]
FIELDS = ["kind", "name", "first", "last", "bits", "error_bits"]

Row = dict[str, Any]
Place = tuple[int, float, float]  # chunks that reach it, mean and deviation of its bits


def edges_up_to(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 11, 16, ..., the last at least `most`."""
    edges, k = [1], 1
    while edges[-1] < most:
        edges.append(max(edges[-1] + 1, round(2 ** (k / 2))))
        k += 1
    return edges


def row(kind: str, name: str, first: int, last: int, bits: float, error: float | None = None
        ) -> Row:
    return {"kind": kind, "name": name, "first": first, "last": last, "bits": f"{bits:.5f}",
            "error_bits": "" if error is None else f"{error:.5f}"}


def nth_rows(name: str, places: list[Place]) -> list[Row]:
    """Mean bits of the n-th byte, of places between two edges as one."""
    rows = []
    for before, edge in itertools.pairwise([0, *edges_up_to(len(places))]):
        own = places[before:edge]
        count = sum(chunks for chunks, _, _ in own)
        if count:
            bits = sum(chunks * mean for chunks, mean, _ in own) / count
            squares = sum(chunks * deviation**2 for chunks, _, deviation in own)
            rows.append(row("model, nth", name, before + 1, before + len(own), bits,
                            math.sqrt(squares) / count))
    return rows


def first_rows(name: str, places: list[Place]) -> list[Row]:
    """Bits a byte of the first n bytes, n a power of two."""
    totals = itertools.accumulate(mean for _, mean, _ in places)
    return [row("model, first n", name, 1, n, total / n) for n, total in enumerate(totals, 1)
            if n & (n - 1) == 0]


class Curves:
    """The curves of models and codecs on one part of a text, in a folder of a sweep."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.occam = Occam(args.bin, args.threads)
        self.begin, self.end = parse_range(args.bytes, "--bytes")
        self.data = digest_of_range(args.text, self.begin, self.end)
        if self.data is None:
            raise Failure(USAGE, f"{args.text} has no bytes {args.bytes}")
        self.finished = Cells(os.path.join(args.dir, "curves.jsonl"))
        self.models = ([split_pair(text, "--model", "CKPT") for text in args.model]
                       or self.models_of_sweep())

    def models_of_sweep(self) -> list[tuple[str, str]]:
        """(name, path) of the model with the longest context for each number of parameters."""
        rows = read_rows(os.path.join(self.args.dir, "results.csv"))
        longest = rows.loc[rows.groupby("parameters")["context"].idxmax()]
        return [(f"{model['parameters']:,} parameters, context {model['context']}",
                 os.path.join(self.args.dir, "models", model["id"] + ".occm"))
                for _, model in longest.iterrows()]

    def model_rows(self, name: str, path: str) -> list[Row]:
        key = {"model": self.occam.json("inspect", "--json", path)["model_id"], "data": self.data}
        places = self.finished.get(key, lambda: self.measure_model(name, path))["places"]
        return nth_rows(name, places) + first_rows(name, places)

    def measure_model(self, name: str, path: str) -> Cell:
        print(f"{name}: {path}", file=sys.stderr, flush=True)
        curve = os.path.join(self.args.dir, "curve.new.csv")
        self.occam.run("evaluate", "-q", "--json", "--ckpt", path, "--data", self.args.text,
                       "--bytes", self.args.bytes, "-T", self.occam.threads, "--curve", curve, "-f")
        found = pd.read_csv(curve, float_precision="round_trip")
        os.remove(curve)
        columns = (found[name].tolist() for name in ("chunks", "mean_bits", "deviation_bits"))
        return {"places": list(zip(*columns))}

    def codec_rows(self, codec: str, lengths: list[int]) -> list[Row]:
        rows = []
        for n in lengths:
            end = min(self.end, self.begin + PIECES * n)
            end -= (end - self.begin) % n
            if end > self.begin:
                found = self.measured_codec(codec, n, end)
                rows.append(row("codec", codec, 1, n, 8 * found["bytes"] / found["original_bytes"]))
        return rows

    def measured_codec(self, codec: str, n: int, end: int) -> Cell:
        """What a codec makes of pieces of n bytes up to `end`."""
        def make() -> Cell:
            print(f"{codec}: {n} bytes", file=sys.stderr, flush=True)
            found = self.occam.json("baselines", "-q", "--json", "--codec", codec, "--chunk", n,
                                    "--form", "bare", "--bytes", f"{self.begin}:{end}",
                                    self.args.text)
            return {name: found[name] for name in ("bytes", "original_bytes")}
        key = {"codec": codec, "chunk": n, "bytes": [self.begin, end], "data": self.data}
        return self.finished.get(key, make)

    def write(self) -> None:
        rows = [found for name, path in self.models for found in self.model_rows(name, path)]
        longest = max(found["last"] for found in rows)
        lengths = [2**k for k in range(4, int(math.log2(longest)) + 1)]
        rows += [found for codec in self.args.codec for found in self.codec_rows(codec, lengths)]
        text = pd.DataFrame(rows, columns=FIELDS).to_csv(index=False, lineterminator="\n")
        print(write_whole(os.path.join(self.args.dir, "curves.csv"), text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", metavar="DIR")
    parser.add_argument("--text", required=True, metavar="TEXT", help="not packed")
    parser.add_argument("--bytes", metavar="BEGIN:END",
                        help="of it (default: what the sweep held out)")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=CKPT", help="repeat")
    parser.add_argument("--codec", type=names, default=CODECS, metavar="NAMES",
                        help=f"({','.join(CODECS)})")
    parser.add_argument("--bin", default=BIN, metavar="DIR",
                        help="where occam is (build/release/bin)")
    parser.add_argument("-T", "--threads", type=int, default=1)
    args = parser.parse_args()
    args.bytes = args.bytes or read_spec(args.dir)[0]["data"]["held_out"]
    Curves(args).write()
