"""A page from the results of a sweep: question, figures, tables, how to repeat it, versions.

  experiments/report.py RESULTS [--out DIR]

RESULTS is the folder that sweep.py wrote, or one that keeps of it results.csv and spec.toml, and
curves.csv if in_context.py made it. findings.md, where it is there, says in words what was found,
and stands on the page below the question. `report.kind` of the spec chooses the figures:
tokenizers, context, sizes; without one a table and a figure of rate against parameters.

Writes into DIR (RESULTS by default) index.html, which needs no other file, index.md, and each
figure as SVG and PNG. Points are means over seeds, bars reach from the smallest to the largest.
The same results give the same files. Needs matplotlib, pandas and scipy. Exit codes are those of
Occam.
"""

import argparse
import os
import tomllib
from typing import Any

import pandas as pd

from ..errors import DAMAGED, IO, Failure
from ..files import read_text, write_whole
from ..pages import Section, markdown_page, sections_page
from ..units import bytes_text
from .context import context
from .generic import generic
from .groups import groups_of
from .rows import read_curves, read_rows
from .sizes import sizes
from .tokenizers import tokenizers

KINDS = {"tokenizers": tokenizers, "context": context, "sizes": sizes}
CODED = [f"{part}_{what}_s" for part in ("held_out", "in_sample")
         for what in ("compress", "restore")]


def about_text(rows: pd.DataFrame) -> str:
    """What holds of all rates on the page."""
    seen = sorted(set((rows["bytes_seen"] / 1e6).round(1)))
    span = f"{seen[0]:g}" if seen[0] == seen[-1] else f"{seen[0]:g} to {seen[-1]:g}"
    seeds = groups_of(rows)["runs"].max()
    mixed = rows.loc[rows["others"] > 0, "id"].nunique()
    text = ("Every rate is of a file that was restored and compared; held-out bytes were never "
            f"trained on. {span} million bytes seen in training, repeats included. ")
    if mixed:
        text += ("Models whose files have segments by other methods, order 2 for one, where those "
                 f"take fewer bytes: {mixed}. ")
    if seeds > 1:
        return text + f"Where there are several seeds (up to {seeds}), means and their ranges."
    return text + "One seed."


def repeat_section(spec: dict[str, Any], source: str, measured_curves: bool) -> Section:
    name, text = spec["name"], spec["data"].get("text", "TEXT")
    lines = [f"experiments/sweep.py spec.toml --text {text} --out runs/{name}"]
    if measured_curves:
        lines.append(f"experiments/in_context.py runs/{name} --text {text}")
    lines.append(f"experiments/report.py runs/{name}")
    return Section("How to repeat it", "The commands, and spec.toml, which says what was asked "
                   "for (experiments/occam_experiments/sweep/spec.py tells what it means):",
                   quoted="\n".join(lines) + "\n\n" + source)


def machine_section(rows: pd.DataFrame) -> Section:
    """Where and with what the rows were made, and how long it took."""
    def unique(name: str) -> str:
        values = rows[name].dropna().astype(str) if name in rows else pd.Series(dtype=str)
        return "; ".join(sorted(set(values) - {""}))

    def parts(size: str, digest: str) -> str:
        pairs = set(zip(rows[size], rows[digest]))
        return "; ".join(sorted(f"{bytes_text(n)} {sha[:16]}" for n, sha in pairs))

    trainings = rows.drop_duplicates("id", keep="last")
    cells = rows.drop_duplicates([name for name in ("id", "compress.mode") if name in rows],
                                 keep="last")
    coding = cells[[name for name in CODED if name in rows]].sum().sum() / 3600
    peaks = rows[[name for name in ("train_peak_mb", "code_peak_mb") if name in rows]].max().max()
    table = [["", ""], ["machine", unique("machine")], ["threads a cell", unique("threads")],
             ["products in training", unique("precision")], ["version", unique("version")],
             ["trainings, cells", f"{len(trainings)}, {len(cells)}"],
             ["hours of training, all cells", f"{trainings['train_s'].sum() / 3600:.2f}"],
             ["hours of coding and restoring", f"{coding:.2f}"],
             ["largest peak of memory", f"{0 if pd.isna(peaks) else peaks:,.0f} MB"],
             ["bytes trained on (SHA-256)", parts("train_bytes", "data_sha256")],
             ["held-out bytes (SHA-256)", parts("held_out_original_bytes", "held_out_sha256")]]
    return Section("Machine and versions",
                   "Hours are by the clock, of cells that ran beside others.", table=table)


def read_if_there(path: str) -> str:
    return read_text(path).strip() if os.path.exists(path) else ""


def read_spec(folder: str) -> tuple[dict[str, Any], str]:
    """(spec.toml of a folder of results, its text)."""
    source = read_if_there(os.path.join(folder, "spec.toml"))
    if not source:
        raise Failure(IO, f"{folder}/spec.toml is missing")
    try:
        return tomllib.loads(source), source
    except tomllib.TOMLDecodeError as error:
        raise Failure(DAMAGED, f"{folder}/spec.toml: {error}") from None


def report(folder: str, out: str) -> None:
    """Writes the pages and figures of a folder's results into `out`."""
    spec, source = read_spec(folder)
    rows = read_rows(os.path.join(folder, "results.csv"))
    curves = read_curves(os.path.join(folder, "curves.csv"))
    os.makedirs(out, exist_ok=True)
    findings = read_if_there(os.path.join(folder, "findings.md"))
    sections = [Section("What was found", findings)] if findings else []
    make = KINDS.get(spec.get("report", {}).get("kind", ""), generic)
    sections += make(rows, curves, out)
    sections += [repeat_section(spec, source, curves is not None), machine_section(rows)]
    title, about = spec.get("question") or spec["name"], about_text(rows)
    write_whole(os.path.join(out, "index.md"), markdown_page(title, about, sections))
    page = write_whole(os.path.join(out, "index.html"),
                       sections_page(title, about, sections, out))
    print(f"{page}: {len(rows)} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", metavar="RESULTS", help="folder with results.csv and spec.toml")
    parser.add_argument("--out", metavar="DIR")
    args = parser.parse_args()
    report(args.results, args.out or args.results)
