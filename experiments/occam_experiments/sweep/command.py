"""Trains, compresses, restores and compares every cell of a grid, and writes a table of them.

  experiments/sweep.py SPEC.toml --out DIR [--text TEXT] [--cores N] [--threads N]
                       [--dry-run] [--slurm [ARGUMENTS]] [--task N]

occam_experiments/sweep/spec.py says what a SPEC is. A cell is a model, trained with its flags, and
a way to compress with it. It is coded twice: the held-out part, and bytes that were trained on.
Each file has its model in it, is restored by a process that knows nothing else, and is compared.
Cells that differ in the flags of compress share a training. TEXT may be packed with xz.

Writes into DIR: results.jsonl, a line for each finished cell, whatever becomes of the rest;
results.csv, the same as a table, for a repository; table.md, which fills while the sweep runs;
models/ID.occm. Where an archive has segments by other methods, the rates of the model alone are
measured, too: order 2 passes a model that has hardly learned.

A sweep that was stopped, or killed, goes on where it was: finished cells are not repeated,
half-trained ones are resumed. Several sweeps may share DIR, of other machines, too, if its file
system knows locks (flock). --cores are shared by cells of --threads each.

--slurm writes DIR/slurm.sh, a job array with a task for each training that is not done. It submits
it where sbatch is found, with ARGUMENTS ("--partition=cpu --time=8:00:00"). By hand a task is
`DIR/slurm.sh N` or `sweep.py ... --task N`.

--dry-run prints the cells with guesses of their time, corrected by the cells that are done, and
starts nothing. Exit codes are those of Occam; cells that fail do not stop the others.
"""

import argparse
import concurrent.futures
import os
import signal
import sys

from ..cells import Cell
from ..errors import IO, USAGE, Failure, script_name
from ..files import digest_of_range, write_whole
from ..job_array import JobArray, submit
from ..occam import BIN, EXPERIMENTS, Occam
from ..progress import Progress
from .grid import PARTS, Grid
from .runs import Runs
from .spec import Spec
from .table import Tables
from .training import SweepCell, Training, trainings_of


def check_flags(spec: Spec, occam: Occam) -> None:
    pages = {command: occam.run(command, "--help") for command in ("train", "compress")}
    for command, flag in spec.flags():
        if f"--{flag} " not in pages[command] and f"--{flag}\n" not in pages[command]:
            raise Failure(USAGE, f"{spec.path}: {command} has no --{flag}")


def find_digests(spec: Spec, text: str) -> dict[int | str, str]:
    """SHA-256 of every part of the text that a cell is trained on or measured by."""
    ranges: dict[int | str, tuple[int, int]] = {size: (0, size) for size in spec.train_sizes()}
    ranges["held_out"] = spec.held_out
    digests = {}
    for name, (begin, end) in ranges.items():
        digest = digest_of_range(text, begin, end)
        if digest is None:
            raise Failure(USAGE, f"{text} has no bytes {begin}:{end}")
        digests[name] = digest
    return digests


class Sweep:
    """A spec, run in a folder: its grid of cells, what makes them, and their tables."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.spec = Spec(args.spec)
        text: str | None = args.text or self.spec.text
        if text is None:
            raise Failure(USAGE, f"{args.spec} names no data.text: give --text")
        if not os.path.isfile(text):
            raise Failure(IO, f"{text} is missing: name the text with --text")
        self.text = text
        self.occam = Occam(args.bin, args.threads)
        check_flags(self.spec, self.occam)
        trainings = trainings_of(self.spec, find_digests(self.spec, self.text))
        os.makedirs(args.out, exist_ok=True)
        self.grid = Grid(self.spec, trainings, args.out, args.threads)
        self.runs = Runs(self.grid, self.occam, self.text, args.out, args.keep, self.finished)
        self.tables = Tables(self.grid, args.out)
        self.progress: Progress | None = None

    def workers(self) -> int:
        return max(1, self.args.cores // max(1, self.args.threads))

    def finished(self, training: Training, cell: SweepCell, row: Cell) -> None:
        """Tells of a new cell, whose row the tables get."""
        self.tables.write()
        done, total = self.grid.count()
        rates = ", ".join(f"{part.replace('_', ' ')} {row[f'{part}_bpb']:.4f} bpb"
                          for part in PARTS if f"{part}_bpb" in row)
        left = self.grid.seconds_left() / self.workers() / 60
        if self.progress is not None:
            self.progress.tell(
                f"[{done}/{total}] {training.id} {self.grid.varying_text(training, cell)}: "
                f"{rates}, model {row['model_bytes']:,} bytes; about {left:.1f} min left")

    def run(self, trainings: list[Training]) -> None:
        missing = [training for training in trainings if not self.grid.done(training)]
        done, total = self.grid.count()
        with Progress(total, done) as self.progress:
            failures = self.make(missing)
        self.tables.write()
        print(self.tables.markdown(self.tables.frame()), end="")
        if failures:
            code = getattr(failures[0], "code", IO)
            raise Failure(code, f"{len(failures)} of {len(missing)} trainings failed; "
                                "run it again to try them again")

    def make(self, missing: list[Training]) -> list[BaseException]:
        """Makes trainings side by side. Returns what failed; other trainings go on."""
        failures: list[BaseException] = []
        with concurrent.futures.ThreadPoolExecutor(self.workers()) as pool:
            running = {pool.submit(self.runs.make, training): training for training in missing}
            try:
                for future in concurrent.futures.as_completed(running):
                    failure = future.exception()
                    if isinstance(failure, (Failure, OSError)):
                        failures.append(failure)
                        print(f"{script_name()}: {running[future].id}: {failure}",
                              file=sys.stderr, flush=True)
                    elif failure is not None:
                        raise failure
            except BaseException:
                self.occam.interrupt()
                pool.shutdown(cancel_futures=True)
                raise
        return failures

    def dry_run(self) -> None:
        """Prints every cell, with the time that it may take."""
        factor = self.grid.correction()
        for number, training in enumerate(self.grid.trainings):
            half = os.path.exists(self.runs.work(training, "model.h5"))
            minutes = factor * self.grid.guess(training) / len(training.cells) / 60
            for cell in training.cells:
                done = self.grid.result(cell)
                state = "  done" if done else "  half trained" if half else ""
                labels = "; ".join(filter(None, cell.labels))
                print(f"{number:4} {training.id} {minutes:8.1f} min  "
                      f"{labels + ': ' if labels else ''}"
                      f"{self.grid.varying_text(training, cell)}{state}")
        finished, total = self.grid.count()
        hours = self.grid.seconds_left() / 3600
        remark = (f" (guesses times {factor:.2f}, by the cells that are done)" if finished
                  else " (a guess, as yet)")
        print(f"{total} cells of {len(self.grid.trainings)} trainings, {finished} done; about "
              f"{hours * self.args.threads:.2f} hours of one core left, "
              f"{hours / self.workers():.2f} hours with {self.args.cores} cores{remark}")

    def submit(self, arguments: str) -> None:
        """Submits a job array of the trainings that are not done."""
        missing = [number for number, training in enumerate(self.grid.trainings)
                   if not self.grid.done(training)]
        if not missing:
            print(f"{script_name()}: all cells are done", file=sys.stderr)
            return
        longest = self.grid.correction() * max(map(self.grid.guess, self.grid.trainings))
        command = [sys.executable, os.path.join(EXPERIMENTS, "sweep.py"),
                   os.path.abspath(self.args.spec), "--out", os.path.abspath(self.args.out),
                   "--text", os.path.abspath(self.text), "--bin", os.path.abspath(self.args.bin),
                   "--threads", str(self.args.threads)]
        print(submit(JobArray(self.spec.name, command, missing, max(1, self.args.threads),
                              round(1 + 3 * longest / 3600), self.args.out), arguments))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", metavar="SPEC.toml")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--text", metavar="TEXT", help="instead of the spec's")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), metavar="N",
                        help="for all cells together (all)")
    parser.add_argument("-T", "--threads", type=int, default=1, metavar="N", help="of a cell (1)")
    parser.add_argument("--dry-run", action="store_true", help="print the cells and their time")
    parser.add_argument("--slurm", nargs="?", const="", metavar="ARGUMENTS",
                        help="write a Slurm job array, and submit it")
    parser.add_argument("--task", type=int, metavar="N",
                        help="this training alone, as --dry-run numbers them")
    parser.add_argument("--keep", action="store_true",
                        help="keep checkpoints, logs and float weights of finished trainings in "
                             "DIR/work")
    parser.add_argument("--bin", default=BIN, metavar="DIR",
                        help="where occam is (build/release/bin)")
    args = parser.parse_args()
    if args.cores < 1 or args.threads < 1:
        raise Failure(USAGE, "--cores and --threads are at least 1")
    return args


def main() -> None:
    args = parse_arguments()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)  # SIGINT, too: a shell's background jobs ignore it otherwise
    sweep = Sweep(args)
    if args.dry_run:
        return sweep.dry_run()
    write_whole(os.path.join(args.out, "spec.toml"), sweep.spec.source)
    if args.slurm is not None:
        return sweep.submit(args.slurm)
    trainings = sweep.grid.trainings
    if args.task is not None:
        if not 0 <= args.task < len(trainings):
            raise Failure(USAGE, f"--task {args.task}: the sweep has trainings 0 to "
                                 f"{len(trainings) - 1}")
        trainings = [trainings[args.task]]
    sweep.run(trainings)
