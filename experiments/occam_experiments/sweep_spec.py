"""What a sweep is: a TOML file's grids as a list of trainings and their cells.

    name = "context"                      # of the study
    question = "Does a longer context help?"

    [data]
    text = "wiki64.txt"                   # --text of sweep.py replaces it
    train = ["10M", "62M"]                # first bytes, trained on: one or a list
    held_out = "62M:64M"                  # never trained on; validated on, too
    in_sample = "4M"                      # of the trained bytes coded, too, in pieces from all over; 0 = none (default: all)

    [same]                                # what all grids share
    seed = [1, 2]
    train.bytes-seen = "60M"
    compress.mode = ["chunked", "carried"]

    [[grid]]                              # one or more, none empty beside others; every list in it is a dimension
    label = "equal network"
    train.width = [48, 96]
    train.tokenizer = ["bytes", "bpe:512"]

`train.*` and `compress.*` are any flags of these commands; true is a flag without a value. Settings that are flags of none:

    seed           train --seed
    train_bytes    data.train of this grid alone
    batch_bytes    train --batch, by about how many original bytes a step sees, at least one sequence
"""

import hashlib
import itertools
import json
import math
import tomllib

from occam_runs import Failure, USAGE, parse_bytes, parse_range

# What the sweep itself decides.
OWNED = {"train": {"data", "train-bytes", "val-bytes", "out", "resume", "force", "threads", "quiet", "seed", "init", "help", "version"},
         "compress": {"ckpt", "embed-model", "decompress", "test", "list", "range", "keep-going", "output", "stdout", "force", "keep", "rm",
                      "threads", "quiet", "verbose", "help", "version"}}
SPECIAL = ("seed", "train_bytes", "batch_bytes")
LENGTHS = ("bytes-seen", "minutes", "tokens", "steps")
DEFAULT_CONTEXT, DEFAULT_BATCH, DEFAULT_LAYERS = 2048, 8, 7


def identity(key):
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


def flatten(table, prefix=""):
    """{"train": {"width": 48}} to {"train.width": 48}."""
    flat = {}
    for name, value in table.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


class Spec:
    def __init__(self, path):
        try:
            with open(path, "rb") as file:
                self.source = file.read()
            table = tomllib.loads(self.source.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Failure(USAGE, f"{path}: {error}") from None
        self.path = path
        self.check_names(table, {"name", "question", "data", "same", "grid", "report"}, "")
        for needed in ("name", "data", "grid"):
            if needed not in table:
                raise Failure(USAGE, f"{path} has no {needed}")
        data = table["data"]
        self.check_names(data, {"text", "train", "held_out", "in_sample"}, "data.")
        self.name, self.question = table["name"], table.get("question", "")
        self.report = table.get("report", {})
        self.text = data.get("text")
        self.train = data.get("train", [])
        if "held_out" not in data:
            raise Failure(USAGE, f"{path} has no data.held_out")
        self.held_out = parse_range(data["held_out"], "data.held_out")
        in_sample = str(data.get("in_sample", ""))
        self.in_sample = 0 if in_sample == "0" else parse_bytes(in_sample) if in_sample else None
        same, grids = table.get("same", {}), table["grid"]
        grids = grids if isinstance(grids, list) else [grids]
        if len(grids) > 1 and {} in grids:  # alone it is a study of one cell
            raise Failure(USAGE, f"{path}: [[grid]] {grids.index({}) + 1} is empty, though there are others")
        self.grids = [self.settings(same, grid) for grid in grids]

    def check_names(self, table, known, where):
        unknown = set(table) - known
        if unknown:
            raise Failure(USAGE, f"{self.path}: there is no {where}{min(unknown)}; it has {', '.join(sorted(known))}")

    def settings(self, same, grid):
        """(label, every combination of a grid)."""
        flat = {"train_bytes": self.train, "seed": 1, "compress.mode": "chunked", **flatten(same), **flatten(grid)}
        label = flat.pop("label", "")
        for name in flat:
            command, dot, flag = name.partition(".")
            if name not in SPECIAL and (not dot or command not in OWNED or flag in OWNED[command]):
                raise Failure(USAGE, f"{self.path}: {name} is no setting: those are {', '.join(SPECIAL)}, train.* and compress.* but what the "
                                     "sweep decides itself")
        lists = [value if isinstance(value, list) else [value] for value in flat.values()]
        if not flat["train_bytes"]:
            raise Failure(USAGE, f"{self.path}: data.train says how many bytes are trained on")
        return label, [self.checked(dict(zip(flat, values))) for values in itertools.product(*lists)]

    def checked(self, settings):
        settings["train_bytes"] = parse_bytes(str(settings["train_bytes"]))
        if "batch_bytes" in settings:
            settings["batch_bytes"] = parse_bytes(str(settings["batch_bytes"]))
            if "train.batch" in settings:
                raise Failure(USAGE, f"{self.path}: batch_bytes and train.batch say the same twice")
        if not any(f"train.{flag}" in settings for flag in LENGTHS):
            raise Failure(USAGE, f"{self.path}: how long to train is missing: train.bytes-seen, tokens, steps or minutes")
        if settings["train_bytes"] > self.held_out[0]:
            raise Failure(USAGE, f"{self.path}: the held-out part begins within the {settings['train_bytes']} bytes trained on")
        return settings

    def flags(self):
        """Every (command, flag) that is set somewhere."""
        names = {name for _, cells in self.grids for cell in cells for name in cell if "." in name}
        return sorted(tuple(name.split(".", 1)) for name in names)

    def trainings(self, digests):
        """The sweep's trainings in order. `digests`: of the text's first bytes by their number, and of "held_out"."""
        found = {}
        for label, cells in self.grids:
            for settings in cells:
                training = Training(settings, digests, self)
                training = found.setdefault(training.id, training)
                training.add_cell(label, settings)
        return list(found.values())


class Training:
    """A model, and the cells that code with it."""

    def __init__(self, settings, digests, spec):
        self.settings = {name: value for name, value in settings.items() if not name.startswith("compress.")}
        self.train_bytes = settings["train_bytes"]
        self.key = {"settings": self.settings, "data": digests[self.train_bytes], "held_out": digests["held_out"]}
        self.in_sample = self.train_bytes if spec.in_sample is None else min(spec.in_sample, self.train_bytes)
        self.id = identity(self.key)
        self.cells = []  # {"key", "labels", "compress"}

    def add_cell(self, label, settings):
        compress = {name.removeprefix("compress."): value for name, value in settings.items() if name.startswith("compress.")}
        key = {**self.key, "compress": compress, "in_sample": self.in_sample}
        cell = next((cell for cell in self.cells if cell["key"] == key), None)
        if cell is None:
            self.cells.append({"key": key, "labels": [label], "compress": compress})
        elif label not in cell["labels"]:
            cell["labels"].append(label)

    def flag(self, name, default):
        return self.settings.get(f"train.{name}", default)

    @property
    def tokenizer(self):
        return self.flag("tokenizer", "bytes")

    def context(self, bytes_a_token):
        """In symbols."""
        if "train.context-bytes" in self.settings:
            return max(1, round(parse_bytes(str(self.settings["train.context-bytes"])) / bytes_a_token))
        return int(self.flag("context", DEFAULT_CONTEXT))

    def batch(self, bytes_a_token):
        """In sequences."""
        if "batch_bytes" in self.settings:
            return max(1, round(self.settings["batch_bytes"] / (self.context(bytes_a_token) * bytes_a_token)))
        return int(self.flag("batch", DEFAULT_BATCH))

    @property
    def needs_bytes_a_token(self):
        return "batch_bytes" in self.settings and self.tokenizer.startswith("bpe")

    def arguments(self, bytes_a_token):
        """Of train: everything but data, output and threads."""
        flags = {name.removeprefix("train."): value for name, value in self.settings.items() if name.startswith("train.")}
        if "batch_bytes" in self.settings:
            flags["batch"] = self.batch(bytes_a_token)
        return as_options({**flags, "seed": self.settings["seed"]})

    def guessed_seconds(self, bytes_a_token, coded_bytes):
        """Of one thread of a processor with fast bfloat16, to train and to code; a rough guess that sweep.py corrects by what was measured."""
        network, vocabulary = self.guessed_network()
        # Seconds a symbol, after BENCHMARKS.md: 9e-6, 2.6e-11 a parameter in a product, and contexts beyond the family's; scoring and stepping.
        training = 9e-6 + 2.6e-11 * network + 2e-9 * max(0, self.context(bytes_a_token) - DEFAULT_CONTEXT)
        coding = 2e-6 + 2.5e-11 * network + 3e-9 * vocabulary
        if "train.minutes" in self.settings:
            trained = 60 * float(self.settings["train.minutes"])
        else:
            trained = training * self.guessed_tokens(bytes_a_token)
        return trained + coded_bytes / bytes_a_token * coding * len(self.cells)

    def guessed_tokens(self, bytes_a_token):
        if "train.steps" in self.settings:
            return int(self.settings["train.steps"]) * self.context(bytes_a_token) * self.batch(bytes_a_token)
        if "train.tokens" in self.settings:
            return parse_bytes(str(self.settings["train.tokens"]))
        return parse_bytes(str(self.settings["train.bytes-seen"])) / bytes_a_token

    def guessed_network(self):
        """(parameters that each symbol is multiplied with, vocabulary)."""
        kind, _, size = self.tokenizer.partition(":")
        vocabulary = int(size) if kind.startswith("bpe") and size.isdigit() else 128 if kind.startswith("ascii7") else 256
        if "train.width" in self.settings:
            width = int(self.settings["train.width"])
            return width * vocabulary + 12 * int(self.flag("layers", DEFAULT_LAYERS)) * width**2, vocabulary
        return parse_bytes(str(self.flag("params", "200K"))), vocabulary


def as_options(flags):
    """{"width": 48, "x": True} to --width 48 --x."""
    options = []
    for name, value in flags.items():
        if value is not False:
            options += [f"--{name}"] if value is True else [f"--{name}", value]
    return options


def guessed_bytes_a_token(tokenizer):
    """On text, by the table in BENCHMARKS.md; until the tokenizer was learned."""
    kind, _, size = tokenizer.partition(":")
    if not kind.startswith("bpe") or not size.isdigit():
        return 1.0
    return max(1.0, 1.93 + 0.38 * (math.log2(int(size)) - 9))
