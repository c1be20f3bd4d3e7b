"""What do codecs and models make of text, images, audio and random bytes?

  experiments/table1.py --data text=val.txt --data image=patches.set --data audio=speech.set
                        --data random=random.set --model "wiki 200K=wiki-200K.occm" [--model ...]
                        [--jobs N] --out DIR
  experiments/table1.py --redraw RESULTS --out DIR

A column is a file, whole, or the validation part of a prepared set (NAME.set). A row is a codec, on
the whole file and on chunks of 2048 bytes with no memory of each other, or a model, its contexts
fresh every 2048 bytes or carried. Every cell of ours is a file that was decoded and compared:
codecs by `occam baselines`, models by `occam compress --embed-model` and `occam decompress`, which
knew nothing else. Where a model's file holds segments by other methods (a model is useless on what
is foreign to it), what the model alone makes of the data is measured, too. Rows of Deletang et al.
(2024, "Language Modeling Is Compression", table 1) stand below, marked as quoted.

Rates are compressed / original bytes. Adjusted rates add the model: its entropy-coded bytes over
the data's own size; over 1 GB (10^9 bytes), at this data's raw rate; and, as the paper does, 2
bytes a parameter over 1 GB.

Writes DIR/table.md, table.csv, table.html, table.svg and table.png, about.json, which says what the
columns and codecs are, and DIR/cells.jsonl; cells that are there are not measured again. --redraw
measures nothing: it makes pages and figure of the table.csv and about.json in RESULTS. Exit codes
are those of Occam.
"""

import argparse
import os

from ..errors import USAGE, Failure
from ..occam import BIN
from ..units import names
from .measure import Measurements
from .page import write
from .rows import Rows, read, with_rates, write_about, write_csv

MODES = ("chunked", "carried", "adaptive")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", default=[], metavar="NAME=FILE",
                        help="a column; the paper's rows have text, image, audio and random; "
                             "repeat")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=CKPT",
                        help="checkpoint or .occm; repeat")
    parser.add_argument("--codec", type=names, metavar="NAMES", help="these alone (all)")
    parser.add_argument("--mode", type=names, default=list(MODES[:2]), metavar="MODES",
                        help="of models: chunked, carried, adaptive (chunked,carried)")
    parser.add_argument("--slow", action="store_true",
                        help="run programs, a process each, on every chunk, too")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cells at a time (1)")
    parser.add_argument("--redraw", metavar="RESULTS", help="folder of a table that was measured")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--bin", default=BIN, metavar="DIR",
                        help="where occam is (build/release/bin)")
    parser.add_argument("-T", "--threads", type=int, default=1, help="of a model's cell (1)")
    args = parser.parse_args()
    if set(args.mode) - set(MODES) or args.jobs < 1:
        parser.error("--mode is chunked, carried, adaptive or several, --jobs at least 1")
    if bool(args.data) == bool(args.redraw):
        raise Failure(USAGE, "give --data, or --redraw without it")
    return args


def redraw(folder: str, out: str) -> None:
    """Makes pages and figure of a table that was measured."""
    about, table = read(folder)
    os.makedirs(out, exist_ok=True)
    write(out, about, Rows(table))


def main() -> None:
    args = parse_arguments()
    if args.redraw:
        return redraw(args.redraw, args.out)
    found = Measurements(args)
    found.fill()
    table = with_rates(found.rows())
    write_csv(os.path.join(found.out, "table.csv"), table)
    write_about(found.out, found.about())
    write(found.out, found.about(), Rows(table))
