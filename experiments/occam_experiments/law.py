"""A law of data bits against parameters and data, fitted to measured cells, with its uncertainty, and the size of model that it asks for.

Held out, after Hoffmann et al. (2022, "Training compute-optimal large language models", equation 2), P and D millions of parameters and of bytes:

    bits a byte = E + A / P^a + B P^c / D^b

Theirs is c = 0, for data seen once. Here small texts are seen many times, and what is lost for too little of it is more for more parameters.
In-sample, where a file's model was trained on the file, less text is not worse but learned by heart, the more, the more parameters there
are, until next to nothing is left to code:

    bits a byte = (E + A / P^a) exp(-B P^c / D^b)

All numbers are above 0. Fitted by least squares of the errors of rates, each as a part of the rate, or of one bit where the rate is less; of errors
above HUBER only the size counts (Huber loss, as theirs, section 3.3), so that one cell that no such law can meet does not spoil the others.
Uncertainty is that of 200 bootstrap samples of the cells (the 5th to the 95th percentile); what noise does not show, that the form is another,
is not in it. All of it holds for the bytes seen in training that the cells have in common.
"""

import numpy as np
from scipy.optimize import least_squares

SAMPLES = 200
LEVELS = (5, 95)
HUBER = 0.02
NAMES = "EAaBbc"
START = (1.0, 0.3, 0.4, 1.0, 0.9, 0.7)


def held_out_bits(p, d, E, A, a, B, b, c):
    return E + A * p**-a + B * p**c * d**-b


def in_sample_bits(p, d, E, A, a, B, b, c):
    return (E + A * p**-a) * np.exp(-B * p**c * d**-b)


class Law:
    """One fit."""

    def __init__(self, parameters, data, bits, in_sample, start=START):
        bits = np.asarray(bits, float)
        self.form = in_sample_bits if in_sample else held_out_bits
        weights = 1 / np.maximum(bits, 1)

        def errors(logarithms):
            self.values = np.exp(np.clip(logarithms, -30, 30))  # what a sample of cells does not tell may run away
            return np.clip((self.bits(parameters, data) - bits) * weights, -1e6, 1e6)

        found = least_squares(errors, np.log(start), loss="huber", f_scale=HUBER)
        self.errors = errors(found.x)  # which sets the values, too

    def bits(self, parameters, data):
        return self.form(np.asarray(parameters, float) / 1e6, np.asarray(data, float) / 1e6, *self.values)

    def numbers(self):
        return dict(zip(NAMES, self.values))


class FittedLaw:
    """The fit of all cells, and those of bootstrap samples of them."""

    def __init__(self, parameters, data, bits, in_sample, samples=SAMPLES):
        parameters, data, bits = (np.asarray(values, float) for values in (parameters, data, bits))
        self.best = Law(parameters, data, bits, in_sample)
        draw = np.random.default_rng(1)
        self.samples = []
        while len(self.samples) < samples:
            chosen = draw.integers(0, len(bits), len(bits))
            p, d = parameters[chosen], data[chosen]
            if len(set(p)) >= 3 and len(set(d)) >= 2:  # or nothing tells the exponents
                self.samples.append(Law(p, d, bits[chosen], in_sample, self.best.values))

    def interval(self, value):
        """(of the fit, low, high) of anything that a law gives."""
        low, high = np.percentile([value(law) for law in self.samples], LEVELS, axis=0)
        return value(self.best), low, high

    def numbers(self):
        return {name: self.interval(lambda law, n=name: law.numbers()[n]) for name in NAMES}


def adjusted_rate(law, parameters, data, model_bytes_a_parameter):
    """Of the text's bytes, those of the file with its model in it."""
    return law.bits(parameters, data) / 8 + model_bytes_a_parameter * np.asarray(parameters, float) / data


def optimum(law, data, model_bytes_a_parameter, low=1e4, high=1e9):
    """(parameters, adjusted rate) of the smallest file."""
    sizes = np.geomspace(low, high, 2001)
    rates = adjusted_rate(law, sizes, np.full_like(sizes, data), model_bytes_a_parameter)
    best = int(np.argmin(rates))
    return float(sizes[best]), float(rates[best])
