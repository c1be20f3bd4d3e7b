"""What does a model cost at each precision, and on how much text does it pay?

  experiments/ledger_table.py --text TEXT --model 200K=wiki-200K.h5 [--model ...]
                              [--trained 200K:4=wiki-200K-4bit.h5 ...] [--sizes 1M,10M,62M]
                              [--held-out 62M:64M] [--sample 2M] --out DIR

A row is a model at a precision: its float weights in 32 and 16 bits, or rounded to 7, 6, 5, 4, 3
bits. --model takes a checkpoint and rounds it now; --trained takes one that was trained with so few
bits (train --weight-bits). TEXT may be packed with xz.

Sizes of rounded models come from files with their model in them that were restored, by a process
that knew nothing else, and compared. The first bytes of the text, 1, 10 and 62 MB, are usually
those the models were trained on (in-sample). A held-out part says what other text of the kind
costs. By its rate and the model's bytes follow the two last columns, sizes of enwik8 and enwik9:
arithmetic, marked with *. Float rows are arithmetic throughout, marked, too: cross-entropy of the
float network, fresh contexts, and 4 or 2 bytes a parameter.

With --sample, larger sizes go by the rate of a sample, 16 pieces from all over them, a file that
was restored and compared; what follows from it is marked with ~.

Writes DIR/table.md, DIR/table.csv and DIR/cells.jsonl; cells that are there are not measured again.
Contexts are chunked unless --mode carried. Exit codes are those of Occam.
"""

import argparse
import os
import sys
from typing import Any

import pandas as pd

from .cells import Cell, Cells, decoder_sizes
from .errors import USAGE, Failure
from .files import (SAMPLE_PIECES, digest_of_range, sha256_of, write_sample, write_slice,
                    write_whole)
from .occam import BIN, Occam
from .pages import markdown_table
from .units import bytes_text, numbers, parse_bytes, parse_range, split_pair

ENWIK = {"enwik8": 10**8, "enwik9": 10**9}
HELD_OUT = "held out"

Row = dict[Any, Any]  # of the table; the coded bytes of a slice by its size, or HELD_OUT


class Ledger:
    """Measures every model at every precision on every slice of the text."""

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


class LedgerTable:
    """The tables of measured rows: sizes with the model, and the smallest of them."""

    def __init__(self, ledger: Ledger, rows: list[Row], decoder: Cell | None) -> None:
        self.sizes, self.sample, self.args = ledger.sizes, ledger.sample, ledger.args
        self.held_out_bytes = ledger.held_out[1] - ledger.held_out[0]
        self.rows, self.decoder = rows, decoder
        self.columns = {bytes_text(size): size for size in self.sizes}
        self.columns |= {f"{name} *": size for name, size in ENWIK.items()}

    def adjusted(self, row: Row, size: int) -> tuple[float | None, str]:
        """Bytes with the model, None where there is no file; and a mark.

        * is arithmetic, ~ by a sample's rate.
        """
        if size in row:
            estimate = "~" if size > self.sample else ""
            return row[size] + row["model_bytes"], "*" if is_float(row) else estimate
        if size in self.sizes:
            return None, ""
        return row[HELD_OUT] / self.held_out_bytes * size + row["model_bytes"], "*"

    def markdown(self) -> list[str]:
        table = [["model", "parameters", "weights", "", "model bytes, packed *",
                  "model bytes, coded", "held out", "first bytes are", *self.columns]]
        for row in self.rows:
            star = " *" if is_float(row) else ""
            line = [row["model"], f"{row['parameters']:,}", row["precision"], row["how"],
                    f"{row['packed_model_bytes']:,}", "" if star else f"{row['model_bytes']:,}",
                    f"{100 * row[HELD_OUT] / self.held_out_bytes:.2f} %{star}", row["seen"]]
            for size in self.columns.values():
                total, mark = self.adjusted(row, size)
                line.append("" if total is None else f"{100 * total / size:.2f} % {mark}".rstrip())
            table.append(line)
        return [f"Adjusted rates: file with its model in it, of the first bytes of the text; "
                f"{self.args.mode} contexts. Held out: bytes {self.args.held_out}, without the "
                "model.", "", *markdown_table(table), "", self.legend(), *self.charges()]

    def legend(self) -> str:
        text = ("\\* arithmetic, no file: float rows are the cross-entropy of the float network "
                "and 4 or 2 bytes a parameter, *packed* is codes side by side, and the sizes of "
                "enwik8 and enwik9 are extrapolated from the held-out rate.")
        if self.sample < max(self.sizes):
            text += (f" ~ by the rate of {bytes_text(self.sample)} in pieces from all over that "
                     "text.")
        return text

    def charges(self) -> list[str]:
        """The smallest file of each size by each way of charging (docs/charges.md)."""
        if self.decoder is None:
            return []
        decoder, encoder = self.decoder["decoder_xz_bytes"], self.decoder["encoder_xz_bytes"]
        table = [["text", "data + model", "+ decoder", "+ decoder, encoder and the model again"]]
        for size in self.sizes:
            table.append([bytes_text(size), *(
                self.smallest(size, programs, again)
                for programs, again in ((0, 0), (decoder, 0), (decoder + encoder, 1)))])
        return ["", f"The smallest, by what is charged; decoder {decoder:,} bytes, encoder "
                f"{encoder:,} (docs/charges.md).", "", *markdown_table(table)]

    def smallest(self, size: int, programs: int, again: int) -> str:
        """The smallest file, with `programs` bytes and the model `again` more times."""
        totals = [(row[size] + (1 + again) * row["model_bytes"] + programs, row)
                  for row in self.rows if size in row and not is_float(row)]
        total, row = min(totals, key=lambda pair: pair[0])
        mark = "~" if size > self.sample else ""
        return (f"{mark}{total:,} ({100 * total / size:.2f} %): {row['model']}, "
                f"{row['precision']} {row['how']}")

    def csv(self) -> str:
        lines = []
        for row in self.rows:
            line = {name: row[name] for name in ("model", "parameters", "precision")}
            line |= {"how": row["how"].rstrip(" *"), "first_bytes_are": row["seen"],
                     "packed_model_bytes_arithmetic": row["packed_model_bytes"],
                     "model_bytes": row["model_bytes"], "mode": self.args.mode,
                     "held_out_original_bytes": self.held_out_bytes,
                     "held_out_data_bytes": row[HELD_OUT]}
            for size in self.sizes:
                by_sample = "" if size <= self.sample else "_by_sample"
                line[f"data_bytes_of_{size}{by_sample}"] = row.get(size, "")
            for size in self.columns.values():
                extrapolated = "" if size in self.sizes else "_extrapolated"
                total, _ = self.adjusted(row, size)
                line[f"adjusted_rate_of_{size}{extrapolated}"] = (
                    "" if total is None else f"{total / size:.6f}")
            lines.append(line)
        return pd.DataFrame(lines, dtype=object).to_csv(index=False, lineterminator="\n")


def is_float(row: Row) -> bool:
    return bool(row["how"].startswith("float"))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--text", required=True, metavar="TEXT", help="file, may be packed with xz")
    add("--model", action="append", required=True, metavar="NAME=CKPT",
        help="checkpoint (.h5) to round; repeat")
    add("--trained", action="append", default=[], metavar="NAME:BITS=CKPT",
        help="checkpoint trained with BITS")
    add("--bits", type=numbers(int), default=[7, 6, 5, 4, 3], metavar="B,B,...")
    add("--sizes", default="1M,10M,62M", metavar="N,N,...",
        help="first bytes of the text (1M,10M,62M)")
    add("--held-out", default="62M:64M", metavar="BEGIN:END",
        help="bytes no model was trained on (62M:64M)")
    add("--sample", type=parse_bytes, metavar="N",
        help="code N bytes, from all over them, of sizes above that (all of them)")
    add("--mode", choices=("chunked", "carried", "adaptive"), default="chunked")
    add("--float-up-to", type=parse_bytes, default=10**7, metavar="N",
        help="largest of the sizes that the float rows are measured on (10M)")
    add("--no-decoder", action="store_true", help="do not build and charge the decoder")
    add("--out", required=True, metavar="DIR")
    add("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    add("-T", "--threads", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    ledger = Ledger(args)
    rows = ledger.rows()
    decoder = None if args.no_decoder else decoder_sizes(ledger.cells, args.out)
    table = LedgerTable(ledger, rows, decoder)
    text = "\n".join(table.markdown())
    write_whole(os.path.join(args.out, "table.md"), text + "\n")
    write_whole(os.path.join(args.out, "table.csv"), table.csv())
    print(text)
