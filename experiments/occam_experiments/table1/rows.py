"""Measured rows of table 1 as a table of pandas: their rates, table.csv, and what is read of it."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from ..errors import DAMAGED, IO, Failure
from ..files import read_text, write_whole
from . import paper

GB = 10**9
ADJUSTED = {"adjusted_own": "with its coded model, at this size",
            "adjusted_gb": "with its coded model, at 1 GB",
            "adjusted_gb_2_bytes": "with 2 bytes a parameter, at 1 GB"}
FIELDS = ["kind", "name", "chunk", "form", "data", "original_bytes", "bytes", "raw_rate",
          "alone_bytes", "alone_rate", "parameters", "model_bytes", *ADJUSTED, "missing"]
KEY = ["kind", "name", "chunk", "form", "data"]
TEXTS = [*KEY, "missing"]


@dataclass
class About:
    """What a table says beside its rows; about.json keeps it for a table that is drawn again."""

    columns: list[tuple[str, str]]  # (name, what it is)
    codecs: list[dict[str, Any]]    # as `occam baselines --list --json` tells of them
    notes: list[str] = field(default_factory=list)


def with_rates(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Cells with their rates, compressed / original bytes; of models adjusted ones, too."""
    table = pd.DataFrame(rows).reindex(columns=FIELDS)
    table["raw_rate"] = table["bytes"] / table["original_bytes"]
    models = table["kind"] == "model"
    table["alone_rate"] = table["alone_bytes"] / table["original_bytes"]
    table["adjusted_own"] = (table["bytes"] + table["model_bytes"]) / table["original_bytes"]
    table["adjusted_gb"] = table["raw_rate"] + table["model_bytes"] / GB
    table["adjusted_gb_2_bytes"] = table["raw_rate"] + 2 * table["parameters"] / GB
    table.loc[~models, ["alone_rate", *ADJUSTED]] = float("nan")
    return table


def write_csv(path: str, table: pd.DataFrame) -> None:
    """Writes measured rows, those that are missing with the reason, and the paper's."""
    kept = table[table["bytes"].notna() | (table["missing"] != "")].copy()
    for name in ("original_bytes", "bytes", "alone_bytes", "parameters", "model_bytes"):
        kept[name] = kept[name].astype("Int64")
    both = pd.concat([kept.astype(object), paper.csv_rows().reindex(columns=FIELDS)])
    write_whole(path, both.to_csv(index=False, lineterminator="\n"))


def write_about(folder: str, about: About) -> None:
    text = json.dumps(asdict(about), indent=1, ensure_ascii=False)
    write_whole(os.path.join(folder, "about.json"), text + "\n")


def read(folder: str) -> tuple[About, pd.DataFrame]:
    """A table that was written: what it says beside its rows, and its measured rows."""
    path = os.path.join(folder, "table.csv")
    for name in (path, os.path.join(folder, "about.json")):
        if not os.path.isfile(name):
            raise Failure(IO, f"{name} is missing")
    try:
        about = json.loads(read_text(os.path.join(folder, "about.json")))
        about["columns"] = [(name, of) for name, of in about["columns"]]
        found = About(**about)
        table = pd.read_csv(path, dtype={name: str for name in TEXTS}, keep_default_na=False,
                            na_values={name: [""] for name in FIELDS if name not in TEXTS},
                            float_precision="round_trip")
        return found, table.loc[table["kind"] != "quoted", FIELDS].reset_index(drop=True)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(DAMAGED, f"{folder} holds no table: {error}") from None


class Rows:
    """Measured cells by name, chunk, form and column."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.measured = table[table["bytes"].notna()]
        self.cells = self.measured.set_index(KEY)
        models = table[table["kind"] == "model"]
        self.models = list(dict.fromkeys(zip(models["name"], models["chunk"])))
        self.about = {row["name"]: row for _, row in models.iterrows()}

    def rate(self, kind: str, name: str, chunk: str, form: str, column: str,
             what: str = "raw_rate") -> float | None:
        """A rate of a cell; None where there is no such cell."""
        key = (kind, name, chunk, form, column)
        if key not in self.cells.index:
            return None
        value = self.cells.at[key, what]
        return None if pd.isna(value) else float(value)

    def best(self, codec: str, column: str) -> float | None:
        """The smallest rate of a codec: whole or in chunks, with headers or without."""
        own = self.measured[(self.measured["kind"] == "codec") & (self.measured["name"] == codec)
                            & (self.measured["data"] == column)]
        return None if own.empty else float(own["raw_rate"].min())
