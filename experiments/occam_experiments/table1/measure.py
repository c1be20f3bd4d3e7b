"""Measures the cells of table 1: codecs and models on every column."""

import argparse
import concurrent.futures
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..cells import Cell, Cells, Key
from ..errors import DAMAGED, IO, USAGE, Failure
from ..files import read_text, sha256_of, write_slice
from ..occam import Occam
from ..progress import Progress
from ..units import bytes_text, split_pair
from .rows import About

CHUNK = 2048
FORMS = ("file", "bare")


@dataclass(frozen=True)
class Column:
    """A plain file with the bytes of a column."""

    path: str
    bytes: int
    sha256: str
    of: str  # the name of what it was taken from


@dataclass(frozen=True)
class Model:
    path: str
    id: str
    model_bytes: int
    parameters: int


Wanted = tuple[str, Key, Callable[[], Cell]]  # what to call it, its key, how to make it


class Measurements:
    """Cells in a folder; those that are there are not measured again."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.out = args, args.out
        os.makedirs(self.out, exist_ok=True)
        self.occam = Occam(args.bin, args.threads)
        self.cells = Cells(os.path.join(self.out, "cells.jsonl"))
        self.notes: list[str] = []
        self.data = {name: self.column(name, path) for name, path in
                     (split_pair(text, "--data", "FILE") for text in args.data)}
        self.models = {name: self.model(path) for name, path in
                       (split_pair(text, "--model", "FILE") for text in args.model)}
        self.codecs = self.occam.json_lines("baselines", "--list", "--json")
        if args.codec is not None:
            unknown = set(args.codec) - {codec["codec"] for codec in self.codecs}
            if unknown:
                raise Failure(USAGE, f"there is no codec {min(unknown)}; see occam baselines "
                                     "--list")
            self.codecs = [codec for codec in self.codecs if codec["codec"] in args.codec]

    def about(self) -> About:
        columns = [(name, f"{data.of}, {bytes_text(data.bytes)}")
                   for name, data in self.data.items()]
        return About(columns, self.codecs, self.notes)

    def column(self, name: str, path: str) -> Column:
        """A file as a column, of a prepared set its validation part."""
        if path.endswith(".set"):
            data, size = self.validation_part(name, path)
        elif os.path.isfile(path):
            data, size = path, os.path.getsize(path)
        else:
            raise Failure(IO, f"{path} is missing")
        if size == 0:
            raise Failure(USAGE, f"{path} has no bytes to compress")
        return Column(data, size, sha256_of(data), os.path.basename(path))

    def validation_part(self, name: str, path: str) -> tuple[str, int]:
        about = json.loads(read_text(path + ".json"))
        try:
            begin, size = about["train_bytes"], about["validation_bytes"]
            wanted = about["validation_sha256"]
        except KeyError as missing:
            raise Failure(DAMAGED, f"{path}.json describes no prepared set: it lacks {missing}"
                          ) from None
        if about.get("lost_bits"):
            self.notes.append(f"{name}: values of 7 bits; the lost bits are counted nowhere.")
        data = os.path.join(self.out, f"data-{name}")
        if size > 0:
            if os.path.exists(data) and sha256_of(data) != wanted:
                os.remove(data)  # of another set
            write_slice(path, begin, begin + size, data)
            if sha256_of(data) != wanted:
                raise Failure(DAMAGED, f"{path} is not what {path}.json describes")
        return data, size

    def model(self, path: str) -> Model:
        info = self.occam.json("inspect", "--json", path)
        return Model(path, info["model_id"], info["model_bytes"], info["config"]["parameters"])

    # What is wanted.

    def codec_key(self, codec: dict[str, Any], column: str, chunk: object, form: str
                  ) -> Key | None:
        """None where there is no such cell."""
        if codec["missing"] or (form == "bare" and not codec["removed"]):
            return None
        if codec["program"] and chunk != "whole" and not self.args.slow:
            return None
        return {"what": "codec", "codec": codec["codec"], "maker": codec["maker"],
                "setting": codec["setting"], "sees": codec["sees"], "chunk": chunk, "form": form,
                "data": self.data[column].sha256}

    def model_key(self, model: Model, column: str, mode: str) -> Key:
        return {"what": "model", "model": model.id, "mode": mode, "data": self.data[column].sha256}

    def wanted(self) -> list[Wanted]:
        """Every cell; those of models, which are slow, last."""
        cells: list[Wanted] = []
        for column in self.data:
            for codec in self.codecs:
                for chunk, form in ((c, f) for c in ("whole", CHUNK) for f in FORMS):
                    key = self.codec_key(codec, column, chunk, form)
                    if key is not None:
                        cells.append((f"{codec['codec']}, {column}, {chunk}, {form}", key,
                                      self.codec_maker(key, column)))
        for column in self.data:
            for name, model in self.models.items():
                for mode in self.args.mode:
                    cells.append((f"{name}, {column}, {mode}", self.model_key(model, column, mode),
                                  self.model_maker(model, column, mode)))
        return cells

    # How it is made.

    def codec_maker(self, key: Key, column: str) -> Callable[[], Cell]:
        def make() -> Cell:
            found = self.occam.json(
                "baselines", "-q", "--json", "--codec", key["codec"], "--chunk", key["chunk"],
                "--form", key["form"], self.data[column].path)
            return {"original_bytes": found["original_bytes"], "bytes": found["bytes"],
                    "elapsed_s": round(found["elapsed_s"], 2)}
        return make

    def model_maker(self, model: Model, column: str, mode: str) -> Callable[[], Cell]:
        def make() -> Cell:
            data = self.data[column].path
            folder = tempfile.mkdtemp(dir=self.out, prefix="work-")
            try:
                cell = self.occam.measure(model.path, data, mode, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            cell["bytes"] = cell["file_bytes"] - cell["model_bytes"]
            cell["alone_bytes"] = cell["data_bytes"]
            if cell["segments_of_others"] > 0:
                cell["alone_bytes"] = self.occam.alone_bytes(model.path, data, mode)
            return cell
        return make

    def fill(self) -> None:
        """Measures what is not there yet, several cells at a time."""
        missing = [cell for cell in self.wanted() if self.cells.find(cell[1]) is None]
        start = time.monotonic()
        with (concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool,
              Progress(len(missing)) as progress):
            running = {pool.submit(make): (what, key) for what, key, make in missing}
            try:
                for done, future in enumerate(concurrent.futures.as_completed(running), 1):
                    what, key = running[future]
                    cell = self.cells.add(key, future.result())
                    left = (time.monotonic() - start) / done * (len(running) - done) / 60
                    rate = 100 * cell["bytes"] / cell["original_bytes"]
                    progress.tell(f"[{done}/{len(running)}] {what}: {rate:.2f} %, "
                                  f"about {left:.1f} min left")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    # What was found.

    def rows(self) -> list[dict[str, Any]]:
        """Every cell in the order of the table; `missing` says why a codec has none."""
        return [*self.codec_rows(), *self.model_rows()]

    def codec_rows(self) -> list[dict[str, Any]]:
        rows = []
        for codec in self.codecs:
            for chunk, form in ((c, f) for c in ("whole", CHUNK) for f in FORMS):
                for column, data in self.data.items():
                    key = self.codec_key(codec, column, chunk, form)
                    cell = self.cells.find(key) if key else None
                    rows.append({"kind": "codec", "name": codec["codec"], "chunk": str(chunk),
                                 "form": form, "data": column, "original_bytes": data.bytes,
                                 "bytes": cell["bytes"] if cell else None,
                                 "missing": codec["missing"]})
        return rows

    def model_rows(self) -> list[dict[str, Any]]:
        rows = []
        for name, model in self.models.items():
            for mode in self.args.mode:
                for column, data in self.data.items():
                    cell = self.cells.find(self.model_key(model, column, mode)) or {}
                    rows.append({"kind": "model", "name": name, "chunk": mode, "form": "file",
                                 "data": column, "original_bytes": data.bytes,
                                 "bytes": cell["bytes"], "alone_bytes": cell["alone_bytes"],
                                 "parameters": model.parameters,
                                 "model_bytes": model.model_bytes, "missing": ""})
        return rows
