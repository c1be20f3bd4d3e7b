"""The tables of a sweep: results.csv for a repository, and table.md, which fills as it runs."""

import fcntl
import os
from collections.abc import Iterator

import pandas as pd

from ..cells import Cell
from ..files import write_whole
from ..pages import markdown_table
from .grid import PARTS, Grid
from .runs import SIZES

MEASURED = [
    "parameters", "vocabulary", "width", "layers", "context", "bytes_a_token", "tokens_seen",
    "bytes_seen", "steps", "model_bytes", "tokenizer_bytes", "vocabulary_bytes",
    *(f"{part}_{size}" for part in PARTS for size in SIZES), "adjusted_bytes", "adjusted_rate",
    "adjusted_is", "prequential_bpb", "train_s", "train_cpu_s", "train_peak_mb", "code_peak_mb",
    "precision", "threads", "model_id", "data_sha256", "held_out_sha256", "version", "machine"]
SHOWN = ["parameters", "model_bytes", "held_out_bpb", "in_sample_bpb", "adjusted_rate", "train_s"]


class Tables:
    """The tables of a grid's finished cells, in a folder that several processes may share."""

    def __init__(self, grid: Grid, out: str) -> None:
        self.grid, self.out = grid, out

    def rows(self) -> Iterator[Cell]:
        """Finished cells in the order of the sweep, once for each label."""
        for training, cell in self.grid.pairs():
            row = self.grid.result(cell)
            for label in cell.labels if row else []:
                yield {"study": self.grid.spec.name, "label": label,
                       **training.all_settings(cell), **(row or {})}

    def frame(self) -> pd.DataFrame:
        """The rows as a table of one column a setting and a measure, label by label.

        Values stay what they are in results.jsonl: a column of integers with a gap in it would
        otherwise become one of floats.
        """
        settings = dict.fromkeys(name for training, cell in self.grid.pairs()
                                 for name in training.all_settings(cell))
        columns = ["study", "label", "id", *settings, *MEASURED]
        labels = [label for label, _ in self.grid.spec.grids]
        rows = sorted(self.rows(), key=lambda row: labels.index(row["label"]))
        cells = [[row.get(name) for name in columns] for row in rows]
        return pd.DataFrame(cells, columns=columns, dtype=object)

    def write(self) -> None:
        """Writes both tables, with cells that other processes may finish at this moment.

        Whoever writes last has read them all.
        """
        path = os.path.join(self.out, "work", "tables.lock")
        with open(path, "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.grid.results.refresh()
            frame = self.frame()
            write_whole(os.path.join(self.out, "results.csv"),
                        frame.to_csv(index=False, lineterminator="\n"))
            write_whole(os.path.join(self.out, "table.md"), self.markdown(frame))

    def markdown(self, frame: pd.DataFrame) -> str:
        """What differs between cells, and the most important measures."""
        done, total = self.grid.count()
        columns = ["label", *self.grid.varying(), *SHOWN]
        shown = frame[columns].astype(object).where(frame[columns].notna(), "").astype(str)
        table = [["", *columns[1:]], *shown.values.tolist()]
        lines = [f"{self.grid.spec.name}: {done} of {total} cells.", "", *markdown_table(table)]
        return "\n".join(lines) + "\n"
