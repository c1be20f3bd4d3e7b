#!/usr/bin/env python3
"""What does a model cost at each precision, and on how much text does it pay?

  experiments/ledger_table.py --text TEXT --model 200K=wiki-200K.h5 [--model ...] [--trained 200K:4=wiki-200K-4bit.h5 ...]
                              [--sizes 1M,10M,62M] [--held-out 62M:64M] [--sample 2M] --out DIR

A row is a model at a precision: its float weights in 32 and 16 bits, or rounded to 7, 6, 5, 4, 3 bits. --model takes a checkpoint and
rounds it now; --trained takes one that was trained with so few bits (train --weight-bits). TEXT may be packed with xz.

Sizes of rounded models come from files with their model in them that were restored, by a process that knew nothing else, and
compared. The first bytes of the text, 1, 10 and 62 MB, are usually those the models were trained on (in-sample); a held-out part
says what other text of the kind costs, and by its rate and the model's bytes follow the two last columns, sizes of enwik8 and
enwik9: arithmetic, marked with *. Float rows are arithmetic throughout, marked, too: cross-entropy of the float network, fresh
contexts, and 4 or 2 bytes a parameter.

With --sample, larger sizes go by the rate of a sample, 16 pieces from all over them, a file that was restored and compared; what follows
from it is marked with ~.

Writes DIR/table.md, DIR/table.csv and DIR/cells.jsonl; cells that are there are not measured again. Contexts are chunked unless
--mode carried. Exit codes are those of Occam.
"""

import argparse
import csv
import os
import sys

from occam_runs import (BIN, Cells, Failure, Occam, SAMPLE_PIECES, USAGE, bytes_text, decoder_sizes, digest_of_range, parse_bytes, parse_range, sha256_of,
                        write_sample, write_slice, run_script, split_pair)

ENWIK = {"enwik8": 10**8, "enwik9": 10**9}


class Table:
    def __init__(self, args):
        self.args = args
        self.out = args.out
        os.makedirs(self.out, exist_ok=True)
        self.occam = Occam(args.bin, args.threads)
        self.cells = Cells(os.path.join(self.out, "cells.jsonl"))
        self.sizes = [parse_bytes(s) for s in args.sizes.split(",")]
        self.held_out = parse_range(args.held_out, "--held-out")
        self.sample = min(args.sample or max(self.sizes), max(self.sizes))
        if self.sample < min(max(self.sizes), SAMPLE_PIECES * 1000):
            raise Failure(USAGE, f"--sample is at least {SAMPLE_PIECES} KB")
        self.slices = {size: self.slice(0, size) if size <= self.sample else
                       write_sample(args.text, size, self.sample, os.path.join(self.out, f"sample-{self.sample}-of-{size}")) for size in self.sizes}
        self.slices["held out"] = self.slice(*self.held_out)
        self.digests = {what: sha256_of(path) for what, path in self.slices.items()}
        self.trained_on = {}  # whether a range of the text has a digest
        self.rows = []

    def slice(self, begin, end):
        return write_slice(self.args.text, begin, end, os.path.join(self.out, f"text-{begin}-{end}"))

    def seen(self, checkpoint):
        """Whether the first bytes were trained on; refuses a held-out part that was."""
        provenance = self.occam.json("inspect", "--json", checkpoint).get("provenance")
        if provenance is None:
            raise Failure(USAGE, f"{checkpoint} is no checkpoint (.h5)")
        begin, end, digest = provenance["train_begin"], provenance["train_end"], provenance["data_sha256"]
        if (begin, end) not in self.trained_on:
            self.trained_on[begin, end] = digest_of_range(self.args.text, begin, end)
        if self.trained_on[begin, end] != digest:
            return "unknown"
        overlaps = lambda first, last: first < end and begin < last
        if overlaps(*self.held_out):
            raise Failure(USAGE, f"{checkpoint} was trained on bytes {begin}:{end}: --held-out must be others")
        return "in-sample" if begin == 0 and max(self.sizes) <= end else "in part" if overlaps(0, max(self.sizes)) else "held out"

    def rounded_row(self, name, checkpoint, bits, how):
        model = os.path.join(self.out, f"{name}-{bits}-{how}.occm")
        rounding = ["--bits", bits] if how == "rounded" else []
        self.occam.run("inspect", checkpoint, *rounding, "--export", model, "--coded", "-f")
        info = self.occam.json("inspect", "--json", model)
        codes = sum(t["codes"] for t in info["tensors"])
        floats = sum(t["floats"] for t in info["tensors"])
        row = {"model": name, "precision": f"{bits} bits", "how": how, "seen": self.seen(checkpoint), "parameters": info["config"]["parameters"],
               # Codes side by side, and 3 bytes for each scale and gain of 16 significant bits: no file.
               "packed_model_bytes": -(-codes * bits // 8) + 3 * floats}
        for what, path in self.slices.items():
            key = {"what": "file", "model": info["model_id"], "data": self.digests[what], "mode": self.args.mode}
            cell = self.cells.get(key, lambda: self.measure(name, bits, how, what, path, model))
            row["model_bytes"] = cell["model_bytes"]
            row[what] = self.of_whole(what, cell["data_bytes"] + cell["header_bytes"])
        return row

    def of_whole(self, what, coded):
        """Of what a slice stands for: itself, or at its rate the size that it is a sample of."""
        return coded if what == "held out" or what <= self.sample else round(coded / os.path.getsize(self.slices[what]) * what)

    def measure(self, name, bits, how, what, path, model):
        print(f"{name}, {bits} bits {how}: {what if isinstance(what, str) else bytes_text(what)}", file=sys.stderr, flush=True)
        return self.occam.measure(model, path, self.args.mode, self.out)

    def float_rows(self, name, checkpoint):
        row = {"model": name, "how": "float *", "seen": self.seen(checkpoint)}
        for what, path in self.slices.items():
            size = os.path.getsize(path)
            if what != "held out" and size > self.args.float_up_to:
                continue
            key = {"what": "float", "checkpoint": sha256_of(checkpoint), "data": self.digests[what]}
            cell = self.cells.get(key, lambda: self.measure_float(name, checkpoint, what, path, size))
            row["parameters"] = cell["parameters"]
            row[what] = self.of_whole(what, round(cell["bits_per_byte"] / 8 * size))
        return [{**row, "precision": precision, "packed_model_bytes": each * row["parameters"], "model_bytes": each * row["parameters"]}
                for precision, each in (("f32", 4), ("f16", 2))]

    def measure_float(self, name, checkpoint, what, path, size):
        print(f"{name}, float: {what if isinstance(what, str) else bytes_text(what)}", file=sys.stderr, flush=True)
        found = self.occam.json("evaluate", "-q", "--ckpt", checkpoint, "--data", path, "--bytes", f"0:{size}", "--float", "--json",
                                "-T", self.occam.threads)
        return {"bits_per_byte": found["float_bits_per_byte"], "parameters": found["parameters"]}

    def fill(self):
        trained = [split_pair(t, "--trained", "CHECKPOINT") for t in self.args.trained]
        for text in self.args.model:
            name, checkpoint = split_pair(text, "--model", "CHECKPOINT")
            self.rows += self.float_rows(name, checkpoint)
            for bits in self.args.bits:
                self.rows.append(self.rounded_row(name, checkpoint, bits, "rounded"))
                for label, other in trained:
                    if label == f"{name}:{bits}":
                        self.rows.append(self.rounded_row(name, other, bits, "trained"))
        self.decoder = None if self.args.no_decoder else decoder_sizes(self.cells, self.out)

    def adjusted(self, row, size):
        """Bytes with the model, None where there is no file; and a mark: * arithmetic, ~ by a sample's rate."""
        if size in row:
            return row[size] + row["model_bytes"], "*" if row["how"].startswith("float") else "~" if size > self.sample else ""
        if size in self.sizes:
            return None, ""
        return row["held out"] / (self.held_out[1] - self.held_out[0]) * size + row["model_bytes"], "*"

    def columns(self):
        return [(bytes_text(size), size) for size in self.sizes] + [(f"{name} *", size) for name, size in ENWIK.items()]

    def write(self):
        held_out = self.held_out[1] - self.held_out[0]
        lines = [f"Adjusted rates: file with its model in it, of the first bytes of the text; {self.args.mode} contexts. "
                 f"Held out: bytes {self.args.held_out}, without the model.", "",
                 "| model | parameters | weights | | model bytes, packed * | model bytes, coded | held out | first bytes are | "
                 + " | ".join(c for c, _ in self.columns()) + " |", "|" + "---|" * (8 + len(self.columns()))]
        for row in self.rows:
            star = " *" if row["how"].startswith("float") else ""
            cells = [row["model"], f"{row['parameters']:,}", row["precision"], row["how"], f"{row['packed_model_bytes']:,}",
                     "" if star else f"{row['model_bytes']:,}", f"{100 * row['held out'] / held_out:.2f} %{star}", row["seen"]]
            for _, size in self.columns():
                total, mark = self.adjusted(row, size)
                cells.append("" if total is None else f"{100 * total / size:.2f} % {mark}".rstrip())
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", "\\* arithmetic, no file: float rows are the cross-entropy of the float network and 4 or 2 bytes a parameter, "
                  "*packed* is codes side by side, and the sizes of enwik8 and enwik9 are extrapolated from the held-out rate."
                  + (f" ~ by the rate of {bytes_text(self.sample)} in pieces from all over that text." if self.sample < max(self.sizes) else "")]
        lines += self.charges()
        with open(os.path.join(self.out, "table.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.write_csv()
        print("\n".join(lines))

    def charges(self):
        """The smallest file of each size by each way of charging (docs/charges.md)."""
        if self.decoder is None:
            return []
        decoder, encoder = self.decoder["decoder_xz_bytes"], self.decoder["encoder_xz_bytes"]
        lines = ["", f"The smallest, by what is charged; decoder {decoder:,} bytes, encoder {encoder:,} (docs/charges.md).", "",
                 "| text | data + model | + decoder | + decoder, encoder and the model again |", "|---|---|---|---|"]
        for size in self.sizes:
            cells = []
            for programs, again in ((0, 0), (decoder, 0), (decoder + encoder, 1)):
                totals = [(self.adjusted(row, size)[0] + programs + again * row["model_bytes"], row)
                          for row in self.rows if size in row and not row["how"].startswith("float")]
                total, row = min(totals, key=lambda pair: pair[0])
                mark = "~" if size > self.sample else ""
                cells.append(f"{mark}{total:,} ({100 * total / size:.2f} %): {row['model']}, {row['precision']} {row['how']}")
            lines.append(f"| {bytes_text(size)} | " + " | ".join(cells) + " |")
        return lines

    def write_csv(self):
        with open(os.path.join(self.out, "table.csv"), "w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["model", "parameters", "precision", "how", "first_bytes_are", "packed_model_bytes_arithmetic", "model_bytes", "mode",
                          "held_out_original_bytes", "held_out_data_bytes"]
                         + [f"data_bytes_of_{size}" + ("" if size <= self.sample else "_by_sample") for size in self.sizes]
                         + [f"adjusted_rate_of_{size}" + ("" if size in self.sizes else "_extrapolated") for _, size in self.columns()])
            for row in self.rows:
                totals = [(self.adjusted(row, size)[0], size) for _, size in self.columns()]
                out.writerow([row["model"], row["parameters"], row["precision"], row["how"].rstrip(" *"), row["seen"], row["packed_model_bytes"],
                              row["model_bytes"], self.args.mode, self.held_out[1] - self.held_out[0], row["held out"]]
                             + [row.get(size, "") for size in self.sizes]
                             + ["" if total is None else f"{total / size:.6f}" for total, size in totals])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True, metavar="TEXT", help="file, may be packed with xz")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=CKPT", help="checkpoint (.h5) to round; repeat")
    parser.add_argument("--trained", action="append", default=[], metavar="NAME:BITS=CKPT", help="checkpoint trained with BITS")
    parser.add_argument("--bits", type=lambda t: [int(b) for b in t.split(",")], default=[7, 6, 5, 4, 3], metavar="B,B,...")
    parser.add_argument("--sizes", default="1M,10M,62M", metavar="N,N,...", help="first bytes of the text (1M,10M,62M)")
    parser.add_argument("--held-out", default="62M:64M", metavar="BEGIN:END", help="bytes no model was trained on (62M:64M)")
    parser.add_argument("--sample", type=parse_bytes, metavar="N", help="code N bytes, from all over them, of sizes above that (all of them)")
    parser.add_argument("--mode", choices=("chunked", "carried", "adaptive"), default="chunked")
    parser.add_argument("--float-up-to", type=parse_bytes, default=10**7, metavar="N",
                        help="largest of the sizes that the float rows are measured on (10M)")
    parser.add_argument("--no-decoder", action="store_true", help="do not build and charge the decoder")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    parser.add_argument("-T", "--threads", type=int, default=0)
    table = Table(parser.parse_args())
    table.fill()
    table.write()


if __name__ == "__main__":
    run_script(main)
