"""What does a model cost at each precision, and on how much text does it pay?

  experiments/ledger_table.py --text TEXT --model 200K=wiki-200K.h5 [--model ...]
                              [--trained 200K:4=wiki-200K-4bit.h5 ...] [--sizes 1M,10M,62M]
                              [--held-out 62M:64M] [--sample 2M] --out DIR
  experiments/ledger_table.py --redraw RESULTS --out DIR

A row is a model at a precision: its float weights in 32 and 16 bits, or rounded to 7, 6, 5, 4, 3
bits. --model takes a checkpoint and rounds it now; --trained takes one that was trained with so few
bits (train --weight-bits). TEXT may be packed with xz.

Sizes of rounded models come from files with their model in them that were restored, by a process
that knew nothing else, and compared. The first bytes of the text, 1, 10 and 62 MB, are usually
those the models were trained on (in-sample). A held-out part says what other text of the kind
costs. By its rate and the model's bytes follow the two last columns, sizes of enwik8 and enwik9:
arithmetic, marked with *. Float rows are arithmetic throughout, marked, too: cross-entropy of the
float network, fresh contexts, and 4 or 2 bytes a parameter.

With --sample, larger sizes go by the rate of a sample, 16 pieces from all over them, a file that
was restored and compared; what follows from it is marked with ~.

Writes DIR/ledger.md, ledger.csv, ledger.json, which says what the columns are, and cells.jsonl;
cells that are there are not measured again. --redraw measures nothing: it writes the ledger.md of
the ledger.csv and ledger.json in RESULTS. Contexts are chunked unless --mode carried. Exit codes
are those of Occam.
"""

import argparse
import os

from ..cells import decoder_sizes
from ..errors import USAGE, Failure
from ..occam import BIN
from ..units import numbers, parse_bytes
from .measure import Ledger
from .table import LedgerTable, read


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--text", metavar="TEXT", help="file, may be packed with xz")
    add("--model", action="append", default=[], metavar="NAME=CKPT",
        help="checkpoint (.h5) to round; repeat")
    add("--trained", action="append", default=[], metavar="NAME:BITS=CKPT",
        help="checkpoint trained with BITS")
    add("--bits", type=numbers(int), default=[7, 6, 5, 4, 3], metavar="B,B,...")
    add("--sizes", default="1M,10M,62M", metavar="N,N,...",
        help="first bytes of the text (1M,10M,62M)")
    add("--held-out", default="62M:64M", metavar="BEGIN:END",
        help="bytes no model was trained on (62M:64M)")
    add("--sample", type=parse_bytes, metavar="N",
        help="code N bytes, from all over them, of sizes above that (all of them)")
    add("--mode", choices=("chunked", "carried", "adaptive"), default="chunked")
    add("--float-up-to", type=parse_bytes, default=10**7, metavar="N",
        help="largest of the sizes that the float rows are measured on (10M)")
    add("--no-decoder", action="store_true", help="do not build and charge the decoder")
    add("--redraw", metavar="RESULTS", help="folder of a ledger that was measured")
    add("--out", required=True, metavar="DIR")
    add("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    add("-T", "--threads", type=int, default=0)
    args = parser.parse_args()
    if bool(args.redraw) == bool(args.text and args.model):
        raise Failure(USAGE, "give --text and --model, or --redraw without them")
    return args


def main() -> None:
    args = parse_arguments()
    if args.redraw:
        os.makedirs(args.out, exist_ok=True)
        print(read(args.redraw).write(args.out))
        return
    ledger = Ledger(args)
    rows = ledger.rows()
    programs = None if args.no_decoder else decoder_sizes(ledger.cells, args.out)
    table = LedgerTable(ledger.about(programs), rows)
    table.write_rows(args.out)
    print(table.write(args.out))
