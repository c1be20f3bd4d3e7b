"""What do Occam, xz and zstd make of files of every kind?

    files_table.py [FILE...] [--packages FOLDER] [--out TABLE.md] [--only KINDS] [--options=-9]

Without FILEs it takes the sixty that specs/files.txt names by Debian package and path. The packages
are fetched by `apt-get download` into --packages, where they are kept; none is installed. At most
the first --most bytes of each file are taken. Each is compressed by plain `compress` in one thread,
restored and compared. Beside it are xz -9e and zstd -19. Sizes are those of whole files.
"""

import argparse
import gzip
import io
import lzma
import math
import os
import posixpath
import subprocess
import sys
import tarfile
import tempfile
from typing import NamedTuple

from . import packages
from .errors import DAMAGED, INTERNAL, IO, USAGE, Failure
from .files import read_text
from .occam import BIN, EXPERIMENTS, Occam
from .units import names, parse_bytes

LIST = os.path.join(EXPERIMENTS, "specs", "files.txt")
WORST = 8


class Source(NamedTuple):
    """A file of a package, or of this machine where there is no package."""

    kind: str
    package: str
    path: str


class Row(NamedTuple):
    source: Source
    size: int
    occam: int
    xz: int
    zstd: int
    methods: str
    compress_s: float  # of processors, as restore_s
    restore_s: float

    @property
    def of_xz(self) -> float:
        return self.occam / self.xz


def read_list(path: str) -> list[Source]:
    found = []
    for line in read_text(path).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        if len(parts) != 3:
            raise Failure(DAMAGED, f"{path}: a line has a kind, a package and a path, not {line}")
        found.append(Source(*parts))
    return found


class Packages:
    """Debian's packages in a folder, each fetched when it is first needed."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.name = ""  # of the package that is open
        self.content = b""  # its files, as a tar file

    def file(self, source: Source) -> bytes:
        """Returns the bytes of a file.

        One whose name ends with .gz is unpacked, unless its kind is packed.
        """
        self._open(source.package)
        if source.path == ".":
            return self.content
        data = self._member(source)
        packed = source.path.endswith(".gz") and source.kind != "packed"
        return gzip.decompress(data) if packed else data

    def _member(self, source: Source) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(self.content)) as files:
            names_of = {posixpath.normpath("/" + member.name): member for member in files}
            path = source.path
            for _ in range(8):  # links to links
                member = names_of.get(path)
                if member is None:
                    break
                if not member.issym():
                    file = files.extractfile(member)
                    return file.read() if file else b""
                path = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
        raise Failure(IO, f"{source.package} has no file {source.path}")

    def _open(self, package: str) -> None:
        if self.name == package:
            return
        self.content = packages.unpacked(packages.fetch(package, self.folder))
        self.name = package


def zstd_bytes(path: str) -> int:
    try:
        done = subprocess.run(["zstd", "-q", "-19", "-c", path], capture_output=True)
    except FileNotFoundError:
        raise Failure(IO, "needs zstd: install zstd") from None
    if done.returncode != 0:
        raise Failure(IO, f"zstd: {done.stderr.decode(errors='replace').strip()}")
    return len(done.stdout)


def measure(occam: Occam, source: Source, data: bytes, options: list[str], work: str) -> Row:
    """Compresses, restores and compares a file."""
    original, packed, again = (os.path.join(work, name) for name in ("file", "file.occ", "again"))
    with open(original, "wb") as file:
        file.write(data)
    encoded = occam.run_measured("compress", "-q", "-f", "-T", 1, *options, "-o", packed, original)
    decoded = occam.run_measured("decompress", "-q", "-f", "-T", 1, "-o", again, packed)
    with open(again, "rb") as file:
        if file.read() != data:
            raise Failure(INTERNAL, f"{source.path} is restored to something else")
    segments = occam.json("inspect", "--json", packed)["segments"]
    methods = sorted({segment["method"] for segment in segments})
    return Row(source, len(data), os.path.getsize(packed),
               len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)), zstd_bytes(original),
               ", ".join(methods), encoded["cpu_s"], decoded["cpu_s"])


def mean(ratios: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def table(rows: list[Row]) -> list[str]:
    lines = ["| kind | file | bytes | Occam | xz -9e | zstd -19 | Occam / xz | coded by |",
             "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        path = row.source.path
        name = row.source.package if path == "." else os.path.basename(path)
        lines.append(f"| {row.source.kind} | {name} | {row.size:,} | {row.occam:,} | {row.xz:,} "
                     f"| {row.zstd:,} | {row.of_xz:.4f} | {row.methods} |")
    return lines


def summary(rows: list[Row]) -> list[str]:
    above = sum(row.occam > row.xz for row in rows)
    lines = ["", f"Occam / xz -9e: geometric mean {mean([row.of_xz for row in rows]):.4f}, "
             f"largest {max(row.of_xz for row in rows):.4f}, {above} of {len(rows)} above 1. "
             f"Occam / zstd -19: mean {mean([row.occam / row.zstd for row in rows]):.4f}."]
    lines.append("Sums of bytes: " + ", ".join(
        f"{name} {sum(getattr(row, name) for row in rows):,}"
        for name in ("size", "occam", "xz", "zstd")) + ".")
    kilobytes = sum(row.size for row in rows) / 1e3
    lines.append(f"KB/s of processor time: compressing "
                 f"{kilobytes / max(sum(row.compress_s for row in rows), 0.01):.0f}, restoring "
                 f"{kilobytes / max(sum(row.restore_s for row in rows), 0.01):.0f}.")
    worst = sorted(rows, key=lambda row: -row.of_xz)[:WORST]
    lines += ["", "The largest beside xz: " + ", ".join(
        f"{os.path.basename(row.source.path)} {row.of_xz:.4f}" for row in worst) + "."]
    kinds: dict[str, list[float]] = {row.source.kind: [] for row in rows}
    for row in rows:
        kinds[row.source.kind].append(row.of_xz)
    lines += ["", "| kind | files | Occam / xz, mean | largest |", "|---|---|---|---|"]
    lines += [f"| {kind} | {len(ratios)} | {mean(ratios):.4f} | {max(ratios):.4f} |"
              for kind, ratios in kinds.items()]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="instead of the list")
    parser.add_argument("--list", default=LIST, help="lines of kind, package and path")
    parser.add_argument("--packages", default="packages", help="folder where packages are kept")
    parser.add_argument("--only", type=names, help="these kinds alone")
    parser.add_argument("--most", default="400K", help="bytes of a file that are taken")
    parser.add_argument("--options", action="append", default=[],
                        help="options of compress, as --options=-9; may be repeated")
    parser.add_argument("--bin", default=BIN, help="folder of Occam's program")
    parser.add_argument("--out", metavar="TABLE.md", help="write here, too")
    arguments = parser.parse_args()
    most = parse_bytes(arguments.most)
    occam = Occam(arguments.bin, threads=1)
    packages = Packages(arguments.packages)
    own = [Source("given", "", path) for path in arguments.files]
    sources = own or [source for source in read_list(arguments.list)
                      if not arguments.only or source.kind in arguments.only]
    if not sources:
        raise Failure(USAGE, "no file is of these kinds")
    options = " ".join(arguments.options).split()
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for source in sources:
            if source.package:
                data = packages.file(source)[:most]
            else:
                with open(source.path, "rb") as file:
                    data = file.read(most)
            if not data:
                raise Failure(USAGE, f"{source.path} is empty")
            rows.append(measure(occam, source, data, options, work))
            print(f"{source.path}: {rows[-1].of_xz:.4f} of xz", file=sys.stderr)
    lines = table(rows) + summary(rows)
    print("\n".join(lines))
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
