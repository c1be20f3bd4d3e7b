"""The search for one text: three rounds of models, trained and coded within a time budget."""

import argparse
import json
import os
import sys
import time
from typing import Any

from ..cells import Cell, Cells
from ..files import sha256_of, write_sample, write_slice
from ..occam import Occam
from ..units import bytes_text
from .points import ARCHIVE, archives_of, is_estimate, smallest_cell, total_bytes

SHARES = {"shapes": 0.35, "precision": 0.30, "long": 0.35}
LEAST_TRAINED_SHARE = 0.3  # of a cell's time, however long coding takes
VALIDATED_BYTES = 1 << 16  # of the end, trained on like the rest: train wants a part to report on

Setting = tuple[tuple[int, int], int, float]  # (width, layers), bits, rate


def coding_guess(parameters: int, size: int) -> float:
    """Seconds to compress and restore, on two usual cores."""
    return size * (2e-6 + 1.5e-11 * parameters)


def logged(path: str) -> dict[str, Any]:
    """The bytes that a training saw, by its log."""
    with open(path + ".log.jsonl", encoding="utf-8") as log:
        steps = [line for line in map(json.loads, log) if line["event"] == "step"]
    return {"bytes_seen": steps[-1]["bytes_seen"]} if steps else {}


class Search:
    """One size of text, and the seconds for it."""

    def __init__(self, args: argparse.Namespace, occam: Occam, cells: Cells, size: int,
                 seconds: float) -> None:
        self.args, self.occam, self.cells, self.size = args, occam, cells, size
        self.seconds = seconds
        self.text = write_slice(args.file, 0, size, os.path.join(args.out, f"text-{size}"))
        self.digest = sha256_of(self.text)
        self.corpus = os.path.join(args.out, f"corpus-{size}")
        self.validated = min(VALIDATED_BYTES, size)
        with open(self.text, "rb") as text, open(self.corpus, "wb") as corpus:
            data = text.read()
            corpus.write(data + data[-self.validated:])
        self.sample = self.text
        if size > args.sample:
            self.sample = os.path.join(args.out, f"sample-{size}")
            write_sample(self.text, size, args.sample, self.sample)

    def own_cells(self) -> list[Cell]:
        return archives_of(self.cells, self.digest)

    def run(self) -> None:
        """The three rounds."""
        args, bits = self.args, sorted(self.args.bits)
        shapes = [(width, layers) for width in args.widths for layers in args.layers]
        first = self.round("shapes", [(shape, bits[len(bits) // 2], 0.0) for shape in shapes])
        best_shapes = [shape for _, (shape, _, _) in first[:2]]
        second = self.round("precision", [(shape, b, rate) for shape in best_shapes for b in bits
                                          for rate in args.rates])
        shape, best_bits, rate = second[0][1]
        ordered = [s for _, s in sorted((cell["parameters"], s) for cell, (s, _, _) in first)]
        larger = ordered[ordered.index(shape) + 1:][:1]
        self.round("long", [(s, best_bits, rate) for s in [shape, *larger]], self.text)

    def round(self, name: str, settings: list[Setting], coded: str | None = None
              ) -> list[tuple[Cell, Setting]]:
        """The cells of a round with their settings, the smallest first."""
        seconds = self.seconds * SHARES[name] / len(settings)
        # Whole seconds, or tenths where there is less than one; no less than three of them.
        allotted = round(seconds) if seconds >= 1 else max(0.3, round(seconds, 1))
        made = [(self.cell(setting, allotted, coded or self.sample), setting)
                for setting in settings]
        return sorted(made, key=lambda pair: total_bytes(pair[0]))

    def cell(self, setting: Setting, allotted: float, coded: str) -> Cell:
        """A setting's cell, made where it is not there."""
        (width, layers), bits, rate = setting
        key = {"what": ARCHIVE, "data": self.digest, "size": self.size,
               "coded": os.path.getsize(coded), "width": width, "layers": layers, "bits": bits,
               "rate": rate, "allotted_s": allotted, "mode": self.args.mode,
               "rounded_share": self.args.rounded_share, "train": self.args.train}
        new = self.cells.find(key) is None
        cell = self.cells.get(key, lambda: self.make(setting, allotted, coded))
        if os.path.exists(self.path(setting, allotted) + ".h5"):
            self.keep_if_best(self.path(setting, allotted), cell)
        if new:
            mark = "~" if is_estimate(cell) else ""
            print(f"{bytes_text(self.size)}, width {width}, {layers} layers, {bits} bits, "
                  f"rate {rate:g}, {allotted} s: {mark}{total_bytes(cell):,} bytes, of which the "
                  f"model has {cell['model_bytes']:,}", file=sys.stderr, flush=True)
        return cell

    def path(self, setting: Setting, allotted: float) -> str:
        (width, layers), bits, rate = setting
        name = f"{self.size}-w{width}-l{layers}-b{bits}-r{rate:g}-{allotted}s"
        return os.path.join(self.args.out, name)

    def make(self, setting: Setting, allotted: float, coded: str) -> Cell:
        """Trains, compresses, restores and compares a setting's model."""
        path, start = self.path(setting, allotted), time.monotonic()
        self.train(setting, path, allotted, os.path.getsize(coded))
        trained_s = time.monotonic() - start
        self.occam.run("inspect", path + ".h5", "--export", path + ".coded.occm", "--coded", "-f")
        sizes = self.occam.measure(path + ".coded.occm", coded, self.args.mode, self.args.out)
        return {**sizes, "trained_s": round(trained_s, 1), **logged(path)}

    def train(self, setting: Setting, path: str, allotted: float, coded_bytes: int) -> None:
        """Trains a model, or goes on with one that was interrupted."""
        (width, layers), bits, rate = setting
        data = ["--data", self.corpus, "--val-bytes", f"{self.size}:{self.size + self.validated}",
                "--out", path + ".h5", "-T", self.occam.threads, "-q"]
        if not os.path.exists(path + ".h5"):
            rates = ["--weight-rate", rate / self.size] if rate else []
            seconds = self.training_s(width, layers, allotted, coded_bytes)
            self.occam.run("train", *data, "--train-bytes", f"0:{self.size}", "--width", width,
                           "--layers", layers, "--weight-bits", bits, "--rounded-share",
                           self.args.rounded_share, *rates, *self.args.train,
                           "--minutes", seconds / 60)
        elif not os.path.exists(path + ".occm"):
            self.occam.run("train", "--resume", *data)

    def training_s(self, width: int, layers: int, allotted: float, coded_bytes: int) -> float:
        """What coding leaves of a cell's time, judged by how wrong the guess was so far."""
        parameters = 513 * width + layers * (12 * width**2 + 10 * width) + width
        known, wrong = self.own_cells(), 1.0
        if known:
            wrong = (sum(c["compress_s"] + c["restore_s"] for c in known)
                     / sum(coding_guess(c["parameters"], c["original_bytes"]) for c in known))
        left = allotted - wrong * coding_guess(parameters, coded_bytes)
        return max(LEAST_TRAINED_SHARE * allotted, left)

    def keep_if_best(self, path: str, cell: Cell) -> None:
        best = os.path.join(self.args.out, f"best-{self.size}")
        if cell is smallest_cell(self.own_cells()):
            os.replace(path + ".h5", best + ".h5")
            os.replace(path + ".coded.occm", best + ".occm")
        for ending in (".h5", ".occm", ".coded.occm", ".log.jsonl"):
            if os.path.exists(path + ending):
                os.remove(path + ending)
