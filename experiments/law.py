"""A law of data bits against parameters and data, fitted to measured cells, with its uncertainty, and the size of model that it asks for.

Held out, after Hoffmann et al. (2022, "Training compute-optimal large language models", equation 2), P and D millions of parameters and of bytes:

    bits a byte = E + A / P^a + B P^c / D^b

Theirs is c = 0, for data seen once. Here small texts are seen many times, and what is lost for too little of it is more for more parameters.
In-sample, where a file's model was trained on the file, less text is not worse but learned by heart, the more, the more parameters there
are to a byte of it, until next to nothing is left to code:

    bits a byte = (E + A / P^a) exp(-B (P / D)^b)

E and A, and B held out, are not negative, and linear for given others: the others by a grid that is refined, the linear ones by least squares of the
errors of rates, each as a part of the rate, or of one bit where the rate is less.
Uncertainty is that of 200 bootstrap samples of the cells (the 5th to the 95th percentile); what noise does not show, that the form is another,
is not in it. All of it holds for the bytes seen in training that the cells have in common.
"""

import itertools

import numpy as np

SAMPLES = 200
LEVELS = (5, 95)


def held_out_terms(p, d, a, b, c):
    return np.ones_like(p * a), p**-a, p**c * d**-b


def in_sample_terms(p, d, a, b, B):
    left = np.exp(-B * (p / d) ** b)
    return left, left * p**-a


def nonnegative(matrices, target):
    """Least squares with no coefficient below 0, for each matrix, (n, rows, columns): the best of all choices of coefficients that are 0.
    (squares, coefficients), (n) and (n, columns)."""
    columns = matrices.shape[2]
    squares, coefficients = np.full(len(matrices), np.inf), np.zeros((len(matrices), columns))
    left = np.arange(len(matrices))
    for kept in itertools.chain.from_iterable(itertools.combinations(range(columns), n) for n in range(columns, 0, -1)):
        chosen = matrices[left][:, :, kept]
        found = np.linalg.pinv(chosen) @ target
        sums = np.sum(((chosen @ found[..., None])[..., 0] - target) ** 2, axis=1)
        allowed = (found >= 0).all(axis=1)
        better = allowed & (sums < squares[left])
        squares[left[better]] = sums[better]
        coefficients[left[better]] = 0
        coefficients[np.ix_(left[better], kept)] = found[better]
        if len(kept) == columns:
            left = left[~allowed]  # what nothing constrains is the best
            if not len(left):
                break
    return squares, coefficients


class Law:
    """One fit."""

    def __init__(self, parameters, data, bits, in_sample, steps=5, rounds=8):
        bits = np.asarray(bits, float)
        self.terms, self.names = (in_sample_terms, "EAabB") if in_sample else (held_out_terms, "EABabc")
        weights = 1 / np.maximum(bits, 1)
        low, high = np.full(3, 0.02), np.array([1.5, 1.5, 5.0 if in_sample else 1.5])
        best = np.inf
        for _ in range(rounds):
            grid = np.stack(np.meshgrid(*(np.geomspace(l, h, steps) for l, h in zip(low, high))), axis=-1).reshape(-1, 3)
            squares, linear = nonnegative(self.matrix(parameters, data, grid) * weights[:, None], bits * weights)
            at = np.argmin(squares)
            if squares[at] < best:
                best, self.others, self.linear = squares[at], grid[at], linear[at]
            ratio = (high / low) ** (1 / (steps - 1))
            low, high = self.others / ratio, self.others * ratio
        self.error = (best / max(1, len(bits) - len(self.names))) ** 0.5

    def matrix(self, parameters, data, others):
        """What the linear numbers are the factors of, (..., cells, 3 or 2), for the others, (..., 3)."""
        p, d = np.asarray(parameters, float) / 1e6, np.asarray(data, float) / 1e6
        return np.stack(self.terms(p, d, *np.moveaxis(np.asarray(others)[..., None], -2, 0)), axis=-1)

    def bits(self, parameters, data):
        return self.matrix(parameters, data, self.others) @ self.linear

    def numbers(self):
        return dict(zip(self.names, (*self.linear, *self.others)))


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
