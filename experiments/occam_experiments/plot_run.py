"""How did training go? Draws run logs of `train` (NAME.log.jsonl), several runs in one figure.

  experiments/plot_run.py RUN.log.jsonl [...] -o FIGURE.svg [--scale log]

From top to bottom, against the bytes of training data seen: loss (lines) and validation (marks) in
bits per byte, learning rate, gradient norm, tokens per second. The figure is SVG, PNG or PDF by its
name. Needs matplotlib (Debian: python3-matplotlib). Exit codes are those of Occam.
"""

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

from .errors import DAMAGED, USAGE, Failure
from .figures import grid, plotting, save_as, style

# How loss falls in its first steps is the same in every run, and would leave no room for the rest:
# on linear axes what is above the loss at this share of the run is cut off, unless asked for.
STEEP_SHARE = 0.02

Line = dict[str, Any]
Run = dict[str, list[Line]]  # lines of the log by event


def read_log(path: str) -> Run:
    """Lines of a log by event, without what a killed run lost between checkpoint and resume."""
    lines: list[Line] = []
    with open(path, encoding="utf-8", errors="replace") as log:
        for number, text in enumerate(log, 1):
            try:
                line = json.loads(text)
                event, step = line["event"], line["step"]
            except (ValueError, KeyError, TypeError):
                if not text.endswith("\n"):
                    break  # the run is writing it, or was killed
                raise Failure(DAMAGED, f"{path}: line {number} is not of a run log") from None
            if event == "resume":
                lines = [kept for kept in lines if kept["step"] <= step]
            lines.append(line)
    run = {event: [line for line in lines if line["event"] == event]
           for event in ("step", "validation")}
    if not run["step"]:
        raise Failure(DAMAGED, f"{path} has no step: is it a run log, and has the run begun?")
    return run


def labels_of(paths: Sequence[str]) -> list[str]:
    """File names, with as much of their folders as tells them apart."""
    parts = [os.path.normpath(path).removesuffix(".log.jsonl").split(os.sep) for path in paths]
    depth = 1
    while len({tuple(p[-depth:]) for p in parts}) < len({tuple(p) for p in parts}):
        depth += 1
    return ["/".join(p[-depth:]) for p in parts]


def column(lines: Sequence[Line], y: str) -> tuple[list[float], list[float]]:
    return [line["bytes_seen"] for line in lines], [line[y] for line in lines]


def draw_run(axes: Any, run: Run, label: str, number: int) -> None:
    """A run on all axes, as line `number`."""
    colour, dashes, mark = style(number)
    line = {"color": colour, "linestyle": dashes, "linewidth": 1.2}
    for ax, y in zip(axes, ("loss_bpb", "muon_lr", "gradient_norm", "tokens_per_s")):
        ax.plot(*column(run["step"], y), label=f"{label}: loss", **line)
    # At the end a part may have been measured beside the whole.
    parts = [v for v in run["validation"] if not v["whole"]]
    whole = [v for v in run["validation"] if v["whole"]][-1:]
    marks: dict[str, Any] = {"color": colour, "marker": mark, "linestyle": "none",
                             "markeredgecolor": colour, "zorder": 3}
    if parts:
        axes[0].plot(*column(parts, "bpb"), markersize=5, markerfacecolor="white",
                     label=f"{label}: validation on a part", **marks)
    if whole:
        axes[0].plot(*column(whole, "bpb"), markersize=8,
                     label=f"{label}: validation on all, {whole[0]['bpb']:.4f} bpb", **marks)


def steep_end(run: Run) -> float:
    """The loss where its first fall is over."""
    end = run["step"][-1]["bytes_seen"]
    return max(s["loss_bpb"] for s in run["step"] if s["bytes_seen"] >= STEEP_SHARE * end)


def draw(runs: Sequence[Run], labels: Sequence[str], scale: str, max_bpb: float | None,
         out: str) -> None:
    figure, axes = plotting().subplots(4, 1, sharex=True, figsize=(8, 9), constrained_layout=True,
                                       gridspec_kw={"height_ratios": [4, 1, 1, 1]})
    for i, (run, label) in enumerate(zip(runs, labels)):
        draw_run(axes, run, label, i)
    if scale == "linear":
        max_bpb = max_bpb or 1.02 * max(steep_end(run) for run in runs)
    label_axes(axes, scale)
    axes[0].set_ylim(top=max_bpb)
    figure.align_ylabels()
    save_as(figure, out)


def label_axes(axes: Any, scale: str) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    names = ("bits per byte", "learning rate\n(matrices)", "gradient norm\n(unclipped)",
             "tokens per s\n(mean so far)")
    for ax, name in zip(axes, names):
        ax.set_ylabel(name)
        grid(ax)
    axes[0].legend(fontsize=8, frameon=True)
    for ax in (axes[1], axes[3]):
        ax.set_ylim(bottom=0)
    seen = axes[3]
    seen.yaxis.set_major_formatter(EngFormatter(sep=" "))
    seen.set_xlabel(f"training data seen, repeats included (bytes, {scale} axis)")
    seen.set_xscale(scale)
    seen.xaxis.set_major_formatter(EngFormatter(unit="B"))
    seen.xaxis.set_minor_formatter(NullFormatter())
    if scale == "log":
        seen.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    else:
        seen.set_xlim(left=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", metavar="RUN.log.jsonl")
    parser.add_argument("-o", "--out", required=True, metavar="FIGURE",
                        help="file to write: .svg, .png or .pdf")
    parser.add_argument("--scale", choices=("linear", "log"), default="linear",
                        help="of the bytes seen")
    parser.add_argument("--max-bpb", type=float, metavar="X",
                        help="upper end of the first axis (default: on a linear scale the loss at "
                             f"{100 * STEEP_SHARE:.0f}%% of the run, on a logarithmic one all of "
                             "it)")
    args = parser.parse_args()
    if not args.out.endswith((".svg", ".png", ".pdf")):
        raise Failure(USAGE, f"{args.out}: a figure is .svg, .png or .pdf")
    draw([read_log(path) for path in args.logs], labels_of(args.logs), args.scale, args.max_bpb,
         args.out)
