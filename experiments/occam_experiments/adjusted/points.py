"""What the search measured, as a table of points: a row for each archive, and for xz."""

import json
import os
from collections.abc import Iterable
from typing import Any

import pandas as pd

from ..cells import Cell, Cells, xz_bytes
from ..errors import IO, Failure
from ..files import read_text, write_whole

XZ, ARCHIVE = "xz -9e", "archive"
# `estimated` is empty where a table that was read back does not tell.
COLUMNS = ["what", "size", "parameters", "width", "layers", "bits", "rate", "file_bytes",
           "model_bytes", "bytes_seen", "estimated"]


def is_estimate(cell: Cell) -> bool:
    return bool(cell["original_bytes"] < cell["key"]["size"])


def total_bytes(cell: Cell) -> int:
    """The file with its model; an estimate where a sample alone was coded."""
    if not is_estimate(cell):
        return int(cell["file_bytes"])
    rate = (cell["data_bytes"] + cell["header_bytes"]) / cell["original_bytes"]
    return round(rate * cell["key"]["size"]) + int(cell["model_bytes"])


def smallest_cell(cells: Iterable[Cell]) -> Cell:
    """What was coded whole is smaller than any estimate."""
    return min(cells, key=lambda cell: (is_estimate(cell), total_bytes(cell)))


def archives_of(cells: Cells, digest: str) -> list[Cell]:
    """The cells of a text."""
    return [cell for cell in cells.cells
            if cell["key"].get("data") == digest and cell["key"]["what"] == ARCHIVE]


def points_of(cells: Cells, size: int, digest: str, text: str) -> pd.DataFrame:
    """The points of a text of `size` bytes."""
    rows: list[dict[str, Any]] = [
        {"what": ARCHIVE, "parameters": cell["parameters"], "file_bytes": total_bytes(cell),
         "model_bytes": cell["model_bytes"], "bytes_seen": cell.get("bytes_seen"),
         "estimated": is_estimate(cell),
         **{name: cell["key"][name] for name in ("width", "layers", "bits", "rate")}}
        for cell in archives_of(cells, digest)]
    rows.append({"what": XZ, "file_bytes": xz_bytes(cells, text), "estimated": False})
    return pd.DataFrame(rows).assign(size=size).reindex(columns=COLUMNS)


def write(folder: str, points: pd.DataFrame, programs: Cell | None) -> None:
    """Writes optimum.csv, and optimum.json: bytes of decoder and encoder, if they are charged."""
    whole = points.copy()
    for name in ("size", "parameters", "width", "layers", "bits", "file_bytes", "model_bytes"):
        whole[name] = whole[name].astype("Int64")
    write_whole(os.path.join(folder, "optimum.csv"), whole.to_csv(index=False, lineterminator="\n"))
    write_whole(os.path.join(folder, "optimum.json"), json.dumps(programs, indent=1) + "\n")


def read(folder: str) -> tuple[pd.DataFrame, Cell | None]:
    """The points and programs that were written."""
    paths = [os.path.join(folder, f"optimum.{ending}") for ending in ("csv", "json")]
    for path in paths:
        if not os.path.isfile(path):
            raise Failure(IO, f"{path} is missing")
    points = pd.read_csv(paths[0], float_precision="round_trip")
    points["estimated"] = points["estimated"].map(lambda value: str(value) != "False")
    return points, json.loads(read_text(paths[1]))


def sizes_of(points: pd.DataFrame) -> list[int]:
    return list(dict.fromkeys(points["size"]))


def of_text(points: pd.DataFrame, size: int) -> pd.DataFrame:
    return points[(points["size"] == size) & (points["what"] == ARCHIVE)]


def xz_of(points: pd.DataFrame, size: int) -> int:
    return int(points[(points["size"] == size) & (points["what"] == XZ)]["file_bytes"].iloc[0])


def smallest(points: pd.DataFrame) -> Any:
    """The point of the smallest file; what was coded whole is smaller than any estimate."""
    return points.sort_values(["estimated", "file_bytes"], kind="stable").iloc[0]


def best_of_widths(points: pd.DataFrame) -> pd.DataFrame:
    """The smallest file of each width by parameters, an estimate where none was coded whole."""
    ordered = points.sort_values(["estimated", "file_bytes"], kind="stable")
    return ordered.drop_duplicates("width").sort_values("parameters", kind="stable")
