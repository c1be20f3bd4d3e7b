"""Which model makes a file smallest, if the file must hold it? Width, depth, bits and rate term.

  experiments/adjusted_optimum.py FILE --minutes 600 --out DIR [--sizes 1M,10M,62M]
                                  [--widths 16,32,48,64,96,128,192] ...
  experiments/adjusted_optimum.py --redraw RESULTS --out DIR

For each size, the first bytes of FILE (all of it by default) are trained on, coded with the model
in the file, restored and compared. In-sample, on purpose: the model travels with its data, and
nothing else is claimed. A size's share of the minutes goes as the fourth root of the size, as a
small text is worth seeing many times; they are for training and coding together, and spent in three
rounds:

  1. shapes: every width and depth, at the middle one of the bits. 35 % of the time, equal parts.
  2. precision: the two best shapes, with each of the bits and of the rate terms. 30 %.
  3. long: the best of these, and its bits and rate at the next larger shape. 35 %.

Of a text longer than --sample, the first two rounds code a sample, 16 pieces from all over it, and
judge by that file and the model; such estimates are marked with ~, and hollow in the figure. What
is called smallest was coded whole, if anything was.

--minutes 0 trains nothing: table and figure of what DIR has, such as sizes that had minutes of
their own. --redraw makes table and figure of the optimum.csv and optimum.json in RESULTS, and needs
no FILE.

Short rounds favour small models, so the optimum moves up with the minutes, too. A rate of 1 is a
--weight-rate of one divided by the size: the bits of data and model count alike.

Writes DIR/cells.jsonl (a line for each finished cell; what is there is not made again, and a
training that was interrupted goes on), DIR/optimum.md, .csv and .json, DIR/best-SIZE.h5
and best-SIZE.occm, the model of the smallest file so far, coded, and the figures DIR/optimum.svg
and .png: adjusted size against parameters for each size, beside xz -9e. Needs matplotlib. Exit
codes are those of Occam.
"""

import argparse
import math
import os

import matplotlib  # noqa: F401  that it is missing is better known now than at the end
import pandas as pd

from ..cells import Cells, decoder_sizes
from ..errors import USAGE, Failure
from ..files import SAMPLE_PIECES
from ..occam import BIN, Occam
from ..units import bytes_text, numbers, parse_bytes
from . import points as measured
from .search import Search
from .show import draw, write_table


def parser_of_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="text to compress, may be packed with xz")
    add("--minutes", type=float, metavar="M", help="for all sizes together")
    add("--redraw", metavar="RESULTS", help="folder of an optimum.csv")
    add("--out", required=True, metavar="DIR")
    add("--sizes", metavar="N,N,...", help="first bytes of FILE (default: all of it)")
    add("--widths", type=numbers(int), default=[16, 32, 48, 64, 96, 128, 192], metavar="D,D,...")
    add("--layers", type=numbers(int), default=[4, 7], metavar="L,L,...")
    add("--bits", type=numbers(int), default=[7, 5, 4, 3], metavar="B,B,...")
    add("--rates", type=numbers(float), metavar="X,X,...",
        help="rate terms, in bits of data a bit of the model; 0 = none (default: 0,1)")
    add("--rounded-share", type=float, default=0.4, metavar="X",
        help="last share of a training that rounds (0.4)")
    add("--sample", type=parse_bytes, default=4 * 10**6, metavar="N",
        help="what the first rounds code of a longer text; compared like any other (4M)")
    add("--mode", choices=("chunked", "carried", "adaptive"), default="carried")
    add("--train", default="", metavar="OPTIONS", help="more options of train, in one argument")
    add("--no-decoder", action="store_true", help="do not build and charge the decoder")
    add("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    add("-T", "--threads", type=int, default=0)
    return parser


def parse_arguments() -> argparse.Namespace:
    args = parser_of_options().parse_args()
    args.train = args.train.split()
    if args.redraw:
        return args
    if args.file is None or args.minutes is None:
        raise Failure(USAGE, "give FILE and --minutes, or --redraw")
    if args.sample < SAMPLE_PIECES * 1000:
        raise Failure(USAGE, f"--sample is at least {SAMPLE_PIECES} KB")
    if not args.minutes >= 0 or not math.isfinite(args.minutes):
        raise Failure(USAGE, "--minutes must not be negative")
    if args.sizes is None and args.file.endswith(".xz"):
        raise Failure(USAGE, "of a packed file, say how many bytes: --sizes")
    return args


def searches_of(args: argparse.Namespace, cells: Cells) -> list[Search]:
    """A search for each size, with its share of the time."""
    occam = Occam(args.bin, args.threads)
    rated = occam.has_option("train", "--weight-rate")
    if args.rates is None:
        args.rates = [0.0, 1.0] if rated else [0.0]
    if any(args.rates) and not rated:
        raise Failure(USAGE, "this train has no --weight-rate: only a rate of 0 can be tried")
    sizes = ([parse_bytes(size) for size in args.sizes.split(",")] if args.sizes
             else [os.path.getsize(args.file)])
    shares = [size ** 0.25 for size in sizes]
    return [Search(args, occam, cells, size, 60 * args.minutes * share / sum(shares))
            for size, share in zip(sizes, shares)]


def redraw(folder: str, out: str) -> None:
    """Makes table and figure of a search that was measured."""
    points, programs = measured.read(folder)
    write_table(points, programs, out)
    draw(points, out)


def main() -> None:
    args = parse_arguments()
    os.makedirs(args.out, exist_ok=True)
    if args.redraw:
        return redraw(args.redraw, args.out)
    cells = Cells(os.path.join(args.out, "cells.jsonl"))
    searches = searches_of(args, cells)
    for search in searches:
        if args.minutes > 0:
            search.run()
        elif not search.own_cells():
            raise Failure(USAGE, f"{args.out} has nothing of {bytes_text(search.size)}")
    found = pd.concat([measured.points_of(cells, search.size, search.digest, search.text)
                       for search in searches], ignore_index=True)
    programs = None if args.no_decoder else decoder_sizes(cells, args.out)
    measured.write(args.out, found, programs)
    print(write_table(found, programs, args.out))
    draw(found, args.out)
