"""What is known of a byte to come, and the rows that this chooses: docs/spec/signals.md."""

import numpy as np

from building_blocks import F
from lattice import LatticePast

NAMES = ["column", "row", "prediction", "west", "north", "north_east", "north_west", "kind",
         "certainty", "edge"]
THRESHOLDS = np.array([1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 37, 50, 70, 100, 150])


NONE = -1  # the row of a rule that chooses none


def table_rows(rule, columns, rows, kinds):
    return (columns, rows, 256, 31, 31, 31, 31, kinds, 32, 31)[rule - 1]


class SignalPast:
    """Of one lane: the bytes of the record at hand, as rows."""

    def __init__(self, columns, rows, kind=0, has_signals=True, lattices=()):
        self.columns, self.rows = columns, rows
        self.kind, self.has_signals = kind, has_signals
        self.x = self.y = 0
        self.record = np.zeros((rows, columns), np.int64)
        self.lattice = LatticePast((columns, rows), lattices) if lattices and has_signals else None

    def append(self, byte):
        self.record[self.y, self.x] = byte
        if self.lattice:
            self.lattice.append(byte)
        self.x += 1
        if self.x == self.columns:
            self.x, self.y = 0, (self.y + 1) % self.rows

    def look(self):
        """The prediction, and the row that each rule chooses, the first rule's first."""
        if not self.has_signals:
            return 0, [NONE] * 7 + [self.kind, NONE, NONE]
        x, y = self.x, self.y
        if y == 0:
            west = self.record[0, x - 1] if x > 0 else 128
            around = np.array([west] * 4)
        else:
            above = self.record[y - 1]
            west = self.record[y, x - 1] if x > 0 else above[x]
            east = above[x + 1] if x + 1 < self.columns else above[x]
            around = np.array([west, above[x], east, above[x - 1] if x > 0 else above[x]])
        w, n, _, nw = around
        edge = prediction = int(np.median([w, n, w + n - nw]))
        if self.lattice and self.lattice.on_lattice():
            prediction = self.lattice.prediction()
        away = np.append(around, edge) - prediction
        levels = 15 + np.sign(away) * np.sum(np.abs(away)[:, None] >= THRESHOLDS, axis=1)
        certainty = self.lattice.certainty() if self.lattice else NONE
        return prediction, [x, y, prediction, *levels[:4], self.kind, certainty, levels[4]]


class Signals:
    def __init__(self, model):
        c = model.configuration
        self.begin, self.rules, self.residual = c.V, c.signal_rules, c.residual
        self.tables = []
        for rule in self.rules:
            matrix = model.tensors[f"signal_{NAMES[rule - 1]}"]
            # The last row, of zeros, is that of NONE.
            rows = matrix.codes.astype(F) * matrix.scales[:, None]
            self.tables.append(np.vstack([rows, np.zeros_like(rows[:1])]))

    def symbols(self, pasts, given):
        """What the bytes that each lane is given stand for; it knows them from here on."""
        out = []
        for past, byte in zip(pasts, given):
            out.append(byte)
            if byte != self.begin:
                if self.residual:
                    out[-1] = (byte - past.look()[0]) % 256
                past.append(byte)
        return out

    def add(self, pasts, x):
        """x [B, D] with the rows of the bytes to come, and the predictions of these."""
        seen = [past.look() for past, _ in zip(pasts, x)]
        for table, rule in zip(self.tables, self.rules):
            x = x + table[[rows[rule - 1] for _, rows in seen]]
        return x, [prediction for prediction, _ in seen]

    def of_bytes(self, logits, predictions):
        if not self.residual:
            return logits
        return np.stack([np.roll(row, by) for row, by in zip(logits, predictions)])
