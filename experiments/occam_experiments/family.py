"""Which windows, key/value heads, convolutions and depth? Rate against the cache that is read.

  experiments/family.py [RESULTS.jsonl] [--out NAME]

The cache is the bytes of cached keys and values that a decoder reads for every byte. Equal runs
are one, with their range. Reads what torch_twin.py wrote, and writes a table and a figure beside
it: NAME.md holds the table, NAME.png the figure. Needs matplotlib and pandas.
"""

import argparse
import os
from typing import Any

import pandas as pd

from .figures import plotting, save_as
from .files import write_whole
from .occam import EXPERIMENTS
from .pages import markdown_table

LIMIT = 2560  # bytes of cache read a unit of width and byte: what the family may cost
# The colours of Okabe and Ito (2008, "Color universal design"); marks tell the same without colour.
SIZES = {"200K": ("#009E73", "^"), "800K": ("#0072B2", "o"), "3.2M": ("#D55E00", "s"),
         "12M": ("#CC79A7", "D")}
FOLDER = os.path.join(EXPERIMENTS, "results", "family")


def merged(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs that differ in their seed only become one row: means, and the rates of each."""
    seeds = runs["seed"] if "seed" in runs else pd.Series(1, index=runs.index)
    names = [name.removesuffix(f", seed {seed:g}")
             for name, seed in zip(runs["name"], seeds.fillna(1))]
    groups = runs.assign(name=names).groupby("name", sort=False)
    rows = groups.agg(parameters=("parameters", "first"), cache=("cache", "first"),
                      bpb=("bpb", "mean"), bpb_rounded=("bpb_rounded", "mean"),
                      rates=("bpb", list)).reset_index()
    rows["size"] = rows["name"].str.split(",").str[0]
    rows["place"] = rows["size"].map(list(SIZES).index)
    return rows.sort_values(["place", "bpb"], kind="stable").reset_index(drop=True)


def table(rows: pd.DataFrame) -> str:
    lines = [["", "network", "parameters", "cache read, bytes a unit of width", "held-out bpb",
              "of equal runs", "weights rounded to 7 bits"]]
    for number, (_, row) in enumerate(rows.iterrows(), 1):
        equal = ", ".join(f"{rate:.4f}" for rate in row["rates"])
        lines.append([str(number), row["name"], f"{row['parameters']:,}", f"{row['cache']:,}",
                      f"{row['bpb']:.4f}", equal if len(row["rates"]) > 1 else "",
                      f"{row['bpb_rounded']:.4f}"])
    return "\n".join(markdown_table(lines)) + "\n"


def draw_size(ax: Any, rows: pd.DataFrame, size: str) -> None:
    """A panel. Points have the numbers of the table, which stand beside it with their names."""
    colour, mark = SIZES[size]
    ax.axvline(LIMIT, color="#666666", linestyle=(0, (4, 3)), linewidth=1, label="2.5 KB")
    for number, (_, row) in enumerate(rows.iterrows(), 1):
        if row["size"] != size:
            continue
        ax.plot([row["cache"]] * 2, [min(row["rates"]), max(row["rates"])], "-", color=colour,
                linewidth=1)
        ax.plot(row["cache"], row["bpb"], mark, color=colour, markersize=4,
                label=f"{number}  {row['name'].removeprefix(size + ', ')}")
        ax.annotate(number, (row["cache"], row["bpb"]), fontsize=7, textcoords="offset points",
                    xytext=(4, -2 if number % 2 else 2))
    ax.set(title=f"{size} parameters", xlabel="cache read a byte, bytes a unit of width",
           ylabel="held-out bits per byte")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, handlelength=0.8,
              frameon=False)
    ax.grid(alpha=0.3)


def family(results: str, out: str) -> None:
    """Writes OUT.md and OUT.png."""
    rows = merged(pd.read_json(results, lines=True, precise_float=True))
    write_whole(out + ".md", table(rows))
    sizes = [size for size in SIZES if (rows["size"] == size).any()]
    plot = plotting(10)
    figure, axes = plot.subplots(len(sizes), 1, figsize=(11, 6.5 * len(sizes)),
                                 layout="constrained", squeeze=False)
    for ax, size in zip(axes[:, 0], sizes):
        draw_size(ax, rows, size)
    save_as(figure, out + ".png", dpi=100)
    plot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="?", default=os.path.join(FOLDER, "results.jsonl"))
    parser.add_argument("--out", default=os.path.join(FOLDER, "family"), metavar="NAME")
    args = parser.parse_args()
    family(args.results, args.out)
