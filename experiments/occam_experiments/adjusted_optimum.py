#!/usr/bin/env python3
"""Which model makes a file smallest, if the file must hold it? Width, depth, bits and rate term, within a time budget.

  experiments/adjusted_optimum.py FILE --minutes 600 --out DIR [--sizes 1M,10M,62M] [--widths 16,32,48,64,96,128,192] ...

For each size, the first bytes of FILE (all of it by default) are trained on, coded with the model in the file, restored and
compared. In-sample, on purpose: the model travels with its data, and nothing else is claimed. A size's share of the minutes goes as
the fourth root of the size, as a small text is worth seeing many times; they are for training and coding together, and spent in
three rounds:

  1. shapes: every width and depth, at the middle one of the bits. 35 % of the time, equal parts.
  2. precision: the two best shapes, with each of the bits and of the rate terms. 30 %.
  3. long: the best of these, and its bits and rate at the next larger shape. 35 %.

Of a text longer than --sample, the first two rounds code a sample, 16 pieces from all over it, and judge by that file and the model;
such estimates are marked with ~, and hollow in the figure. What is called smallest was coded whole, if anything was.

--minutes 0 trains nothing: table and figure of what DIR has, such as sizes that had minutes of their own.

Short rounds favour small models, so the optimum moves up with the minutes, too. A rate of 1 is a --weight-rate of one divided by the
size: the bits of data and model count alike.

Writes DIR/cells.jsonl (a line for each finished cell; what is there is not made again, and a training that was interrupted goes on),
DIR/table.md, DIR/best-SIZE.h5 and best-SIZE.occm, the model of the smallest file so far, coded, and the figures DIR/optimum.svg and
.png: adjusted size against parameters for each size, beside xz -9e. Needs matplotlib (Debian: python3-matplotlib). Exit codes
are those of Occam.
"""

import argparse
import json
import math
import os
import sys
import time

from occam_runs import BIN, Cells, Failure, Occam, SAMPLE_PIECES, USAGE, bytes_text, decoder_sizes, parse_bytes, sha256_of, write_sample, write_slice, xz_bytes, run_script
from pages import STYLES

SHARES = {"shapes": 0.35, "precision": 0.30, "long": 0.35}
LEAST_TRAINED_SHARE = 0.3  # of a cell's time, however long coding takes
VALIDATED_BYTES = 1 << 16  # of the end, which is trained on like the rest: train wants a part to report on


def coding_guess(parameters, size):
    """Seconds to compress and restore, on two usual cores."""
    return size * (2e-6 + 1.5e-11 * parameters)


def total_bytes(cell):
    """Of the file with its model; an estimate where a sample alone was coded."""
    if not is_estimate(cell):
        return cell["file_bytes"]
    rate = (cell["data_bytes"] + cell["header_bytes"]) / cell["original_bytes"]
    return round(rate * cell["key"]["size"]) + cell["model_bytes"]


def is_estimate(cell):
    return cell["original_bytes"] < cell["key"]["size"]


def smallest_of(cells):
    return min(cells, key=lambda cell: (is_estimate(cell), total_bytes(cell)))


class Search:
    """One size."""

    def __init__(self, args, occam, cells, size, seconds):
        self.args, self.occam, self.cells, self.size, self.seconds = args, occam, cells, size, seconds
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

    def own_cells(self):
        return [cell for cell in self.cells.cells if cell["key"].get("data") == self.digest and cell["key"]["what"] == "archive"]

    def run(self):
        shapes = [(width, layers) for width in self.args.widths for layers in self.args.layers]
        bits = sorted(self.args.bits)
        first = self.round("shapes", [(shape, bits[len(bits) // 2], 0.0) for shape in shapes])
        best_shapes = [shape for _, (shape, _, _) in first[:2]]
        second = self.round("precision", [(shape, b, rate) for shape in best_shapes for b in bits for rate in self.args.rates])
        shape, best_bits, rate = second[0][1]
        larger = sorted((cell["parameters"], s) for cell, (s, _, _) in first)
        larger = [s for _, s in larger[[s for _, s in larger].index(shape) + 1:]][:1]
        self.round("long", [(s, best_bits, rate) for s in [shape, *larger]], self.text)

    def round(self, name, settings, coded=None):
        """The cells of a round, the smallest first, with their settings."""
        allotted = max(1, round(self.seconds * SHARES[name] / len(settings)))
        made = [(self.cell(setting, allotted, coded or self.sample), setting) for setting in settings]
        return sorted(made, key=lambda pair: total_bytes(pair[0]))

    def cell(self, setting, allotted, coded):
        (width, layers), bits, rate = setting
        key = {"what": "archive", "data": self.digest, "size": self.size, "coded": os.path.getsize(coded), "width": width,
               "layers": layers, "bits": bits, "rate": rate, "allotted_s": allotted, "mode": self.args.mode,
               "rounded_share": self.args.rounded_share, "train": self.args.train}
        made = self.cells.find(key) is None
        cell = self.cells.get(key, lambda: self.make(setting, allotted, coded))
        if os.path.exists(self.path(setting, allotted) + ".h5"):
            self.keep_if_best(self.path(setting, allotted), cell)
        if made:
            print(f"{bytes_text(self.size)}, width {width}, {layers} layers, {bits} bits, rate {rate:g}, {allotted} s: "
                  f"{mark(cell)}{total_bytes(cell):,} bytes, of which the model has {cell['model_bytes']:,}",
                  file=sys.stderr, flush=True)
        return cell

    def path(self, setting, allotted):
        (width, layers), bits, rate = setting
        return os.path.join(self.args.out, f"{self.size}-w{width}-l{layers}-b{bits}-r{rate:g}-{allotted}s")

    def make(self, setting, allotted, coded):
        (width, layers), bits, rate = setting
        path = self.path(setting, allotted)
        data = ["--data", self.corpus, "--val-bytes", f"{self.size}:{self.size + self.validated}", "--out", path + ".h5",
                "-T", self.occam.threads, "-q"]
        start = time.monotonic()
        if not os.path.exists(path + ".h5"):
            options = [*data, "--train-bytes", f"0:{self.size}", "--width", width, "--layers", layers, "--weight-bits", bits,
                       "--rounded-share", self.args.rounded_share, *(["--weight-rate", rate / self.size] if rate else []), *self.args.train]
            self.occam.run("train", *options, "--minutes", self.training_s(width, layers, allotted, os.path.getsize(coded)) / 60)
        elif not os.path.exists(path + ".occm"):
            self.occam.run("train", "--resume", *data)
        trained_s = time.monotonic() - start
        self.occam.run("inspect", path + ".h5", "--export", path + ".coded.occm", "--coded", "-f")
        sizes = self.occam.measure(path + ".coded.occm", coded, self.args.mode, self.args.out)
        return {**sizes, "trained_s": round(trained_s, 1), **self.logged(path)}

    def training_s(self, width, layers, allotted, coded_bytes):
        """What coding leaves of a cell's time, judged by how wrong the guess was so far."""
        parameters = 513 * width + layers * (12 * width**2 + 10 * width) + width
        known = self.own_cells()
        wrong = 1.0
        if known:
            wrong = (sum(c["compress_s"] + c["restore_s"] for c in known)
                     / sum(coding_guess(c["parameters"], c["original_bytes"]) for c in known))
        return max(LEAST_TRAINED_SHARE * allotted, allotted - wrong * coding_guess(parameters, coded_bytes))

    @staticmethod
    def logged(path):
        with open(path + ".log.jsonl", encoding="utf-8") as log:
            steps = [line for line in map(json.loads, log) if line["event"] == "step"]
        return {"bytes_seen": steps[-1]["bytes_seen"]} if steps else {}

    def keep_if_best(self, path, cell):
        best = os.path.join(self.args.out, f"best-{self.size}")
        if cell is smallest_of(self.own_cells()):
            os.replace(path + ".h5", best + ".h5")
            os.replace(path + ".coded.occm", best + ".occm")
        for ending in (".h5", ".occm", ".coded.occm", ".log.jsonl"):
            if os.path.exists(path + ending):
                os.remove(path + ending)


def best_of_widths(cells):
    """The smallest file of each width, an estimate where none was coded whole, by parameters."""
    widths = {cell["key"]["width"] for cell in cells}
    best = [smallest_of([cell for cell in cells if cell["key"]["width"] == width]) for width in widths]
    return sorted(best, key=lambda cell: cell["parameters"])


def mark(cell):
    return "~" if is_estimate(cell) else ""


def table_of(searches, cells, programs):
    lines = ["In-sample: every model travels with the text that it was trained on. Every file was restored and compared."
             " ~: estimated from the file of a sample.", "",
             "| text | parameters | width x layers | bits | rate | data and headers | model | file with its model | xz -9e "
             + "| + decoder | + decoder, encoder and the model again |", "|---" * 11 + "|"]
    for search in searches:
        own = search.own_cells()
        smallest = smallest_of(own)
        key, total, size, own = smallest["key"], total_bytes(smallest), search.size, [c for c in own if not is_estimate(c)] or own
        more = ["", ""]
        if programs:
            decoder, encoder = programs["decoder_xz_bytes"], programs["encoder_xz_bytes"]
            twice = min(total_bytes(cell) + cell["model_bytes"] for cell in own) + decoder + encoder
            more = [f"{total + decoder:,} ({100 * (total + decoder) / size:.2f} %)", f"{twice:,} ({100 * twice / size:.2f} %)"]
        xz = xz_bytes(cells, search.text)
        lines.append(f"| {bytes_text(size)} | {smallest['parameters']:,} | {key['width']} x {key['layers']} | {key['bits']} | "
                     f"{key['rate']:g} | {total - smallest['model_bytes']:,} | {smallest['model_bytes']:,} | "
                     f"{mark(smallest)}{total:,} ({100 * total / size:.2f} %) | "
                     f"{xz:,} ({100 * xz / size:.2f} %) | {more[0]} | {more[1]} |")
    lines += ["", "| text | parameters | smallest file of the width | data and headers | model | trained on | bits, rate, layers |",
              "|---" * 7 + "|"]
    for search in searches:
        for cell in best_of_widths(search.own_cells()):
            seen = f"{cell['bytes_seen'] / search.size:.3g} times" if "bytes_seen" in cell else ""
            total = total_bytes(cell)
            lines.append(f"| {bytes_text(search.size)} | {cell['parameters']:,} | {mark(cell)}{total:,} "
                         f"({100 * total / search.size:.2f} %) | {total - cell['model_bytes']:,} | {cell['model_bytes']:,} | {seen} | "
                         f"{cell['key']['bits']}, {cell['key']['rate']:g}, {cell['key']['layers']} |")
    return lines


def draw(searches, cells, out):
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"font.size": 9, "svg.hashsalt": "occam"})
    import matplotlib.pyplot as plt
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, ScalarFormatter

    figure, ax = plt.subplots(figsize=(8, 5), constrained_layout=True)
    for i, search in enumerate(searches):
        colour, dashes, shape = STYLES[i % len(STYLES)]
        percent = lambda cell: 100 * total_bytes(cell) / search.size
        own, best = search.own_cells(), best_of_widths(search.own_cells())
        name = bytes_text(search.size)
        ax.plot([c["parameters"] for c in own], [percent(c) for c in own], color=colour, marker=".", markersize=3, linestyle="none",
                alpha=0.5)
        ax.plot([c["parameters"] for c in best], [percent(c) for c in best], color=colour, linestyle=dashes, marker=shape, markersize=5,
                linewidth=1.3, label=f"{name}: file with its model")
        hollow = [c for c in best if is_estimate(c)]
        ax.plot([c["parameters"] for c in hollow], [percent(c) for c in hollow], color=colour, marker=shape, markersize=5,
                markerfacecolor="white", linestyle="none", label=f"{name}: estimated from a sample" if hollow else None)
        least = smallest_of(own)
        ax.plot(least["parameters"], percent(least), color=colour, marker="*", markersize=15, markeredgecolor="black", linestyle="none",
                label=f"{name}: smallest, {percent(least):.2f} %, {least['parameters']:,} parameters")
        xz = 100 * xz_bytes(cells, search.text) / search.size
        ax.axhline(xz, color=colour, linestyle=dashes, linewidth=0.7, alpha=0.6)
        ax.annotate(f"xz -9e, {name}", (1 - 0.13 * (i % len(STYLES)), xz), xycoords=("axes fraction", "data"),
                    ha="right", va="bottom", fontsize=7, color=colour)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 2.5, 3, 4, 5, 7)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("parameters")
    ax.set_ylabel("file with its model, % of the text (in-sample)")
    ax.grid(True, which="both", linewidth=0.4, color="#cccccc")
    ax.set_axisbelow(True)
    ax.legend(fontsize=8)
    for ending in ("svg", "png"):
        figure.savefig(os.path.join(out, f"optimum.{ending}"), dpi=150, metadata={"Date": None} if ending == "svg" else None)


def numbers(kind):
    def parse(text):
        try:
            return [kind(item) for item in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text} is no list of numbers") from None
    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE", help="text to compress, may be packed with xz")
    parser.add_argument("--minutes", type=float, required=True, metavar="M", help="for all sizes together")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--sizes", metavar="N,N,...", help="first bytes of FILE (default: all of it)")
    parser.add_argument("--widths", type=numbers(int), default=[16, 32, 48, 64, 96, 128, 192], metavar="D,D,...")
    parser.add_argument("--layers", type=numbers(int), default=[4, 7], metavar="L,L,...")
    parser.add_argument("--bits", type=numbers(int), default=[7, 5, 4, 3], metavar="B,B,...")
    parser.add_argument("--rates", type=numbers(float), metavar="X,X,...",
                        help="rate terms, in bits of data a bit of the model; 0 = none (default: 0,1)")
    parser.add_argument("--rounded-share", type=float, default=0.4, metavar="X", help="last share of a training that rounds (0.4)")
    parser.add_argument("--sample", type=parse_bytes, default=4 * 10**6, metavar="N",
                        help="what the first rounds code of a longer text; compared like any other (4M)")
    parser.add_argument("--mode", choices=("chunked", "carried", "adaptive"), default="carried")
    parser.add_argument("--train", default="", metavar="OPTIONS", help="more options of train, in one argument")
    parser.add_argument("--no-decoder", action="store_true", help="do not build and charge the decoder")
    parser.add_argument("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    parser.add_argument("-T", "--threads", type=int, default=0)
    args = parser.parse_args()
    args.train = args.train.split()
    if args.sample < SAMPLE_PIECES * 1000:
        raise Failure(USAGE, f"--sample is at least {SAMPLE_PIECES} KB")
    if not args.minutes >= 0 or not math.isfinite(args.minutes):
        raise Failure(USAGE, "--minutes must not be negative")
    return args


def main():
    args = parse_arguments()
    import matplotlib  # noqa: F401  that it is missing is better known now than at the end

    occam = Occam(args.bin, args.threads)
    rated = occam.has_option("train", "--weight-rate")
    args.rates = args.rates if args.rates is not None else ([0.0, 1.0] if rated else [0.0])
    if any(args.rates) and not rated:
        raise Failure(USAGE, "this train has no --weight-rate: only a rate of 0 can be tried")
    if args.sizes is None and args.file.endswith(".xz"):
        raise Failure(USAGE, "of a packed file, say how many bytes: --sizes")
    sizes = [parse_bytes(s) for s in args.sizes.split(",")] if args.sizes else [os.path.getsize(args.file)]
    os.makedirs(args.out, exist_ok=True)
    cells = Cells(os.path.join(args.out, "cells.jsonl"))
    share = lambda size: size ** 0.25
    parts = sum(map(share, sizes))
    searches = [Search(args, occam, cells, size, 60 * args.minutes * share(size) / parts) for size in sizes]
    for search in searches:
        if args.minutes > 0:
            search.run()
        elif not search.own_cells():
            raise Failure(USAGE, f"{args.out} has nothing of {bytes_text(search.size)}")
    programs = None if args.no_decoder else decoder_sizes(cells, args.out)
    lines = table_of(searches, cells, programs)
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines))
    draw(searches, cells, args.out)


if __name__ == "__main__":
    run_script(main)
