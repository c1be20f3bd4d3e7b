"""Integer rules of the last bytes, which choose the rows of a memory.

A configuration's "memory" names rules ("h3 h5/16 v1"). Each has a table of rows; a number after /
replaces memory_bits.

    hN    the last N bytes
    sAN   N bytes before the last A
    wK    letters since the last other byte (K = 1), or from the word before on (K = 2)
    vK    all bytes since the K-th last word began

Rules are exact in unsigned 32-bit arithmetic; results/memory/README.md defines them.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .configuration import BEGIN

MULTIPLIER = 0x9E3779B1
MASK = 0xFFFFFFFF
KNOWN_COUNTS: dict[str, Sequence[int]] = {"h": range(1, 10), "s": range(1, 10), "w": (1, 2),
                                          "v": (1, 2, 3)}
OCCAM_KINDS = {"h": 1, "v": 2}  # the rules that Occam has, by their numbers in files
Sums = dict[Any, Tensor]  # by rule's kind or skipped bytes, and count


class Rule(NamedTuple):
    """A rule, and the size of its table."""

    name: str
    kind: str
    skipped: int
    last: int
    bits: int
    salt: int


def parsed(rule: str, bits: int) -> Rule:
    """Reads a rule; `bits` are those of a table that has no size of its own."""
    match = re.fullmatch(r"([hswv])(\d)?(\d)(?:/(\d+))?", rule)
    if (not match or bool(match[2]) != (match[1] == "s")
            or int(match[3]) not in KNOWN_COUNTS[match[1]]):
        raise ValueError(f"no such rule: {rule}")
    kind, skipped, count = match[1], int(match[2] or 0), int(match[3])
    salt = {"h": 0, "s": 16 * skipped, "w": 256, "v": 512}[kind] + count
    return Rule(rule.split("/")[0], kind, skipped, count, int(match[4] or bits), salt)


def mixed(h: Tensor, salt: int) -> Tensor:
    """Finishes the hash of any rule: lowbias32 of C. Wellons, of h plus a multiple of its salt."""
    h = (h + salt * 0x632BE5AB) & MASK
    h = ((h ^ (h >> 16)) * 0x7FEB352D) & MASK
    h = ((h ^ (h >> 15)) * 0x846CA68B) & MASK
    return h ^ (h >> 16)


def before(x: Tensor, k: int) -> Tensor:
    """The values of k positions before, zeros where there is none."""
    return F.pad(x, (k, 0))[..., :x.shape[-1]] if k else x


class Hashes:
    """Mixed hashes of every position.

    Inputs [E, B, T] hold each position's last known byte, or BEGIN.
    """

    def __init__(self, length: int, device: str) -> None:
        inverse, powers, inverses = pow(MULTIPLIER, -1, 1 << 32), [1], [1]
        for _ in range(length):
            powers.append(powers[-1] * MULTIPLIER & MASK)
            inverses.append(inverses[-1] * inverse & MASK)
        self.powers, self.inverses = (torch.tensor(x[:length], dtype=torch.long, device=device)
                                      for x in (powers, inverses))
        self.position = torch.arange(length, device=device)

    def __call__(self, inputs: Tensor, rules: Sequence[Rule]) -> dict[str, tuple[Tensor, Tensor]]:
        """By the rule's name: mixed hash, and whether enough bytes are known."""
        t = self.position.expand_as(inputs)
        first = (inputs[..., :1] == BEGIN).long()
        known = t + 1 - first
        values = torch.where(inputs == BEGIN, 0, inputs + 1)
        sums = self._last_bytes(values, rules)
        if any(rule.kind in "wv" for rule in rules):
            sums.update(self._words(inputs, values, t, first))
        found = {}
        for rule in rules:
            if rule.kind in "hs":
                h, need = sums[rule.skipped, rule.last], rule.skipped + rule.last
            else:
                h, need = sums[rule.kind, rule.last], 1
            found[rule.name] = mixed(h, rule.salt), known >= need
        return found

    def _last_bytes(self, values: Tensor, rules: Sequence[Rule]) -> Sums:
        """Sums of the rules h and s, by skipped bytes and count."""
        sums: Sums = {}
        near = [rule for rule in rules if rule.kind in "hs"]
        for skipped in {rule.skipped for rule in near}:
            h = torch.zeros_like(values)
            power = 1
            for n in range(1, 1 + max(r.last for r in near if r.skipped == skipped)):
                h = h + before(values, skipped + n - 1) * power & MASK
                power = power * MULTIPLIER & MASK
                sums[skipped, n] = h
        return sums

    def _spans(self, values: Tensor, starts: Tensor) -> Tensor:
        """Horner's sum of the values from start to each position, by prefix sums."""
        sums = F.pad((values * self.inverses & MASK).cumsum(dim=-1), (1, 0))
        return (sums[..., 1:] - sums.gather(-1, starts) & MASK) * self.powers & MASK

    def _words(self, inputs: Tensor, values: Tensor, t: Tensor, first: Tensor) -> Sums:
        """Sums of the rules w and v."""
        lower = inputs | 32
        ascii_letter = (lower >= 97) & (lower <= 122) & (inputs < 128)
        letter = ascii_letter | ((inputs >= 128) & (inputs < 256))
        values = torch.where(ascii_letter, lower + 1, values)
        # The last position whose byte is no letter, and the last such position before that.
        other = torch.where(letter, first - 1, t).cummax(dim=-1).values
        earlier = F.pad(other, (1, 0), value=-1).gather(-1, other.clamp_min(0))
        earlier = torch.maximum(earlier, first - 1)
        earlier = torch.where(other >= first, earlier, first - 1)
        sums: Sums = {("w", 1): self._spans(values, other + 1),
                      ("w", 2): self._spans(values, earlier + 1)}
        begins = letter & ~F.pad(letter, (1, 0))[..., :-1]
        start = last = torch.maximum(torch.where(begins, t, first).cummax(dim=-1).values, first)
        for k in range(1, 4):
            sums["v", k] = self._spans(values, start)
            previous = last.gather(-1, (start - 1).clamp_min(0))
            start = torch.where(start > first, previous, first.expand_as(start))
        return sums
