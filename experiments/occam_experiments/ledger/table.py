"""The tables of a ledger: sizes with the model, and the smallest of them."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ..cells import Cell
from ..errors import DAMAGED, IO, Failure
from ..files import read_text, write_whole
from ..pages import markdown_table
from ..units import bytes_text, parse_range

ENWIK = {"enwik8": 10**8, "enwik9": 10**9}
HELD_OUT = "held out"

Row = dict[Any, Any]  # of the table; the coded bytes of a slice by its size, or HELD_OUT


@dataclass
class About:
    """What a ledger says beside its rows; ledger.json keeps it for one that is written again."""

    sizes: list[int]       # first bytes of the text
    held_out: str          # BEGIN:END
    sample: int            # larger sizes go by a sample of so many bytes
    mode: str              # of contexts
    programs: Cell | None  # bytes of decoder and encoder, where they are charged

    def held_out_bytes(self) -> int:
        begin, end = parse_range(self.held_out, "held_out")
        return end - begin


class LedgerTable:
    """The tables of measured rows, as Markdown and as CSV."""

    def __init__(self, about: About, rows: list[Row]) -> None:
        self.about, self.rows = about, rows
        self.sizes, self.sample = about.sizes, about.sample
        self.held_out_bytes = about.held_out_bytes()
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
                f"{self.about.mode} contexts. Held out: bytes {self.about.held_out}, without the "
                "model.", "", *markdown_table(table), "", self.legend(), *self.charges()]

    def legend(self) -> str:
        text = ("\\* is arithmetic, no file. Float rows are the cross-entropy of the float network "
                "and 4 or 2 bytes a parameter. *Packed* is codes side by side. The sizes of enwik8 "
                "and enwik9 are extrapolated from the held-out rate.")
        if self.sample < max(self.sizes):
            text += (f" ~ is by the rate of {bytes_text(self.sample)} in pieces from all over that "
                     "text.")
        return text

    def charges(self) -> list[str]:
        """The smallest file of each size by each way of charging (docs/charges.md)."""
        if self.about.programs is None:
            return []
        decoder, encoder = (self.about.programs[f"{name}_xz_bytes"]
                            for name in ("decoder", "encoder"))
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
        return pd.DataFrame([self.csv_line(row) for row in self.rows], dtype=object).to_csv(
            index=False, lineterminator="\n")

    def csv_line(self, row: Row) -> dict[str, Any]:
        line = {name: row[name] for name in ("model", "parameters", "precision")}
        line |= {"how": row["how"].rstrip(" *"), "first_bytes_are": row["seen"],
                 "packed_model_bytes_arithmetic": row["packed_model_bytes"],
                 "model_bytes": row["model_bytes"], "mode": self.about.mode,
                 "held_out_original_bytes": self.held_out_bytes,
                 "held_out_data_bytes": row[HELD_OUT]}
        line |= {data_column(size, self.sample): row.get(size, "") for size in self.sizes}
        for size in self.columns.values():
            extrapolated = "" if size in self.sizes else "_extrapolated"
            total, _ = self.adjusted(row, size)
            line[f"adjusted_rate_of_{size}{extrapolated}"] = (
                "" if total is None else f"{total / size:.6f}")
        return line

    def write(self, folder: str) -> str:
        """Writes ledger.md and returns its text."""
        text = "\n".join(self.markdown())
        write_whole(os.path.join(folder, "ledger.md"), text + "\n")
        return text

    def write_rows(self, folder: str) -> None:
        """Writes ledger.csv and ledger.json."""
        write_whole(os.path.join(folder, "ledger.csv"), self.csv())
        write_whole(os.path.join(folder, "ledger.json"),
                    json.dumps(asdict(self.about), indent=1) + "\n")


def data_column(size: int, sample: int) -> str:
    return f"data_bytes_of_{size}" + ("" if size <= sample else "_by_sample")


def is_float(row: Row) -> bool:
    return bool(row["how"].startswith("float"))


def read(folder: str) -> LedgerTable:
    """The ledger whose ledger.csv and ledger.json are in a folder."""
    paths = [os.path.join(folder, f"ledger.{ending}") for ending in ("csv", "json")]
    for path in paths:
        if not os.path.isfile(path):
            raise Failure(IO, f"{path} is missing")
    try:
        about = About(**json.loads(read_text(paths[1])))
        lines = pd.read_csv(paths[0]).to_dict("records")
        return LedgerTable(about, [row_of(line, about) for line in lines])
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(DAMAGED, f"{folder} holds no ledger: {error}") from None


def row_of(line: dict[Any, Any], about: About) -> Row:
    """The row of a line of ledger.csv."""
    row: Row = {name: line[name] for name in ("model", "precision")}
    row |= {"how": line["how"] + (" *" if line["how"] == "float" else ""),
            "seen": line["first_bytes_are"], "parameters": int(line["parameters"]),
            "packed_model_bytes": int(line["packed_model_bytes_arithmetic"]),
            "model_bytes": int(line["model_bytes"]), HELD_OUT: int(line["held_out_data_bytes"])}
    coded = {size: line[data_column(size, about.sample)] for size in about.sizes}
    return row | {size: int(count) for size, count in coded.items() if not pd.isna(count)}
