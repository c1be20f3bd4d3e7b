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
    bytes_seen = "60M"
    compress.mode = ["chunked", "carried"]

    [[grid]]                              # one or more; every list in it is a dimension
    label = "equal network"
    train.width = [48, 96]
    train.tokenizer = ["bytes", "bpe:512"]

`train.*` and `compress.*` are any flags of these commands; true is a flag without a value. Settings that are flags of none:

    seed           train --seed
    train_bytes    data.train of this grid alone
    bytes_seen     original bytes seen in training, repeats included: train --tokens, by the tokenizer's bytes a token
    context_bytes  train --context, in original bytes, at least 16 symbols
    batch_bytes    train --batch, as original bytes a step, at least one sequence
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
DERIVED = ("seed", "train_bytes", "bytes_seen", "context_bytes", "batch_bytes")
LENGTHS = ("minutes", "tokens", "steps")
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
        self.grids = [self.settings(same, grid) for grid in (grids if isinstance(grids, list) else [grids])]

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
            if name not in DERIVED and (not dot or command not in OWNED or flag in OWNED[command]):
                raise Failure(USAGE, f"{self.path}: {name} is no setting: those are {', '.join(DERIVED)}, train.* and compress.* but what the "
                                     "sweep decides itself")
        lists = [value if isinstance(value, list) else [value] for value in flat.values()]
        if not flat["train_bytes"]:
            raise Failure(USAGE, f"{self.path}: data.train says how many bytes are trained on")
        return label, [self.checked(dict(zip(flat, values))) for values in itertools.product(*lists)]

    def checked(self, settings):
        settings["train_bytes"] = parse_bytes(str(settings["train_bytes"]))
        for name in ("bytes_seen", "context_bytes", "batch_bytes"):
            if name in settings:
                settings[name] = parse_bytes(str(settings[name]))
        for derived, flags in (("bytes_seen", LENGTHS), ("context_bytes", ["context"]), ("batch_bytes", ["batch"])):
            for flag in flags:
                if derived in settings and f"train.{flag}" in settings:
                    raise Failure(USAGE, f"{self.path}: {derived} and train.{flag} say the same twice")
        if "bytes_seen" not in settings and not any(f"train.{flag}" in settings for flag in LENGTHS):
            raise Failure(USAGE, f"{self.path}: how long to train is missing: bytes_seen, or train.tokens, steps or minutes")
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

    def derived(self, bytes_a_token):
        """Flags of train that follow from sizes in original bytes: context, batch and tokens."""
        flags = {}
        context = int(self.flag("context", DEFAULT_CONTEXT))
        if "context_bytes" in self.settings:
            context = flags["context"] = max(16, round(self.settings["context_bytes"] / bytes_a_token))
        batch = int(self.flag("batch", DEFAULT_BATCH))
        if "batch_bytes" in self.settings:
            batch = flags["batch"] = max(1, round(self.settings["batch_bytes"] / (context * bytes_a_token)))
        if "bytes_seen" in self.settings:
            flags["tokens"] = max(context * batch, round(self.settings["bytes_seen"] / bytes_a_token))
        return flags

    def arguments(self, bytes_a_token):
        """Of train: everything but data, output and threads."""
        flags = {name.removeprefix("train."): value for name, value in self.settings.items() if name.startswith("train.")}
        flags |= {"seed": self.settings["seed"], **self.derived(bytes_a_token)}
        return as_options(flags)

    def guessed_seconds(self, bytes_a_token, coded_bytes):
        """Of one thread of a processor with fast bfloat16, to train and to code; a rough guess that sweep.py corrects by what was measured."""
        network, vocabulary = self.guessed_network()
        tokens = self.guessed_tokens(bytes_a_token)
        # Seconds a symbol, after BENCHMARKS.md: 2.6e-11 a parameter in a product and 9e-6; context beyond the family's 2 KB; scoring and stepping.
        context = self.derived(bytes_a_token).get("context", int(self.flag("context", DEFAULT_CONTEXT)))
        training = 9e-6 + 2.6e-11 * network + 2e-9 * max(0, context - 2048)
        coding = 2e-6 + 2.5e-11 * network + 3e-9 * vocabulary
        return tokens * training + coded_bytes / bytes_a_token * coding * len(self.cells)

    def guessed_tokens(self, bytes_a_token):
        if "train.minutes" in self.settings:
            network, _ = self.guessed_network()
            return float(self.settings["train.minutes"]) * 60 / (9e-6 + 2.6e-11 * network)
        derived = self.derived(bytes_a_token)
        if "train.steps" in self.settings:
            context = derived.get("context", int(self.flag("context", DEFAULT_CONTEXT)))
            return int(self.settings["train.steps"]) * context * derived.get("batch", int(self.flag("batch", DEFAULT_BATCH)))
        return derived.get("tokens") or parse_bytes(str(self.flag("tokens", "20M")))

    def guessed_network(self):
        """(parameters that each symbol is multiplied with, vocabulary)."""
        kind, _, size = self.tokenizer.partition(":")
        vocabulary = int(size) if kind.startswith("bpe") and size.isdigit() else 256
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
