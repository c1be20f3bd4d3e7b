"""Finished cells of an experiment in a file, so that an interrupted one goes on where it was."""

import contextlib
import fcntl
import json
import lzma
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from .errors import DAMAGED, Failure
from .files import sha256_of
from .occam import ROOT

Cell = dict[str, Any]
Key = dict[str, Any]


class Cells:
    """Finished cells, one JSON line each: {"key": {...}, ...}. Several processes may add.

    A line that a kill cut off is dropped.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.cells: list[Cell] = []
        self.refresh()

    @contextlib.contextmanager
    def locked(self, mode: str) -> Iterator[BinaryIO]:
        with open(self.path, mode) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield cast(BinaryIO, file)

    def refresh(self) -> None:
        """Reads what is there, of other processes, too."""
        if not os.path.exists(self.path):
            return
        cells: list[Cell] = []
        kept = 0
        with self.locked("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    cells.append(json.loads(line))
                except ValueError:
                    raise Failure(DAMAGED, f"{self.path}: line {len(cells) + 1} is no cell"
                                  ) from None
                kept += len(line)
            file.truncate(kept)
        self.cells = cells

    def find(self, key: Key) -> Cell | None:
        return next((cell for cell in self.cells if cell["key"] == key), None)

    def get(self, key: Key, make: Callable[[], Cell]) -> Cell:
        """The cell of a key, made by make() where it is not there."""
        return self.find(key) or self.add(key, make())

    def add(self, key: Key, values: Cell) -> Cell:
        cell = {"key": key, **values}
        with self.locked("ab") as file:
            file.write(json.dumps(cell).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.cells.append(cell)
        return cell


def decoder_sizes(cells: Cells, folder: str) -> Cell:
    """Bytes of the packed decoder and encoder; tools/decoder_size.sh takes a minute or two once."""
    def make() -> Cell:
        script = os.path.join(ROOT, "tools", "decoder_size.sh")
        target = os.path.join(os.path.abspath(folder), "decoder_size")
        done = subprocess.run([script, "--json", target], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(done.returncode, f"{script}: {done.stderr.strip()}")
        return cast(Cell, json.loads(done.stdout))
    return cells.get({"what": "decoder"}, make)


def xz_bytes(cells: Cells, data: str) -> int:
    """What xz -9e makes of a file."""
    def make() -> Cell:
        with open(data, "rb") as file:
            packed = lzma.compress(file.read(), preset=9 | lzma.PRESET_EXTREME)
        return {"bytes": len(packed)}
    return int(cells.get({"what": "xz -9e", "data": sha256_of(data)}, make)["bytes"])
