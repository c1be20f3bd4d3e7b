"""A sweep's trainings, the cells that share each, and guesses of how long they take."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..cells import Key
from ..units import parse_bytes
from .spec import Settings, Spec, as_options, settings_of

DEFAULT_CONTEXT, DEFAULT_BATCH, DEFAULT_LAYERS = 2048, 8, 7


def identity(key: Key) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


@dataclass
class SweepCell:
    """A way to compress with a training's model; grids that share it add their labels."""

    key: Key
    labels: list[str]
    compress: Settings


class Training:
    """A model, and the cells that code with it."""

    def __init__(self, settings: Settings, digests: Mapping[int | str, str], spec: Spec) -> None:
        self.settings = {name: value for name, value in settings.items()
                         if not name.startswith("compress.")}
        self.train_bytes: int = settings["train_bytes"]
        self.key: Key = {"settings": self.settings, "data": digests[self.train_bytes],
                         "held_out": digests["held_out"]}
        self.in_sample = (self.train_bytes if spec.in_sample is None
                          else min(spec.in_sample, self.train_bytes))
        self.id = identity(self.key)
        self.cells: list[SweepCell] = []

    def add_cell(self, label: str, settings: Settings) -> None:
        compress = settings_of("compress", settings)
        key = {**self.key, "compress": compress, "in_sample": self.in_sample}
        cell = next((cell for cell in self.cells if cell.key == key), None)
        if cell is None:
            self.cells.append(SweepCell(key, [label], compress))
        elif label not in cell.labels:
            cell.labels.append(label)

    def all_settings(self, cell: SweepCell) -> Settings:
        compress = {f"compress.{name}": value for name, value in cell.compress.items()}
        return {**self.settings, **compress}

    def flag(self, name: str, default: Any) -> Any:
        return self.settings.get(f"train.{name}", default)

    @property
    def tokenizer(self) -> str:
        return str(self.flag("tokenizer", "bytes"))

    def context(self, bytes_a_token: float) -> int:
        """The length of a sequence, in symbols."""
        if "train.context-bytes" in self.settings:
            wanted = parse_bytes(str(self.settings["train.context-bytes"]))
            return max(1, round(wanted / bytes_a_token))
        return int(self.flag("context", DEFAULT_CONTEXT))

    def batch(self, bytes_a_token: float) -> int:
        """The sequences of a step."""
        if "batch_bytes" in self.settings:
            sequence_bytes = self.context(bytes_a_token) * bytes_a_token
            return max(1, round(self.settings["batch_bytes"] / sequence_bytes))
        return int(self.flag("batch", DEFAULT_BATCH))

    @property
    def needs_bytes_a_token(self) -> bool:
        return "batch_bytes" in self.settings and self.tokenizer.startswith("bpe")

    def arguments(self, bytes_a_token: float) -> list[object]:
        """The options of train, without data, output and threads."""
        flags = settings_of("train", self.settings)
        if "batch_bytes" in self.settings:
            flags["batch"] = self.batch(bytes_a_token)
        return as_options({**flags, "seed": self.settings["seed"]})

    def guessed_seconds(self, bytes_a_token: float, coded_bytes: int) -> float:
        """Seconds to train and to code on one thread of a processor with fast bfloat16.

        It is a rough guess, which the sweep corrects by what it measured.
        """
        network, vocabulary = self.guessed_network()
        # Seconds a symbol, as measured: 9e-6, 2.6e-11 a parameter in a product, and contexts
        # beyond the family's; scoring and stepping.
        longer = max(0, self.context(bytes_a_token) - DEFAULT_CONTEXT)
        training = 9e-6 + 2.6e-11 * network + 2e-9 * longer
        coding = 2e-6 + 2.5e-11 * network + 3e-9 * vocabulary
        if "train.minutes" in self.settings:
            trained = 60 * float(self.settings["train.minutes"])
        else:
            trained = training * self.guessed_tokens(bytes_a_token)
        return trained + coded_bytes / bytes_a_token * coding * len(self.cells)

    def guessed_tokens(self, bytes_a_token: float) -> float:
        if "train.steps" in self.settings:
            a_step = self.context(bytes_a_token) * self.batch(bytes_a_token)
            return int(self.settings["train.steps"]) * a_step
        if "train.tokens" in self.settings:
            return parse_bytes(str(self.settings["train.tokens"]))
        return parse_bytes(str(self.settings["train.bytes-seen"])) / bytes_a_token

    def guessed_network(self) -> tuple[int, int]:
        """(parameters that each symbol is multiplied with, vocabulary)."""
        kind, _, size = self.tokenizer.partition(":")
        vocabulary = 128 if kind.startswith("ascii7") else 256
        if kind.startswith("bpe") and size.isdigit():
            vocabulary = int(size)
        if "train.width" in self.settings:
            width = int(self.settings["train.width"])
            layers = int(self.flag("layers", DEFAULT_LAYERS))
            return width * vocabulary + 12 * layers * width**2, vocabulary
        return parse_bytes(str(self.flag("params", "200K"))), vocabulary


def trainings_of(spec: Spec, digests: Mapping[int | str, str]) -> list[Training]:
    """The sweep's trainings in order.

    `digests` are those of the text's first bytes, by their number, and of "held_out".
    """
    found: dict[str, Training] = {}
    for label, cells in spec.grids:
        for settings in cells:
            training = Training(settings, digests, spec)
            found.setdefault(training.id, training).add_cell(label, settings)
    return list(found.values())


def guessed_bytes_a_token(tokenizer: str) -> float:
    """Bytes of text a token, as measured with other sizes, until the tokenizer was learned."""
    kind, _, size = tokenizer.partition(":")
    if not kind.startswith("bpe") or not size.isdigit():
        return 1.0
    return max(1.0, 1.93 + 0.38 * (math.log2(int(size)) - 9))
