#!/usr/bin/env python3
"""Makes texts of many kinds from Debian packages, to train a model on and to measure it by.

  experiments/corpora/broad.py --out FOLDER [--list experiments/corpora/broad.tsv] [--cache FOLDER]

For each kind of the list it writes FOLDER/KIND.txt, to train on, and FOLDER/KIND.held.txt, of files
apart. Packages are fetched by `apt-get download` in the versions that the list names, and must have
its digests; those that are in --cache already are not fetched. Where a mirror has a newer version,
snapshots of Debian have the old one.

A package's files are those whose paths match its patterns. Compressed ones are unpacked, what is
not UTF-8 or was there before is left out, and of long ones the first MB is taken. They come in the
order of a hash of their paths, so that any part of the whole is a fair sample. Whole files are held
out, a twentieth of the bytes. The list says how many MB of a package are taken at most.

All packages are there before the first text is written. Exit codes are those of Occam: 3 a package
cannot be had, 4 it is another than the list's.
"""

import argparse
import fnmatch
import gzip
import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from occam_experiments.errors import DAMAGED, Failure, run_script  # noqa: E402
from occam_experiments.packages import fetch, unpacked  # noqa: E402

MOST_OF_A_FILE = 1_000_000
LEAST_OF_A_FILE = 200
HELD_OUT = 20  # bytes to train on for each that is held out
MOST_HELD_FILE = 200_000  # longer files are not held out
MOST_HELD = 500_000  # bytes of a kind


class Row(NamedTuple):
    """A line of the list."""

    kind: str
    package: str
    version: str
    digest: str
    most: int
    patterns: list[str]


def rows_of(path: str) -> list[Row]:
    rows = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            parts = line.split()
            if len(parts) != 6:
                raise Failure(DAMAGED, f"{path}: a line has six parts, not {line.strip()}")
            kind, package, version, digest, megabytes, patterns = parts
            most = int(float(megabytes) * 1e6)
            rows.append(Row(kind, package, version, digest, most, patterns.split(",")))
    return rows


def digest_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def package_file(row: Row, cache: str) -> str:
    """The package's file, which is fetched where it is not there."""
    path = fetch(row.package, cache, row.version)
    if digest_of(path) != row.digest:
        raise Failure(DAMAGED, f"{path} has another SHA-256 than the list's; remove it")
    return path


def text_in(name: str, data: bytes) -> bytes | None:
    """A file as text, or nothing."""
    if name.endswith(".gz"):
        with gzip.open(io.BytesIO(data)) as unpacked:
            data = unpacked.read(MOST_OF_A_FILE)
    data = data[:MOST_OF_A_FILE]
    if len(data) == MOST_OF_A_FILE:
        data = data[:data.rfind(b"\n") + 1]
    if len(data) < LEAST_OF_A_FILE or b"\0" in data:
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return data


def files_of(row: Row, package: str) -> Iterator[tuple[str, bytes]]:
    """Paths of a package that match, and what they hold."""
    with tarfile.open(fileobj=io.BytesIO(unpacked(package))) as archive:
        for member in archive:
            name = member.name.removeprefix(".")
            if member.isfile() and any(fnmatch.fnmatch(name, p) for p in row.patterns):
                file = archive.extractfile(member)
                text = text_in(name, file.read()) if file is not None else None
                if text is not None:
                    yield f"{row.package}:{name}", text


class Kind:
    """The two files of a kind."""

    def __init__(self, folder: str, name: str) -> None:
        self.name = name
        self.files = [open(os.path.join(folder, name + end), "wb")  # pylint: disable=R1732
                      for end in (".txt", ".held.txt")]
        self.bytes = [0, 0]

    def wants_held(self, length: int) -> bool:
        """Whether a file of this length is held out."""
        few = self.bytes[1] * HELD_OUT < self.bytes[0]
        return few and length <= MOST_HELD_FILE and self.bytes[1] + length <= MOST_HELD

    def put(self, text: bytes, held: bool) -> None:
        file: BinaryIO = self.files[held]
        file.write(text)
        self.bytes[held] += len(text)

    def close(self) -> None:
        for file in self.files:
            file.close()


def add(row: Row, package: str, kind: Kind, seen: set[bytes]) -> int:
    """Adds a package's files to its kind. Returns how many."""
    found = {hashlib.sha256(name.encode()).digest(): text for name, text in files_of(row, package)}
    left, count = row.most, 0
    for name_hash in sorted(found):
        text = found[name_hash]
        content = hashlib.sha256(text).digest()
        if content in seen:
            continue
        seen.add(content)
        held = kind.wants_held(len(text))
        if not held:
            text = text[:left]
            left -= len(text)
        kind.put(text, held)
        count += 1
        if left == 0:
            break
    return count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="FOLDER",
                        help="for KIND.txt and KIND.held.txt")
    parser.add_argument("--list", default=os.path.join(HERE, "broad.tsv"), metavar="FILE",
                        help="kind, package, version, SHA-256, MB at most, patterns (broad.tsv)")
    parser.add_argument("--cache", metavar="FOLDER", help="of packages (FOLDER of --out/packages)")
    args = parser.parse_args()
    cache = args.cache or os.path.join(args.out, "packages")
    os.makedirs(args.out, exist_ok=True)
    rows = rows_of(args.list)
    packages = [package_file(row, cache) for row in rows]
    kinds: dict[str, Kind] = {}
    seen: set[bytes] = set()
    for row, package in zip(rows, packages):
        if row.kind not in kinds:
            kinds[row.kind] = Kind(args.out, row.kind)
        kind = kinds[row.kind]
        count = add(row, package, kind, seen)
        print(f"{row.kind}: {count} files of {row.package} {row.version}", flush=True)
    for kind in kinds.values():
        kind.close()
        print(f"{kind.name}.txt: {kind.bytes[0]} bytes, {kind.bytes[1]} held out")


if __name__ == "__main__":
    run_script(main)
