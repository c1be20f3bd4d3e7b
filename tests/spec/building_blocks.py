"""What the exact network is made of: docs/spec/contract.md, section 3.

Arrays have a row for each lane.
"""

import numpy as np

F = np.float32
TINY = F(2.0**-100)


def largest_magnitude(x):
    """The largest magnitude of each row, but 1 of rows that count as zeros; and which do."""
    a = np.max(np.abs(x), axis=-1, keepdims=True)
    small = a < TINY
    return np.where(small, F(1), a), small


def quantise(x):
    a, small = largest_magnitude(x)
    codes = np.rint(x * (F(127) / a)).astype(np.float64)
    return np.where(small, 0.0, codes), np.where(small, F(0), a / F(127))


def norm(x):
    a, small = largest_magnitude(x)
    rounded = np.rint(x * (F(2047) / a)).astype(np.float64)
    total = np.sum(rounded * rounded, axis=-1, keepdims=True)
    # Rows of zeros count as ones here, so that nothing divides by zero.
    mean = np.where(small, 1.0, total).astype(F) / F(x.shape[-1])
    inverse = F(1) / ((a / F(2047)) * np.sqrt(mean))
    return np.where(small, F(0), x * inverse)


class Linear:
    def __init__(self, matrix):
        self.codes = matrix.codes.T.astype(np.float64)  # [inputs, outputs]
        self.scales = matrix.scales

    def __call__(self, quantised):
        codes, scale = quantised
        return ((codes @ self.codes).astype(F) * self.scales) * scale
