"""What the scripts of experiments/ share: running Occam's commands, measuring a file with its model in it, and a file of finished
cells, so that an interrupted script goes on where it was."""

import filecmp
import hashlib
import json
import lzma
import os
import subprocess
import time

USAGE, IO, DAMAGED = 2, 3, 4
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "build", "release", "bin")


class Failure(Exception):
    """Ends a script with one line and an exit code, those of Occam."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def parse_bytes(text):
    """"62M" to 62000000; decimal, as Occam's options are."""
    factor = {"K": 10**3, "M": 10**6, "G": 10**9}.get(text[-1:].upper(), 1)
    digits = text[:-1] if factor > 1 else text
    try:
        count = float(digits) * factor
    except ValueError:
        raise Failure(USAGE, f"{text} is no number of bytes") from None
    if count != int(count) or count < 1:
        raise Failure(USAGE, f"{text} is no number of bytes")
    return int(count)


def bytes_text(count):
    """62000000 to "62 MB"."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if count >= factor:
            return f"{count / factor:g} {unit}"
    return f"{count} B"


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def write_slice(text, begin, end, path):
    """Bytes [begin, end) of a file, which may be packed with xz; one that is there is kept."""
    if os.path.exists(path) and os.path.getsize(path) == end - begin:
        return path
    with (lzma.open if text.endswith(".xz") else open)(text, "rb") as source:
        source.seek(begin)
        piece = source.read(end - begin)
    if len(piece) < end - begin:
        raise Failure(USAGE, f"{text} has no bytes {begin}:{end}")
    with open(path + ".new", "wb") as sink:
        sink.write(piece)
    os.replace(path + ".new", path)
    return path


class Occam:
    """Its commands. What fails ends the script with the command's own message."""

    def __init__(self, folder=BIN, threads=0):
        self.program = os.path.join(folder, "occam")
        self.threads = str(threads)
        if not os.path.exists(self.program):
            raise Failure(IO, f"{self.program} is missing: build Occam, or name its folder with --bin")

    def run(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(done.returncode if done.returncode > 0 else 130,
                          f"{' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments))

    def has_option(self, command, option):
        return option in self.run(command, "--help")

    def measure(self, model, data, mode, folder):
        """Compresses a file with its model in it, restores it with nothing else, compares, and removes both; the sizes."""
        archive, again = os.path.join(folder, "cell.occ"), os.path.join(folder, "cell.restored")
        start = time.monotonic()
        self.run("compress", "--ckpt", model, "--embed-model", "--mode", mode, "-T", self.threads, "-q", "-f", "-o", archive, data)
        compressed = time.monotonic()
        self.run("decompress", "-T", self.threads, "-q", "-f", "-o", again, archive)
        restored = time.monotonic()
        if not filecmp.cmp(data, again, shallow=False):
            raise Failure(70, f"{archive} is restored to something else than {data}")
        info = self.json("inspect", "--json", archive)
        os.remove(again)
        os.remove(archive)
        return {"original_bytes": info["original_bytes"], "data_bytes": info["payload_bytes"],
                "header_bytes": info["header_bytes"], "model_bytes": info["model_bytes"], "file_bytes": info["file_bytes"],
                "segments_of_others": sum(s["method"] != "model" for s in info["segments"]),
                "model_id": info["model_id"], "parameters": info["model"]["config"]["parameters"],
                "compress_s": round(compressed - start, 2), "restore_s": round(restored - compressed, 2)}


class Cells:
    """Finished cells, one JSON line each: {"key": {...}, ...}. A line that a kill cut off is dropped."""

    def __init__(self, path):
        self.path = path
        self.cells = []
        kept = 0
        if os.path.exists(path):
            with open(path, "rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    try:
                        self.cells.append(json.loads(line))
                    except ValueError:
                        raise Failure(DAMAGED, f"{path}: line {len(self.cells) + 1} is no cell") from None
                    kept += len(line)
            os.truncate(path, kept)

    def find(self, key):
        return next((cell for cell in self.cells if cell["key"] == key), None)

    def get(self, key, make):
        """The cell of a key, made by make() where it is not there."""
        return self.find(key) or self.add(key, make())

    def add(self, key, values):
        cell = {"key": key, **values}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(cell) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.cells.append(cell)
        return cell


def decoder_sizes(cells, folder):
    """Bytes of the packed decoder and encoder (tools/decoder_size.sh); takes a minute or two once."""
    def make():
        script = os.path.join(ROOT, "tools", "decoder_size.sh")
        done = subprocess.run([script, "--json", os.path.join(os.path.abspath(folder), "decoder_size")], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(done.returncode, f"{script}: {done.stderr.strip()}")
        return json.loads(done.stdout)
    return cells.get({"what": "decoder"}, make)


def xz_bytes(cells, data):
    """What xz -9e makes of a file."""
    def make():
        with open(data, "rb") as file:
            return {"bytes": len(lzma.compress(file.read(), preset=9 | lzma.PRESET_EXTREME))}
    return cells.get({"what": "xz -9e", "data": sha256_of(data)}, make)["bytes"]
