"""What twin_signals.py --save keeps of a network, for twin/checkpoint.py."""

from collections.abc import Sequence
from typing import Any

import numpy
import numpy.typing as npt

from ..errors import USAGE, Failure
from ..twin import checkpoint
from ..twin.configuration import Configuration
from .rules import LATTICE_QUALITIES, rule_size

Arrays = dict[str, npt.NDArray[Any]]

KIND = "kind"  # the rule of a context's kind, which mixtures have (twin/kinds.py)

# Occam's rules by those of rules.py: number in files, and name of the table (docs/spec/signals.md).
OCCAM_RULES = {"col": (1, "column"), "row": (2, "row"), "p": (3, "prediction"), "dW": (4, "west"),
               "dN": (5, "north"), "dNE": (6, "north_east"), "dNW": (7, "north_west"),
               KIND: (8, "kind"), "certainty": (9, "certainty"), "dmed": (10, "edge")}
# Field 35 by the twin's predictions.
RESIDUALS = {"": 0, "med": 1, "lattice": 2}
LATTICE_RULES = ("certainty", "dmed")
LEVELS = 31  # rows that rules of neighbours choose from
RECORD = (64, 32)  # columns and rows of a patch


def check(c: Configuration) -> None:
    """Fails where Occam's network has no place for what is trained."""
    checkpoint.check(c)
    if c["set"] != "patches" or c["strip"] or c["band"]:
        raise Failure(USAGE, "Occam's records are patches, row by row")
    if c["residual"] not in RESIDUALS or (not c["residual"] and c["against"] != "med"):
        raise Failure(USAGE, "Occam's predictions are med and lattice, "
                      f"not {c['residual'] or c['against']}")
    for rule in c["rules"].split():
        if rule not in OCCAM_RULES or rule == KIND:
            raise Failure(USAGE, f"Occam's signals have no rule {rule}")
        if rule in LATTICE_RULES and c["residual"] != "lattice":
            raise Failure(USAGE, f"rule {rule} is for symbols against the lattice")


def kept(c: Configuration, parameters: Arrays, maxima: tuple[npt.NDArray[Any], npt.NDArray[Any]],
         result: dict[str, Any], trained_on: tuple[int, str]) -> Arrays:
    """What --save keeps of one network; parameters and maxima as checkpoint.kept has them."""
    check(c)
    curve = [{"tokens": result["seen"], "bpb": sum(result["bpb"].values()) / len(result["bpb"])}]
    of_run = {**c, "tokens": result["seen"], "program": "twin_signals.py",
              "train_bytes": trained_on[0]}
    arrays = checkpoint.kept(of_run, parameters, maxima, curve, trained_on[1], {})
    if not (c["rules"] or c["residual"]):
        return arrays
    return {**arrays, **signals(c["rules"].split(), parameters.get("rule_rows"), c["residual"])}


def table_rows(rule: str, kinds: Sequence[int]) -> int:
    """Rows of a rule's table in Occam."""
    if rule == KIND:
        return len(kinds)
    return min(rule_size(rule), LEVELS) if rule.startswith("d") else rule_size(rule)


def first_rows(rules: Sequence[str]) -> list[int]:
    """Where the tables of rules begin among the twin's rows; "kind", if any, is the last."""
    return [sum(map(rule_size, rules[:k])) for k in range(len(rules))]


def signals(rules: Sequence[str], rows: npt.NDArray[Any] | None, residual: str,
            kinds: Sequence[int] = ()) -> Arrays:
    """What --save keeps of signals: tables of rules out of the twin's rows, and what they are."""
    arrays: Arrays = {}
    for rule, first in zip(rules, first_rows(rules)):
        assert rows is not None
        table = rows[first:first + table_rows(rule, kinds)]
        arrays[f"weights/signal_{OCCAM_RULES[rule][1]}"] = table.astype("<f4")
    numbers = [OCCAM_RULES[rule][0] for rule in rules]
    arrays["signal_rules"] = numpy.array(numbers, dtype="<i4")
    arrays["signal_record"] = numpy.array([*RECORD, RESIDUALS[residual]], dtype="<i4")
    if residual == "lattice":
        arrays["signal_qualities"] = numpy.array(LATTICE_QUALITIES, dtype="<i4")
    if kinds:
        arrays["signal_kinds"] = numpy.array(kinds, dtype="<i4")
    return arrays
