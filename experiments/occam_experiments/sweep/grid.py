"""A sweep's cells: which are done, how they differ, and how long the others take."""

import json
import os
from collections.abc import Iterator

from ..cells import Cell, Cells
from .spec import Spec
from .training import SweepCell, Training, guessed_bytes_a_token

PARTS = ("held_out", "in_sample")


class Grid:
    """The trainings of a spec and their finished cells, in a folder."""

    def __init__(self, spec: Spec, trainings: list[Training], out: str, threads: int) -> None:
        self.spec, self.trainings, self.threads = spec, trainings, max(1, threads)
        self.results = Cells(os.path.join(out, "results.jsonl"))
        self.probes = Cells(os.path.join(out, "probes.jsonl"))

    def pairs(self) -> Iterator[tuple[Training, SweepCell]]:
        for training in self.trainings:
            for cell in training.cells:
                yield training, cell

    def result(self, cell: SweepCell) -> Cell | None:
        return self.results.find(cell.key)

    def done(self, training: Training) -> bool:
        return all(self.result(cell) for cell in training.cells)

    def count(self) -> tuple[int, int]:
        """(cells that are done, cells)."""
        found = [self.result(cell) is not None for _, cell in self.pairs()]
        return sum(found), len(found)

    def varying(self) -> list[str]:
        """Settings that differ between cells."""
        rows = [training.all_settings(cell) for training, cell in self.pairs()]
        names = dict.fromkeys(name for row in rows for name in row)
        return [name for name in names if len({json.dumps(row.get(name)) for row in rows}) > 1]

    def varying_text(self, training: Training, cell: SweepCell) -> str:
        settings = training.all_settings(cell)
        texts = [f"{name.split('.')[-1]} {settings[name]}" for name in self.varying()
                 if name in settings]
        return ", ".join(texts) or self.spec.name

    def guess(self, training: Training) -> float:
        """Seconds that a training and its cells take, uncorrected."""
        tokenizer = training.tokenizer
        probe = self.probes.find({"what": "bytes a token", "tokenizer": tokenizer,
                                  "data": training.key["data"]})
        ratio = probe["bytes_a_token"] if probe else guessed_bytes_a_token(tokenizer)
        coded = training.in_sample + self.spec.held_out[1] - self.spec.held_out[0]
        return training.guessed_seconds(ratio, coded) / self.threads

    def correction(self) -> float:
        """By how much the guesses of finished trainings were wrong."""
        took = guessed = 0.0
        for training in self.trainings:
            rows = [row for row in map(self.result, training.cells) if row is not None]
            if len(rows) < len(training.cells):
                continue
            took += rows[0]["train_s"]
            took += sum(row.get(f"{part}_{what}", 0) for row in rows for part in PARTS
                        for what in ("compress_s", "restore_s"))
            guessed += self.guess(training)
        return took / guessed if guessed else 1.0

    def seconds_left(self) -> float:
        """Seconds of one worker for the trainings that are not done."""
        missing = [training for training in self.trainings if not self.done(training)]
        return self.correction() * sum(map(self.guess, missing))
