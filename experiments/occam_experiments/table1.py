#!/usr/bin/env python3
"""What do codecs and models make of text, images, audio and random bytes?

  experiments/table1.py --data text=val.txt --data image=patches.set --data audio=speech.set --data random=random.set
                        --model "wiki 200K=wiki-200K.occm" [--model ...] [--jobs N] --out DIR

A column is a file, whole, or the validation part of a prepared set (NAME.set). A row is a codec, on the whole file and on chunks of
2048 bytes with no memory of each other, or a model, its contexts fresh every 2048 bytes or carried. Every cell of ours is a file that was
decoded and compared: codecs by `occam baselines`, models by `occam compress --embed-model` and `occam decompress`, which knew nothing
else. Where a model's file holds segments by other methods (a model is useless on what is foreign to it), what the model alone makes of the data is
measured, too. Rows of Deletang et al. (2024, "Language Modeling Is Compression", table 1) stand below, marked as quoted.

Rates are compressed / original bytes. Adjusted rates add the model: its entropy-coded bytes over the data's own size; over 1 GB (10^9 bytes), at
this data's raw rate; and, as the paper does, 2 bytes a parameter over 1 GB.

Writes DIR/table.md, table.csv, table.html, table.svg and table.png, and DIR/cells.jsonl; cells that are there are not measured again.
Exit codes are those of Occam.
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import sys
import tempfile
import time

import table1_pages
from occam_runs import BIN, Cells, DAMAGED, Failure, IO, Occam, USAGE, bytes_text, sha256_of, write_slice, run_script, split_pair

CHUNK = 2048
MODES = ("chunked", "carried", "adaptive")
FORMS = ("file", "bare")


class Table:
    def __init__(self, args):
        self.args = args
        self.out = args.out
        os.makedirs(self.out, exist_ok=True)
        self.occam = Occam(args.bin, args.threads)
        self.cells = Cells(os.path.join(self.out, "cells.jsonl"))
        self.notes = []
        self.data = dict(self.column(*split_pair(text, "--data", "FILE")) for text in args.data)
        self.models = dict(self.model(*split_pair(text, "--model", "FILE")) for text in args.model)
        self.codecs = [json.loads(line) for line in self.occam.run("baselines", "--list", "--json").splitlines()]
        if args.codec is not None:
            unknown = set(args.codec) - {c["codec"] for c in self.codecs}
            if unknown:
                raise Failure(USAGE, f"there is no codec {min(unknown)}; see occam baselines --list")
            self.codecs = [c for c in self.codecs if c["codec"] in args.codec]

    def column(self, name, path):
        """A plain file with the bytes of a column."""
        if not path.endswith(".set"):
            if not os.path.isfile(path):
                raise Failure(IO, f"{path} is missing")
            size, data = os.path.getsize(path), path
        else:
            with open(path + ".json", encoding="utf-8") as file:
                about = json.load(file)
            try:
                begin, size = about["train_bytes"], about["validation_bytes"]
                if about.get("lost_bits"):
                    self.notes.append(f"{name}: values of 7 bits; the lost bits are counted nowhere.")
            except KeyError as missing:
                raise Failure(DAMAGED, f"{path}.json describes no prepared set: it lacks {missing}") from None
            data = os.path.join(self.out, f"data-{name}")
            if size > 0:
                if os.path.exists(data) and sha256_of(data) != about["validation_sha256"]:
                    os.remove(data)  # of another set
                write_slice(path, begin, begin + size, data)
                if sha256_of(data) != about["validation_sha256"]:
                    raise Failure(DAMAGED, f"{path} is not what {path}.json describes")
        if size == 0:
            raise Failure(USAGE, f"{path} has no bytes to compress")
        return name, {"path": data, "bytes": size, "sha256": sha256_of(data), "of": os.path.basename(path)}

    def model(self, name, path):
        info = self.occam.json("inspect", "--json", path)
        return name, {"path": path, "id": info["model_id"], "model_bytes": info["model_bytes"], "parameters": info["config"]["parameters"]}

    def wanted(self):
        """(what to call it, key, how to make it) of every cell; those of models, which are slow, last."""
        cells = []
        for column, data in self.data.items():
            for codec in self.codecs:
                for chunk, form in ((c, f) for c in ("whole", CHUNK) for f in FORMS):
                    key = self.codec_key(codec, column, chunk, form)
                    if key is not None:
                        cells.append((f"{codec['codec']}, {column}, {chunk}, {form}", key, lambda k=key, d=data: self.codec_cell(k, d)))
        for column, data in self.data.items():
            for name, model in self.models.items():
                for mode in self.args.mode:
                    key = self.model_key(model, column, mode)
                    cells.append((f"{name}, {column}, {mode}", key, lambda k=key, m=model, d=data: self.model_cell(k, m, d)))
        return cells

    def codec_key(self, codec, column, chunk, form):
        """None where there is no such cell."""
        if codec["missing"] or (form == "bare" and not codec["removed"]):
            return None
        if codec["program"] and chunk != "whole" and not self.args.slow:
            return None
        return {"what": "codec", "codec": codec["codec"], "maker": codec["maker"], "setting": codec["setting"], "sees": codec["sees"],
                "chunk": chunk, "form": form, "data": self.data[column]["sha256"]}

    def model_key(self, model, column, mode):
        return {"what": "model", "model": model["id"], "mode": mode, "data": self.data[column]["sha256"]}

    def codec_cell(self, key, data):
        found = self.occam.json("baselines", "-q", "--json", "--codec", key["codec"], "--chunk", key["chunk"], "--form", key["form"], data["path"])
        return {"original_bytes": found["original_bytes"], "bytes": found["bytes"], "elapsed_s": round(found["elapsed_s"], 2)}

    def model_cell(self, key, model, data):
        folder = tempfile.mkdtemp(dir=self.out, prefix="work-")
        try:
            cell = self.occam.measure(model["path"], data["path"], key["mode"], folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        cell["bytes"] = cell["file_bytes"] - cell["model_bytes"]
        cell["alone_bytes"] = cell["data_bytes"]
        if cell["segments_of_others"] > 0:
            cell["alone_bytes"] = self.occam.alone_bytes(model["path"], data["path"], key["mode"])
        return cell

    def fill(self):
        """Measures what is not there yet, several at a time."""
        missing = [(what, key, make) for what, key, make in self.wanted() if self.cells.find(key) is None]
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            running = {pool.submit(make): (what, key) for what, key, make in missing}
            try:
                for done, future in enumerate(concurrent.futures.as_completed(running), 1):
                    what, key = running[future]
                    cell = self.cells.add(key, future.result())
                    left = (time.monotonic() - start) / done * (len(running) - done)
                    print(f"[{done}/{len(running)}] {what}: {100 * cell['bytes'] / cell['original_bytes']:.2f} %, about {left / 60:.1f} min left",
                          file=sys.stderr, flush=True)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def rows(self):
        """Every cell of ours as a dictionary, in the order of the table; what is not there is left out."""
        rows = []
        for codec in self.codecs:
            for chunk in ("whole", CHUNK):
                for form in FORMS:
                    for column, data in self.data.items():
                        key = self.codec_key(codec, column, chunk, form)
                        cell = self.cells.find(key) if key else None
                        rows.append({"kind": "codec", "name": codec["codec"], "chunk": str(chunk), "form": form, "data": column,
                                     "original_bytes": data["bytes"], "bytes": cell and cell["bytes"], "missing": codec["missing"]})
        for name, model in self.models.items():
            for mode in self.args.mode:
                for column, data in self.data.items():
                    cell = self.cells.find(self.model_key(model, column, mode))
                    rows.append({"kind": "model", "name": name, "chunk": mode, "form": "file", "data": column, "original_bytes": data["bytes"],
                                 "bytes": cell["bytes"], "alone_bytes": cell["alone_bytes"], "parameters": model["parameters"],
                                 "model_bytes": model["model_bytes"], "missing": ""})
        for row in rows:
            if row["bytes"] is not None:
                table1_pages.add_rates(row)
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True, metavar="NAME=FILE",
                        help="a column; the paper's rows have text, image, audio and random; repeat")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=CKPT", help="checkpoint or .occm; repeat")
    parser.add_argument("--codec", type=lambda t: t.split(","), metavar="NAMES", help="these alone (all)")
    parser.add_argument("--mode", type=lambda t: t.split(","), default=list(MODES[:2]), metavar="MODES", help="of models: chunked, carried, adaptive (chunked,carried)")
    parser.add_argument("--slow", action="store_true", help="run programs, a process each, on every chunk, too")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cells at a time (1)")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    parser.add_argument("-T", "--threads", type=int, default=1, help="of a model's cell (1)")
    args = parser.parse_args()
    if set(args.mode) - set(MODES) or args.jobs < 1:
        parser.error("--mode is chunked, carried, adaptive or several, --jobs at least 1")
    table = Table(args)
    table.fill()
    columns = [(name, f"{data['of']}, {bytes_text(data['bytes'])}") for name, data in table.data.items()]
    table1_pages.write(table.out, columns, table.codecs, table.rows(), table.notes)


if __name__ == "__main__":
    run_script(main)
