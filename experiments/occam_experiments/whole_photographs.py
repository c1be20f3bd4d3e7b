"""What do Occam and codecs of images make of whole photographs?

    whole_photographs.py PHOTOGRAPH... [--bin FOLDER] [--out TABLE.md]

Each photograph, of any format that Pillow reads, becomes a PPM and a PGM file. Occam's file is
restored and compared. Beside it are the files of cjxl -d 0 -e 9, cwebp -lossless -z 9 and PNG
(Pillow's, optimised); cjxl's and cwebp's are restored and compared, too. Sizes are those of files.
Occam runs in one thread. Needs libjxl-tools, webp, netpbm and python3-pil.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile

from .errors import IO, Failure
from .occam import BIN, Occam

TOOLS = ("cjxl", "djxl", "cwebp", "dwebp")
COLUMNS = ("occam", "jxl", "webp", "png")


def call(*arguments: str) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(IO, f"{arguments[0]}: {done.stderr.strip()}")


def same(a: str, b: str, what: str) -> None:
    if not filecmp.cmp(a, b, shallow=False):
        raise Failure(IO, f"{what} restores another photograph")


def pixels(path: str) -> bytes:
    from PIL import Image

    with Image.open(path) as image:
        return image.mode.encode() + image.tobytes()


def sizes(occam: Occam, portable: str, work: str) -> dict[str, float]:
    """The bytes of each codec's file of a PPM or PGM file, each restored and compared."""
    from PIL import Image

    def of(suffix: str) -> str:
        return os.path.join(work, "photo" + suffix)

    encoded = occam.run_measured("compress", "-q", "-f", "-T", 1, "-o", of(".occ"), portable)
    decoded = occam.run_measured("decompress", "-q", "-f", "-T", 1, "-o", of(".back"), of(".occ"))
    same(portable, of(".back"), "Occam")
    call("cjxl", portable, of(".jxl"), "-d", "0", "-e", "9", "--num_threads=1")
    back = of(".jxl" + os.path.splitext(portable)[1])
    call("djxl", of(".jxl"), back)
    if pixels(portable) != pixels(back):
        raise Failure(IO, "cjxl restores another photograph")
    with Image.open(portable) as image:
        image.save(of(".png"), optimize=True)
        colour = image.convert("RGB").tobytes()
    call("cwebp", "-quiet", "-lossless", "-z", "9", "-exact", of(".png"), "-o", of(".webp"))
    call("dwebp", "-quiet", of(".webp"), "-ppm", "-o", of(".webp.ppm"))
    if pixels(of(".webp.ppm"))[3:] != colour:
        raise Failure(IO, "cwebp restores another photograph")
    found: dict[str, float] = {c: os.path.getsize(of("." + c)) for c in COLUMNS[1:]}
    found["occam"] = os.path.getsize(of(".occ"))
    found["bytes"] = os.path.getsize(portable)
    found["encoding_s"], found["decoding_s"] = (r["cpu_s"] for r in (encoded, decoded))
    return found


def table(kind: str, rows: list[tuple[str, dict[str, float]]]) -> list[str]:
    lines = [f"{kind}, bytes of files:", "",
             "| photograph | original | Occam | JPEG XL | WebP | PNG | Occam / JPEG XL |",
             "|---|---|---|---|---|---|---|"]
    for name, row in rows:
        lines.append(f"| {name} | {row['bytes']:.0f} | "
                     + " | ".join(f"{row[c]:.0f}" for c in COLUMNS)
                     + f" | {row['occam'] / row['jxl']:.4f} |")
    shares = [row["occam"] / row["jxl"] for _, row in rows]
    lines += ["", f"Occam / JPEG XL: mean {sum(shares) / len(shares):.4f}, "
              f"largest {max(shares):.4f}. Sums of bytes: "
              + ", ".join(f"{c} {sum(row[c] for _, row in rows):.0f}" for c in COLUMNS) + "."]
    kilobytes = sum(row["bytes"] for _, row in rows) / 1e3
    lines += [f"KB/s of processor time: compressing "
              f"{kilobytes / sum(row['encoding_s'] for _, row in rows):.0f}, restoring "
              f"{kilobytes / sum(row['decoding_s'] for _, row in rows):.0f}.", ""]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photographs", nargs="+", metavar="PHOTOGRAPH")
    parser.add_argument("--bin", default=BIN, help="folder of Occam's program")
    parser.add_argument("--out", metavar="TABLE.md", help="write here, too")
    arguments = parser.parse_args()
    for tool in TOOLS:
        if shutil.which(tool) is None:
            raise Failure(IO, f"needs {tool}: install libjxl-tools and webp")
    from PIL import Image

    occam = Occam(arguments.bin, threads=1)
    rows: dict[str, list[tuple[str, dict[str, float]]]] = {"Gray": [], "Colour": []}
    with tempfile.TemporaryDirectory() as work:
        for path in arguments.photographs:
            name = os.path.splitext(os.path.basename(path))[0]
            for kind, mode, suffix in (("Gray", "L", ".pgm"), ("Colour", "RGB", ".ppm")):
                portable = os.path.join(work, "original" + suffix)
                with Image.open(path) as image:
                    image.convert("RGB").convert(mode).save(portable)
                row = sizes(occam, portable, work)
                rows[kind].append((name, row))
                print(f"{name} {kind}: {row['occam']:.0f} of {row['jxl']:.0f}", file=sys.stderr)
    lines = [line for kind, found in rows.items() for line in table(kind, found)]
    shares = [row["occam"] / row["jxl"] for found in rows.values() for _, row in found]
    lines.append(f"Both: mean {sum(shares) / len(shares):.4f}, largest {max(shares):.4f}.")
    print("\n".join(lines))
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
