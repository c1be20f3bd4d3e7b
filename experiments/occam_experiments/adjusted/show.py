"""The tables and the figure of the search."""

import os
from typing import Any

import pandas as pd

from ..cells import Cell
from ..figures import plotting, save, style
from ..files import write_whole
from ..pages import markdown_table
from ..units import bytes_text
from .points import best_of_widths, of_text, sizes_of, smallest, xz_of

ABOUT = ("In-sample: every model travels with the text that it was trained on. Every file was "
         "restored and compared. ~: estimated from the file of a sample.")
SMALLEST = ["text", "parameters", "width x layers", "bits", "rate", "data and headers", "model",
            "file with its model", "xz -9e", "+ decoder",
            "+ decoder, encoder and the model again"]
WIDTHS = ["text", "parameters", "smallest file of the width", "data and headers", "model",
          "trained on", "bits, rate, layers"]


def mark(point: Any) -> str:
    return "~" if point["estimated"] else ""


def share(count: float, size: int) -> str:
    """A number of bytes, and what part of the text that is."""
    return f"{count:,.0f} ({100 * count / size:.2f} %)"


def table_of(points: pd.DataFrame, programs: Cell | None) -> list[str]:
    """Markdown: the smallest file of each text, and of each width."""
    smallest_lines, width_lines = [SMALLEST], [WIDTHS]
    for size in sizes_of(points):
        smallest_lines.append(smallest_line(points, size, programs))
        for _, point in best_of_widths(of_text(points, size)).iterrows():
            seen = point["bytes_seen"]
            width_lines.append([
                bytes_text(size), f"{point['parameters']:,.0f}",
                mark(point) + share(point["file_bytes"], size), data_text(point),
                f"{point['model_bytes']:,.0f}",
                "" if pd.isna(seen) else f"{seen / size:.3g} times",
                f"{point['bits']:.0f}, {point['rate']:g}, {point['layers']:.0f}"])
    return [ABOUT, "", *markdown_table(smallest_lines), "", *markdown_table(width_lines)]


def write_table(points: pd.DataFrame, programs: Cell | None, out: str) -> str:
    """Writes optimum.md and returns its text."""
    text = "\n".join(table_of(points, programs))
    write_whole(os.path.join(out, "optimum.md"), text + "\n")
    return text


def data_text(point: Any) -> str:
    return f"{point['file_bytes'] - point['model_bytes']:,.0f}"


def smallest_line(points: pd.DataFrame, size: int, programs: Cell | None) -> list[str]:
    own = of_text(points, size)
    best = smallest(own)
    more = ["", ""]
    if programs:
        decoder, encoder = programs["decoder_xz_bytes"], programs["encoder_xz_bytes"]
        whole = own[~own["estimated"]]
        whole = own if whole.empty else whole
        twice = (whole["file_bytes"] + whole["model_bytes"]).min() + decoder + encoder
        more = [share(best["file_bytes"] + decoder, size), share(twice, size)]
    return [bytes_text(size), f"{best['parameters']:,.0f}",
            f"{best['width']:.0f} x {best['layers']:.0f}", f"{best['bits']:.0f}",
            f"{best['rate']:g}", data_text(best), f"{best['model_bytes']:,.0f}",
            mark(best) + share(best["file_bytes"], size), share(xz_of(points, size), size), *more]


def draw(points: pd.DataFrame, out: str) -> None:
    """optimum.svg and optimum.png: adjusted size against parameters, beside xz."""
    figure, ax = plotting().subplots(figsize=(8, 5), constrained_layout=True)
    for i, size in enumerate(sizes_of(points)):
        draw_text(ax, i, points, size)
    axes(ax)
    ax.legend(fontsize=8)
    save(figure, out, "optimum")


def draw_text(ax: Any, number: int, points: pd.DataFrame, size: int) -> None:
    """Every file of a text, the best of each width as a line, the smallest with a star."""
    colour, dashes, shape = style(number)
    name, own = bytes_text(size), of_text(points, size)
    best = best_of_widths(own)

    def plot(shown: pd.DataFrame, **look: Any) -> None:
        ax.plot(shown["parameters"].to_numpy(), (100 * shown["file_bytes"] / size).to_numpy(),
                color=colour, **look)

    plot(own, marker=".", markersize=3, linestyle="none", alpha=0.5)
    plot(best, linestyle=dashes, marker=shape, markersize=5, linewidth=1.3,
         label=f"{name}: file with its model")
    hollow = best[best["estimated"]]
    plot(hollow, marker=shape, markersize=5, markerfacecolor="white", linestyle="none",
         label=None if hollow.empty else f"{name}: estimated from a sample")
    least = smallest(own)
    percent = 100 * least["file_bytes"] / size
    ax.plot(least["parameters"], percent, color=colour, marker="*", markersize=15,
            markeredgecolor="black", linestyle="none",
            label=f"{name}: smallest, {percent:.2f} %, {least['parameters']:,.0f} parameters")
    xz = 100 * xz_of(points, size) / size
    ax.axhline(xz, color=colour, linestyle=dashes, linewidth=0.7, alpha=0.6)
    ax.annotate(f"xz -9e, {name}", (1 - 0.13 * (number % 7), xz),
                xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7,
                color=colour)


def axes(ax: Any) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, ScalarFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 2.5, 3, 4, 5, 7)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("parameters")
    ax.set_ylabel("file with its model, % of the text (in-sample)")
    ax.grid(True, which="both", linewidth=0.4, color="#cccccc")
    ax.set_axisbelow(True)
