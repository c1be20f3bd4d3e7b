"""Trains the models of a sweep, and compresses, restores and compares with them."""

import contextlib
import fcntl
import json
import os
import platform
import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from ..cells import Cell
from ..errors import INTERRUPTED, Failure
from ..files import write_sample, write_slice
from ..occam import Occam
from .grid import PARTS, Grid
from .spec import as_options
from .training import SweepCell, Training

SIZES = ("original_bytes", "data_bytes", "header_bytes", "bpb", "model_alone_bpb",
         "segments_of_others", "compress_s", "restore_s")


def machine_name() -> str:
    """The processor, for the table."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} threads"
    return f"{platform.machine()}, {os.cpu_count()} threads"


def log_of(path: str) -> dict[str, Any]:
    """The last line of each event of a training's log."""
    last: dict[str, Any] = {}
    with open(path + ".log.jsonl", encoding="utf-8", errors="replace") as log:
        for line in log:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                last[event["event"]] = event
    return last


def bits_a_byte(coded: int, original: int) -> float:
    return round(8 * coded / original, 5)


def adjusted(row: Cell, training: Training) -> Cell:
    """The size of the text trained on, in a file with its model.

    It is measured, or where a sample was coded, it follows from the sample's rate.
    """
    coded = row.get("in_sample_original_bytes")
    if not coded:
        return {}
    total = row["in_sample_data_bytes"] + row["in_sample_header_bytes"]
    size = round(total * training.train_bytes / coded) + row["model_bytes"]
    return {"adjusted_bytes": size, "adjusted_rate": round(size / training.train_bytes, 6),
            "adjusted_is": "a file" if coded == training.train_bytes else "by a sample"}


class Runs:
    """The trainings of a grid in a folder. make() may be called from several threads."""

    def __init__(self, grid: Grid, occam: Occam, text: str, out: str, keep: bool,
                 finished: Callable[[Training, SweepCell, Cell], None]) -> None:
        self.grid, self.occam, self.text, self.out, self.keep = grid, occam, text, out, keep
        self.finished = finished  # is told of every new cell, by one thread at a time
        self.lock, self.probing = threading.Lock(), threading.Lock()
        self.version = occam.run("train", "--version").strip()
        self.machine = machine_name()
        for folder in ("", "data", "work", "models"):
            os.makedirs(os.path.join(out, folder), exist_ok=True)

    # Files of a training.

    def work(self, training: Training, name: str = "") -> str:
        return os.path.join(self.out, "work", training.id, name)

    def model(self, training: Training) -> str:
        return os.path.join(self.out, "models", training.id + ".occm")

    def held_out_file(self, training: Training) -> str:
        name = f"held-out-{training.key['held_out'][:12]}"
        return write_slice(self.text, *self.grid.spec.held_out,
                           os.path.join(self.out, "data", name))

    def in_sample_file(self, training: Training) -> str:
        name = f"{training.key['data'][:12]}-{training.in_sample}"
        return write_sample(self.text, training.train_bytes, training.in_sample,
                            os.path.join(self.out, "data", name))

    def text_options(self) -> list[object]:
        begin, end = self.grid.spec.held_out
        return ["--data", self.text, "--val-bytes", f"{begin}:{end}"]

    def data_options(self, training: Training) -> list[object]:
        return ["--train-bytes", f"0:{training.train_bytes}", *self.text_options()]

    # Training.

    def bytes_a_token(self, training: Training) -> float:
        """Measured by a step of a very small network with the tokenizer."""
        if not training.needs_bytes_a_token:
            return 1.0
        key = {"what": "bytes a token", "tokenizer": training.tokenizer,
               "data": training.key["data"]}
        with self.probing:
            found = self.grid.probes.get(key, lambda: self.probe(training))
        return float(found["bytes_a_token"])

    def probe(self, training: Training) -> Cell:
        path = self.work(training, "probe")
        self.occam.run_measured(
            "train", *self.data_options(training), "--tokenizer", training.tokenizer,
            "--width", 16, "--layers", 1, "--context", 16, "--batch", 1, "--steps", 1,
            "-T", self.occam.threads, "-q", "-f", "-o", path + ".h5")
        found = {"bytes_a_token": log_of(path)["step"]["bytes_seen"] / 16}
        for ending in (".h5", ".occm", ".log.jsonl"):
            os.remove(path + ending)
        return found

    def train(self, training: Training, lock: int) -> Cell:
        """Trains, or goes on with a training. Returns what its last piece took.

        The child holds the lock: it may outlive a sweep that is killed.
        """
        path = self.work(training, "model")
        if os.path.exists(path + ".occm"):
            return {"cpu_s": None, "peak_mb": None}
        usual = ["-T", self.occam.threads, "-q", "-o", path + ".h5"]
        if os.path.exists(path + ".h5"):
            used = self.occam.run_measured("train", "--resume", *self.text_options(), *usual,
                                           pass_fds=[lock])
            return {**used, "cpu_s": None}
        arguments = training.arguments(self.bytes_a_token(training))
        return dict(self.occam.run_measured("train", *self.data_options(training), *arguments,
                                            *usual, "-f", pass_fds=[lock]))

    def make(self, training: Training) -> None:
        """Makes all cells of a training that are not there."""
        path = os.path.join(self.out, "work", training.id + ".lock")
        with open(path, "w", encoding="utf-8") as lock:
            self.wait_for(lock, training)
            with self.lock:
                self.grid.results.refresh()
            missing = [cell for cell in training.cells if self.grid.result(cell) is None]
            if not missing:
                return
            os.makedirs(self.work(training), exist_ok=True)
            used = self.train(training, lock.fileno())
            trained = self.describe(training, used)
            for cell in missing:
                self.finish(training, cell, trained)
            new = self.model(training) + ".new"
            shutil.copyfile(self.work(training, "model.coded.occm"), new)
            os.replace(new, self.model(training))
            if not self.keep:
                shutil.rmtree(self.work(training))

    def wait_for(self, lock: IO[str], training: Training) -> None:
        said = False
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not said:
                    print(f"{training.id}: another sweep, or a training that outlived one, has "
                          "it; waiting", file=sys.stderr, flush=True)
                said = True
                if self.occam.stopped:
                    raise Failure(INTERRUPTED, "interrupted") from None
                time.sleep(1)

    # Measuring.

    def describe(self, training: Training, used: Cell) -> Cell:
        """What every cell says of its model."""
        path = self.work(training, "model")
        self.occam.run("inspect", path + ".h5", "--export", path + ".coded.occm", "--coded", "-f")
        info = self.occam.json("inspect", "--json", path + ".h5")
        config, counters = info["config"], info["training"]["counters"]
        tokens = counters["steps"] * counters["recipe.batch_sequences"] * config["context"]
        seen = log_of(path)["step"]["bytes_seen"]
        tokenizer_bytes = info.get("tokenizer_bytes", 0)
        tables = sum(tensor["coded_bytes"] for tensor in info["tensors"]
                     if tensor["name"] in ("embedding", "head"))
        sizes = {name: config[name]
                 for name in ("parameters", "vocabulary", "width", "layers", "context")}
        return {"id": training.id, **sizes, "bytes_a_token": round(seen / tokens, 5),
                "tokens_seen": tokens, "bytes_seen": round(seen), "steps": counters["steps"],
                "model_bytes": info["model_bytes"], "tokenizer_bytes": tokenizer_bytes,
                "vocabulary_bytes": round(tokenizer_bytes + tables),
                "prequential_bpb": round(info["prequential"]["bpb"], 5),
                "train_s": round(info["training"]["numbers"]["elapsed_s"], 1),
                "train_cpu_s": used["cpu_s"], "train_peak_mb": used["peak_mb"],
                "precision": "bf16" if counters["recipe.bfloat16"] else "f32",
                "threads": int(self.occam.threads), "model_id": info["model_id"],
                "data_sha256": training.key["data"], "held_out_sha256": training.key["held_out"],
                "version": self.version, "machine": self.machine}

    def finish(self, training: Training, cell: SweepCell, trained: Cell) -> None:
        """Measures a cell and adds it to the results."""
        row, peaks = dict(trained), []
        for part in PARTS:
            if part == "in_sample" and not training.in_sample:
                continue
            file_of = self.held_out_file if part == "held_out" else self.in_sample_file
            sizes = self.measure(training, cell, file_of(training))
            row |= {f"{part}_{name}": sizes[name] for name in SIZES}
            row["model_bytes"] = sizes["model_bytes"]
            peaks.append(sizes["peak_mb"])
        row["code_peak_mb"] = max(peaks, default=None)
        row |= adjusted(row, training)
        with self.lock:
            self.grid.results.add(cell.key, row)
            self.finished(training, cell, row)

    def measure(self, training: Training, cell: SweepCell, data: str) -> Cell:
        """What a cell makes of a file, with the model's own rate."""
        model, options = self.work(training, "model.coded.occm"), dict(cell.compress)
        mode = options.pop("mode")
        sizes = self.occam.measure(model, data, mode, self.work(training), as_options(options))
        original, header = sizes["original_bytes"], sizes["header_bytes"]
        sizes["bpb"] = bits_a_byte(sizes["data_bytes"] + header, original)
        sizes["model_alone_bpb"] = sizes["bpb"]
        if sizes["segments_of_others"]:
            alone = self.occam.alone_bytes(model, data, mode)
            sizes["model_alone_bpb"] = bits_a_byte(alone + header, original)
        return sizes
