"""What the study measured, as a table: a row for each file that was restored and compared."""

import csv
import os
from typing import Any

from ..cells import Cell, Cells
from ..errors import IO, Failure
from ..files import read_text, write_whole

FILE = "file with its model"
Point = dict[str, Any]
COLUMNS: dict[str, type] = {
    "name": str, "mode": str, "width": int, "layers": int, "train_bytes": int, "tokens": int,
    "seed": int, "weight_bits": int, "memory_bits": int, "parameters": int,
    "multiplications": int, "model_bytes": int, "memory_bytes": int, "rows_in_use": int,
    "original_bytes": int, "data_bytes": int, "header_bytes": int, "segments_of_others": int,
    "held_out_bpb": float, "model_id": str}


def has_memory(cell: Cell) -> bool:
    return bool(cell.get("memory"))


def estimated_bytes(cell: Cell | Point) -> int:
    """The file of the whole text with its model; an estimate where a sample alone was coded."""
    rate = (cell["data_bytes"] + cell["header_bytes"]) / cell["original_bytes"]
    return round(rate * cell["train_bytes"]) + int(cell["model_bytes"])


def points_of(cells: Cells) -> list[Point]:
    """The rows, in the order of texts, networks and memories."""
    found = []
    for cell in cells.cells:
        if cell["key"]["what"] == FILE:
            values = {**cell, **cell["key"], "held_out_bpb": cell["bpb_coded"],
                      "memory_bits": cell["memory_bits"] if has_memory(cell) else 0}
            found.append({name: values[name] for name in COLUMNS})
    return sorted(found, key=lambda p: [p[name] for name in (
        "train_bytes", "width", "memory_bits", "seed", "mode", "original_bytes", "name")])


def write_points(points: list[Point], folder: str) -> None:
    """Writes results.csv."""
    lines = [",".join(COLUMNS)] + [",".join(str(p[name]) for name in COLUMNS) for p in points]
    write_whole(os.path.join(folder, "results.csv"), "\n".join(lines) + "\n")


def read_points(folder: str) -> list[Point]:
    path = os.path.join(folder, "results.csv")
    if not os.path.isfile(path):
        raise Failure(IO, f"{path} is missing")
    return [{name: kind(line[name]) for name, kind in COLUMNS.items()}
            for line in csv.DictReader(read_text(path).splitlines())]
