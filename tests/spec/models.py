"""A quantised model: docs/spec/occm.md, sections 1 and 2; its bounds: contract.md, section 1."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

import coded_models
from notation import Damaged, require
from tokenizers import Tokenizer

CONTRACT = 3
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
        return shape + [("final_gain", 1, self.D, "floats"), ("head", self.V, self.D, "codes")]


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


def read_configuration(reader):
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


def flat_length(configuration, tokenizer_bytes):
    c = configuration
    total = 60 + 4 * c.L + tokenizer_bytes + 8 * c.L * c.G + 32
    for _, rows, columns, kind in c.tensors():
        total += rows * 4 + rows * columns if kind == "codes" else rows * columns * 4
    return total


def read_flat(data):
    reader = Reader(data, "a model")
    require(reader.take(8) == FLAT_MAGIC, "not a model")
    require(reader.number(4) == 1, "a model of another format version")
    require(reader.number(4) == CONTRACT, "a model of another numeric contract")
    require(reader.number(8) == len(data), "a model of another length than it tells")
    require(hashlib.sha256(data[:-32]).digest() == data[-32:], "a model with another digest")
    configuration = read_configuration(reader)
    tokenizer_bytes = reader.number(4)
    require(tokenizer_bytes <= 2**24, "a tokenizer is too long")
    require(
        flat_length(configuration, tokenizer_bytes) == len(data),
        "a model of another length than its configuration tells",
    )
    tokenizer = Tokenizer(reader.take(tokenizer_bytes))
    require(tokenizer.vocabulary == configuration.V, "a tokenizer of another vocabulary")

    model = Model(configuration, tokenizer, model_id(data))
    for name, rows, columns, kind in configuration.tensors():
        if kind == "floats":
            model.tensors[name] = floats(reader.take(4 * columns), -60, 8, True, True, "a gain")
            continue
        scales = floats(reader.take(4 * rows), -60, 0, True, False, "a row scale")
        codes = np.frombuffer(reader.take(rows * columns), np.int8).reshape(rows, columns)
        require(not np.any((codes < -63) | (codes > 63)), "a code is out of bounds")
        model.tensors[name] = Matrix(codes, scales)
    shape = (configuration.L, configuration.G)
    size = 4 * shape[0] * shape[1]
    model.key_scale = floats(reader.take(size), -40, 20, False, False, "a key scale").reshape(shape)
    model.value_scale = floats(reader.take(size), -40, 20, False, False, "a value scale").reshape(
        shape
    )
    return model


def model_id(flat):
    contract = CONTRACT.to_bytes(4, "little")
    return hashlib.sha256(b"occam model id" + contract + flat[24:-32]).digest()


def flatten(coded):
    """The flat file of a coded model, byte for byte; its id is checked."""
    reader = Reader(coded, "a coded model")
    require(reader.take(8) == coded_models.MAGIC, "not a coded model")
    version = reader.number(4)
    require(version in (1, 2), "a coded model of another format version")
    require(reader.number(4) == CONTRACT, "a model of another numeric contract")
    configuration = read_configuration(reader)
    tokenizer = reader.take(reader.number(4))
    stream, told_id = reader.data[reader.position : -32], reader.data[-32:]
    require(len(reader.data) - reader.position >= 32, "a coded model is cut short")
    tokenizer, tensors = coded_models.decode(version, configuration, tokenizer, stream)

    head = coded[16 : 16 + 32 + 4 * configuration.L]
    body = head + len(tokenizer).to_bytes(4, "little") + tokenizer + tensors
    flat = FLAT_MAGIC + (1).to_bytes(4, "little") + CONTRACT.to_bytes(4, "little")
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
