"""The pages and the figure of table 1."""

import os
from typing import Any

from ..figures import plotting, save
from ..files import write_whole
from ..pages import Figure, Section, markdown_page, sections_page
from . import paper
from .rows import About, Rows
from .tables import adjusted_table, break_even_table, codec_table, raw_table

QUESTION = "What do codecs and models make of text, images, audio and random bytes?"
# The colours of Okabe and Ito (2008, "Color universal design").
COLOURS = {"codec": "#0072B2", "model": "#D55E00", "quoted": "#777777"}

# Of a line of the figure: label, kind, and by column the rates of data that is whole or carried, of
# chunks, and of the model alone in chunks.
Line = tuple[str, str, dict[str, tuple[float | None, float | None, float | None]]]


def raw_class(line: list[str]) -> str:
    """How a line of the raw rates is shown: ours or quoted."""
    return "quoted" if line[1].startswith("quoted") else (
        "model" if line[1].startswith("Occam") else "")


def quoted_class(line: list[str]) -> str:
    return "quoted" if line[1].startswith("quoted") else ""


def sections(about: About, rows: Rows) -> list[Section]:
    columns = "; ".join(f"{name} is {of}" for name, of in about.columns)
    text = (f"Compressed / original bytes in percent; {columns}. Whole: the data as one file. "
            "2048: chunks with no memory of each other, their streams without headers, and in "
            "brackets the files with them. Every cell of a codec or of Occam was decoded and "
            "compared. The model alone: what its segments would take if none were coded by "
            "another method, without headers. " + " ".join(about.notes))
    result = [Section("Raw rates", text.strip(), Figure("table", "rates", True, "svg"),
                      raw_table(about, rows), after=paper.NOTE, row_class=raw_class)]
    if rows.models:
        result.append(Section(
            "Adjusted rates", "In percent. A model's own bytes are added: entropy-coded as they "
            "travel in a file; or 2 bytes a parameter, as the paper charges. At 1 GB: this data's "
            "raw rate, and the model over 10^9 bytes.", table=adjusted_table(about, rows),
            row_class=quoted_class))
        result.append(Section(
            "When a model pays for itself", "The size of data of this kind from which file and "
            "coded model are smaller than what a codec makes, if the rates stay. The codec has the "
            "smallest of its forms: whole or chunks, with headers or without.",
            table=break_even_table(about, rows)))
    return [*result, Section("Codecs", table=codec_table(about))]


def figure_lines(about: About, rows: Rows) -> list[Line]:
    """The lines of the figure, from top to bottom."""
    columns = [column for column, _ in about.columns]
    lines: list[Line] = []
    for codec in about.codecs:
        name = codec["codec"]
        if not codec["missing"]:
            lines.append((name, "codec", {
                c: (rows.rate("codec", name, "whole", "file", c),
                    rows.rate("codec", name, "2048", "bare", c), None) for c in columns}))
    for name in rows.about:
        lines.append((f"Occam, {name}", "model", {
            c: (rows.rate("model", name, "carried", "file", c),
                rows.rate("model", name, "chunked", "file", c),
                rows.rate("model", name, "chunked", "file", c, "alone_rate")) for c in columns}))
    for chunk, name, *_ in paper.QUOTED:
        if chunk == "2048":
            whole, chunks = paper.rates_of("whole", name), paper.rates_of(chunk, name)
            lines.append((f"quoted: {name}", "quoted", {
                c: (whole[c] / 100 if c in whole else None, chunks[c] / 100, None)
                for c in paper.COLUMNS}))
    return lines


def draw_column(ax: Any, lines: list[Line], column: str) -> None:
    for y, (_, kind, rates) in enumerate(lines):
        fills = ("none", COLOURS[kind], COLOURS[kind])
        for rate, mark, fill in zip(rates.get(column, (None,) * 3), "oox", fills):
            if rate is not None:
                ax.plot(100 * rate, y, mark, mfc=fill, color=COLOURS[kind], markersize=6)
    ax.axvline(100, color="#999999", linestyle=(0, (4, 3)), linewidth=1)
    ax.set(title=column, xlabel="rate, %")
    ax.set_xlim(left=0)
    ax.grid(axis="both", alpha=0.3)


def draw(folder: str, about: About, rows: Rows) -> None:
    """table.svg and table.png."""
    lines, count = figure_lines(about, rows), len(about.columns)
    figure, axes = plotting(10).subplots(
        1, count, figsize=(1.8 + 3 * count, 1.4 + 0.24 * len(lines)), sharey=True,
        layout="constrained", squeeze=False)
    for ax, (column, _) in zip(axes[0], about.columns):
        draw_column(ax, lines, column)
    axes[0][0].set_yticks(range(len(lines)), [label for label, _, _ in lines])
    axes[0][0].invert_yaxis()
    figure.suptitle("filled: chunks of 2048 bytes; open: the whole file, of models with contexts "
                    "carried;\ncrosses: the model alone, without other methods for what is "
                    "foreign to it", fontsize=10)
    save(figure, folder, "table", dpi=130)


def write(folder: str, about: About, rows: Rows) -> None:
    """Writes table.md, table.html and the figure, and prints the Markdown."""
    draw(folder, about, rows)
    found = sections(about, rows)
    text = markdown_page(QUESTION, "", found)
    write_whole(os.path.join(folder, "table.md"), text)
    write_whole(os.path.join(folder, "table.html"), sections_page(QUESTION, "", found, folder))
    print(text)
