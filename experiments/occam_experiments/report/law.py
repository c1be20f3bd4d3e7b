"""A law of data bits against parameters and data, fitted to measured cells, with its uncertainty.

Held out, after Hoffmann et al. (2022, "Training compute-optimal large language models", equation
2), P and D millions of parameters and of bytes:

    bits a byte = E + A / P^a + B P^c / D^b

Theirs is c = 0, for data seen once. Here small texts are seen many times, and what is lost for too
little of it is more for more parameters. In-sample, where a file's model was trained on the file,
less text is not worse. It is learned by heart, the more, the more parameters there are, until next
to nothing is left to code:

    bits a byte = (E + A / P^a) exp(-B P^c / D^b)

All numbers are above 0. The fit is by least squares of the errors of rates, each as a part of the
rate, or of one bit where the rate is less. Of errors above HUBER only the size counts (Huber loss,
as theirs, section 3.3), so that one cell that no such law can meet does not spoil the others.
Uncertainty is that of 200 bootstrap samples of the cells (the 5th to the 95th percentile). What
noise does not show, that the form is another, is not in it. All of it holds for the bytes seen in
training that the cells have in common.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

Numbers = NDArray[np.float64]
Values = Sequence[float] | Numbers  # of E, A, a, B, b, c

SAMPLES = 200
LEVELS = (5, 95)
HUBER = 0.02
NAMES = "EAaBbc"
START = (1.0, 0.3, 0.4, 1.0, 0.9, 0.7)


def held_out_bits(p: Numbers, d: Numbers, values: Values) -> Any:
    E, A, a, B, b, c = values
    return E + A * p**-a + B * p**c * d**-b


def in_sample_bits(p: Numbers, d: Numbers, values: Values) -> Any:
    E, A, a, B, b, c = values
    return (E + A * p**-a) * np.exp(-B * p**c * d**-b)


class Law:
    """One fit."""

    def __init__(self, parameters: ArrayLike, data: ArrayLike, bits: ArrayLike, in_sample: bool,
                 start: Values = START) -> None:
        wanted = np.asarray(bits, float)
        self.form = in_sample_bits if in_sample else held_out_bits
        weights = 1 / np.maximum(wanted, 1)

        def errors(logarithms: Numbers) -> Any:
            # What a sample of cells does not tell may run away.
            self.values = np.exp(np.clip(logarithms, -30, 30))
            return np.clip((self.bits(parameters, data) - wanted) * weights, -1e6, 1e6)

        found = least_squares(errors, np.log(start), loss="huber", f_scale=HUBER)
        self.errors = errors(found.x)  # which sets the values, too

    def bits(self, parameters: ArrayLike, data: ArrayLike) -> Any:
        p, d = np.asarray(parameters, float) / 1e6, np.asarray(data, float) / 1e6
        return self.form(p, d, self.values)

    def numbers(self) -> dict[str, float]:
        return dict(zip(NAMES, self.values))


class FittedLaw:
    """The fit of all cells, and those of bootstrap samples of them."""

    def __init__(self, parameters: ArrayLike, data: ArrayLike, bits: ArrayLike, in_sample: bool,
                 samples: int | None = None) -> None:
        all_p, all_d, rates = (np.asarray(values, float) for values in (parameters, data, bits))
        self.best = Law(all_p, all_d, rates, in_sample)
        draw = np.random.default_rng(1)
        self.samples: list[Law] = []
        while len(self.samples) < (SAMPLES if samples is None else samples):
            chosen = draw.integers(0, len(rates), len(rates))
            p, d = all_p[chosen], all_d[chosen]
            if len(set(p)) >= 3 and len(set(d)) >= 2:  # or nothing tells the exponents
                self.samples.append(Law(p, d, rates[chosen], in_sample, self.best.values))

    def interval(self, value: Callable[[Law], Any]) -> tuple[Any, Any, Any]:
        """(of the fit, low, high) of anything that a law gives."""
        low, high = np.percentile([value(law) for law in self.samples], LEVELS, axis=0)
        return value(self.best), low, high

    def numbers(self) -> dict[str, tuple[Any, Any, Any]]:
        def number(name: str) -> Callable[[Law], float]:
            return lambda law: law.numbers()[name]
        return {name: self.interval(number(name)) for name in NAMES}


def adjusted_rate(law: Law, parameters: ArrayLike, data: ArrayLike,
                  model_bytes_a_parameter: float) -> Any:
    """The bytes of the file with its model in it, over those of the text."""
    model_bytes = model_bytes_a_parameter * np.asarray(parameters, float)
    return law.bits(parameters, data) / 8 + model_bytes / np.asarray(data, float)


def optimum(law: Law, data: float, model_bytes_a_parameter: float, low: float = 1e4,
            high: float = 1e9) -> tuple[float, float]:
    """(parameters, adjusted rate) of the smallest file."""
    sizes = np.geomspace(low, high, 2001)
    rates = adjusted_rate(law, sizes, np.full_like(sizes, data), model_bytes_a_parameter)
    best = int(np.argmin(rates))
    return float(sizes[best]), float(rates[best])
