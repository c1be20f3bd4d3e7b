"""Rules for sound: a running least-squares prediction in integers and single float operations.

results/signals/README.md defines each. `predicted` is compiled where numba is installed, and is
the same, but slow, where it is not.
"""

import concurrent.futures
from collections.abc import Sequence
from typing import Any

import numpy
import numpy.typing as npt

try:
    from numba import njit
except ImportError:
    def njit(**_: Any) -> Any:
        return lambda f: f

Integers = npt.NDArray[numpy.int64]
Samples = npt.NDArray[numpy.int16]
Key = tuple[str, str]  # what a column holds, and the prediction that it is told against

EVERY = 8  # samples from one solution to the next
FRACTION = 8  # bits of the sums below a unit, so that forgetting rounds by far less than RIDGE
RIDGE = 32768.0  # 128 units
BLOCKS = {"e4": 4, "e16": 16, "e64": 64}


@njit(nogil=True)
def predicted(x: Integers, order: int, shift: int) -> Integers:
    """What least squares over the last `order` samples predicts of each sample of x.

    Sums forget 2^-shift a sample. Weights are solved for anew every EVERY samples by LDL', in
    double, in this order of operations.
    """
    p = numpy.zeros(len(x), numpy.int64)
    G, b = numpy.zeros((order, order), numpy.int64), numpy.zeros(order, numpy.int64)
    L, D = numpy.zeros((order, order)), numpy.zeros(order)
    w, h = numpy.zeros(order), numpy.zeros(order, numpy.int64)
    w[0] = 1.0
    for t in range(len(x)):
        s = 0.0
        for i in range(order):
            s += w[i] * h[i]
        s = min(max(s, -32768.0), 32767.0)
        p[t] = int(numpy.floor(s + 0.5))
        for i in range(order):
            for j in range(i + 1):
                G[i, j] += (h[i] * h[j] << FRACTION) - (G[i, j] >> shift)
            b[i] += (h[i] * x[t] << FRACTION) - (b[i] >> shift)
        for i in range(order - 1, 0, -1):
            h[i] = h[i - 1]
        h[0] = x[t]
        if t % EVERY != EVERY - 1:
            continue
        for j in range(order):
            v = G[j, j] + RIDGE
            for k in range(j):
                v -= L[j, k] * L[j, k] * D[k]
            D[j] = v
            for i in range(j + 1, order):
                v = G[i, j] * 1.0
                for k in range(j):
                    v -= L[i, k] * L[j, k] * D[k]
                L[i, j] = v / D[j]
        for i in range(order):
            v = b[i] * 1.0
            for k in range(i):
                v -= L[i, k] * w[k]
            w[i] = v
        for i in range(order):
            w[i] = w[i] / D[i]
        for i in range(order - 1, -1, -1):
            for k in range(i + 1, order):
                w[i] = w[i] - L[k, i] * w[k]
    return p


def magnitude(v: Integers) -> Integers:
    """Of v >= 0: four levels for each doubling, 0 .. 71."""
    v = v.astype(numpy.int64) + 4
    bits = numpy.frexp(v.astype(numpy.float64))[1] - 1  # of the highest bit
    return numpy.clip(4 * (bits - 2) + (v >> (bits - 2)) - 4, 0, 71)


def signed_magnitude(v: Integers) -> Integers:
    """0 .. 142, with 71 for 0."""
    return numpy.sign(v) * magnitude(numpy.abs(v) * 2) + 71


def before(x: Integers, n: int = 1) -> Integers:
    return numpy.concatenate([numpy.zeros(n, x.dtype), x[:-n]])


class Sound:
    """The rules of one recording.

    two: whether it is coded as two bytes a sample, else samples lose their low eight bits.
    """

    def __init__(self, x: Samples, two: bool, orders: Sequence[Sequence[int]]) -> None:
        """orders: of the predictions p and q, each (order, shift)."""
        self.two = two
        self.x = x.astype(numpy.int64) if two else x.astype(numpy.int64) >> 8
        self.unit = 1 if two else 16  # of predictions and residuals in a sample's unit
        fine = self.x * self.unit
        self.fine_p, self.fine_q = (predicted(fine, *o) for o in orders)
        self.p = (self.fine_p + self.unit // 2) // self.unit
        self.fine_r = fine - self.fine_p

    def column(self, key: Key) -> Samples:
        """int16, one for each symbol."""
        what, basis = key
        if what == "symbol":
            v = self.x - (self.p if basis else 0) + 128
            if self.two:
                return numpy.stack([(v >> 8) & 255, v & 255], axis=1).flatten().astype(numpy.int16)
            return (v & 255).astype(numpy.int16)
        if what == "phase":
            return (numpy.arange(2 * len(self.x)) % 2).astype(numpy.int16)
        return numpy.repeat(self._rule(what), 2 if self.two else 1).astype(numpy.int16)

    def _rule(self, name: str) -> Integers:
        if name in BLOCKS:  # how large residuals were
            n = BLOCKS[name]
            sizes = numpy.concatenate([numpy.zeros(n + 1, numpy.int64), numpy.abs(self.fine_r)])
            total = numpy.cumsum(sizes)
            return magnitude((total[n:-1] - total[:-n - 1]) * 16 // n)
        if name == "p":
            return numpy.clip((self.p >> 8 if self.two else self.p) + 128, 0, 255)
        if name == "q":  # another prediction, from the first
            return signed_magnitude(self.fine_q - self.fine_p)
        if name == "d":  # the prediction, from the last sample
            return signed_magnitude(self.fine_p - before(self.x) * self.unit)
        if name == "r1":
            return signed_magnitude(before(self.fine_r))
        raise ValueError(f"no such rule: {name}")


def rule_size(name: str) -> int:
    return {"phase": 2, "p": 256, "d": 143, "q": 143, "r1": 143}.get(name, 72)


def made(recordings: Sequence[Samples], two: bool,
         orders: Sequence[Sequence[int]]) -> list[Sound]:
    """The rules of each recording."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda x: Sound(x, two, orders), recordings))
