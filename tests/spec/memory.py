"""A memory beside the network, many lanes at once: docs/spec/memory.md, sections 2 and 3."""

import numpy as np

from building_blocks import F, Linear, norm, quantise

MULTIPLIER = 0x9E3779B1
MASK = 0xFFFFFFFF


def is_letter(symbol):
    return symbol >= 128 or chr(symbol).isascii() and chr(symbol).isalpha()


def mixed(h, salt):
    h = h + salt * 0x632BE5AB & MASK
    h = (h ^ h >> 16) * 0x7FEB352D & MASK
    h = (h ^ h >> 15) * 0x846CA68B & MASK
    return h ^ h >> 16


class KnownPast:
    """What the rules know of a lane's context."""

    def __init__(self):
        self.symbols = []  # the oldest first
        self.starts = []  # of words, in self.symbols

    def append(self, symbol):
        before = self.symbols[-1] if self.symbols else None
        if is_letter(symbol) and (before is None or not is_letter(before)):
            self.starts.append(len(self.symbols))
        self.symbols.append(symbol)

    def row(self, kind, count, bits):
        if len(self.symbols) < (count if kind == 1 else 1):
            return 1 << bits
        if kind == 1:
            seen, salt = self.symbols[-count:], count
        else:
            start = self.starts[-count] if len(self.starts) >= count else 0
            lower = [s | 32 if is_letter(s) and s < 128 else s for s in self.symbols[start:]]
            seen, salt = lower, 512 + count
        h = 0
        for symbol in seen:
            h = h * MULTIPLIER + symbol + 1 & MASK
        return mixed(h, salt) >> 32 - bits


class Memory:
    def __init__(self, model):
        c = model.configuration
        self.begin, self.rules, self.width = c.V, c.rules, c.W
        self.tables, self.step = model.tables, model.step
        self.projection = Linear(model.tensors["memory_projection"])
        if c.gate >= 0:
            self.gates = Linear(model.tensors["memory_gates"])
            self.gated = Linear(model.tensors["memory_gated"])

    def recall(self, pasts, symbols):
        """The codes that each lane's rules choose once it knows its symbol, [B, R W]."""
        for past, symbol in zip(pasts, symbols):
            if symbol != self.begin:
                past.append(symbol)
        rows = [
            np.concatenate([t[past.row(*rule)] for t, rule in zip(self.tables, self.rules)])
            for past, _ in zip(pasts, symbols)
        ]
        return np.stack(rows).astype(np.float64)

    def at_input(self, codes):
        return self.projection((codes, self.step))

    def at_gate(self, codes, x):
        gates = np.minimum(
            np.maximum(F(1) + self.gates(quantise(norm(x))), F(0)), F(2)
        )
        rows, scale = quantise(codes.astype(F) * np.repeat(gates, self.width, axis=-1))
        return self.gated((rows, scale * self.step))
