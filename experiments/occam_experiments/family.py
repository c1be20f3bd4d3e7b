#!/usr/bin/env python3
"""Which windows, key/value heads, convolutions and depth: held-out rate against the bytes of cached keys and values that a
decoder reads for every byte; equal runs as one, with their range. Reads what torch_twin.py wrote, writes a table and a figure beside it.

    experiments/results/family/draw.py [RESULTS.jsonl] [--out NAME]

NAME.md holds the table, NAME.svg and NAME.png the figure. Needs matplotlib (Debian: python3-matplotlib).
"""

import argparse
import json
import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LIMIT = 2560  # bytes of cache read a unit of width and byte: what the family may cost
# The colours of Okabe and Ito (2008, "Color universal design"); marks tell the same without colour.
STYLES = {"200K": ("#009E73", "^"), "800K": ("#0072B2", "o"), "3.2M": ("#D55E00", "s"), "12M": ("#CC79A7", "D")}


def merged(rows):
    """Runs that differ in their seed only become one row: means, and the range of the rates."""
    groups = {}
    for r in rows:
        groups.setdefault(r["name"].removesuffix(f", seed {r.get('seed', 1)}"), []).append(r)
    result = []
    for name, runs in groups.items():
        rates = [r["bpb"] for r in runs]
        result.append({**runs[0], "name": name, "rates": rates, "bpb": sum(rates) / len(rates),
                       "bpb_rounded": sum(r["bpb_rounded"] for r in runs) / len(runs)})
    return sorted(result, key=lambda r: (size_of(r), r["bpb"]))


def size_of(row):
    return list(STYLES).index(row["name"].split(",")[0])


def table(rows):
    lines = ["| | network | parameters | cache read, bytes a unit of width | held-out bpb | of equal runs | weights rounded to 7 bits |",
             "|---|---|---|---|---|---|---|"]
    for i, r in enumerate(rows, 1):
        equal = ", ".join(f"{rate:.4f}" for rate in r["rates"]) if len(r["rates"]) > 1 else ""
        lines.append(f"| {i} | {r['name']} | {r['parameters']:,} | {r['cache']:,} | {r['bpb']:.4f} | {equal} | {r['bpb_rounded']:.4f} |")
    return "\n".join(lines) + "\n"


def draw(rows, path):
    """Points have the numbers of the table, which stand beside the plot with their names."""
    sizes = [size for size in STYLES if any(r["name"].startswith(size) for r in rows)]
    figure, axes = plt.subplots(len(sizes), 1, figsize=(11, 6.5 * len(sizes)), layout="constrained", squeeze=False)
    for ax, size in zip(axes[:, 0], sizes):
        colour, mark = STYLES[size]
        shown = [(i, r) for i, r in enumerate(rows, 1) if r["name"].startswith(size)]
        ax.axvline(LIMIT, color="#666666", linestyle=(0, (4, 3)), linewidth=1, label="2.5 KB")
        for i, r in shown:
            ax.plot([r["cache"]] * 2, [min(r["rates"]), max(r["rates"])], "-", color=colour, linewidth=1)
            ax.plot(r["cache"], r["bpb"], mark, color=colour, markersize=4, label=f"{i}  {r['name'].removeprefix(size + ', ')}")
            ax.annotate(i, (r["cache"], r["bpb"]), fontsize=7, textcoords="offset points", xytext=(4, -2 if i % 2 else 2))
        ax.set(title=f"{size} parameters", xlabel="cache read a byte, bytes a unit of width", ylabel="held-out bits per byte")
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, handlelength=0.8, frameon=False)
        ax.grid(alpha=0.3)
    for suffix in ("svg", "png"):
        figure.savefig(f"{path}.{suffix}", dpi=100)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="?", default=os.path.join(here, "results.jsonl"))
    parser.add_argument("--out", default=os.path.join(here, "family"))
    arguments = parser.parse_args()
    with open(arguments.results) as file:
        rows = merged([json.loads(line) for line in file])
    with open(arguments.out + ".md", "w") as file:
        file.write(table(rows))
    draw(rows, arguments.out)


if __name__ == "__main__":
    main()
