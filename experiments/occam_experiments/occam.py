"""Occam's commands, run and measured."""

import filecmp
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from .errors import INTERNAL, INTERRUPTED, IO, Failure

PACKAGE = os.path.dirname(os.path.abspath(__file__))
EXPERIMENTS = os.path.dirname(PACKAGE)
ROOT = os.path.dirname(EXPERIMENTS)
BIN = os.path.join(ROOT, "build", "release", "bin")


def fail(code: int, arguments: Sequence[object], errors: str) -> NoReturn:
    """Ends the script with the message of a command that failed."""
    what = " ".join(map(str, arguments))
    raise Failure(code if code > 0 else INTERRUPTED, f"{what}: {errors.strip()}")


class Occam:
    """Occam's commands in one folder. One that fails ends the script with its own message."""

    def __init__(self, folder: str = BIN, threads: int = 0) -> None:
        self.program = os.path.join(folder, "occam")
        self.threads = str(threads)
        self.running: set[subprocess.Popen[bytes]] = set()  # measured commands
        self.stopped = False
        if not os.path.exists(self.program):
            raise Failure(IO, f"{self.program} is missing: build Occam, or name its folder "
                              "with --bin")

    def run(self, *arguments: object) -> str:
        """Runs a command. Returns what it prints."""
        done = subprocess.run([self.program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        if done.returncode != 0:
            fail(done.returncode, arguments, done.stderr)
        return done.stdout

    def json(self, *arguments: object) -> Any:
        """What a command prints, read as JSON."""
        return json.loads(self.run(*arguments))

    def json_lines(self, *arguments: object) -> list[Any]:
        return [json.loads(line) for line in self.run(*arguments).splitlines()]

    def has_option(self, command: str, option: str) -> bool:
        return option in self.run(command, "--help")

    def run_measured(self, *arguments: object, pass_fds: Sequence[int] = ()) -> dict[str, float]:
        """Runs a command. Returns its seconds, seconds of processors and peak memory.

        interrupt() reaches the command from another thread.
        """
        start = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            # A session of its own: a terminal's Ctrl-C would reach it twice, and the second one
            # ends it at once.
            process = subprocess.Popen(
                [self.program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=errors, pass_fds=pass_fds,
                start_new_session=True)
            usage = self.wait(process)
            if process.returncode != 0:
                errors.seek(0)
                fail(process.returncode, arguments, errors.read().decode(errors="replace"))
        return {"s": round(time.monotonic() - start, 2), **usage}

    def wait(self, process: subprocess.Popen[bytes]) -> dict[str, float]:
        """Waits for a process, which interrupt() reaches meanwhile. Returns what it used."""
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
        return {"cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
                "peak_mb": round(usage.ru_maxrss * 1024 / 1e6, 1)}

    def interrupt(self) -> None:
        """Stops measured commands, and those still to come; a training writes its checkpoint."""
        self.stopped = True
        for process in list(self.running):
            process.send_signal(signal.SIGINT)

    def measure(self, model: str, data: str, mode: str, folder: str,
                options: Sequence[object] = ()) -> dict[str, Any]:
        """Compresses a file with its model in it, restores it with nothing else and compares.

        Removes both files. Returns their sizes, in bytes, and what the commands took.
        """
        archive = os.path.join(folder, "cell.occ")
        again = os.path.join(folder, "cell.restored")
        usual = ["-T", self.threads, "-q", "-f", "-o"]
        packed = self.run_measured("compress", "--ckpt", model, "--embed-model", "--mode", mode,
                                   *options, *usual, archive, data)
        restored = self.run_measured("decompress", *usual, again, archive)
        if not filecmp.cmp(data, again, shallow=False):
            raise Failure(INTERNAL, f"{archive} is restored to something else than {data}")
        info = self.json("inspect", "--json", archive)
        os.remove(again)
        os.remove(archive)
        return {"original_bytes": info["original_bytes"], "data_bytes": info["payload_bytes"],
                "header_bytes": info["header_bytes"], "model_bytes": info["model_bytes"],
                "file_bytes": info["file_bytes"],
                "segments_of_others": sum(s["method"] != "model" for s in info["segments"]),
                "model_id": info["model_id"], "parameters": info["model"]["config"]["parameters"],
                "compress_s": packed["s"], "restore_s": restored["s"],
                "peak_mb": max(packed["peak_mb"], restored["peak_mb"])}

    def alone_bytes(self, model: str, data: str, mode: str) -> int:
        """What the model alone would make of a file, as bytes of a container's payload.

        Other methods code some segments of that file's archive.
        """
        found = self.json("evaluate", "-q", "--json", "--ckpt", model, "--data", data,
                          "--bytes", f"0:{os.path.getsize(data)}", "--mode", mode,
                          "-T", self.threads)
        return int(found["model_alone"]["bytes"])
