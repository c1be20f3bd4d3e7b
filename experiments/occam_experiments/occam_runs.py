"""What the scripts of experiments/ share: running Occam's commands, measuring a file with its model in it, and a file of finished
cells, so that an interrupted script goes on where it was."""

import contextlib
import fcntl
import filecmp
import hashlib
import json
import lzma
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

USAGE, IO, DAMAGED, INTERRUPTED = 2, 3, 4, 130
SAMPLE_PIECES = 16
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "build", "release", "bin")


class Failure(Exception):
    """Ends a script with one line and an exit code, those of Occam."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def run_script(main):
    """main(), as a script: what ends it is told in one line, with Occam's exit codes."""
    name = os.path.basename(sys.argv[0])
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except ImportError as error:
        print(f"{name}: needs {error.name}: install python3-{error.name}", file=sys.stderr)
        sys.exit(IO)
    except OSError as error:
        print(f"{name}: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(IO)


def split_pair(text, what, value_name):
    """NAME=VALUE, given to the option `what`."""
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise Failure(USAGE, f"{what} is NAME={value_name}, not {text}")
    return name, value


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
    return write_whole(path, piece)


def write_whole(path, content):
    """Bytes or text to a file that appears whole, even if others write the same one."""
    own = f"{path}.{os.getpid()}-{threading.get_ident()}.new"
    with open(own, "wb") as sink:
        sink.write(content.encode() if isinstance(content, str) else content)
    os.replace(own, path)
    return path


def write_sample(text, size, sample, path, pieces=SAMPLE_PIECES):
    """The first `size` bytes of a file, or where that is more than `sample`, as many bytes in pieces from all over them."""
    if size <= sample:
        return write_slice(text, 0, size, path)
    piece = sample // pieces
    if not os.path.exists(path) or os.path.getsize(path) != piece * pieces:
        with (lzma.open if text.endswith(".xz") else open)(text, "rb") as source:
            data = source.read(size)
        if len(data) < size:
            raise Failure(USAGE, f"{text} has no bytes 0:{size}")
        begins = [(size - piece) * i // (pieces - 1) for i in range(pieces)]
        write_whole(path, b"".join(data[begin:begin + piece] for begin in begins))
    return path


def digest_of_range(text, begin, end):
    """SHA-256 of bytes [begin, end) of a file that may be packed; None where it is shorter."""
    digest = hashlib.sha256()
    with (lzma.open if text.endswith(".xz") else open)(text, "rb") as file:
        file.seek(begin)
        for left in range(end - begin, 0, -(1 << 20)):
            piece = file.read(min(left, 1 << 20))
            if len(piece) < min(left, 1 << 20):
                return None
            digest.update(piece)
    return digest.hexdigest()


def parse_range(text, what):
    """"62M:64M" to (62000000, 64000000)."""
    begin, colon, end = text.partition(":")
    if not colon:
        raise Failure(USAGE, f"{what} is BEGIN:END, not {text}")
    return int(begin) if begin == "0" else parse_bytes(begin), parse_bytes(end)


class Occam:
    """Its commands. What fails ends the script with the command's own message."""

    def __init__(self, folder=BIN, threads=0):
        self.program = os.path.join(folder, "occam")
        self.threads = str(threads)
        self.running = set()  # measured commands
        self.stopped = False
        if not os.path.exists(self.program):
            raise Failure(IO, f"{self.program} is missing: build Occam, or name its folder with --bin")

    def run(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            self.fail(done.returncode, arguments, done.stderr)
        return done.stdout

    @staticmethod
    def fail(code, arguments, errors):
        raise Failure(code if code > 0 else INTERRUPTED, f"{' '.join(map(str, arguments))}: {errors.strip()}")

    def run_measured(self, *arguments, pass_fds=()):
        """Runs a command; its seconds, seconds of processors and peak memory. interrupt() reaches it from another thread."""
        start = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            # A session of its own: a terminal's Ctrl-C would reach it twice, and the second one ends it at once.
            process = subprocess.Popen([self.program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=errors, pass_fds=pass_fds, start_new_session=True)
            self.running.add(process)
            if self.stopped:
                process.send_signal(signal.SIGINT)
            try:
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
            finally:
                self.running.discard(process)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                errors.seek(0)
                self.fail(process.returncode, arguments, errors.read().decode(errors="replace"))
        return {"s": round(time.monotonic() - start, 2), "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
                "peak_mb": round(usage.ru_maxrss * 1024 / 1e6, 1)}

    def interrupt(self):
        """Stops measured commands, and those still to come; a training writes its checkpoint."""
        self.stopped = True
        for process in list(self.running):
            process.send_signal(signal.SIGINT)

    def json(self, *arguments):
        return json.loads(self.run(*arguments))

    def has_option(self, command, option):
        return option in self.run(command, "--help")

    def measure(self, model, data, mode, folder, options=()):
        """Compresses a file with its model in it, restores it with nothing else, compares, and removes both; the sizes."""
        archive, again = os.path.join(folder, "cell.occ"), os.path.join(folder, "cell.restored")
        packed = self.run_measured("compress", "--ckpt", model, "--embed-model", "--mode", mode, *options, "-T", self.threads, "-q", "-f",
                                   "-o", archive, data)
        restored = self.run_measured("decompress", "-T", self.threads, "-q", "-f", "-o", again, archive)
        if not filecmp.cmp(data, again, shallow=False):
            raise Failure(70, f"{archive} is restored to something else than {data}")
        info = self.json("inspect", "--json", archive)
        os.remove(again)
        os.remove(archive)
        return {"original_bytes": info["original_bytes"], "data_bytes": info["payload_bytes"],
                "header_bytes": info["header_bytes"], "model_bytes": info["model_bytes"], "file_bytes": info["file_bytes"],
                "segments_of_others": sum(s["method"] != "model" for s in info["segments"]),
                "model_id": info["model_id"], "parameters": info["model"]["config"]["parameters"],
                "compress_s": packed["s"], "restore_s": restored["s"],
                "peak_mb": max(packed["peak_mb"], restored["peak_mb"])}

    def alone_bytes(self, model, data, mode):
        """What the model alone would make of a file, in whose archive other methods code some segments; of a container's payload."""
        found = self.json("evaluate", "-q", "--json", "--ckpt", model, "--data", data, "--bytes", f"0:{os.path.getsize(data)}", "--mode", mode,
                          "-T", self.threads)
        return found["model_alone"]["bytes"]


class Cells:
    """Finished cells, one JSON line each: {"key": {...}, ...}. A line that a kill cut off is dropped. Several processes may add."""

    def __init__(self, path):
        self.path = path
        self.cells = []
        self.refresh()

    @contextlib.contextmanager
    def locked(self, mode):
        with open(self.path, mode) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def refresh(self):
        """Reads what is there, of other processes, too."""
        if not os.path.exists(self.path):
            return
        cells, kept = [], 0
        with self.locked("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    cells.append(json.loads(line))
                except ValueError:
                    raise Failure(DAMAGED, f"{self.path}: line {len(cells) + 1} is no cell") from None
                kept += len(line)
            file.truncate(kept)
        self.cells = cells

    def find(self, key):
        return next((cell for cell in self.cells if cell["key"] == key), None)

    def get(self, key, make):
        """The cell of a key, made by make() where it is not there."""
        return self.find(key) or self.add(key, make())

    def add(self, key, values):
        cell = {"key": key, **values}
        with self.locked("ab") as file:
            file.write(json.dumps(cell).encode() + b"\n")
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
