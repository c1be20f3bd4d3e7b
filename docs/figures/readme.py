#!/usr/bin/env python3
"""Draws the picture of README.md from committed results: rate against size of the model.

    docs/figures/readme.py            # writes docs/figures/readme.svg
    docs/figures/readme.py --check    # fails if the committed picture is another

Our points and the codecs are rows of experiments/results/table1/table.csv, the paper's points those of docs/facts.md.
"""

import csv
import math
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PICTURE = os.path.join(ROOT, "docs/figures/readme.svg")

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 62, 190, 24, 52
PARAMETERS = (150e3, 5e6)  # the range of the horizontal axis, logarithmic
RATES = (10.0, 52.0)  # the range of the vertical axis, percent

STYLE = """
  text { font: 13px sans-serif; fill: #24292f }
  .small { font-size: 12px }
  .axis { stroke: #57606a; fill: none }
  .grid { stroke: #d0d7de; stroke-width: 0.6 }
  .whole { stroke: #57606a; stroke-dasharray: 7 3 }
  .chunks { stroke: #57606a; stroke-dasharray: 2 3 }
  .ours { stroke: #0969da; fill: none; stroke-width: 2 }
  .ours-mark { fill: #0969da } .ours-text { fill: #0969da; font-weight: bold }
  .paper { stroke: #bc4c00; fill: none; stroke-width: 2; stroke-dasharray: 6 4 }
  .paper-mark { fill: #bc4c00 } .paper-text { fill: #bc4c00; font-weight: bold }
  .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #0d1117 } .axis, .whole, .chunks { stroke: #9198a1 } .grid { stroke: #30363d }
    .ours { stroke: #58a6ff } .ours-mark, .ours-text { fill: #58a6ff }
    .paper { stroke: #ffa657 } .paper-mark, .paper-text { fill: #ffa657 }
  }
"""


def read_table():
    """(kind, name, chunk, form) -> row, for the text."""
    path = os.path.join(ROOT, "experiments/results/table1/table.csv")
    with open(path, encoding="utf-8", newline="") as table:
        return {(row["kind"], row["name"], row["chunk"], row["form"]): row
                for row in csv.DictReader(table) if row["data"] == "text"}


def our_points(table, contexts):
    """(parameters, percent) of the models of text."""
    rows = [row for (kind, name, chunk, _), row in table.items()
            if kind == "model" and name.endswith(" text") and chunk == contexts]
    return sorted((int(row["parameters"]), 100 * float(row["raw_rate"])) for row in rows)


def paper_points():
    """(parameters, percent) of the paper's transformers on enwik9."""
    with open(os.path.join(ROOT, "docs/facts.md"), encoding="utf-8") as page:
        rows = re.findall(r"^\| Transformer \S+ \(([\d,]+)[^|]*\| ([\d.]+) \|", page.read(), re.M)
    return [(int(parameters.replace(",", "")), float(rate)) for parameters, rate in rows]


def x_of(parameters):
    low, high = map(math.log, PARAMETERS)
    return LEFT + (math.log(parameters) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def y_of(rate):
    low, high = RATES
    return HEIGHT - BOTTOM - (rate - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def text(x, y, words, anchor="start", kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{words}</text>'


def axes():
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for rate in range(10, 51, 10):
        y = y_of(rate)
        yield f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield text(LEFT - 8, y + 4, f"{rate} %", "end")
    for parameters, label in ((200e3, "200 K"), (800e3, "800 K"), (3.2e6, "3.2 M")):
        x = x_of(parameters)
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield text(x, bottom + 20, label, "middle")
    yield f'<path class="axis" d="M{LEFT} {TOP} V{bottom} H{right}"/>'
    yield text((LEFT + right) / 2, HEIGHT - 10, "parameters of the model", "middle")
    middle = (TOP + bottom) / 2
    yield (f'<text x="16" y="{middle:.1f}" text-anchor="middle" '
           f'transform="rotate(-90 16 {middle:.1f})">compressed / original bytes</text>')


def codec(table, name, label, chunk, form):
    rate = 100 * float(table["codec", name, chunk, form]["raw_rate"])
    kind = "whole" if chunk == "whole" else "chunks"
    y = y_of(rate)
    yield f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    yield text(WIDTH - RIGHT + 6, y + 4, f"{label}: {rate:.1f} %", kind="small")


def curve(points, kind, label, square, below):
    yield (f'<path class="{kind}" d="M'
           + " L".join(f"{x_of(n):.1f} {y_of(rate):.1f}" for n, rate in points) + '"/>')
    for parameters, rate in points:
        x, y = x_of(parameters), y_of(rate)
        if square:
            yield f'<rect class="{kind}-mark" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
        else:
            yield f'<circle class="{kind}-mark" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
        yield text(x + (-9 if below else 9), y + (18 if below else -6), f"{rate:.1f} %",
                   "end" if below else "start", f"{kind}-text small")
    x, y = x_of(points[0][0]), y_of(points[0][1])
    yield text(x - 4, y + 50 if below else y - 26, label, "start", f"{kind}-text")


def draw():
    table = read_table()
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
             "<title>Rate against parameters: Occam, the paper's transformers, and classical codecs</title>",
             f"<style>{STYLE}</style>",
             f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>', *axes()]
    for name, label in (("gzip", "gzip, chunks"), ("xz", "xz, chunks"), ("ppmd", "PPMd, chunks")):
        lines += codec(table, name, label, "2048", "bare")
    for name, label in (("gzip", "gzip, whole"), ("xz", "xz, whole"), ("ppmd", "PPMd, whole"),
                        ("zpaq", "zpaq, whole")):
        lines += codec(table, name, label, "whole", "file")
    lines += curve(paper_points(), "paper", "the paper (enwik9)", True, False)
    lines += curve(our_points(table, "chunked"), "ours", "Occam, 2048-byte chunks", False, True)
    return "\n".join(lines + ["</svg>"]) + "\n"


def main():
    picture = draw()
    if sys.argv[1:] == ["--check"]:
        with open(PICTURE, encoding="utf-8") as committed:
            same = committed.read() == picture
        if not same:
            sys.exit("docs/figures/readme.svg is another picture than docs/figures/readme.py draws")
    elif not sys.argv[1:]:
        with open(PICTURE, "w", encoding="utf-8") as out:
            out.write(picture)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
