#!/usr/bin/env python3
"""Trains, compresses, restores and compares every cell of a grid, and writes a table of what each took.

  experiments/sweep.py SPEC.toml --out DIR [--text TEXT] [--cores N] [--threads N] [--dry-run] [--slurm [ARGUMENTS]] [--task N]

sweep_spec.py says what a SPEC is. A cell is a model, trained with its flags, and a way to compress with it; it is coded twice, each file
with its model in it, restored by a process that knows nothing else, and compared: the held-out part, and bytes that were trained on. Cells
that differ in the flags of compress share a training. TEXT may be packed with xz.

Writes into DIR: results.jsonl, a line for each finished cell, whatever becomes of the rest; results.csv, the same as a table, for a
repository; table.md, which fills while the sweep runs; models/ID.occm. Where an archive has segments by other methods, as order 2 passes a model
that has hardly learned, the rates of the model alone are measured, too. A sweep that was stopped, or killed, goes on where it
was: finished cells are not repeated, half-trained ones are resumed. Several sweeps may share DIR, of other machines, too, if its file
system knows locks (flock). --cores are shared by cells of --threads each.

--slurm writes DIR/slurm.sh, a job array with a task for each training that is not done, and submits it where sbatch is found, with
ARGUMENTS for it ("--partition=cpu --time=8:00:00"). By hand a task is `DIR/slurm.sh N` or `sweep.py ... --task N`.

--dry-run prints the cells with guesses of their time, corrected by the cells that are done, and starts nothing. Exit codes are those of Occam;
cells that fail do not stop the others.
"""

import argparse
import concurrent.futures
import contextlib
import csv
import fcntl
import io
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import sweep_spec
from occam_runs import (BIN, Cells, Failure, INTERRUPTED, IO, Occam, USAGE, digest_of_range, write_sample, write_slice, write_whole, run_script)

PARTS = ("held_out", "in_sample")
SIZES = ("original_bytes", "data_bytes", "header_bytes", "bpb", "model_alone_bpb", "segments_of_others", "compress_s", "restore_s")
MEASURED = ["parameters", "vocabulary", "width", "layers", "context", "bytes_a_token", "tokens_seen", "bytes_seen", "steps", "model_bytes",
            "tokenizer_bytes", "vocabulary_bytes", *(f"{part}_{size}" for part in PARTS for size in SIZES), "adjusted_bytes", "adjusted_rate",
            "adjusted_is", "prequential_bpb", "train_s", "train_cpu_s", "train_peak_mb", "code_peak_mb", "precision", "threads", "model_id",
            "data_sha256", "held_out_sha256", "version", "machine"]


def machine_name():
    """The processor, for the table."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} threads"
    return f"{platform.machine()}, {os.cpu_count()} threads"


class Sweep:
    def __init__(self, args):
        self.args, self.out = args, args.out
        self.spec = sweep_spec.Spec(args.spec)
        self.text = args.text or self.spec.text
        if self.text is None:
            raise Failure(USAGE, f"{args.spec} names no data.text: give --text")
        if not os.path.isfile(self.text):
            raise Failure(IO, f"{self.text} is missing: name the text with --text")
        self.occam = Occam(args.bin, args.threads)
        self.check_flags()
        self.digests = self.find_digests()
        self.trainings = self.spec.trainings(self.digests)
        for folder in ("", "data", "work", "models"):
            os.makedirs(os.path.join(self.out, folder), exist_ok=True)
        self.results = Cells(os.path.join(self.out, "results.jsonl"))
        self.probes = Cells(os.path.join(self.out, "probes.jsonl"))
        self.version = self.occam.run("train", "--version").strip()
        self.machine = machine_name()
        self.lock, self.probing = threading.Lock(), threading.Lock()

    def check_flags(self):
        pages = {command: self.occam.run(command, "--help") for command in ("train", "compress")}
        for command, flag in self.spec.flags():
            if f"--{flag} " not in pages[command] and f"--{flag}\n" not in pages[command]:
                raise Failure(USAGE, f"{self.spec.path}: {command} has no --{flag}")

    def find_digests(self):
        sizes = {settings["train_bytes"] for _, cells in self.spec.grids for settings in cells}
        ranges = {size: (0, size) for size in sizes} | {"held_out": self.spec.held_out}
        digests = {name: digest_of_range(self.text, *bounds) for name, bounds in ranges.items()}
        for name, digest in digests.items():
            if digest is None:
                raise Failure(USAGE, f"{self.text} has no bytes {ranges[name][0]}:{ranges[name][1]}")
        return digests

    # The parts of a training.

    def work(self, training, name=""):
        return os.path.join(self.out, "work", training.id, name)

    def model(self, training):
        return os.path.join(self.out, "models", training.id + ".occm")

    def held_out_file(self):
        return write_slice(self.text, *self.spec.held_out, os.path.join(self.out, "data", f"held-out-{self.digests['held_out'][:12]}"))

    def in_sample_file(self, training):
        digest = training.key["data"][:12]
        return write_sample(self.text, training.train_bytes, training.in_sample, os.path.join(self.out, "data", f"{digest}-{training.in_sample}"))

    def data_options(self, training):
        return ["--train-bytes", f"0:{training.train_bytes}", *self.text_options()]

    def text_options(self):
        begin, end = self.spec.held_out
        return ["--data", self.text, "--val-bytes", f"{begin}:{end}"]

    def bytes_a_token(self, training):
        """Measured by a step of a very small network with the tokenizer."""
        if not training.needs_bytes_a_token:
            return 1.0
        key = {"what": "bytes a token", "tokenizer": training.tokenizer, "data": training.key["data"]}
        with self.probing:
            return self.probes.get(key, lambda: self.probe(training))["bytes_a_token"]

    def probe(self, training):
        path = self.work(training, "probe")
        self.occam.run_measured("train", *self.data_options(training), "--tokenizer", training.tokenizer, "--width", 16, "--layers", 1, "--context", 16,
                                "--batch", 1, "--steps", 1, "-T", self.occam.threads, "-q", "-f", "-o", path + ".h5")
        found = {"bytes_a_token": self.log_of(path)["step"]["bytes_seen"] / 16}
        for ending in (".h5", ".occm", ".log.jsonl"):
            os.remove(path + ending)
        return found

    @staticmethod
    def log_of(path):
        """The last line of each event of a training's log."""
        last = {}
        with open(path + ".log.jsonl", encoding="utf-8", errors="replace") as log:
            for line in log:
                with contextlib.suppress(ValueError):
                    event = json.loads(line)
                    last[event["event"]] = event
        return last

    def train(self, training, lock):
        """Trains, or goes on with a training; what its last piece took. The child holds the lock: it may outlive a sweep that is killed."""
        path = self.work(training, "model")
        if os.path.exists(path + ".occm"):
            return {"cpu_s": None, "peak_mb": None}
        usual = ["-T", self.occam.threads, "-q", "-o", path + ".h5"]
        resumed = os.path.exists(path + ".h5")
        if resumed:
            used = self.occam.run_measured("train", "--resume", *self.text_options(), *usual, pass_fds=[lock])
        else:
            used = self.occam.run_measured("train", *self.data_options(training), *training.arguments(self.bytes_a_token(training)), *usual, "-f",
                                           pass_fds=[lock])
        return {**used, "cpu_s": None if resumed else used["cpu_s"]}

    def make(self, training):
        """All cells of a training that are not there."""
        with open(os.path.join(self.out, "work", training.id + ".lock"), "w", encoding="utf-8") as lock:
            self.wait_for(lock, training)
            with self.lock:
                self.results.refresh()
            missing = [cell for cell in training.cells if self.results.find(cell["key"]) is None]
            if missing:
                os.makedirs(self.work(training), exist_ok=True)
                used = self.train(training, lock.fileno())
                trained = self.describe(training, used)
                for cell in missing:
                    self.finish(training, cell, trained)
                shutil.copyfile(self.work(training, "model.coded.occm"), self.model(training) + ".new")
                os.replace(self.model(training) + ".new", self.model(training))
                if not self.args.keep:
                    shutil.rmtree(self.work(training))

    def wait_for(self, lock, training):
        said = False
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not said:
                    print(f"{training.id}: another sweep, or a training that outlived one, has it; waiting", file=sys.stderr, flush=True)
                said = True
                if self.occam.stopped:
                    raise Failure(INTERRUPTED, "interrupted")
                time.sleep(1)

    def describe(self, training, used):
        """Of the model, as every cell says it."""
        path = self.work(training, "model")
        self.occam.run("inspect", path + ".h5", "--export", path + ".coded.occm", "--coded", "-f")
        info = self.occam.json("inspect", "--json", path + ".h5")
        log = self.log_of(path)
        config, counters = info["config"], info["training"]["counters"]
        tokens = counters["steps"] * counters["recipe.batch_sequences"] * config["context"]
        seen = log["step"]["bytes_seen"]
        tokenizer_bytes = info.get("tokenizer_bytes", 0)
        tables = sum(t["coded_bytes"] for t in info["tensors"] if t["name"] in ("embedding", "head"))
        return {"id": training.id, **{name: config[name] for name in ("parameters", "vocabulary", "width", "layers", "context")},
                "bytes_a_token": round(seen / tokens, 5), "tokens_seen": tokens, "bytes_seen": round(seen),
                "steps": counters["steps"], "model_bytes": info["model_bytes"], "tokenizer_bytes": tokenizer_bytes,
                "vocabulary_bytes": round(tokenizer_bytes + tables), "prequential_bpb": round(info["prequential"]["bpb"], 5),
                "train_s": round(info["training"]["numbers"]["elapsed_s"], 1), "train_cpu_s": used["cpu_s"], "train_peak_mb": used["peak_mb"],
                "precision": "bf16" if counters["recipe.bfloat16"] else "f32", "threads": int(self.occam.threads), "model_id": info["model_id"],
                "data_sha256": training.key["data"], "held_out_sha256": training.key["held_out"], "version": self.version, "machine": self.machine}

    def finish(self, training, cell, trained):
        row = dict(trained)
        options = dict(cell["compress"])
        mode = options.pop("mode")
        peaks = []
        parts = {"held_out": self.held_out_file(),
                 "in_sample": self.in_sample_file(training) if training.in_sample else None}
        for part, data in parts.items():
            if data is None:
                continue
            sizes = self.occam.measure(self.work(training, "model.coded.occm"), data, mode, self.work(training), sweep_spec.as_options(options))
            sizes["bpb"] = round(8 * (sizes["data_bytes"] + sizes["header_bytes"]) / sizes["original_bytes"], 5)
            sizes["model_alone_bpb"] = sizes["bpb"]
            if sizes["segments_of_others"]:
                alone = self.occam.alone_bytes(self.work(training, "model.coded.occm"), data, mode)
                sizes["model_alone_bpb"] = round(8 * (alone + sizes["header_bytes"]) / sizes["original_bytes"], 5)
            row |= {f"{part}_{name}": sizes[name] for name in SIZES}
            row["model_bytes"] = sizes["model_bytes"]
            peaks.append(sizes["peak_mb"])
        row["code_peak_mb"] = max(peaks, default=None)
        row |= adjusted(row, training)
        with self.lock:
            self.results.add(cell["key"], row)
            self.write()
            self.tell(training, cell, row)

    # What is said of it.

    def tell(self, training, cell, row):
        done, total = self.count()
        left = self.seconds_left() / self.workers()
        rates = ", ".join(f"{part.replace('_', ' ')} {row[f'{part}_bpb']:.4f} bpb" for part in PARTS if f"{part}_bpb" in row)
        print(f"[{done}/{total}] {training.id} {self.varying_text(training, cell)}: {rates}, model {row['model_bytes']:,} bytes; "
              f"about {left / 60:.1f} min left", file=sys.stderr, flush=True)

    def count(self):
        cells = [cell for training in self.trainings for cell in training.cells]
        return sum(self.results.find(cell["key"]) is not None for cell in cells), len(cells)

    def workers(self):
        return max(1, self.args.cores // max(1, self.args.threads))

    def all_settings(self, training, cell):
        return {**training.settings, **{f"compress.{name}": value for name, value in cell["compress"].items()}}

    def varying(self):
        """Settings that differ between cells."""
        rows = [self.all_settings(training, cell) for training in self.trainings for cell in training.cells]
        names = dict.fromkeys(name for row in rows for name in row)
        return [name for name in names if len({json.dumps(row.get(name)) for row in rows}) > 1]

    def varying_text(self, training, cell):
        settings = self.all_settings(training, cell)
        return ", ".join(f"{name.split('.')[-1]} {settings[name]}" for name in self.varying() if name in settings) or self.spec.name

    def done(self, training):
        return all(self.results.find(cell["key"]) for cell in training.cells)

    def guess(self, training):
        tokenizer = training.tokenizer
        probe = self.probes.find({"what": "bytes a token", "tokenizer": tokenizer, "data": training.key["data"]})
        ratio = probe["bytes_a_token"] if probe else sweep_spec.guessed_bytes_a_token(tokenizer)
        coded = training.in_sample + self.spec.held_out[1] - self.spec.held_out[0]
        return training.guessed_seconds(ratio, coded) / max(1, self.args.threads)

    def correction(self):
        """By how much the guesses of finished trainings were wrong."""
        took, guessed = 0.0, 0.0
        for training in filter(self.done, self.trainings):
            rows = [self.results.find(cell["key"]) for cell in training.cells]
            took += rows[0]["train_s"] + sum(row.get(f"{part}_{what}", 0) for row in rows for part in PARTS for what in ("compress_s", "restore_s"))
            guessed += self.guess(training)
        return took / guessed if guessed else 1.0

    def seconds_left(self):
        return self.correction() * sum(self.guess(training) for training in self.trainings if not self.done(training))

    def rows(self):
        """Finished cells in the order of the sweep, once for each label."""
        for training in self.trainings:
            for cell in training.cells:
                row = self.results.find(cell["key"])
                for label in cell["labels"] if row else []:
                    yield {"study": self.spec.name, "label": label, **self.all_settings(training, cell), **row}

    def write(self):
        # Other processes may finish cells at this moment: whoever writes last has read them all.
        with open(os.path.join(self.out, "work", "tables.lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.results.refresh()
            self.write_tables()

    def write_tables(self):
        rows = sorted(self.rows(), key=lambda row: [label for label, _ in self.spec.grids].index(row["label"]))
        settings = list(dict.fromkeys(name for t in self.trainings for cell in t.cells for name in self.all_settings(t, cell)))
        text = io.StringIO()
        table = csv.DictWriter(text, ["study", "label", "id", *settings, *MEASURED], extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        write_whole(os.path.join(self.out, "results.csv"), text.getvalue())
        write_whole(os.path.join(self.out, "table.md"), "\n".join(self.table(rows)) + "\n")

    def table(self, rows):
        varying = self.varying()
        done, total = self.count()
        columns = ["parameters", "model_bytes", "held_out_bpb", "in_sample_bpb", "adjusted_rate", "train_s"]
        lines = [f"{self.spec.name}: {done} of {total} cells.", "", "| | " + " | ".join([*varying, *columns]) + " |",
                 "|" + "---|" * (1 + len(varying) + len(columns))]
        for row in rows:
            lines.append("| " + " | ".join([row["label"], *(str(row.get(name, "")) for name in [*varying, *columns])]) + " |")
        return lines

    def dry_run(self):
        factor = self.correction()
        for number, training in enumerate(self.trainings):
            for cell in training.cells:
                state = "done" if self.results.find(cell["key"]) else "half trained" if os.path.exists(self.work(training, "model.h5")) else ""
                print(f"{number:4} {training.id} {factor * self.guess(training) / len(training.cells) / 60:8.1f} min  "
                      f"{'; '.join(filter(None, cell['labels']))}{': ' if any(cell['labels']) else ''}{self.varying_text(training, cell)}"
                      f"{'  ' + state if state else ''}")
        done, total = self.count()
        left = self.seconds_left()
        print(f"{total} cells of {len(self.trainings)} trainings, {done} done; about {left * self.args.threads / 3600:.2f} hours of one core left, "
              f"{left / self.workers() / 3600:.2f} hours with {self.args.cores} cores"
              + (f" (guesses times {factor:.2f}, by the cells that are done)" if done else " (a guess, as yet)"))

    # Running.

    def run(self, trainings):
        missing = [training for training in trainings if not self.done(training)]
        failures = []
        with concurrent.futures.ThreadPoolExecutor(self.workers()) as pool:
            running = {pool.submit(self.make, training): training for training in missing}
            try:
                for future in concurrent.futures.as_completed(running):
                    failure = future.exception()
                    if isinstance(failure, (Failure, OSError)):
                        failures.append(failure)
                        print(f"sweep.py: {running[future].id}: {failure}", file=sys.stderr, flush=True)
                    elif failure is not None:
                        raise failure
            except BaseException:
                self.occam.interrupt()
                pool.shutdown(cancel_futures=True)
                raise
        self.write()
        print("\n".join(self.table(list(self.rows()))))
        if failures:
            raise Failure(getattr(failures[0], "code", IO), f"{len(failures)} of {len(missing)} trainings failed; run it again to try them again")

    def slurm(self, arguments):
        """Writes the job array, and submits it where there is a Slurm."""
        missing = [str(number) for number, training in enumerate(self.trainings) if not self.done(training)]
        if not missing:
            print("sweep.py: all cells are done", file=sys.stderr)
            return
        hours = 1 + 3 * self.correction() * max(map(self.guess, self.trainings)) / 3600
        command = [sys.executable, os.path.abspath(__file__), os.path.abspath(self.args.spec), "--out", os.path.abspath(self.out), "--text",
                   os.path.abspath(self.text), "--bin", os.path.abspath(self.args.bin), "--threads", self.args.threads]
        path = write_whole(os.path.join(self.out, "slurm.sh"), SLURM.format(
            name=self.spec.name, tasks=",".join(missing), cpus=max(1, self.args.threads), hours=round(hours),
            log=os.path.join(os.path.abspath(self.out), "slurm-%A-%a.log"), command=shlex.join(map(str, command))))
        os.chmod(path, 0o755)
        if shutil.which("sbatch") is None:
            print(f"{path}: no sbatch here; each task by hand: for n in {' '.join(missing)}; do {path} $n; done")
            return
        done = subprocess.run(["sbatch", *shlex.split(arguments), path], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(IO, f"sbatch {path}: {done.stderr.strip()}")
        print(done.stdout.strip())


SLURM = """#!/usr/bin/env bash
# A task for each training that was not done; one that is stopped before its end writes a checkpoint, and the next goes on with it.
#SBATCH --job-name={name}
#SBATCH --array={tasks}
#SBATCH --cpus-per-task={cpus}
#SBATCH --time={hours}:00:00
#SBATCH --signal=B:INT@120
#SBATCH --requeue
#SBATCH --output={log}
set -eu
exec {command} --task "${{SLURM_ARRAY_TASK_ID:-$1}}"
"""


def adjusted(row, training):
    """The size of the text trained on in a file with its model: measured, or where a sample was coded, by its rate."""
    coded = row.get("in_sample_original_bytes")
    if not coded:
        return {}
    total = row["in_sample_data_bytes"] + row["in_sample_header_bytes"]
    size = round(total * training.train_bytes / coded) + row["model_bytes"]
    return {"adjusted_bytes": size, "adjusted_rate": round(size / training.train_bytes, 6), "adjusted_is": "a file" if coded == training.train_bytes else "by a sample"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", metavar="SPEC.toml")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--text", metavar="TEXT", help="instead of the spec's")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), metavar="N", help="for all cells together (all)")
    parser.add_argument("-T", "--threads", type=int, default=1, metavar="N", help="of a cell (1)")
    parser.add_argument("--dry-run", action="store_true", help="print the cells and their time")
    parser.add_argument("--slurm", nargs="?", const="", metavar="ARGUMENTS", help="write a Slurm job array, and submit it")
    parser.add_argument("--task", type=int, metavar="N", help="this training alone, as --dry-run numbers them")
    parser.add_argument("--keep", action="store_true", help="keep checkpoints, logs and float weights of finished trainings in DIR/work")
    parser.add_argument("--bin", default=BIN, metavar="DIR", help="where occam is (build/release/bin)")
    args = parser.parse_args()
    if args.cores < 1 or args.threads < 1:
        raise Failure(USAGE, "--cores and --threads are at least 1")
    return args


def main():
    args = parse_arguments()

    def stop(*_):
        raise KeyboardInterrupt

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)  # SIGINT, too: a shell's background jobs ignore it otherwise
    sweep = Sweep(args)
    if args.dry_run:
        return sweep.dry_run()
    write_whole(os.path.join(args.out, "spec.toml"), sweep.spec.source)
    if args.slurm is not None:
        return sweep.slurm(args.slurm)
    if args.task is not None and not 0 <= args.task < len(sweep.trainings):
        raise Failure(USAGE, f"--task {args.task}: the sweep has trainings 0 to {len(sweep.trainings) - 1}")
    sweep.run(sweep.trainings if args.task is None else [sweep.trainings[args.task]])


if __name__ == "__main__":
    run_script(main)
