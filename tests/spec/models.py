"""A quantised model: docs/spec/occm.md, sections 1 and 2; its bounds: contract.md, section 1."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

import coded_models
from notation import Damaged, require
from signals import NAMES
from signals import table_rows as signal_rows
from tokenizers import Tokenizer

CONTRACTS = (3, 4)  # without and with a memory or signals
FLAT_MAGIC = b"OCCAMQNT"


@dataclass
class Configuration:
    V: int
    D: int
    L: int
    H: int
    G: int
    M: int
    K: int
    C: int
    windows: list
    rules: list = field(default_factory=list)  # (kind, count, bits) of each table
    W: int = 16
    gate: int = -1
    signal_rules: list = field(default_factory=list)
    record: tuple = ()  # columns and rows; none without signals
    residual: bool = False
    kinds: list = field(default_factory=list)  # of contexts: whether each has signals
    qualities: list = field(default_factory=list)  # of lattices

    def check(self):
        bounds = {
            "V": (2, 65536),
            "D": (8, 4096),
            "L": (1, 256),
            "H": (1, self.D),
            "G": (1, self.H),
            "M": (1, 16),
            "K": (0, 16),
            "C": (1, 65536),
        }
        for name, (low, high) in bounds.items():
            require(low <= getattr(self, name) <= high, f"a model with {name} out of bounds")
        require(
            self.D % 8 == 0 and self.D % self.H == 0 and self.H % self.G == 0,
            "a model whose width and heads do not divide",
        )
        require(self.N % 8 == 0 and self.N <= 256, "a model with a head size out of bounds")
        require(
            all(window <= 65536 for window in self.windows), "a model with a window out of bounds"
        )
        require(
            len(self.windows) == self.L and len(self.rules) <= 16, "a model of too many fields"
        )
        for kind, count, bits in self.rules:
            require(
                kind in (1, 2) and 1 <= count <= (8 if kind == 1 else 3) and 4 <= bits <= 22,
                "a model with a rule out of bounds",
            )
        require(
            len({rule[:2] for rule in self.rules}) == len(self.rules)
            and self.W % 8 == 0
            and 8 <= self.W <= 64
            and (self.gate == -1 or 1 <= self.gate < self.L)
            and sum(self.table_rows()) * self.W <= 2**28,
            "a model with a memory out of bounds",
        )
        signals = len(self.signal_rules) > 0 or self.residual
        require(signals == (len(self.record) == 2), "a model with a part of what signals need")
        require(
            not self.kinds
            or (signals and 2 <= len(self.kinds) <= 16 and set(self.kinds) in ({0, 1}, {1})),
            "a model with kinds out of bounds",
        )
        require(
            not self.qualities
            or (
                signals
                and all(side % 8 == 0 for side in self.record)
                and len(self.qualities) <= 16
                and all(1 <= quality <= 100 for quality in self.qualities)
                and len(set(self.qualities)) == len(self.qualities)
            ),
            "a model with lattices out of bounds",
        )
        require(
            not signals
            or (
                self.V == 256
                and all(1 <= side <= 65536 for side in self.record)
                and all(1 <= rule <= len(NAMES) for rule in self.signal_rules)
                and (self.kinds or NAMES.index("kind") + 1 not in self.signal_rules)
                and (self.qualities or not {9, 10} & set(self.signal_rules))
                and len(set(self.signal_rules)) == len(self.signal_rules)
            ),
            "a model with signals out of bounds",
        )

    def table_rows(self):
        return [2**bits + 1 for _, _, bits in self.rules]

    @property
    def N(self):
        return self.D // self.H

    def window(self, layer):
        window = self.windows[layer]
        return self.C if window == 0 or window > self.C else window

    def tensors(self):
        """Name, rows, columns and kind of every tensor, in the order of the contract."""
        convolution = [("conv", self.K, self.D, "codes")] if self.K > 0 else []
        shape = [("embedding", self.V + 1, self.D, "codes")]
        for layer in range(self.L):
            names = (
                [("gain1", 1, self.D, "floats")]
                + [("conv1", *c[1:]) for c in convolution]
                + [
                    ("wq", self.D, self.D, "codes"),
                    ("wk", self.G * self.N, self.D, "codes"),
                    ("wv", self.G * self.N, self.D, "codes"),
                    ("wo", self.D, self.D, "codes"),
                    ("gain2", 1, self.D, "floats"),
                ]
                + [("conv2", *c[1:]) for c in convolution]
                + [
                    ("wu", self.M * self.D, self.D, "codes"),
                    ("wd", self.D, self.M * self.D, "codes"),
                ]
            )
            shape += [(f"{layer}.{name}", *rest) for name, *rest in names]
        shape += [("final_gain", 1, self.D, "floats"), ("head", self.V, self.D, "codes")]
        shape += [
            (f"signal_{NAMES[rule - 1]}", rows, self.D, "codes")
            for rule in self.signal_rules
            for rows in [signal_rows(rule, *self.record, len(self.kinds))]
        ]
        rows = len(self.rules) * self.W
        if self.rules:
            shape += [("memory_projection", self.D, rows, "codes")]
        if self.gate >= 0:
            shape += [
                ("memory_gates", len(self.rules), self.D, "codes"),
                ("memory_gated", self.D, rows, "codes"),
            ]
        return shape


@dataclass
class Matrix:
    codes: np.ndarray  # [rows, columns], int8
    scales: np.ndarray  # [rows], float32


@dataclass
class Model:
    configuration: Configuration
    tokenizer: Tokenizer
    id: bytes
    tensors: dict = field(default_factory=dict)  # by name: a Matrix, or a float32 array of gains
    key_scale: np.ndarray = None  # [L, G]
    value_scale: np.ndarray = None
    contract: int = 3
    step: np.float32 = None  # of the memory
    tables: list = field(default_factory=list)  # [rows, W] each, int8


class Reader:
    """Reads bytes from the front of `data`; what is missing is damage."""

    def __init__(self, data, what):
        self.data, self.what, self.position = data, what, 0

    def take(self, count):
        require(count <= len(self.data) - self.position, f"{self.what} is cut short")
        self.position += count
        return self.data[self.position - count : self.position]

    def number(self, width):
        return int.from_bytes(self.take(width), "little")


def read_configuration(reader, contract):
    return read_fields(reader) if contract == 4 else read_numbers(reader)


def read_fields(reader):
    """The list of docs/spec/memory.md, section 1."""
    values = {}
    for _ in range(reader.number(4)):
        id, length = reader.number(4), reader.number(4)
        value = reader.take(length)
        known = id in range(1, 10) or id in (16, 17, 18) or id in range(32, 38)
        require(known, f"field {id} needs a newer decoder")
        require(not values or id > max(values), "a model whose fields are out of order")
        require(id in (9, 16, 32, 36, 37) or length == 4, "a field of another length")
        values[id] = value
    require(
        all(id in values for id in range(1, 10)) and len(values) > 9, "a model without its fields"
    )
    V, D, L, H, G, M, K, C = (int.from_bytes(values[id], "little") for id in range(1, 9))
    windows = np.frombuffer(values[9], "<u4").tolist() if len(values[9]) % 4 == 0 else []
    rules = [tuple(values[16][i : i + 4]) for i in range(0, len(values[16]), 4)] if 16 in values else []
    require(
        (len(rules) > 0) == (16 in values)
        and (16 in values or not (17 in values or 18 in values))
        and all(len(rule) == 4 and rule[3] == 0 for rule in rules),
        "a memory without rules, or with wrong ones",
    )
    rules = [rule[:3] for rule in rules]
    configuration = Configuration(V, D, L, H, G, M, K, C, windows, rules)
    if 17 in values:
        configuration.W = int.from_bytes(values[17], "little")
        require(configuration.W != 16, "a field that tells what is usual")
    if 18 in values:
        configuration.gate = int.from_bytes(values[18], "little", signed=True)
        require(configuration.gate != -1, "a field that tells what is usual")
    read_signals(values, configuration)
    configuration.check()
    return configuration


def read_signals(values, configuration):
    """The fields of docs/spec/signals.md, section 1."""
    if 32 in values:
        require(values[32] and len(values[32]) % 4 == 0, "signals without rules, or with wrong ones")
        configuration.signal_rules = np.frombuffer(values[32], "<u4").tolist()
    sides = [int.from_bytes(values[id], "little") for id in (33, 34) if id in values]
    require(len(sides) in (0, 2), "a record of one side")
    configuration.record = tuple(sides)
    if 35 in values:
        require(int.from_bytes(values[35], "little") == 1, "residuals that are none")
        configuration.residual = True
    if 36 in values:
        require(len(values[36]) % 4 == 0 and values[36], "kinds that are none")
        configuration.kinds = np.frombuffer(values[36], "<u4").tolist()
    if 37 in values:
        require(len(values[37]) % 4 == 0 and values[37], "lattices that are none")
        configuration.qualities = np.frombuffer(values[37], "<u4").tolist()


def read_numbers(reader):
    V, D, L, H, G, M, K, C = (reader.number(4) for _ in range(8))
    require(1 <= L <= 256, "a model with L out of bounds")
    configuration = Configuration(V, D, L, H, G, M, K, C, [reader.number(4) for _ in range(L)])
    configuration.check()
    return configuration


def floats(data, low, high, zero, signed, what):
    """Floats of a model, within the bounds of the contract, section 1.3."""
    patterns = np.frombuffer(data, "<u4")
    values = patterns.view("<f4").astype(np.float32)
    require(not np.any(patterns & 255), f"{what} has more than 16 significant bits")
    size = np.abs(values) if signed else values
    inside = (size >= np.float32(2.0**low)) & (size <= np.float32(2.0**high))
    if zero:
        inside |= patterns == 0
    require(bool(np.all(inside)), f"{what} is out of bounds")
    return values


def body_length(configuration):
    """The bytes of a flat file after the tokenizer."""
    c = configuration
    total = 8 * c.L * c.G + 32
    if c.rules:
        total += 4 + sum(c.table_rows()) * c.W
    for _, rows, columns, kind in c.tensors():
        total += rows * 4 + rows * columns if kind == "codes" else rows * columns * 4
    return total


def read_flat(data):
    reader = Reader(data, "a model")
    require(reader.take(8) == FLAT_MAGIC, "not a model")
    require(reader.number(4) == 1, "a model of another format version")
    contract = reader.number(4)
    require(contract in CONTRACTS, "a model of another numeric contract")
    require(reader.number(8) == len(data), "a model of another length than it tells")
    require(hashlib.sha256(data[:-32]).digest() == data[-32:], "a model with another digest")
    configuration = read_configuration(reader, contract)
    tokenizer_bytes = reader.number(4)
    require(tokenizer_bytes <= 2**24, "a tokenizer is too long")
    require(
        reader.position + tokenizer_bytes + body_length(configuration) == len(data),
        "a model of another length than its configuration tells",
    )
    tokenizer = Tokenizer(reader.take(tokenizer_bytes))
    require(tokenizer.vocabulary == configuration.V, "a tokenizer of another vocabulary")

    model = Model(configuration, tokenizer, model_id(data), contract=contract)
    for name, rows, columns, kind in configuration.tensors():
        if kind == "floats":
            model.tensors[name] = floats(reader.take(4 * columns), -60, 8, True, True, "a gain")
            continue
        scales = floats(reader.take(4 * rows), -60, 0, True, False, "a row scale")
        model.tensors[name] = Matrix(read_codes(reader, rows, columns), scales)
    if configuration.rules:
        model.step = floats(reader.take(4), -60, 10, False, False, "the memory's step")[0]
        model.tables = [
            read_codes(reader, rows, configuration.W) for rows in configuration.table_rows()
        ]
    shape = (configuration.L, configuration.G)
    size = 4 * shape[0] * shape[1]
    model.key_scale = floats(reader.take(size), -40, 20, False, False, "a key scale").reshape(shape)
    model.value_scale = floats(reader.take(size), -40, 20, False, False, "a value scale").reshape(
        shape
    )
    return model


def read_codes(reader, rows, columns):
    codes = np.frombuffer(reader.take(rows * columns), np.int8).reshape(rows, columns)
    require(not np.any((codes < -63) | (codes > 63)), "a code is out of bounds")
    return codes


def model_id(flat):
    return hashlib.sha256(b"occam model id" + flat[12:16] + flat[24:-32]).digest()


def flatten(coded):
    """The flat file of a coded model, byte for byte; its id is checked."""
    reader = Reader(coded, "a coded model")
    require(reader.take(8) == coded_models.MAGIC, "not a coded model")
    version = reader.number(4)
    require(version in (1, 2), "a coded model of another format version")
    contract = reader.number(4)
    require(contract in CONTRACTS, "a model of another numeric contract")
    configuration = read_configuration(reader, contract)
    head = coded[16 : reader.position]
    tokenizer = reader.take(reader.number(4))
    stream, told_id = reader.data[reader.position : -32], reader.data[-32:]
    require(len(reader.data) - reader.position >= 32, "a coded model is cut short")
    tokenizer, tensors = coded_models.decode(version, configuration, tokenizer, stream)

    body = head + len(tokenizer).to_bytes(4, "little") + tokenizer + tensors
    flat = FLAT_MAGIC + (1).to_bytes(4, "little") + contract.to_bytes(4, "little")
    flat += (24 + len(body) + 32).to_bytes(8, "little") + body
    flat += hashlib.sha256(flat).digest()
    require(model_id(flat) == told_id, "a coded model with another id")
    return flat


def read_model(data):
    """A model in either form."""
    if data[:8] == FLAT_MAGIC:
        return read_flat(data)
    if data[:8] == coded_models.MAGIC:
        return read_flat(flatten(data))
    raise Damaged("not a model")
