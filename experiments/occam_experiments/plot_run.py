#!/usr/bin/env python3
"""How did training go? Draws run logs of `train` (NAME.log.jsonl), several runs in one figure.

  experiments/plot_run.py RUN.log.jsonl [...] -o FIGURE.svg [--scale log]

From top to bottom, against the bytes of training data seen: loss (lines) and validation (marks) in
bits per byte, learning rate, gradient norm, tokens per second. The figure is SVG, PNG or PDF by its
name. Needs matplotlib (Debian: python3-matplotlib). Exit codes are those of Occam.
"""

import argparse
import json
import os
import sys

from occam_runs import DAMAGED, Failure, IO, USAGE
from pages import STYLES

# How loss falls in its first steps is the same in every run, and would leave no room for the rest:
# on linear axes what is above the loss at this share of the run is cut off, unless asked for.
STEEP_SHARE = 0.02


def read_log(path):
    """Lists of lines by event, without what a killed run lost between checkpoint and resume."""
    lines = []
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
    run = {event: [l for l in lines if l["event"] == event] for event in ("step", "validation")}
    if not run["step"]:
        raise Failure(DAMAGED, f"{path} has no step: is it a run log, and has the run begun?")
    return run


def labels_of(paths):
    """File names, with as much of their folders as tells them apart."""
    parts = [os.path.normpath(path).removesuffix(".log.jsonl").split(os.sep) for path in paths]
    depth = 1
    while len({tuple(p[-depth:]) for p in parts}) < len({tuple(p) for p in parts}):
        depth += 1
    return ["/".join(p[-depth:]) for p in parts]


def column(lines, y):
    return [line["bytes_seen"] for line in lines], [line[y] for line in lines]


def draw_run(axes, run, label, style):
    colour, dashes, mark = style
    line = {"color": colour, "linestyle": dashes, "linewidth": 1.2}
    for ax, y in zip(axes, ("loss_bpb", "muon_lr", "gradient_norm", "tokens_per_s")):
        ax.plot(*column(run["step"], y), label=f"{label}: loss", **line)
    # At the end a part may have been measured beside the whole.
    parts = [v for v in run["validation"] if not v["whole"]]
    whole = [v for v in run["validation"] if v["whole"]][-1:]
    marks = {"color": colour, "marker": mark, "linestyle": "none", "markeredgecolor": colour, "zorder": 3}
    if parts:
        axes[0].plot(*column(parts, "bpb"), markersize=5, markerfacecolor="white",
                     label=f"{label}: validation on a part", **marks)
    if whole:
        axes[0].plot(*column(whole, "bpb"), markersize=8,
                     label=f"{label}: validation on all, {whole[0]['bpb']:.4f} bpb", **marks)


def steep_end(run):
    """The loss where its first fall is over."""
    end = run["step"][-1]["bytes_seen"]
    after = [s["loss_bpb"] for s in run["step"] if s["bytes_seen"] >= STEEP_SHARE * end]
    return max(after)


def draw(runs, labels, scale, max_bpb, out):
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"font.size": 9, "svg.hashsalt": "occam"})
    import matplotlib.pyplot as plt
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    figure, axes = plt.subplots(4, 1, sharex=True, figsize=(8, 9), constrained_layout=True,
                                gridspec_kw={"height_ratios": [4, 1, 1, 1]})
    for i, (run, label) in enumerate(zip(runs, labels)):
        draw_run(axes, run, label, STYLES[i % len(STYLES)])
    names = ("bits per byte", "learning rate\n(matrices)", "gradient norm\n(unclipped)",
             "tokens per s\n(mean so far)")
    for ax, name in zip(axes, names):
        ax.set_ylabel(name)
        ax.grid(True, linewidth=0.4, color="#cccccc")
        ax.set_axisbelow(True)
    axes[0].legend(fontsize=8, frameon=True)
    for ax in (axes[1], axes[3]):
        ax.set_ylim(bottom=0)
    axes[3].yaxis.set_major_formatter(EngFormatter(sep=" "))
    axes[3].set_xlabel(f"training data seen, repeats included (bytes, {scale} axis)")
    axes[3].set_xscale(scale)
    axes[3].xaxis.set_major_formatter(EngFormatter(unit="B"))
    axes[3].xaxis.set_minor_formatter(NullFormatter())
    if scale == "log":
        axes[3].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    else:
        axes[3].set_xlim(left=0)
        max_bpb = max_bpb or 1.02 * max(steep_end(run) for run in runs)
    axes[0].set_ylim(top=max_bpb)
    figure.align_ylabels()
    # No date: the same logs give the same file.
    figure.savefig(out, dpi=150, metadata={"Date": None} if out.endswith(".svg") else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", metavar="RUN.log.jsonl")
    parser.add_argument("-o", "--out", required=True, metavar="FIGURE", help="file to write: .svg, .png or .pdf")
    parser.add_argument("--scale", choices=("linear", "log"), default="linear", help="of the bytes seen")
    parser.add_argument("--max-bpb", type=float, metavar="X",
                        help="upper end of the first axis (default: on a linear scale the loss at "
                             f"{STEEP_SHARE:.0%} of the run, on a logarithmic one all of it)")
    args = parser.parse_args()
    try:
        if not args.out.endswith((".svg", ".png", ".pdf")):
            raise Failure(USAGE, f"{args.out}: a figure is .svg, .png or .pdf")
        draw([read_log(path) for path in args.logs], labels_of(args.logs), args.scale, args.max_bpb, args.out)
    except ImportError:
        raise Failure(IO, "needs matplotlib: install python3-matplotlib") from None
    except OSError as error:
        raise Failure(IO, f"{error.filename}: {error.strerror}") from None


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"plot_run.py: {failure}", file=sys.stderr)
        sys.exit(failure.code)
