"""The tables of table 1: raw and adjusted rates, break-even sizes, and the codecs."""

import math

from ..pages import Table
from . import paper
from .rows import ADJUSTED, About, Rows


def percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.2f}"


def raw_table(about: About, rows: Rows) -> Table:
    lines = [["contexts", "", *(name for name, _ in about.columns)]]
    for chunk in ("whole", "2048"):
        for codec in about.codecs:
            cells = [codec["missing"] or codec_cell(rows, codec["codec"], chunk, column)
                     for column, _ in about.columns]
            lines.append([chunk, codec["codec"], *cells])
    for name, mode in rows.models:
        for what, remark in (("raw_rate", ""), ("alone_rate", ": the model alone")):
            rates = [rows.rate("model", name, mode, "file", c, what) for c, _ in about.columns]
            lines.append([mode, f"Occam, {name}{remark}", *map(percent, rates)])
    for chunk, name, *_ in paper.QUOTED:
        quoted = paper.rates_of(chunk, name)
        lines.append([chunk, f"quoted: {name}",
                      *(f"{quoted[c]:.1f}" if c in quoted else "" for c, _ in about.columns)])
    return lines


def codec_cell(rows: Rows, codec: str, chunk: str, column: str) -> str:
    """The rate of whole files; of chunks, that of bare streams, and in brackets that of files."""
    file, bare = (rows.rate("codec", codec, chunk, form, column) for form in ("file", "bare"))
    rates = (file,) if chunk == "whole" else (bare, file)
    shown = [percent(rate) for rate in rates if rate is not None]
    return f"{shown[0]} ({shown[1]})" if len(shown) == 2 else "".join(shown) or "-"


def adjusted_table(about: About, rows: Rows) -> Table:
    lines = [["contexts", "model", "parameters", "model bytes", "",
              *(name for name, _ in about.columns)]]
    for name, mode in rows.models:
        model = rows.about[name]
        for what, text in {"raw_rate": "raw", **ADJUSTED}.items():
            rates = [rows.rate("model", name, mode, "file", c, what) for c, _ in about.columns]
            lines.append([mode, name, f"{model['parameters']:,.0f}", f"{model['model_bytes']:,.0f}",
                          text, *map(percent, rates)])
    for _, name, *_, adjusted in paper.QUOTED:
        if adjusted is not None:
            lines.append(["2048", f"quoted: {name}", "", "", ADJUSTED["adjusted_gb_2_bytes"],
                          *(f"{adjusted:.1f}" if c == "text" else "" for c, _ in about.columns)])
    return lines


def size_text(count: float | None) -> str:
    if count is None:
        return ""
    if math.isinf(count):
        return "never"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB"


def break_even(model_bytes: float, rate: float | None, other: float | None) -> float | None:
    """The size of data from which file and model are smaller than what another rate makes.

    None where one of the rates is unknown.
    """
    if rate is None or other is None:
        return None
    return model_bytes / (other - rate) if other > rate else math.inf


def break_even_table(about: About, rows: Rows) -> Table:
    codecs = [codec["codec"] for codec in about.codecs]
    lines = [["contexts", "model", "column", *codecs]]
    for name, mode in rows.models:
        for column, _ in about.columns:
            rate, size = rows.rate("model", name, mode, "file", column), rows.about[name]
            lines.append([mode, name, column, *(
                size_text(break_even(size["model_bytes"], rate, rows.best(codec, column)))
                for codec in codecs)])
    return lines


def codec_table(about: About) -> Table:
    lines = [["codec", "", "setting", "sees", "without headers means without"]]
    for codec in about.codecs:
        none = "" if codec["missing"] else "(no such form)"
        lines.append([codec["codec"], codec["maker"], codec["missing"] or codec["setting"],
                      codec["sees"], codec["removed"] or none])
    return lines
