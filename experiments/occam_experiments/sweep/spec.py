"""What a sweep is: a TOML file's grids as a list of trainings and their cells.

    name = "context"                      # of the study
    question = "Does a longer context help?"

    [data]
    text = "wiki64.txt"                   # --text of sweep.py replaces it
    train = ["10M", "62M"]                # first bytes, trained on: one or a list
    held_out = "62M:64M"                  # never trained on; validated on, too
    in_sample = "4M"                      # of the trained bytes coded, too, in pieces from all
                                          # over them; 0 = none (default: all)

    [same]                                # what all grids share
    seed = [1, 2]
    train.bytes-seen = "60M"
    compress.mode = ["chunked", "carried"]

    [[grid]]                              # one or more, none empty beside others; every list in
                                          # it is a dimension
    label = "equal network"
    train.width = [48, 96]
    train.tokenizer = ["bytes", "bpe:512"]

`train.*` and `compress.*` are any flags of these commands; true is a flag without a value. Settings
that are flags of none:

    seed           train --seed
    train_bytes    data.train of this grid alone
    batch_bytes    train --batch, by about how many original bytes a step sees, at least one
                   sequence
"""
import itertools
import tomllib
from typing import Any, cast

from ..errors import USAGE, Failure
from ..units import parse_bytes, parse_range

Settings = dict[str, Any]

# What the sweep itself decides.
OWNED = {
    "train": {"data", "train-bytes", "val-bytes", "out", "resume", "force", "threads", "quiet",
              "seed", "init", "help", "version"},
    "compress": {"ckpt", "embed-model", "decompress", "test", "list", "range", "keep-going",
                 "output", "stdout", "force", "keep", "rm", "threads", "quiet", "verbose", "help",
                 "version"}}
SPECIAL = ("seed", "train_bytes", "batch_bytes")
LENGTHS = ("bytes-seen", "minutes", "tokens", "steps")


def flatten(table: dict[str, Any], prefix: str = "") -> Settings:
    """{"train": {"width": 48}} to {"train.width": 48}."""
    flat: Settings = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def as_options(flags: Settings) -> list[object]:
    """{"width": 48, "x": True} to --width 48 --x."""
    options: list[object] = []
    for name, value in flags.items():
        if value is not False:
            options += [f"--{name}"] if value is True else [f"--{name}", value]
    return options


def settings_of(command: str, settings: Settings) -> Settings:
    """The settings that are flags of a command, by the names of the flags."""
    prefix = command + "."
    return {name.removeprefix(prefix): value for name, value in settings.items()
            if name.startswith(prefix)}


class Spec:
    """A study as its file says it: data, and grids of settings."""

    def __init__(self, path: str) -> None:
        self.path = path
        table = self.read()
        self.name: str = table["name"]
        self.question: str = table.get("question", "")
        self.report: dict[str, Any] = table.get("report", {})
        data = table["data"]
        self.text: str | None = data.get("text")
        self.train: Any = data.get("train", [])
        self.held_out = parse_range(data["held_out"], "data.held_out")
        in_sample = str(data.get("in_sample", ""))
        # Bytes coded of those trained on; None stands for all of them.
        self.in_sample = 0 if in_sample == "0" else parse_bytes(in_sample) if in_sample else None
        grids = table["grid"] if isinstance(table["grid"], list) else [table["grid"]]
        if len(grids) > 1 and {} in grids:  # alone it is a study of one cell
            self.refuse(f"[[grid]] {grids.index({}) + 1} is empty, though there are others")
        self.grids = [self.settings(table.get("same", {}), grid) for grid in grids]

    def refuse(self, message: str) -> None:
        raise Failure(USAGE, f"{self.path}: {message}")

    def read(self) -> dict[str, Any]:
        """The file's table, whose names are known and whose parts are there."""
        try:
            with open(self.path, "rb") as file:
                self.source = file.read()
            table = tomllib.loads(self.source.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Failure(USAGE, f"{self.path}: {error}") from None
        self.check_names(table, {"name", "question", "data", "same", "grid", "report"}, "")
        for needed in ("name", "data", "grid"):
            if needed not in table:
                raise Failure(USAGE, f"{self.path} has no {needed}")
        self.check_names(table["data"], {"text", "train", "held_out", "in_sample"}, "data.")
        if "held_out" not in table["data"]:
            raise Failure(USAGE, f"{self.path} has no data.held_out")
        return table

    def check_names(self, table: dict[str, Any], known: set[str], where: str) -> None:
        unknown = set(table) - known
        if unknown:
            self.refuse(f"there is no {where}{min(unknown)}; it has {', '.join(sorted(known))}")

    def settings(self, same: Settings, grid: Settings) -> tuple[str, list[Settings]]:
        """(label, every combination) of a grid."""
        flat = {"train_bytes": self.train, "seed": 1, "compress.mode": "chunked",
                **flatten(same), **flatten(grid)}
        label = cast(str, flat.pop("label", ""))
        for name in flat:
            command, dot, flag = name.partition(".")
            known = dot and command in OWNED and flag not in OWNED[command]
            if name not in SPECIAL and not known:
                self.refuse(f"{name} is no setting: those are {', '.join(SPECIAL)}, train.* and "
                            "compress.* but what the sweep decides itself")
        lists = [value if isinstance(value, list) else [value] for value in flat.values()]
        if not flat["train_bytes"]:
            self.refuse("data.train says how many bytes are trained on")
        combinations = itertools.product(*lists)
        return label, [self.checked(dict(zip(flat, values))) for values in combinations]

    def checked(self, settings: Settings) -> Settings:
        """The settings of a cell, with numbers of bytes as integers."""
        settings["train_bytes"] = parse_bytes(str(settings["train_bytes"]))
        if "batch_bytes" in settings:
            settings["batch_bytes"] = parse_bytes(str(settings["batch_bytes"]))
            if "train.batch" in settings:
                self.refuse("batch_bytes and train.batch say the same twice")
        if not any(f"train.{flag}" in settings for flag in LENGTHS):
            self.refuse("how long to train is missing: train.bytes-seen, tokens, steps or minutes")
        if settings["train_bytes"] > self.held_out[0]:
            self.refuse(f"the held-out part begins within the {settings['train_bytes']} bytes "
                        "trained on")
        return settings

    def train_sizes(self) -> set[int]:
        """Every number of bytes that some cell is trained on."""
        return {settings["train_bytes"] for _, cells in self.grids for settings in cells}

    def flags(self) -> list[tuple[str, str]]:
        """Every (command, flag) that is set somewhere."""
        names = {name for _, cells in self.grids for cell in cells for name in cell if "." in name}
        pairs = (name.split(".", 1) for name in sorted(names))
        return [(command, flag) for command, flag in pairs]
