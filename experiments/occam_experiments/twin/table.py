"""Prints a Markdown table of what torch_twin.py wrote, the best first within a size.

  experiments/twin_table.py RESULTS.jsonl...

Of networks with a memory, the table has their rates at the bytes of rows by each coding, in the
order of the runs.
"""

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

from ..errors import DAMAGED, Failure
from ..files import read_text, write_whole
from ..pages import Table, markdown_table

Run = dict[str, Any]  # a configuration, and what came of it
CODINGS = {"row 7": "4 bits a row", "row 3": "3 bits a row", "step 0.5": "step 0.5",
           "step 1": "step 1", "step 2": "step 2", "step 3": "step 3"}
REMEMBERED = "_results.jsonl"


def read_runs(path: str) -> list[Run]:
    try:
        return [json.loads(line) for line in read_text(path).splitlines() if line.strip()]
    except ValueError as error:
        raise Failure(DAMAGED, f"{path}: {error}") from None


def curve_table(runs: Sequence[Run]) -> Table:
    """Held-out rates on the way and at the end."""
    table = [["network and recipe", "MB seen", "held-out bpb at a quarter, half, three quarters",
              "at the end", "rounded to 7 bits"]]
    for run in sorted(runs, key=lambda run: (run["width"], run["tokens"], run["bpb"])):
        middle = ", ".join(f"{point['bpb']:.4f}" for point in run["curve"][:-1])
        table.append([run["name"], f"{run['tokens'] / 1e6:.0f}", middle, f"**{run['bpb']:.4f}**",
                      f"{run['bpb_rounded']:.4f}"])
    return table


def memory_table(runs: Sequence[Run]) -> Table:
    """Held-out rates at thousands of bytes of rows; bold where the coding was trained in."""
    table = [["run", "MB seen", "numbers in the memory", "bpb", *CODINGS.values()]]
    for run in runs:
        line = [run["name"], f"{run['tokens'] / 1e6:.0f}",
                f"{run.get('memory_parameters', 0) / 1e6:.2f} M", f"{run['bpb']:.4f}"]
        for coding in CODINGS:
            found = run.get("memory_codings", {}).get(coding)
            cell = ""
            if found:
                cell = f"{run['bpb'] + found['cost']:.4f} at {found['bytes'] / 1e3:.0f}"
            line.append(f"**{cell}**" if coding == run.get("memory_round") else cell)
        table.append(line)
    return table


def table_of(runs: Sequence[Run]) -> list[str]:
    """Lines of Markdown."""
    remember = any("memory_codings" in run for run in runs)
    return markdown_table(memory_table(runs) if remember else curve_table(runs))


def write_runs(folder: str, specs: str, out: str) -> None:
    """Writes runs.md: a table of each NAME_results.jsonl in a folder, and what NAME.jsonl asked."""
    lines = [f"# All runs of {os.path.basename(folder)}", ""]
    for name in sorted(os.listdir(folder)):
        if name.endswith(REMEMBERED):
            spec = name.removesuffix(REMEMBERED) + ".jsonl"
            asked = read_text(os.path.join(specs, spec)).splitlines()[0].removeprefix("# ")
            lines += [f"## {spec}", "", asked, "", *table_of(read_runs(os.path.join(folder, name))),
                      ""]
    write_whole(os.path.join(out, "runs.md"), "\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", metavar="RESULTS.jsonl")
    args = parser.parse_args()
    print("\n".join(table_of([run for path in args.results for run in read_runs(path)])))
