"""What do pretrained language models make of text, photographs and speech?

  experiments/foundation/table.py --text enwik8 [--image imagenet.set] [--audio speech.set]
                                  [--bytes N] [--model NAME=MODEL.occm ...] [--built-in] --out DIR

A row is an imported model or one of Occam's own, a column a kind of data: the first N bytes of a
file, or of the validation part of a prepared set. It is the setting of Deletang et al. (2024):
chunks of 2048 bytes that know nothing of each other; bytes of photographs and speech shifted to
seven bits, so that they are characters of ASCII, and the lost bits stored. Everything is restored
and compared. Models that are named in the page of results and were not given are empty rows.

Writes DIR/table.md and DIR/cells.jsonl; cells that are there are not measured again. It needs
nothing but Python. Exit codes are those of Occam.
"""

import argparse
import os

from ..errors import IO, USAGE, Failure
from ..files import write_whole
from ..occam import BIN, ROOT, Occam
from ..units import parse_bytes, split_pair
from .data import Column, signal_column, text_column
from .measure import Measurements
from .page import page

BUILT_IN = ("wiki-200K", "wiki-800K", "wiki-3.2M")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", metavar="FILE")
    parser.add_argument("--image", metavar="FILE", help="bytes of patches, 2048 each")
    parser.add_argument("--audio", metavar="FILE", help="samples of 8 bits")
    parser.add_argument("--bytes", type=parse_bytes, default=1 << 20, metavar="N",
                        help="at most so many of each (default: 1048576)")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILE",
                        help="a model that codes; repeat")
    parser.add_argument("--built-in", action="store_true", help=f"and {', '.join(BUILT_IN)}")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--bin", default=BIN, metavar="DIR",
                        help="where occam is (build/release/bin)")
    parser.add_argument("-T", "--threads", type=int, default=2, help="of whole texts (2)")
    args = parser.parse_args()
    if not (args.text or args.image or args.audio):
        raise Failure(USAGE, "give --text, --image or --audio")
    if not (args.model or args.built_in):
        raise Failure(USAGE, "give --model or --built-in")
    return args


def columns_of(args: argparse.Namespace) -> list[Column]:
    columns = []
    if args.text:
        columns.append(text_column(args.text, args.bytes, args.out))
    for name, path in (("photographs", args.image), ("speech", args.audio)):
        if path:
            columns.append(signal_column(name, path, args.bytes, args.out))
    return columns


def models_of(args: argparse.Namespace) -> list[tuple[str, str]]:
    pairs = [split_pair(text, "--model", "FILE") for text in args.model]
    if args.built_in:
        pairs += [(name, os.path.join(ROOT, "model", "pretrained", name + ".occm"))
                  for name in BUILT_IN]
    for _, path in pairs:
        if not os.path.isfile(path):
            raise Failure(IO, f"{path} is missing")
    return pairs


def main() -> None:
    args = parse_arguments()
    named = models_of(args)
    os.makedirs(args.out, exist_ok=True)
    found = Measurements(Occam(args.bin, args.threads), args.out)
    columns = columns_of(args)
    text = page(found, [found.model(name, path) for name, path in named], columns)
    write_whole(os.path.join(args.out, "table.md"), text)
    print(text, end="")
