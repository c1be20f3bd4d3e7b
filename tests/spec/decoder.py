#!/usr/bin/env python3
"""A second Occam decoder, written from docs/spec/ alone: it shares no line with the library.

  decoder.py [--ckpt MODEL.occm] [--dictionary DICTIONARY] FILE.occ > OUTPUT

It is for checking, not for use: it is slow, and holds the whole file in memory. Nothing is written
before everything has been checked. Exit codes: 0 fine, 2 wrong usage, 3 input or output failed, 4
damaged or wrong data. It needs numpy and xxhash (Debian: python3-numpy, python3-xxhash).

Each module names the page that it was written from. Read container.py first, then predictors.py and
network.py.
"""

import argparse
import sys

from container import decompress
from models import read_model
from notation import Damaged, WrongUsage


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(description="Restores a compressed file of Occam.")
    parser.add_argument("--ckpt", metavar="MODEL.occm", help="the model, flat or coded")
    parser.add_argument("--dictionary", metavar="FILE", help="the dictionary")
    parser.add_argument("file", metavar="FILE.occ")
    arguments = parser.parse_args()

    def load_model():
        return None if arguments.ckpt is None else read_model(read(arguments.ckpt))

    try:
        dictionary = b"" if arguments.dictionary is None else read(arguments.dictionary)
        sys.stdout.buffer.write(decompress(read(arguments.file), load_model, dictionary))
        sys.stdout.buffer.flush()
    except WrongUsage as error:
        sys.exit(failure(error, 2))
    except OSError as error:
        sys.exit(failure(error, 3))
    except Damaged as error:
        sys.exit(failure(error, 4))


def failure(error, code):
    print(f"decoder.py: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
