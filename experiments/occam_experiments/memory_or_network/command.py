"""Is a byte of model better spent on rows of a memory, or on a larger network?

  experiments/memory_or_network.py --text wiki64.txt --out DIR [--twin "--fuse --flash"]
                                   [--minutes M]
  experiments/memory_or_network.py --redraw RESULTS --out DIR

torch_twin.py trains the configurations of each list in specs/memory_or_network, all lists side by
side, a network at a time. Meanwhile each network that is trained becomes a checkpoint and a coded
model. The text it was trained on is compressed with the model in the file, restored and compared.
In-sample, on purpose: the model travels with its data, and nothing else is claimed.

Of a text longer than --sample, first a sample is coded, 16 pieces from all over it, in mode chunked
and in mode adaptive. The files with the smallest estimates, with a memory and without, are coded
whole once nothing else is left to do.

Writes into DIR as it goes: results-LIST.jsonl of the twin, cells.jsonl with a line for each file
that was restored, and at last results.csv, a row for each. Started again, it goes on where it was.
--minutes ends it, whatever is unfinished. --redraw makes table and figure of the results.csv in
RESULTS, and needs no text.

Training needs PyTorch and h5py, and a GPU for lists of this length; table and figure need
matplotlib. Exit codes are those of Occam.
"""

import argparse
import os
import signal

from ..errors import USAGE, Failure
from ..occam import BIN, EXPERIMENTS, Occam
from ..units import parse_bytes
from .points import points_of, read_points, write_points

SPECS = os.path.join(EXPERIMENTS, "specs", "memory_or_network")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--text", metavar="FILE", help="may be packed with xz")
    add("--redraw", metavar="RESULTS", help="folder of a results.csv")
    add("--out", required=True, metavar="DIR")
    add("--work", metavar="DIR", help="for networks and texts (DIR of --out)")
    add("--specs", default=SPECS, metavar="DIR", help="lists of configurations, LIST.jsonl")
    add("--sample", type=parse_bytes, default=4 * 10**6, metavar="N",
        help="what is coded first of a longer text (4M)")
    add("--whole-up-to", type=parse_bytes, default=10 * 10**6, metavar="N",
        help="texts that are coded whole at once (10M)")
    add("--minutes", type=float, default=1e9, metavar="M", help="stop after so many")
    add("--twin", default="", metavar="OPTIONS", help="more options of torch_twin.py, as one word")
    add("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    add("-T", "--threads", type=int, default=os.cpu_count() or 1)
    add("--together", type=int, default=8, help="files that are coded side by side (8)")
    args = parser.parse_args()
    if (args.text is None) == (args.redraw is None):
        raise Failure(USAGE, "give --text or --redraw")
    if args.threads < 1 or args.together < 1:
        raise Failure(USAGE, "--threads and --together are at least 1")
    return args


def redraw(results: str, out: str) -> None:
    """Makes table and figure of what was measured."""
    from .show import draw, write_table  # which need matplotlib

    points = read_points(results)
    write_table(points, out)
    draw(points, out)


def main() -> None:
    args = parse_arguments()
    os.makedirs(args.out, exist_ok=True)
    if args.redraw:
        return redraw(args.redraw, args.out)
    from .study import Study

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # trainings must not outlive it
    study = Study(args, Occam(args.bin, max(1, args.threads // args.together)))
    study.run()
    write_points(points_of(study.cells), args.out)
    if study.failures:
        raise Failure(study.failures[0].code, str(study.failures[0]))
