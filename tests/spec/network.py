"""The exact network, many lanes at once: docs/spec/contract.md.

Arrays have a row for each lane: [B, ...]. Floats are float32, and each numpy operation rounds once,
as the contract asks. Integers stand in float64, where matrix products are exact in any order: their
sums are below 2^53.
"""

import numpy as np

from building_blocks import F, Linear, norm, quantise
from memory import KnownPast, Memory
from lattice import Lattice
from signals import SignalPast, Signals

LOG2_E = F(float.fromhex("0x1.715476p+0"))
EXP2 = [
    F(float.fromhex(c))
    for c in (
        "0x1p+0",
        "0x1.62e39ep-1",
        "0x1.ebfa4ep-3",
        "0x1.c74322p-5",
        "0x1.3cbea8p-7",
        "0x1.23a604p-10",
    )
]
ONE = 1 << 60
TWO_PI = 7244019458077122842


# Section 4: rotary angles.


def multiply60(a, b):
    return a * b >> 60


def root_of_base(turning):
    low, high = 0, ONE
    while high - low > 1:
        middle = low + (high - low) // 2
        power = ONE
        for _ in range(turning):
            power = multiply60(power, middle)
        if power <= ONE // 1024:
            low = middle
        else:
            high = middle
    return low


def rotary_frequencies(pairs):
    turning = (pairs + 1) // 2
    root, power, frequencies = root_of_base(turning), ONE, [0] * pairs
    for i in range(turning):
        frequencies[i] = (power * 65536 + TWO_PI // 2) // TWO_PI
        power = multiply60(power, root)
    return np.array(frequencies)


def cosine_and_sine(angle):
    sums, term, n = [0, 0], ONE, 0
    while term != 0:
        sums[n % 2] += term if n % 4 < 2 else -term
        term = multiply60(term, angle) // (n + 1)
        n += 1
    return sums


def rotary_table():
    """Cosine and sine of all 65536 phases, in units of 2^-23."""
    eighth = np.array(
        [cosine_and_sine(TWO_PI * phase // 65536) for phase in range(8193)], dtype=object
    )
    c, s = (
        ((column + (1 << 36)) >> 37).astype(np.int64) for column in (eighth[:, 0], eighth[:, 1])
    )
    cosine, sine = np.zeros(65536, np.int64), np.zeros(65536, np.int64)
    phases = np.arange(8193)
    for turn in range(4):
        after, before = turn * 16384 + phases, (turn * 16384 - phases) % 65536
        cosine[after], sine[after] = [(c, s), (-s, c), (-c, -s), (s, -c)][turn]
        cosine[before], sine[before] = [(c, -s), (s, c), (-c, s), (-s, -c)][turn]
    return cosine, sine


# Section 6.6 and 7: the terms of attention and output.


def multiply_high(a, b):
    return a * b + 0x4000 >> 15


def attention_terms():
    """attention_term(t) for all t in 0 .. 32767."""
    t = np.arange(32768)
    x = t << 4 & 0x7FF0
    g = 32712 + multiply_high(x, -21627 + multiply_high(x, 5571))
    return g >> (t >> 11)


ATTENTION_TERMS = attention_terms()
ATTENTION_WEIGHTS = np.minimum(255, ATTENTION_TERMS + 64 >> 7).astype(np.float64)


def output_term(x):
    y = np.maximum(x, F(-24))
    n = np.rint(y)
    f = y - n
    p = EXP2[5]
    for coefficient in reversed(EXP2[:5]):
        p = p * f
        p = p + coefficient
    return np.rint(np.ldexp(p, n.astype(np.int32) + 21)).astype(np.int64)


def frequencies(logits):
    """The frequencies of each lane's symbols, [B, V], from its logits."""
    V = logits.shape[-1]
    terms = output_term((logits - np.max(logits, axis=-1, keepdims=True)) * LOG2_E)
    result = 1 + terms * (2**24 - V) // np.sum(terms, axis=-1, keepdims=True)
    best = np.argmax(terms, axis=-1)  # the first of the largest
    result[np.arange(len(result)), best] += 2**24 - np.sum(result, axis=-1)
    return result


# Sections 5 and 6: state and step.


class Layer:
    def __init__(self, model, index):
        c = model.configuration

        def tensor(name):
            return model.tensors[f"{index}.{name}"]

        self.gains = [tensor("gain1"), tensor("gain2")]
        self.convolutions = []
        if c.K > 0:
            for name in ("conv1", "conv2"):
                matrix = tensor(name)
                self.convolutions.append(matrix.codes.astype(F) * matrix.scales[:, None])
        for name in ("wq", "wk", "wv", "wo", "wu", "wd"):
            setattr(self, name, Linear(tensor(name)))
        self.window = c.window(index)
        self.key_scale = model.key_scale[index][None, :, None, None]  # [1, G, 1, 1]
        self.value_scale = model.value_scale[index][None, :, None, None]


class Cache:
    """The last `window` code rows of each lane and head: the end of a buffer, moved when full."""

    def __init__(self, lanes, heads, window, size):
        self.window, self.end = window, 0
        self.buffer = np.zeros((lanes, heads, 2 * window, size))

    def append(self, rows):
        if self.end == self.buffer.shape[2]:
            self.end = self.window - 1
            if self.end > 0:
                self.buffer[:, :, : self.end] = self.buffer[:, :, -self.end :].copy()
        self.buffer[: len(rows), :, self.end] = rows
        self.end += 1
        return self.buffer[: len(rows), :, max(0, self.end - self.window) : self.end]


class State:
    """What the contexts of `lanes` lanes remember; all are of a kind, at the same position."""

    def __init__(self, configuration, lanes, kind=0):
        c = configuration
        pairs = c.N // 2
        still = 2 * (pairs - (pairs + 1) // 2)
        self.position = 0
        self.pasts = [KnownPast() for _ in range(lanes)]
        has_signals = not c.kinds or c.kinds[kind] == 1
        lattices = [Lattice(quality) for quality in c.qualities]
        self.seen = [
            SignalPast(*c.record, kind, has_signals, lattices)
            for _ in range(lanes if c.record else 0)
        ]
        self.caches = [
            [Cache(lanes, c.G, c.window(layer), c.N) for _ in range(2)] for layer in range(c.L)
        ]
        self.still = [np.zeros((lanes, c.G, still), F) for _ in range(c.L)]
        self.history = [
            [np.zeros((max(c.K - 1, 0), lanes, c.D), F) for _ in range(2)] for _ in range(c.L)
        ]


class Network:
    COSINE = SINE = None

    def __init__(self, model):
        self.configuration = c = model.configuration
        if Network.COSINE is None:
            Network.COSINE, Network.SINE = (
                table.astype(F) * F(2.0**-23) for table in rotary_table()
            )
        self.frequencies = rotary_frequencies(c.N // 2)
        self.beta = F(3) / np.sqrt(F(c.N))
        embedding = model.tensors["embedding"]
        self.embedding = embedding.codes.astype(F) * embedding.scales[:, None]
        self.memory = Memory(model) if c.rules else None
        self.signals = Signals(model) if c.record else None
        if not self.memory and not self.signals:
            self.embedding = norm(self.embedding)
        self.layers = [Layer(model, layer) for layer in range(c.L)]
        self.final_gain = model.tensors["final_gain"]
        self.head = Linear(model.tensors["head"])

    def step(self, state, previous):
        """Logits, [B, V], of the first lanes of `state`: those that have a symbol in `previous`."""
        if state.position == 0:
            previous = [self.configuration.V] * len(previous)
        symbols = self.signals.symbols(state.seen, previous) if self.signals else previous
        x = self.embedding[symbols]
        if self.signals:
            x, predictions = self.signals.add(state.seen, x)
        if self.memory:
            recalled = self.memory.recall(state.pasts, previous)
            x = x + self.memory.at_input(recalled)
        if self.memory or self.signals:
            x = norm(x)
        for index, layer in enumerate(self.layers):
            if index == self.configuration.gate:
                x = x + self.memory.at_gate(recalled, x)
            x = x + layer.wo(quantise(self.attention(state, index, x)))
            u = np.maximum(layer.wu(self.before(state, index, 1, x)), F(0))
            x = x + layer.wd(quantise(u * u))
        state.position += 1
        logits = self.head(quantise(norm(x) * self.final_gain))
        return self.signals.of_bytes(logits, predictions) if self.signals else logits

    def before(self, state, index, which, x):
        layer, history = self.layers[index], state.history[index][which]
        h = norm(x) * layer.gains[which]
        if layer.convolutions:
            w = layer.convolutions[which]
            rows = [*history[:, : len(h)], h]
            total = w[0] * rows[0]
            for k in range(1, len(rows)):
                total = total + w[k] * rows[k]
            if len(history) > 0:
                history[:-1] = history[1:].copy()
                history[-1, : len(h)] = h
            h = h + total
        return quantise(h)

    def attention(self, state, index, x):
        layer, c = self.layers[index], self.configuration
        lanes, per_key = len(x), c.H // c.G
        quantised = self.before(state, index, 0, x)
        query = norm(self.rotate(layer.wq(quantised).reshape(lanes, c.H, c.N), state.position))
        key = norm(self.rotate(layer.wk(quantised).reshape(lanes, c.G, c.N), state.position))
        value = layer.wv(quantised).reshape(lanes, c.G, c.N)

        key = self.shift(key, state.still[index])
        keys, values = state.caches[index]
        keys = keys.append(cache_codes(key, layer.key_scale[..., 0]))  # [B, G, W, N]
        values = values.append(cache_codes(value, layer.value_scale[..., 0]))

        query, query_scale = quantise(query.reshape(lanes, c.G, per_key, c.N))
        factor = ((query_scale * layer.key_scale) * self.beta * LOG2_E) * F(2048)
        products = query @ keys.transpose(0, 1, 3, 2)  # [B, G, H / G, W]
        below = (np.max(products, axis=-1, keepdims=True) - products).astype(F)
        t = np.rint(np.minimum(below * factor, F(32767))).astype(np.int64)
        total = np.sum(ATTENTION_TERMS[t], axis=-1, keepdims=True).astype(F)
        scale = (F(128) * layer.value_scale) / total
        return ((ATTENTION_WEIGHTS[t] @ values).astype(F) * scale).reshape(lanes, c.D)

    def rotate(self, x, position):
        phase = position % 65536 * self.frequencies % 65536
        c, s = self.COSINE[phase], self.SINE[phase]
        first, second = np.split(x, 2, axis=-1)
        return np.concatenate([first * c - second * s, first * s + second * c], axis=-1)

    def shift(self, key, kept):
        """The key with the still elements of the one before, for which `kept` gets its own."""
        P = self.configuration.N // 2
        T, half = (P + 1) // 2, P - (P + 1) // 2
        before = kept[: len(key)].copy()
        kept[: len(key)] = np.concatenate([key[..., T:P], key[..., P + T :]], axis=-1)
        return np.concatenate(
            [key[..., :T], before[..., :half], key[..., P : P + T], before[..., half:]], axis=-1
        )


def cache_codes(x, scale):
    inverse = F(1) / scale
    return np.rint(np.minimum(np.maximum(x * inverse, F(-63)), F(63)))
