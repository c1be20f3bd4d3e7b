"""A law of data bits against parameters and data, fitted to measured cells, with its uncertainty, and the size of model that it asks for.

Held out, the form of Hoffmann et al. (2022, "Training compute-optimal large language models", equation 2), P parameters, D bytes of text:

    bits a byte = E + A / (P / 1e6)^a + B / (D / 1e6)^b

In-sample, where a file's model was trained on the file, less text is not worse but learned by heart, the more, the more parameters there
are to a byte of it:

    bits a byte = E + A / (P / 1e6)^a - B (P / D)^b

E, A, B are not negative. For given exponents the rest is linear: exponents by a grid that is refined, the rest by least squares of relative errors.
Uncertainty is that of 200 bootstrap samples of the cells (the 5th to the 95th percentile); what noise does not show, that the form is another,
is not in it. All of it holds for the bytes seen in training that the cells have in common.
"""

import itertools

import numpy as np

SAMPLES = 200
LEVELS = (5, 95)


def features(parameters, data, exponents, in_sample):
    p, d = np.asarray(parameters, float), np.asarray(data, float)
    a, b = exponents
    third = -(p / d) ** b if in_sample else (d / 1e6) ** -b
    return np.stack([np.ones_like(p), (p / 1e6) ** -a, third], axis=-1)


def nonnegative(matrix, target):
    """Least squares with no coefficient below 0: the best of all choices of coefficients that are 0. (squares, coefficients)."""
    best = (np.inf, None)
    columns = matrix.shape[1]
    for kept in itertools.chain.from_iterable(itertools.combinations(range(columns), n) for n in range(columns, 0, -1)):
        found, *_ = np.linalg.lstsq(matrix[:, kept], target, rcond=None)
        if (found < 0).any():
            continue
        squares = float(np.sum((matrix[:, kept] @ found - target) ** 2))
        if squares < best[0]:
            coefficients = np.zeros(columns)
            coefficients[list(kept)] = found
            best = (squares, coefficients)
        if len(kept) == columns:
            break  # what nothing constrains is the best
    return best


class Law:
    """One fit."""

    def __init__(self, parameters, data, bits, in_sample, steps=7, rounds=5):
        self.in_sample = in_sample
        bits = np.asarray(bits, float)
        low, high = np.array([0.02, 0.02]), np.array([1.5, 1.5])
        best = (np.inf, None, None)
        for _ in range(rounds):
            grids = [np.geomspace(l, h, steps) for l, h in zip(low, high)]
            for exponents in itertools.product(*grids):
                squares, coefficients = nonnegative(features(parameters, data, exponents, in_sample) / bits[:, None], np.ones_like(bits))
                if squares < best[0]:
                    best = (squares, exponents, coefficients)
            ratio = (high / low) ** (1 / (steps - 1))
            low, high = np.array(best[1]) / ratio, np.array(best[1]) * ratio
        self.exponents, self.coefficients = best[1], best[2]
        # Relative; five numbers were fitted.
        self.error = (best[0] / max(1, len(bits) - 5)) ** 0.5

    def bits(self, parameters, data):
        return features(parameters, data, self.exponents, self.in_sample) @ self.coefficients

    def numbers(self):
        return {"E": self.coefficients[0], "A": self.coefficients[1], "a": self.exponents[0], "B": self.coefficients[2], "b": self.exponents[1]}


class FittedLaw:
    """The fit of all cells, and those of bootstrap samples of them."""

    def __init__(self, parameters, data, bits, in_sample, samples=SAMPLES):
        self.parameters, self.data, self.cells = np.asarray(parameters, float), np.asarray(data, float), np.asarray(bits, float)
        self.best = Law(self.parameters, self.data, self.cells, in_sample)
        draw = np.random.default_rng(1)
        self.samples = []
        while len(self.samples) < samples:
            chosen = draw.integers(0, len(self.cells), len(self.cells))
            p, d = self.parameters[chosen], self.data[chosen]
            if len(set(p)) >= 3 and len(set(d)) >= 2:  # or nothing tells the exponents
                self.samples.append(Law(p, d, self.cells[chosen], in_sample))

    def interval(self, value):
        """(of the fit, low, high) of anything that a law gives."""
        low, high = np.percentile([value(law) for law in self.samples], LEVELS, axis=0)
        return value(self.best), low, high

    def numbers(self):
        return {name: self.interval(lambda law, n=name: law.numbers()[n]) for name in self.best.numbers()}


def adjusted_rate(law, parameters, data, model_bytes_a_parameter):
    """Of the text's bytes, those of the file with its model in it."""
    return law.bits(parameters, data) / 8 + model_bytes_a_parameter * np.asarray(parameters, float) / data


def optimum(law, data, model_bytes_a_parameter, low=1e4, high=1e9):
    """(parameters, adjusted rate) of the smallest file."""
    sizes = np.geomspace(low, high, 2001)
    rates = adjusted_rate(law, sizes, np.full_like(sizes, data), model_bytes_a_parameter)
    best = int(np.argmin(rates))
    return float(sizes[best]), float(rates[best])
