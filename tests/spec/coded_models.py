"""The entropy-coded form of a model: docs/spec/coded_models.md, sections 1 to 3."""

import numpy as np

from merges import decode_merges
from notation import bits, require
from range_coder import FRESH, Mixed, RangeDecoder, decode_bit, learn_cell
from signals import NAMES
from tokenizers import write_merges

MAGIC = b"OCCAMQNZ"

KINDS = {
    "embedding": 0,
    "conv1": 1,
    "conv2": 1,
    "wq": 2,
    "wk": 2,
    "wv": 3,
    "wo": 4,
    "wu": 5,
    "wd": 6,
    "head": 7,
    "gain1": 8,
    "gain2": 8,
    "final_gain": 8,
    **{f"signal_{name}": 0 for name in NAMES},
    "memory_projection": 2,
    "memory_gates": 2,
    "memory_gated": 2,
}
CACHE = 9
MEMORY = 10  # the step, and the codes of the first table


def decode(version, configuration, tokenizer, stream):
    """The bytes of the tokenizer, and of tensors and cache scales, as in the flat file."""
    shapes = configuration.tensors()
    scales = configuration.L * configuration.G
    numbers = 2 * scales + sum(rows * columns for _, rows, columns, _ in shapes)
    numbers += sum(configuration.table_rows())  # a row may be one decision
    require(
        numbers // 1024 <= len(stream), "a coded model of more numbers than its stream can hold"
    )
    decoder = RangeDecoder(stream)
    if version == 2:
        require(len(tokenizer) == 3 and tokenizer[0] in (2, 3), "a coded model with other merges")
        merges = decode_merges(decoder, int.from_bytes(tokenizer[1:], "little"))
        tokenizer = tokenizer[:1] + write_merges(merges)
    walk = ModelWalk(decoder)
    result = []
    for name, rows, columns, form in shapes:
        kind = KINDS[name.split(".")[-1]]
        if form == "codes":
            result.append(walk.decode_floats(kind, rows))
            result.append(walk.decode_codes(kind, rows, columns))
        else:
            result.append(walk.decode_floats(kind, rows * columns))
    if configuration.rules:
        result.append(walk.decode_floats(MEMORY, 1))
    for i, rows in enumerate(configuration.table_rows()):
        result.append(walk.decode_table(i, rows, configuration.W))
    result.append(walk.decode_floats(CACHE, scales))
    result.append(walk.decode_floats(CACHE, scales))
    decoder.finish()
    return tokenizer, b"".join(result)


def cell_bit(decoder, table, i):
    bit = decode_bit(decoder, table[i] >> 16, 512)
    table[i] = learn_cell(table[i], bit, 255)
    return bit


def level(mean):
    if mean < 2:
        return mean
    octave = bits(mean) - 1
    return min(19, octave * 2 + (mean >> (octave - 1) & 1))


class FloatTables:
    def __init__(self):
        self.sign, self.exponent, self.mantissa = [FRESH], [FRESH] * 256, [FRESH] * 30


class MagnitudeTables:
    """What the tensors of one width share."""

    def __init__(self):
        self.by_kind = [FRESH] * (26 * 64)
        self.by_row = [FRESH] * (20 * 64)
        self.by_column = [FRESH] * (20 * 64)
        self.by_both = [FRESH] * (400 * 64)
        self.weights = [[16384] * 4 for _ in range(64)]


class ModelWalk:
    def __init__(self, decoder):
        self.decoder = decoder
        self.floats = [FloatTables() for _ in range(11)]
        self.width = [FRESH] * 8
        self.magnitudes = [MagnitudeTables() for _ in range(6)]

    def decode_floats(self, kind, count):
        tables = self.floats[kind]
        return np.array([self.decode_float(tables) for _ in range(count)], "<u4").tobytes()

    def decode_float(self, tables):
        value = cell_bit(self.decoder, tables.sign, 0)
        node = 1
        for _ in range(8):
            node = node * 2 + cell_bit(self.decoder, tables.exponent, node)
        value = value << 8 | node & 255
        seen = 0
        for i in range(15):
            bit = cell_bit(self.decoder, tables.mantissa, i * 2 + seen)
            seen |= bit
            value = value << 1 | bit
        return value << 8

    def decode_width(self):
        node = 1
        for _ in range(3):
            node = node * 2 + cell_bit(self.decoder, self.width, node)
        require(node < 15, "a coded tensor of too many bits")
        return node - 8

    def decode_table(self, i, rows, columns):
        """Of a memory: docs/spec/memory.md, section 4."""
        width = self.decode_width()
        result = np.zeros((rows, columns), np.int8)
        used, before = [FRESH] * 4, 0
        for row in range(rows if width > 0 else 0):
            before = (before << 1 | cell_bit(self.decoder, used, before)) & 3
            total = 0
            for k in range(columns if before & 1 else 0):
                row_level = level((total * 16 + (8 << width)) // (k + 2))
                magnitude, code = self.decode_code(
                    MEMORY + i, width, row_level, k % 20, self.magnitudes[width - 1]
                )
                result[row, k] = code
                total += magnitude
        return result.tobytes()

    def decode_codes(self, kind, rows, columns):
        width = self.decode_width()
        if width == 0:
            return bytes(rows * columns)
        tables = self.magnitudes[width - 1]
        column_means = [2 << width] * columns
        before = 4 << width
        result = np.zeros(rows * columns, np.int8)
        for row in range(rows):
            total = 0
            for k in range(columns):
                row_level = level((total * 16 + before * 4) // (k + 4))
                magnitude, result[row * columns + k] = self.decode_code(
                    kind, width, row_level, level(column_means[k]), tables
                )
                total += magnitude
                column_means[k] = (column_means[k] * 7 + magnitude * 16 + 4) // 8
            before = total * 16 // columns
        return result.tobytes()

    def decode_code(self, kind, width, row_level, column_level, tables):
        magnitude = self.decode_magnitude(kind, width, row_level, column_level, tables)
        negative = magnitude != 0 and decode_bit(self.decoder, 32768, 512) == 1
        return magnitude, -magnitude if negative else magnitude

    def decode_magnitude(self, kind, width, row_level, column_level, tables):
        trees = [
            (tables.by_kind, kind * 64),
            (tables.by_row, row_level * 64),
            (tables.by_column, column_level * 64),
            (tables.by_both, (row_level * 20 + column_level) * 64),
        ]
        node = 1
        for _ in range(width):
            mixed = Mixed([(table, root + node) for table, root in trees], tables.weights[node])
            bit = decode_bit(self.decoder, mixed.p, 512)
            mixed.update(bit, (255, 255, 255, 255))
            node = node * 2 + bit
        return node - (1 << width)
