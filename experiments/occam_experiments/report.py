#!/usr/bin/env python3
"""A page from the results of a sweep: question, figures, tables, how to repeat it, machine and versions.

  experiments/report.py RESULTS [--out DIR]

RESULTS is the folder that sweep.py wrote, or one that keeps of it results.csv and spec.toml, and curves.csv if in_context.py made it.
findings.md, where it is there, says in words what was found, and stands on the page below the question. `report.kind` of the spec chooses the
figures: tokenizers, context, sizes; without one a table and a figure of rate against parameters.

Writes into DIR (RESULTS by default) index.html, which needs no other file, index.md, and each figure as SVG and PNG. Points are means over
seeds, bars reach from the smallest to the largest. Needs matplotlib and scipy (Debian: python3-matplotlib, python3-scipy). Exit codes are those of Occam.
"""

import argparse
import csv
import os
import tomllib

from occam_runs import DAMAGED, Failure, IO, bytes_text, run_script
from pages import Section, html_page

TEXT = {"study", "label", "id", "train.tokenizer", "compress.mode", "train.params", "train.windows", "adjusted_is", "precision", "model_id",
        "data_sha256", "held_out_sha256", "version", "machine"}


def number(name, text):
    if name in TEXT or text == "":
        return text if name in TEXT else None
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value == int(value) and "." not in text else value


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = [{name: number(name, text) for name, text in row.items()} for row in csv.DictReader(file)]
    needed = {"label", "id", "seed", "parameters", "held_out_bpb", "model_bytes", "train_s", "version", "machine"}
    if not rows or needed - set(rows[0]):
        raise Failure(DAMAGED, f"{path} holds no results of sweep.py")
    return rows


def read_curves(path):
    """Of in_context.py; none where there is no file."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return [{"kind": r["kind"], "name": r["name"], **{name: float(r[name] or "nan") for name in ("first", "last", "bits", "error_bits")}}
                for r in csv.DictReader(file)]


def repeat_section(spec, source, curves):
    name = spec["name"]
    lines = [f"experiments/sweep.py spec.toml --text {spec['data'].get('text', 'TEXT')} --out runs/{name}"]
    if curves:
        lines.append(f"experiments/in_context.py runs/{name} --text {spec['data'].get('text', 'TEXT')}")
    lines.append(f"experiments/report.py runs/{name}")
    return Section("How to repeat it", "The commands, and spec.toml, which says what was asked for (experiments/sweep_spec.py tells what it means):",
                   quoted="\n".join(lines) + "\n\n" + source)


def machine_section(rows):
    unique = lambda name: "; ".join(sorted({str(r[name]) for r in rows if r.get(name) not in (None, "")}))
    once = {r["id"]: r for r in rows}.values()
    hours = sum(r["train_s"] for r in once) / 3600
    coding = sum(r.get(f"{part}_{what}") or 0 for r in {(r["id"], r.get("compress.mode")): r for r in rows}.values()
                 for part in ("held_out", "in_sample") for what in ("compress_s", "restore_s")) / 3600
    peaks = [r.get(name) or 0 for r in rows for name in ("train_peak_mb", "code_peak_mb")]
    table = [["", ""], ["machine", unique("machine")], ["threads a cell", unique("threads")],
             ["products in training", unique("precision")], ["version", unique("version")],
             ["trainings, cells", f"{len(once)}, {len({(r['id'], r.get('compress.mode')) for r in rows})}"],
             ["hours of training, all cells", f"{hours:.2f}"], ["hours of coding and restoring", f"{coding:.2f}"],
             ["largest peak of memory", f"{max(peaks, default=0):,.0f} MB"],
             ["bytes trained on (SHA-256)", "; ".join(sorted({f"{bytes_text(r['train_bytes'])} {r['data_sha256'][:16]}" for r in rows}))],
             ["held-out bytes (SHA-256)", "; ".join(sorted({f"{bytes_text(r['held_out_original_bytes'])} {r['held_out_sha256'][:16]}" for r in rows}))]]
    return Section("Machine and versions", "Hours are by the clock, of cells that ran beside others.", table=table)


def read_if_there(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def report(folder, out):
    source = read_if_there(os.path.join(folder, "spec.toml"))
    if not source:
        raise Failure(IO, f"{folder}/spec.toml is missing")
    try:
        spec = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise Failure(DAMAGED, f"{folder}/spec.toml: {error}") from None
    rows = read_rows(os.path.join(folder, "results.csv"))
    curves = read_curves(os.path.join(folder, "curves.csv"))
    try:
        import report_figures  # here, so that it is told what is missing
    except ModuleNotFoundError as error:
        raise Failure(IO, f"needs {error.name}: install python3-{error.name}") from None
    os.makedirs(out, exist_ok=True)
    sections = [Section("What was found", read_if_there(os.path.join(folder, "findings.md")))]
    sections = [section for section in sections if section.text]
    sections += report_figures.sections(spec.get("report", {}).get("kind", ""), rows, curves, out)
    sections += [repeat_section(spec, source, curves), machine_section(rows)]
    title, about = spec.get("question") or spec["name"], report_figures.about(rows)
    markdown = [f"# {title}", "", about, ""] + [line for section in sections for line in section.markdown()]
    body = [f"<h1>{title}</h1>", f"<p>{about}</p>"] + [line for section in sections for line in section.html(out)]
    for name, content in (("index.md", "\n".join(markdown)), ("index.html", html_page(title, body))):
        with open(os.path.join(out, name), "w", encoding="utf-8") as file:
            file.write(content)
    print(f"{os.path.join(out, 'index.html')}: {len(rows)} rows")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", metavar="RESULTS", help="folder with results.csv and spec.toml")
    parser.add_argument("--out", metavar="DIR")
    args = parser.parse_args()
    report(args.results, args.out or args.results)


if __name__ == "__main__":
    run_script(main)
