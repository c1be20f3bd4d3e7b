"""Every page and figure of experiments/results, made again from the results that are kept there.

  experiments/figures.py [--out DIR]

Writes into DIR (experiments/results by default), a folder for each result: the reports of the
studies, the paper's table 1, the family of networks, adjusted sizes and their ledger, memories
against networks, and all runs of the twin. The same results give the same files, byte for byte,
with the same versions of matplotlib and scipy. Exit codes are those of Occam.
"""

import argparse
import contextlib
import os
import sys

from .adjusted.command import redraw as redraw_adjusted
from .family import family
from .ledger.table import read as read_ledger
from .memory_or_network.command import redraw as redraw_memory_or_network
from .occam import EXPERIMENTS
from .progress import Progress
from .report.command import report
from .table1.command import redraw as redraw_table1
from .twin.table import write_runs

RESULTS = os.path.join(EXPERIMENTS, "results")


def make(name: str, out: str) -> None:
    """Makes the pages and figures of one result."""
    folder = os.path.join(RESULTS, name)
    if name == "family":
        family(os.path.join(folder, "results.jsonl"), os.path.join(out, "family"))
    elif name == "adjusted":
        redraw_adjusted(folder, out)
        read_ledger(folder).write(out)
    elif name == "table1":
        redraw_table1(folder, out)
    elif name == "memory_or_network":
        redraw_memory_or_network(folder, out)
    elif name in ("memory", "recipe"):
        write_runs(folder, os.path.join(EXPERIMENTS, "specs", name), out)
    else:
        report(folder, out)


def names() -> list[str]:
    """The results that have pages or figures: the studies by their spec.toml, and the others."""
    studies = [name for name in sorted(os.listdir(RESULTS))
               if os.path.exists(os.path.join(RESULTS, name, "spec.toml"))]
    return [*studies, "adjusted", "family", "memory", "memory_or_network", "recipe", "table1"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=RESULTS, metavar="DIR")
    args = parser.parse_args()
    with Progress(len(names())) as progress:
        for name in names():
            out = os.path.join(args.out, name)
            os.makedirs(out, exist_ok=True)
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                with contextlib.redirect_stdout(nowhere):
                    make(name, out)
            progress.tell(f"{out}: made", 1)
    sys.stdout.flush()
