"""The report of a study of contexts, and how quickly models and codecs learn in one."""

import math
from typing import Any

import pandas as pd

from ..figures import finish, plotting, save, style
from ..pages import Figure, Section, Table
from .groups import RATE, groups_of, line, percent, spread

LENGTHS = (16, 64, 256, 1024, 2048, 4096, 8192)  # of the table of first bytes


def mode_text(mode: str) -> str:
    return "fresh" if mode == "chunked" else mode


def draw(groups: pd.DataFrame, out: str) -> None:
    """Rates against the length of contexts."""
    figure, ax = plotting().subplots(figsize=(7, 4.6), layout="constrained")
    for i, size in enumerate(sorted(set(groups["parameters"]))):
        for mode in sorted(set(groups["compress.mode"]), reverse=True):
            more: dict[str, Any] = {"markerfacecolor": "white", "linestyle": (0, (1, 1.5))}
            own = groups[(groups["parameters"] == size) & (groups["compress.mode"] == mode)]
            line(ax, own, "context", "held_out_bpb", i,
                 f"{size:,} parameters, contexts {mode_text(mode)}",
                 **({} if mode == "chunked" else more))
    finish(ax, "context trained and coded with, symbols", RATE, sorted(set(groups["context"])))
    save(figure, out, "context")


def table_of(groups: pd.DataFrame) -> Table:
    table = [["parameters", "context", "contexts", RATE, "%", "in-sample bpb", "threads",
              "compress KB/s", "restore KB/s", "hours of training"]]
    ordered = groups.sort_values(["parameters", "context", "compress.mode"], kind="stable")
    for _, group in ordered.iterrows():
        kilobytes = group["held_out_original_bytes"] / 1e3
        table.append([
            f"{group['parameters']:,}", str(group["context"]), mode_text(group["compress.mode"]),
            spread(group, "held_out_bpb", "{:.4f}"), percent(group["held_out_bpb"] / 8),
            spread(group, "in_sample_bpb", "{:.4f}"), str(group["threads"]),
            *(f"{kilobytes / group[f'held_out_{what}_s']:.0f}" for what in ("compress", "restore")),
            f"{group['train_s'] / 3600:.2f}"])
    return table


def context(rows: pd.DataFrame, curves: pd.DataFrame | None, out: str) -> list[Section]:
    groups = groups_of(rows)
    draw(groups, out)
    found = [Section("One model for each context", "Fresh: every context starts with nothing. "
                     "Carried: contexts go on from one to the next.",
                     Figure("context", "held-out bits per byte against context"),
                     table_of(groups))]
    return found if curves is None else found + in_context(curves, out)


def draw_curves(curves: pd.DataFrame, shown: list[tuple[str, str]], ylabel: str, name: str,
                out: str) -> None:
    """A line for each (kind, name) of `shown`."""
    figure, ax = plotting().subplots(figsize=(7.5, 5), layout="constrained")
    for i, (kind, own) in enumerate(shown):
        colour, dashes, mark = style(i)
        points = curves[(curves["kind"] == kind) & (curves["name"] == own)]
        first = points["last"] if kind != "model, nth" else points["first"]
        bars = points["error_bits"].fillna(0).to_numpy()
        ax.errorbar(((first * points["last"]) ** 0.5).to_numpy(), points["bits"].to_numpy(),
                    yerr=bars if bars.any() else None, color=colour, linestyle=dashes, marker=mark,
                    markersize=4, linewidth=1.2, capsize=2,
                    markerfacecolor="white" if kind == "codec" else colour, label=own)
    most = int(math.log2(curves["last"].max()))
    finish(ax, "n, bytes from the begin of a fresh chunk", ylabel,
           [2**k for k in range(most + 1)])
    ax.set_ylim(0, min(12, ax.get_ylim()[1]))
    save(figure, out, name)


def first_bytes_table(curves: pd.DataFrame, shown: list[tuple[str, str]]) -> Table:
    lengths = [n for n in LENGTHS if (curves["last"] == n).any()]
    table = [["", *map(str, lengths)]]
    for kind, name in shown:
        points = curves[(curves["kind"] == kind) & (curves["name"] == name)]
        at = dict(zip(points["last"], points["bits"]))
        table.append([name, *(f"{at[n]:.3f}" if n in at else "" for n in lengths)])
    return table


def in_context(curves: pd.DataFrame, out: str) -> list[Section]:
    found = []
    names = list(dict.fromkeys(zip(curves["kind"], curves["name"])))
    first = [pair for pair in names if pair[0] in ("model, first n", "codec")]
    if first:
        draw_curves(curves, first, "bits per byte of the first n bytes of a chunk",
                    "in_context_first_n", out)
        found.append(Section(
            "In context: the first n bytes", "Bits per byte of the first n bytes of chunks with "
            "no memory of each other. Models: what the exact network's frequencies cost. Codecs: "
            "their files of just these bytes, without headers, restored and compared; some marks "
            "lie above the figure.", Figure("in_context_first_n", "rate on the first n bytes"),
            first_bytes_table(curves, first)))
    nth = [pair for pair in names if pair[0] == "model, nth"]
    if nth:
        draw_curves(curves, nth, "mean bits of the n-th byte of a chunk", "in_context_nth", out)
        found.append(Section(
            "In context: the n-th byte", "Bytes whose places lie between two marks are one mean, "
            "with its standard error.", Figure("in_context_nth", "mean bits by place in a chunk")))
    return found
