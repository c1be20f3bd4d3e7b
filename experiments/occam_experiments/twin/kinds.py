"""Trains on mixtures whose contexts are of kinds, of which some have signals.

A configuration says "signals": "patches", "kinds" and "kind_of" (configuration.py). Photographs
then have rows and residuals as twin_signals.py has them. All kinds have a row of their own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import USAGE, Failure
from ..signals import kept
from ..signals.networks import SignalNetworks
from ..signals.rules import Plane
from ..signals.sets import column
from .checkpoint import Arrays
from .configuration import SIGNALS, Configuration
from .mixture import MixtureTraining
from .network import Parameters, initial_parameters
from .sources import Bytes, Source
from .training import Result

RULES = ("col", "row", "p", "dW", "dN", "dNE", "dNW")  # of patches, in Occam's order
PREDICTION = "med"
AT_A_TIME = 4096  # patches
KINDS_AT_MOST = 16


def check_kinds(c: Configuration) -> None:
    """Fails unless there are no signals, or kinds of all sources, of which some have signals."""
    kinds, kind_of = c["kinds"], c["kind_of"]
    if not c["signals"]:
        if kinds or kind_of:
            raise Failure(USAGE, "kinds are of models with signals")
        return
    if c["signals"] != "patches":
        raise Failure(USAGE, f"signals are those of patches, not of {c['signals']}")
    if not 2 <= len(kinds) <= KINDS_AT_MOST or 1 not in kinds or not set(kinds) <= {0, 1}:
        raise Failure(USAGE, f"kinds are {kinds}, not 2 to {KINDS_AT_MOST} of 0 and 1")
    if set(kind_of) != set(c["shares"] or []):
        raise Failure(USAGE, f"kind_of is {kind_of}, not a kind of each source")
    if not set(kind_of.values()) <= set(range(len(kinds))):
        raise Failure(USAGE, f"kind_of is {kind_of}; the kinds are 0 to {len(kinds) - 1}")


class Lines:
    """Makes lines of bytes: the byte, its symbol, and the row that each rule chooses there."""

    def __init__(self, kinds: Sequence[int], device: str) -> None:
        self.kinds, self.device = kinds, device
        *self.first, self.first_of_kinds = kept.first_rows([*RULES, kept.KIND])
        self.none = self.first_of_kinds + len(kinds)  # the row that is none, the last

    def __call__(self, data: Bytes, kind: int) -> Tensor:
        """[bytes, 2 + rules], int16. Of a kind with signals data must be whole patches."""
        lines = torch.full((len(data), 3 + len(RULES)), self.none, dtype=torch.int16,
                           device=self.device)
        lines[:, :2] = torch.from_numpy(data.copy()).to(self.device)[:, None]
        lines[:, -1] = self.first_of_kinds + kind
        if self.kinds[kind]:
            columns, rows = kept.RECORD
            for part in lines.view(-1, rows, columns, lines.shape[1]).split(AT_A_TIME):
                plane = Plane(part[..., 0])
                part[..., 1] = column(plane, ("symbol", PREDICTION))
                for k, (rule, first) in enumerate(zip(RULES, self.first)):
                    part[..., 2 + k] = column(plane, (rule, PREDICTION)) + first
        return lines


class KindNetworks(SignalNetworks):
    """Networks whose inputs are symbols, rows to be added, and bytes, which memories see."""

    def parted(self, lines: Tensor, anew: Tensor) -> tuple[Any, Tensor]:
        """Inputs and targets of lines [E, B, T + 1, 2 + rules]; targets are symbols."""
        known, _ = super().parted(lines[..., 0], anew)
        symbols, targets = super().parted(lines[..., 1], anew)
        return (symbols, lines[..., 1:, 2:], known), targets

    def embedded(self, p: Parameters, inputs: Any) -> Tensor:
        symbols, index, _ = inputs
        return super().embedded(p, (symbols, index))

    def known(self, inputs: Any) -> Tensor:
        of_inputs: Tensor = inputs[2]
        return of_inputs


class KindTraining(MixtureTraining):
    """A run of networks of one shape, whose sources are of the same kinds."""

    def __init__(self, configurations: Sequence[Configuration], sources: Sequence[Source],
                 device: str, **options: Any) -> None:
        c = configurations[0]
        for other in configurations:
            check_kinds(other)
            assert all(other[name] == c[name] for name in SIGNALS)
        self.lines_of = Lines(c["kinds"], device)
        record = int(np.prod(kept.RECORD))
        for source in sources:
            if c["kinds"][c["kind_of"][source.name]] and (
                    source.record != record or c["context"] % record):
                raise Failure(USAGE, f"{source.name}: signals are of records of {record} bytes, "
                                     "and of contexts of whole records")
        super().__init__(configurations, sources, device, **options)

    def lines(self, source: Source, data: Bytes) -> Tensor:
        return self.lines_of(data, self.c["kind_of"][source.name])

    def make_networks(self, flash: bool) -> KindNetworks:
        return KindNetworks(self.all, self.device, flash)

    def initial(self, c: Configuration) -> Parameters:
        rows = torch.zeros(self.lines_of.none + 1, c["width"])
        return {**initial_parameters(c), "rule_rows": rows}

    def parameters(self) -> int:
        kinds = self.c["kinds"]
        rows = sum(kept.table_rows(rule, kinds) for rule in (*RULES, kept.KIND))
        return super().parameters() + (rows - self.lines_of.none - 1) * self.c["width"]

    @torch.no_grad()
    def kept(self, results: list[Result]) -> list[Arrays]:
        rows = self._used()["rule_rows"].cpu().numpy()
        rules = [*RULES, kept.KIND]
        return [{**arrays, **kept.signals(rules, rows[e], PREDICTION, self.c["kinds"])}
                for e, arrays in enumerate(super().kept(results))]
