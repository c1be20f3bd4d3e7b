"""The run of the study: trainings, and files that are coded as their models come."""

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ..cells import Cell, Cells
from ..errors import INTERNAL, IO, Failure
from ..files import open_text, read_json_lines, write_sample, write_slice, write_whole
from ..occam import EXPERIMENTS, Occam
from ..twin.configuration import completed
from ..units import bytes_text
from .points import FILE, estimated_bytes, has_memory

POLL_S = 0.5
FIRST, ADAPTIVE, WHOLE = 0, 1, 2  # kinds of jobs, the most urgent first
WHOLE_TOGETHER = 2  # files of kind WHOLE at a time
KEPT_OF_RUN = ("width", "layers", "train_bytes", "tokens", "seed", "weight_bits", "memory",
               "memory_bits", "memory_round", "bpb", "bpb_kept", "bpb_coded", "tokens_per_s",
               "seconds")


@dataclass(order=True)
class Job:
    """A file to code: a network's text or a sample of it, in a mode."""

    urgency: tuple[int, float]
    run: dict[str, Any] = field(compare=False)
    text: str = field(compare=False)
    mode: str = field(compare=False)

    def key(self) -> dict[str, Any]:
        return {"what": FILE, "name": self.run["name"], "mode": self.mode,
                "coded": os.path.getsize(self.text)}


class Study:
    """Twins in processes of their own, and threads that code what they kept."""

    def __init__(self, args: argparse.Namespace, occam: Occam) -> None:
        self.args, self.occam = args, occam
        self.occam_whole = Occam(args.bin, max(1, args.threads // WHOLE_TOGETHER))
        self.began = time.monotonic()
        self.work = args.work or args.out
        os.makedirs(self.work, exist_ok=True)
        self.cells = Cells(os.path.join(args.out, "cells.jsonl"))
        self.lock = threading.Lock()  # of cells and of models
        self.jobs: queue.PriorityQueue[Job] = queue.PriorityQueue()
        self.seen: set[str] = set()  # names of networks whose jobs are known
        self.whole: set[str] = set()  # those that were, or will be, coded whole at the end
        self.stopping = False
        self.failures: list[Failure] = []
        self.lists = sorted(name.removesuffix(".jsonl") for name in os.listdir(args.specs)
                            if name.endswith(".jsonl"))
        if not self.lists:
            raise Failure(IO, f"{args.specs} has no lists")
        self.text = self._plain_text()
        self.sizes: dict[int, tuple[str, str]] = {}  # of texts: whole, and what is coded first

    def _plain_text(self) -> str:
        """The text as a file that the twin reads, unpacked."""
        if not self.args.text.endswith(".xz"):
            return str(self.args.text)
        path = os.path.join(self.work, "text")
        if not os.path.exists(path):
            with open_text(self.args.text) as source:
                write_whole(path, source.read())
        return path

    def _texts_of(self, size: int) -> tuple[str, str]:
        if size not in self.sizes:
            whole = write_slice(self.text, 0, size, os.path.join(self.work, f"text-{size}"))
            first = whole
            if size > self.args.whole_up_to:
                sample = os.path.join(self.work, f"sample-{size}")
                first = write_sample(self.text, size, self.args.sample, sample)
            self.sizes[size] = whole, first
        return self.sizes[size]

    # Training.

    def _twin(self, name: str) -> "subprocess.Popen[bytes]":
        """Starts the training of a list."""
        log = open(os.path.join(self.args.out, f"twin-{name}.log"), "ab")
        with log:
            return subprocess.Popen(
                [sys.executable, os.path.join(EXPERIMENTS, "torch_twin.py"),
                 os.path.join(self.args.specs, name + ".jsonl"), "--data", self.text,
                 "--out", self._results(name), "--save", os.path.join(self.work, "kept"),
                 "--together", "1", "--points", "1", *self.args.twin.split()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def _results(self, name: str) -> str:
        return os.path.join(self.args.out, f"results-{name}.jsonl")

    def _look(self) -> None:
        """Makes jobs of networks that were trained since."""
        for name in self.lists:
            if not os.path.exists(self._results(name)):
                continue
            with open(self._results(name), encoding="utf-8") as file:
                lines = [line for line in file if line.endswith("\n")]
            for run in map(json.loads, lines):
                if run["name"] not in self.seen:
                    self.seen.add(run["name"])
                    self._add_jobs(run)

    def _add_jobs(self, run: dict[str, Any]) -> None:
        whole, first = self._texts_of(run["train_bytes"])
        self._add(Job((FIRST, float(len(self.seen))), run, first, "chunked"))
        if first != whole:
            self._add(Job((ADAPTIVE, float(len(self.seen))), run, first, "adaptive"))

    def _add(self, job: Job) -> None:
        if self.cells.find(job.key()) is None:
            self.jobs.put(job)

    # Coding.

    def _model(self, run: dict[str, Any], folder: str) -> str:
        """The coded model of a network, of what the twin kept."""
        from ..twin.checkpoint import write_checkpoint
        import numpy

        name = run["name"].replace(" ", "_")  # as the twin names files
        coded = os.path.join(self.work, "models", name + ".occm")
        if os.path.exists(coded):
            return coded
        os.makedirs(os.path.dirname(coded), exist_ok=True)
        made, model = os.path.join(folder, "model.h5"), os.path.join(folder, "model.occm")
        with numpy.load(os.path.join(self.work, "kept", name + ".npz")) as saved:
            write_checkpoint(made, dict(saved))
        self.occam.run("inspect", made, "--export", model, "--coded", "-f")
        os.replace(model, coded)
        return coded

    def _code(self, job: Job) -> None:
        """Codes, restores and compares a file, and notes what came out."""
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            model = self._model(job.run, folder)
            about = self.occam.json("inspect", "--json", model)
            occam = self.occam_whole if job.urgency[0] == WHOLE else self.occam
            sizes = occam.measure(model, job.text, job.mode, folder)
        run = {name: value for name, value in completed(job.run).items() if name in KEPT_OF_RUN}
        memory = about.get("memory", {})
        cell = {**run, **sizes, "multiplications": about["coding"]["symbol_multiplications"],
                "memory_bytes": memory.get("memory_bytes", 0),
                "rows_in_use": sum(t["rows_in_use"] for t in memory.get("tables", []))}
        with self.lock:
            self.cells.add(job.key(), cell)
        print(f"{job.run['name']}, {job.mode}, {bytes_text(sizes['original_bytes'])}: "
              f"{sizes['data_bytes']:,} and the model's {sizes['model_bytes']:,} bytes, "
              f"{sizes['compress_s']:.0f} and {sizes['restore_s']:.0f} s", flush=True)

    def _worker(self) -> None:
        while not self.stopping:
            try:
                job = self.jobs.get(timeout=POLL_S)
            except queue.Empty:
                continue
            try:
                self._code(job)
            except Failure as failure:
                self._failed(failure)
            except Exception as error:  # a thread's error would be lost
                self._failed(Failure(INTERNAL, f"{job.run['name']}: {error!r}"))
            finally:
                self.jobs.task_done()

    def _failed(self, failure: Failure) -> None:
        if not self.stopping:
            self.failures.append(failure)
            print(f"failed: {failure}", file=sys.stderr, flush=True)

    def _left_s(self) -> float:
        return 60 * self.args.minutes - (time.monotonic() - self.began)

    def _whole_s(self, cell: Cell) -> float:
        """Seconds that a file will take whole, judged by its sample's."""
        seconds = cell["compress_s"] + cell["restore_s"]
        threads = int(self.occam.threads) / int(self.occam_whole.threads)
        return float(seconds * threads * cell["train_bytes"] / cell["original_bytes"])

    def _long_texts_are_coded(self) -> bool:
        """Whether each network of a text that is not coded whole at once has its first file."""
        names = set()
        for name in self.lists:
            for line in read_json_lines(os.path.join(self.args.specs, name + ".jsonl")):
                if line.get("train_bytes", 0) > self.args.whole_up_to:
                    names.add(line["name"])
        return names <= {c["key"]["name"] for c in self.cells.cells}

    def _add_whole(self) -> bool:
        """Makes a job of the file that is the most worth coding whole; False if none is left."""
        with self.lock:
            known = [c for c in self.cells.cells if c["key"]["what"] == FILE
                     and c["key"]["mode"] == "chunked"]
        done = {c["key"]["name"] for c in known if c["original_bytes"] == c["train_bytes"]}
        sampled = [c for c in known if c["original_bytes"] < c["train_bytes"]]
        groups: dict[Any, list[Cell]] = {}
        for cell in sampled:
            for group in ((has_memory(cell),), (has_memory(cell), cell["width"])):
                groups.setdefault((cell["train_bytes"], *group), []).append(cell)
        best = {c["key"]["name"]: c
                for c in (min(group, key=estimated_bytes) for group in groups.values())}
        left = [c for name, c in best.items()
                if name not in done | self.whole and self._whole_s(c) < self._left_s()]
        if not left:
            return False
        cell = min(left, key=estimated_bytes)
        name = cell["key"]["name"]
        self.whole.add(name)
        run = {"name": name, **{k: cell[k] for k in KEPT_OF_RUN if k in cell}}
        job = Job((WHOLE, 0.0), run, self._texts_of(cell["train_bytes"])[0], "chunked")
        self._add(job)
        return True

    def run(self) -> None:
        """Until all is done, or the minutes are over."""
        twins = [self._twin(name) for name in self.lists]
        threads = [threading.Thread(target=self._worker, daemon=True)
                   for _ in range(self.args.together)]
        for thread in threads:
            thread.start()
        try:
            while self._left_s() > 0:
                training = any(twin.poll() is None for twin in twins)
                self._look()
                left = self.jobs.unfinished_tasks
                if left < WHOLE_TOGETHER and (not training or self._long_texts_are_coded()):
                    if not self._add_whole() and left == 0 and not training:
                        break
                time.sleep(POLL_S)
        finally:
            self._stop(twins, threads)
        for name, twin in zip(self.lists, twins):
            if twin.returncode > 0:
                self.failures.append(Failure(twin.returncode, f"torch_twin.py failed on {name}: "
                                             f"see twin-{name}.log"))

    def _stop(self, twins: "list[subprocess.Popen[bytes]]", threads: list[threading.Thread]
              ) -> None:
        self.stopping = True
        self.occam.interrupt()
        self.occam_whole.interrupt()
        for twin in twins:
            if twin.poll() is None:
                twin.terminate()
            twin.wait()
        for thread in threads:
            thread.join(timeout=20)
