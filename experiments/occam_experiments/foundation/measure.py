"""Measures models on columns: in chunks that know nothing of each other, and as one file."""

import filecmp
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..cells import Cell, Cells, xz_bytes
from ..errors import INTERNAL, Failure
from ..occam import Occam
from .data import Column, write_chunks

FILES_AT_ONCE = 256  # of one command, so that it reads its model once


@dataclass(frozen=True)
class Model:
    name: str
    path: str
    id: str
    bytes: int  # entropy-coded
    parameters: int
    context: int
    vocabulary: int


def groups(names: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(names), FILES_AT_ONCE):
        yield names[begin:begin + FILES_AT_ONCE]


class Measurements:
    """Cells in a folder; those that are there are not measured again."""

    def __init__(self, occam: Occam, folder: str) -> None:
        self.occam = occam
        self.cells = Cells(os.path.join(folder, "cells.jsonl"))

    def model(self, name: str, path: str) -> Model:
        # Coding a large model takes minutes, so what it comes to is kept.
        key = {"what": "model", "path": os.path.abspath(path), "bytes": os.path.getsize(path),
               "changed": int(os.path.getmtime(path))}

        def make() -> Cell:
            info = self.occam.json("inspect", "--json", *self.memory(path), path)
            config = info["config"]
            return {"id": info["model_id"], "coded_bytes": info["model_bytes"],
                    "parameters": config["parameters"], "context": config["context"],
                    "vocabulary": config["vocabulary"]}

        cell = self.cells.get(key, make)
        return Model(name, path, cell["id"], cell["coded_bytes"], cell["parameters"],
                     cell["context"], cell["vocabulary"])

    @staticmethod
    def memory(path: str) -> list[object]:
        """More than the usual limit: the model, which was named, in several forms, and lanes."""
        return ["--memory", 4_000_000_000 + 8 * os.path.getsize(path)]

    def chunks(self, model: Model, column: Column) -> Cell:
        """The bytes of bare frames, one a chunk, each restored and compared."""
        key = {"what": "chunks", "model": model.id, "data": column.sha256}

        def make() -> Cell:
            with tempfile.TemporaryDirectory() as work:
                return self.code_chunks(model, column, work)

        return self.cells.get(key, make)

    def code_chunks(self, model: Model, column: Column, work: str) -> Cell:
        folder, frames = os.path.join(work, "chunks"), os.path.join(work, "frames")
        os.mkdir(folder)
        os.mkdir(frames)
        names = write_chunks(column, folder)
        usual = ["--ckpt", model.path, *self.memory(model.path), "-q", "--raw-frame",
                 "--check-bytes", "0"]
        compress_s = restore_s = 0.0
        size = 0
        for group in groups(names):
            compress_s += self.occam.run_measured("compress", *usual, *group)["cpu_s"]
            coded = [os.path.join(frames, os.path.basename(name) + ".frame") for name in group]
            for name, frame in zip(group, coded):
                os.rename(name + ".frame", frame)  # what is restored stands beside its frame
                size += os.path.getsize(frame)
            restore_s += self.occam.run_measured("decompress", *usual, *coded)["cpu_s"]
        for name in names:
            if not filecmp.cmp(name, os.path.join(frames, os.path.basename(name)), shallow=False):
                raise Failure(INTERNAL, f"chunk {os.path.basename(name)} of {column.name} is "
                                        f"restored to something else by {model.name}")
        return {"bytes": size, "compress_s": round(compress_s, 2),
                "restore_s": round(restore_s, 2)}

    def whole(self, model: Model, column: Column) -> Cell:
        """An archive without the model, restored and compared, contexts carried on."""
        key = {"what": "whole", "model": model.id, "data": column.sha256}

        def make() -> Cell:
            with tempfile.TemporaryDirectory() as work:
                return self.code_whole(model, column, work)

        return self.cells.get(key, make)

    def code_whole(self, model: Model, column: Column, work: str) -> Cell:
        archive, again = os.path.join(work, "whole.occ"), os.path.join(work, "again")
        usual: list[Any] = ["--ckpt", model.path, *self.memory(model.path), "-q", "-f",
                            "-T", self.occam.threads]
        packed = self.occam.run_measured("compress", *usual, "--mode", "carried", "-o", archive,
                                         column.path)
        restored = self.occam.run_measured("decompress", *usual, "-o", again, archive)
        if not filecmp.cmp(column.path, again, shallow=False):
            raise Failure(INTERNAL, f"{column.name} is restored to something else by {model.name}")
        return {"bytes": os.path.getsize(archive), "compress_s": packed["cpu_s"],
                "restore_s": restored["cpu_s"], "compress_wall_s": packed["s"],
                "restore_wall_s": restored["s"],
                "peak_mb": max(packed["peak_mb"], restored["peak_mb"])}

    def alone(self, model: Model, column: Column) -> int:
        """What the model alone makes of a column in chunks of its context, without headers."""
        key = {"what": "alone", "model": model.id, "data": column.sha256}

        def make() -> Cell:
            found = self.occam.json("evaluate", "-q", "--json", "--ckpt", model.path, "--data",
                                    column.path, "--bytes", f"0:{column.bytes}", "--mode",
                                    "chunked", *self.memory(model.path), "-T", self.occam.threads)
            return {"bytes": found["model_alone"]["bytes"]}

        return int(self.cells.get(key, make)["bytes"])

    def xz(self, column: Column) -> int:
        return xz_bytes(self.cells, column.path)
