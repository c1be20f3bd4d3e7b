"""The tables and the figure of the study."""

import os
from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any

from ..figures import grid, plotting, save, style
from ..files import write_whole
from ..pages import markdown_table
from ..units import bytes_text
from .points import Point, estimated_bytes

ABOUT = ("In-sample: each model travels with the text it was trained on. Every file was restored "
         "and compared. ~: estimated from the file of a sample. Where there are two seeds, figures "
         "are their means. Multiplications are those of a byte.")
HEAD = ["text", "network", "rows a table", "multiplications", "memory", "model", "data",
        "file with its model", "adaptive", "held out", "seeds"]
MEANS = ("data", "file_bytes", "model_bytes", "memory_bytes", "held_out_bpb")
NONE = "none"


def short_count(count: float) -> str:
    """54272 as "54 K"."""
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} K"


def cell_key(p: Point) -> tuple[int, int, int]:
    return p["train_bytes"], p["width"], p["memory_bits"]


def is_whole(p: Point) -> bool:
    return bool(p["original_bytes"] == p["train_bytes"])


def cells_of(points: Sequence[Point], mode: str) -> dict[tuple[int, int, int], dict[str, Any]]:
    """Each cell by text, width and bits: means of its seeds, of whole files where there are any."""
    groups: dict[tuple[int, int, int], list[Point]] = {}
    for p in points:
        if p["mode"] == mode:
            groups.setdefault(cell_key(p), []).append(p)
    made = {}
    for key, group in groups.items():
        whole = [p for p in group if is_whole(p)]
        used = [{**p, "file_bytes": estimated_bytes(p),
                 "data": (p["data_bytes"] + p["header_bytes"]) / p["original_bytes"]}
                for p in whole or group]
        made[key] = {**used[0], **{name: mean(p[name] for p in used) for name in MEANS},
                     "seeds": len({p["seed"] for p in used}), "estimated": not whole}
    return made


def networks_of(points: Sequence[Point]) -> dict[int, str]:
    """The networks' names by width: their parameters without a memory."""
    return {p["width"]: short_count(p["parameters"]) for p in points if not p["memory_bits"]}


def rows_text(bits: int) -> str:
    return f"2^{bits}" if bits else NONE


def file_text(cell: dict[str, Any]) -> str:
    mark = "~" if cell["estimated"] else ""
    percent = 100 * cell["file_bytes"] / cell["train_bytes"]
    return f"{mark}{cell['file_bytes']:,.0f} ({percent:.2f} %)"


def table_of(points: Sequence[Point]) -> list[str]:
    """Markdown: a line for each text, network and memory; the smallest file of a text is bold."""
    chunked, adaptive = cells_of(points, "chunked"), cells_of(points, "adaptive")
    names = networks_of(points)
    smallest: dict[int, float] = {}
    for cell in chunked.values():
        size = cell["train_bytes"]
        smallest[size] = min(cell["file_bytes"], smallest.get(size, cell["file_bytes"]))
    lines = [HEAD]
    for key in sorted(chunked):
        cell, size = chunked[key], key[0]
        text = file_text(cell)
        if cell["file_bytes"] == smallest[size]:
            text = f"**{text}**"
        other = f"{100 * adaptive[key]['data']:.2f} %" if key in adaptive else ""
        lines.append([bytes_text(size), names.get(key[1], ""), rows_text(key[2]),
                      f"{cell['multiplications']:,}", f"{cell['memory_bytes']:,.0f}",
                      f"{cell['model_bytes']:,.0f}", f"{100 * cell['data']:.2f} %", text, other,
                      f"{cell['held_out_bpb']:.4f}", str(cell["seeds"])])
    return [ABOUT, "", *markdown_table(lines)]


def write_table(points: Sequence[Point], out: str) -> str:
    """Writes table.md and returns its text."""
    text = "\n".join(table_of(points))
    write_whole(os.path.join(out, "table.md"), text + "\n")
    return text


def draw(points: Sequence[Point], out: str) -> None:
    """memory_or_network.svg and .png: by bytes of model above, by multiplications below."""
    cells = list(cells_of(points, "chunked").values())
    names = networks_of(points)
    sizes = sorted({cell["train_bytes"] for cell in cells})
    figure, axes = plotting().subplots(2, len(sizes), figsize=(4.2 * len(sizes), 8), squeeze=False,
                                       constrained_layout=True)
    memories = sorted({cell["memory_bits"] for cell in cells})
    for column, size in enumerate(sizes):
        own = [cell for cell in cells if cell["train_bytes"] == size]
        by_model(axes[0][column], own, names)
        by_cost(axes[1][column], own, memories)
        axes[0][column].set_title(f"{bytes_text(size)} of text")
        for ax in axes[:, column]:
            ax.legend(fontsize=7)
    axes[0][0].set_ylabel("file with its model, % of the text")
    axes[1][0].set_ylabel("data alone, % of the text")
    save(figure, out, "memory_or_network")


def percent_of_file(cell: dict[str, Any]) -> float:
    return float(100 * cell["file_bytes"] / cell["train_bytes"])


def percent_of_data(cell: dict[str, Any]) -> float:
    return float(100 * cell["data"])


def plot(ax: Any, cells: Sequence[dict[str, Any]], x: str,
         y: Callable[[dict[str, Any]], float], **look: Any) -> None:
    ordered = sorted(cells, key=lambda cell: float(cell[x]))
    ax.plot([cell[x] for cell in ordered], [y(cell) for cell in ordered], **look)


def number_axis(ax: Any, label: str) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(label)
    grid(ax)


def by_model(ax: Any, cells: Sequence[dict[str, Any]], names: dict[int, str]) -> None:
    """A line for each network: its file as its memory grows. The dotted line has no memory."""
    plot(ax, [cell for cell in cells if not cell["memory_bits"]], "model_bytes", percent_of_file,
         color="#000000", linestyle=(0, (1, 2)), linewidth=1, label="no memory")
    for number, (width, name) in enumerate(sorted(names.items())):
        colour, dashes, shape = style(number)
        own = [cell for cell in cells if cell["width"] == width]
        if not own:
            continue
        plot(ax, own, "model_bytes", percent_of_file, color=colour, linestyle=dashes, marker=shape,
             markersize=5, linewidth=1.3, label=f"network of {name}")
        none = [cell for cell in own if not cell["memory_bits"]]
        plot(ax, none, "model_bytes", percent_of_file, color=colour, marker=shape, markersize=5,
             markerfacecolor="white", linestyle="none")
    best = min(cells, key=percent_of_file)
    ax.plot(best["model_bytes"], percent_of_file(best), marker="*", markersize=14, color="#F0E442",
            markeredgecolor="black", linestyle="none",
            label=f"smallest, {percent_of_file(best):.2f} %")
    number_axis(ax, "bytes of coded model")


def by_cost(ax: Any, cells: Sequence[dict[str, Any]], memories: Sequence[int]) -> None:
    """A line for each size of memory, over the networks."""
    for number, bits in enumerate(memories):
        colour, dashes, shape = style(number)
        own = [cell for cell in cells if cell["memory_bits"] == bits]
        if not own:
            continue
        label = f"{rows_text(bits)} rows a table" if bits else "no memory"
        plot(ax, own, "multiplications", percent_of_data, color=colour, linestyle=dashes,
             marker=shape, markersize=5, linewidth=1.3, label=label)
    number_axis(ax, "multiplications a byte")
