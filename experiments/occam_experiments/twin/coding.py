"""Rows of a memory as a file would hold them, and an estimate of their bytes."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


FINE_STEP = 0.25  # of rows whose rounding was not trained in, in their deviations
CODINGS = ("row 63", "row 15", "row 7", "row 3", "row 1", "step 0.25", "step 0.5",
           "step 1", "step 1.5", "step 2", "step 3", "step 4", "dead 1", "least 2")


def coded(rows: Tensor, coding: str, step: Tensor,
          count: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Rows [..., m] as a file would hold them, and their codes.

    "row L": codes to +-L with a scale a row. "step S": steps of S times the rows' deviation.
    "dead S": likewise, rounded towards zero. "least N": steps of a half, without rows that were
    seen fewer than N times.
    """
    kind, value = coding.split()
    if kind == "row":
        scale = rows.abs().amax(dim=-1, keepdim=True).clamp_min(1e-30) / float(value)
        codes = (rows / scale).round()
    else:
        scale = step * (0.5 if kind == "least" else float(value))
        codes = rows / scale
        codes = codes.sign() * (codes.abs() + (0.3 if kind == "dead" else 0.5)).floor()
        codes = codes.clamp(-63, 63)
        if kind == "least":
            assert count is not None
            codes = codes * (count >= int(value))
    return codes * scale, codes


def step_near(x: float) -> float:
    """The nearest number of 16 significant bits, as which a model holds the step of its rows."""
    mantissa, exponent = math.frexp(x)
    return math.ldexp(round(mantissa * 65536), exponent - 16)


def entropy_bits(counts: Tensor) -> float:
    """counts [..., n] of a histogram: bits of all it counted, coded by its own frequencies."""
    counts = counts.double()
    total = counts.sum(dim=-1, keepdim=True)
    return float(-(counts * (counts.clamp_min(1) / total.clamp_min(1)).log2()).sum())


class CodedBytes:
    """Adds up the estimated bytes of tables of rows.

    They are flags of rows that hold anything, scales of rows, and codes by their frequencies in
    their table, alone (`plain`) and after what the row held before.
    """

    def __init__(self, coding: str) -> None:
        self.coding = coding
        self.flags = self.scales = self.plain = self.ordered = 0.0

    def add(self, rows: Tensor, step: Tensor, count: Tensor) -> None:
        """Adds a table; rows that no step touched are zero in it."""
        codes = coded(rows * (count > 0), self.coding, step, count)[1]
        some = codes.abs().amax(dim=1) > 0
        codes = codes[some]
        self.flags += entropy_bits(torch.stack([some.sum(), (~some).sum()]))
        if len(codes) == 0:
            return
        self.scales += 8 * len(codes) if self.coding.startswith("row") else 0
        size_so_far = F.pad(codes.abs().cumsum(dim=1), (1, 0))[:, :-1] / \
            torch.arange(codes.shape[1], device=codes.device).clamp_min(1)
        context = (2 * (1 + size_so_far).log2()).round().clamp(0, 12)
        context[:, 0] = 13
        symbols = (codes + 63 + 127 * context).long().flatten()
        counts = torch.bincount(symbols, minlength=14 * 127).view(14, 127)
        self.ordered += entropy_bits(counts)
        self.plain += entropy_bits(counts.sum(dim=0))

    def bytes(self) -> dict[str, int]:
        return {"flags": round(self.flags / 8), "scales": round(self.scales / 8),
                "plain": round((self.flags + self.scales + self.plain) / 8),
                "bytes": round((self.flags + self.scales + self.ordered) / 8)}
