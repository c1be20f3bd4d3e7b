"""What do Occam and FLAC make of recordings of 16 bits, file by file?

  experiments/sound_table.py RECORDING.wav|.flac ... --out TABLE.md [--last N] [--mode MODE]

Of a FLAC file it takes the recording, as WAV. Each is compressed by `flac -8`, without padding and
without a table of places, and by `occam compress`. Both are restored and compared. The table has
the bytes of files as they are; seconds are a processor's, of compressing and of restoring. It needs
Debian's package flac. Exit codes are those of Occam.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass

from .errors import INTERNAL, IO, USAGE, Failure
from .files import write_whole
from .occam import BIN, Occam


@dataclass
class Row:
    name: str
    wav: int
    flac: int
    occam: int
    compress_s: float
    restore_s: float
    methods: str

    @property
    def share(self) -> float:
        return self.occam / self.flac


def flac(*arguments: str) -> None:
    done = subprocess.run(["flac", "--silent", "--force", *arguments], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failure(IO, f"flac {' '.join(arguments)}: {done.stderr.strip()}")


def require_same(one: str, other: str) -> None:
    with open(one, "rb") as first, open(other, "rb") as second:
        if first.read() != second.read():
            raise Failure(INTERNAL, f"{one} was not restored")


def methods_of(occam: Occam, path: str) -> str:
    """How many segments each method has, but for those that have none."""
    counts = Counter(s["method"] for s in occam.json("inspect", "--json", path)["segments"])
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def measure(occam: Occam, recording: str, options: list[str], work: str) -> Row:
    name = os.path.splitext(os.path.basename(recording))[0]
    wav, again = os.path.join(work, "one.wav"), os.path.join(work, "again.wav")
    packed, coded = os.path.join(work, "one.flac"), os.path.join(work, "one.occ")
    if recording.endswith(".flac"):
        flac("--decode", recording, "-o", wav)
    else:
        shutil.copyfile(recording, wav)
    flac("-8", "--no-padding", "--no-seektable", wav, "-o", packed)
    flac("--decode", packed, "-o", again)
    require_same(wav, again)
    compressed = occam.run_measured("compress", "--force", *options, wav, "-o", coded)
    restored = occam.run_measured("decompress", "--force", coded, "-o", again)
    require_same(wav, again)
    return Row(name, os.path.getsize(wav), os.path.getsize(packed), os.path.getsize(coded),
               compressed["cpu_s"], restored["cpu_s"], methods_of(occam, coded))


def sum_of(rows: list[Row]) -> Row:
    return Row("all", sum(r.wav for r in rows), sum(r.flac for r in rows),
               sum(r.occam for r in rows), sum(r.compress_s for r in rows),
               sum(r.restore_s for r in rows), "")


def line(row: Row) -> str:
    return (f"| {row.name} | {row.wav:,} | {row.flac:,} | {row.occam:,} | {row.share:.4f} | "
            f"{row.compress_s:.2f} | {row.restore_s:.2f} | {row.methods} |")


def table(rows: list[Row]) -> str:
    heads = ["file", "WAV", "`flac -8`", "Occam", "of FLAC's", "compress, s", "restore, s",
             "segments"]
    worst = max(rows, key=lambda row: row.share)
    return "\n".join(["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|",
                      *map(line, rows), line(sum_of(rows)), "",
                      f"The largest share is {worst.share:.4f}, of {worst.name}. All files were "
                      "restored and compared.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", metavar="RECORDING")
    parser.add_argument("--out", required=True, metavar="TABLE.md")
    parser.add_argument("--last", type=int, metavar="N",
                        help="take the last N of the recordings in sorted order")
    parser.add_argument("--mode", default="chunked", help="of compress (default: %(default)s)")
    parser.add_argument("--bin", default=BIN, metavar="FOLDER", help="with the program occam")
    args = parser.parse_args()
    if shutil.which("flac") is None:
        raise Failure(IO, "flac is missing: install Debian's package flac")
    recordings = sorted(args.recordings)
    for recording in recordings:
        if not recording.endswith((".wav", ".flac")):
            raise Failure(USAGE, f"{recording}: a recording is .wav or .flac")
    if args.last is not None:
        recordings = recordings[-args.last:]
    occam = Occam(args.bin, threads=1)
    with tempfile.TemporaryDirectory() as work:
        rows = [measure(occam, recording, ["-T", "1", "--mode", args.mode], work)
                for recording in recordings]
    text = table(rows)
    write_whole(args.out, text)
    print(text, end="")
