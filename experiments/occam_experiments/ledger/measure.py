"""Measures every model at every precision on every slice of a text."""

import argparse
import os
import sys

from ..cells import Cell, Cells
from ..errors import USAGE, Failure
from ..files import SAMPLE_PIECES, digest_of_range, sha256_of, write_sample, write_slice
from ..occam import Occam
from ..units import bytes_text, parse_bytes, parse_range, split_pair
from .table import HELD_OUT, About, Row


class Ledger:
    """The rows of a ledger; cells that were measured are not measured again."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.out = args, args.out
        os.makedirs(self.out, exist_ok=True)
        self.occam = Occam(args.bin, args.threads)
        self.cells = Cells(os.path.join(self.out, "cells.jsonl"))
        self.sizes = [parse_bytes(size) for size in args.sizes.split(",")]
        self.held_out = parse_range(args.held_out, "--held-out")
        self.sample = min(args.sample or max(self.sizes), max(self.sizes))
        if self.sample < min(max(self.sizes), SAMPLE_PIECES * 1000):
            raise Failure(USAGE, f"--sample is at least {SAMPLE_PIECES} KB")
        self.slices: dict[int | str, str] = {size: self.slice_of(size) for size in self.sizes}
        self.slices[HELD_OUT] = self.slice(*self.held_out)
        self.digests = {what: sha256_of(path) for what, path in self.slices.items()}
        self.trained_on: dict[tuple[int, int], str | None] = {}  # digests of ranges of the text

    def slice(self, begin: int, end: int) -> str:
        return write_slice(self.args.text, begin, end,
                           os.path.join(self.out, f"text-{begin}-{end}"))

    def slice_of(self, size: int) -> str:
        """The first bytes of the text, or a sample of them."""
        if size <= self.sample:
            return self.slice(0, size)
        return write_sample(self.args.text, size, self.sample,
                            os.path.join(self.out, f"sample-{self.sample}-of-{size}"))

    def seen(self, checkpoint: str) -> str:
        """Whether the first bytes were trained on; refuses a held-out part that was."""
        provenance = self.occam.json("inspect", "--json", checkpoint).get("provenance")
        if provenance is None:
            raise Failure(USAGE, f"{checkpoint} is no checkpoint (.h5)")
        begin, end = provenance["train_begin"], provenance["train_end"]
        if (begin, end) not in self.trained_on:
            self.trained_on[begin, end] = digest_of_range(self.args.text, begin, end)
        if self.trained_on[begin, end] != provenance["data_sha256"]:
            return "unknown"

        def overlaps(first: int, last: int) -> bool:
            return bool(first < end and begin < last)

        if overlaps(*self.held_out):
            raise Failure(USAGE, f"{checkpoint} was trained on bytes {begin}:{end}: --held-out "
                                 "must be others")
        if begin == 0 and max(self.sizes) <= end:
            return "in-sample"
        return "in part" if overlaps(0, max(self.sizes)) else HELD_OUT

    def of_whole(self, what: int | str, coded: int) -> int:
        """Coded bytes of what a slice stands for: itself, or the size that it is a sample of."""
        if isinstance(what, str) or what <= self.sample:
            return coded
        return round(coded / os.path.getsize(self.slices[what]) * what)

    def rounded_row(self, name: str, checkpoint: str, bits: int, how: str) -> Row:
        model = os.path.join(self.out, f"{name}-{bits}-{how}.occm")
        rounding = ["--bits", bits] if how == "rounded" else []
        self.occam.run("inspect", checkpoint, *rounding, "--export", model, "--coded", "-f")
        info = self.occam.json("inspect", "--json", model)
        codes = sum(tensor["codes"] for tensor in info["tensors"])
        floats = sum(tensor["floats"] for tensor in info["tensors"])
        # Codes side by side, and 3 bytes for each scale and gain of 16 significant bits: no file.
        packed = -(-codes * bits // 8) + 3 * floats
        row: Row = {"model": name, "precision": f"{bits} bits", "how": how,
                    "seen": self.seen(checkpoint), "parameters": info["config"]["parameters"],
                    "packed_model_bytes": packed}
        for what in self.slices:
            cell = self.measured(model, info["model_id"], what, f"{name}, {bits} bits {how}")
            row["model_bytes"] = cell["model_bytes"]
            row[what] = self.of_whole(what, cell["data_bytes"] + cell["header_bytes"])
        return row

    def measured(self, model: str, identity: str, what: int | str, title: str) -> Cell:
        """The cell of a rounded model's file on a slice."""
        def make() -> Cell:
            print(f"{title}: {what if isinstance(what, str) else bytes_text(what)}",
                  file=sys.stderr, flush=True)
            return self.occam.measure(model, self.slices[what], self.args.mode, self.out)
        key = {"what": "file", "model": identity, "data": self.digests[what],
               "mode": self.args.mode}
        return self.cells.get(key, make)

    def float_rows(self, name: str, checkpoint: str) -> list[Row]:
        row: Row = {"model": name, "how": "float *", "seen": self.seen(checkpoint)}
        for what, path in self.slices.items():
            size = os.path.getsize(path)
            if not isinstance(what, str) and size > self.args.float_up_to:
                continue
            cell = self.measured_float(name, checkpoint, what)
            row["parameters"] = cell["parameters"]
            row[what] = self.of_whole(what, round(cell["bits_per_byte"] / 8 * size))
        sizes = {"f32": 4 * row["parameters"], "f16": 2 * row["parameters"]}
        return [{**row, "precision": precision, "packed_model_bytes": size, "model_bytes": size}
                for precision, size in sizes.items()]

    def measured_float(self, name: str, checkpoint: str, what: int | str) -> Cell:
        """The cell of a float network's cross-entropy on a slice."""
        def make() -> Cell:
            print(f"{name}, float: {what if isinstance(what, str) else bytes_text(what)}",
                  file=sys.stderr, flush=True)
            path = self.slices[what]
            found = self.occam.json(
                "evaluate", "-q", "--ckpt", checkpoint, "--data", path, "--bytes",
                f"0:{os.path.getsize(path)}", "--float", "--json", "-T", self.occam.threads)
            return {"bits_per_byte": found["float_bits_per_byte"],
                    "parameters": found["parameters"]}
        key = {"what": "float", "checkpoint": sha256_of(checkpoint), "data": self.digests[what]}
        return self.cells.get(key, make)

    def rows(self) -> list[Row]:
        trained = [split_pair(text, "--trained", "CHECKPOINT") for text in self.args.trained]
        rows = []
        for text in self.args.model:
            name, checkpoint = split_pair(text, "--model", "CHECKPOINT")
            rows += self.float_rows(name, checkpoint)
            for bits in self.args.bits:
                rows.append(self.rounded_row(name, checkpoint, bits, "rounded"))
                rows += [self.rounded_row(name, other, bits, "trained")
                         for label, other in trained if label == f"{name}:{bits}"]
        return rows

    def about(self, programs: Cell | None) -> About:
        return About(self.sizes, self.args.held_out, self.sample, self.args.mode, programs)
