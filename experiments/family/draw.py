#!/usr/bin/env python3
"""Which windows, key/value heads, convolutions and depth: held-out rate against the bytes of cached keys and values that a
decoder reads for every byte. Reads what torch_twin.py wrote, writes a table and a figure beside it.

    experiments/family/draw.py [RESULTS.jsonl] [--out NAME]

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
STYLES = {"200K": ("#009E73", "^"), "800K": ("#0072B2", "o"), "3.2M": ("#D55E00", "s")}


def table(rows):
    lines = ["| network | parameters | cache read, bytes a unit of width | held-out bpb | weights rounded to 7 bits |",
             "|---|---|---|---|---|"]
    for r in rows:
        lines.append(f"| {r['name']} | {r['parameters']:,} | {r['cache']:,} | {r['bpb']:.4f} | {r['bpb_rounded']:.4f} |")
    return "\n".join(lines) + "\n"


def draw(rows, path):
    sizes = [size for size in STYLES if any(r["name"].startswith(size) for r in rows)]
    figure, axes = plt.subplots(1, len(sizes), figsize=(6.5 * len(sizes), 5), layout="constrained", squeeze=False)
    for ax, size in zip(axes[0], sizes):
        colour, mark = STYLES[size]
        shown = [r for r in rows if r["name"].startswith(size)]
        ax.axvline(LIMIT, color="#666666", linestyle=(0, (4, 3)), linewidth=1)
        ax.plot([r["cache"] for r in shown], [r["bpb"] for r in shown], mark, color=colour)
        for r in shown:
            ax.annotate(r["name"].removeprefix(size).strip(), (r["cache"], r["bpb"]), fontsize=7,
                        textcoords="offset points", xytext=(5, 3))
        ax.set(title=f"{size} parameters", xlabel="cache read a byte, bytes a unit of width",
               ylabel="held-out bits per byte")
        ax.margins(x=0.15)
        ax.grid(alpha=0.3)
    for suffix in ("svg", "png"):
        figure.savefig(f"{path}.{suffix}", dpi=130)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="?", default=os.path.join(here, "results.jsonl"))
    parser.add_argument("--out", default=os.path.join(here, "family"))
    arguments = parser.parse_args()
    with open(arguments.results) as file:
        rows = sorted((json.loads(line) for line in file), key=lambda r: (r["parameters"] // 2**19, r["cache"], r["bpb"]))
    with open(arguments.out + ".md", "w") as file:
        file.write(table(rows))
    draw(rows, arguments.out)


if __name__ == "__main__":
    main()
