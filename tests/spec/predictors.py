"""Network predictor, order 2, adaptive predictor and lost bits: docs/spec/predictors.md.

A predictor is started for a segment's lanes. `prepare(lanes)` comes before a step that the first
`lanes` of them take part in, then `decode` for each of these.
"""

import numpy as np

from expert import Expert
from mixer import Mixer
from network import Network, State, frequencies
from notation import bits, clamp, trunc_div, u32
from range_coder import FRESH, Mixed, decode_bit, decode_byte, log2_16
from step_expert import StepExpert


class NetworkPredictor:
    def __init__(self, model, chunked):
        self.network, self.chunked = Network(model), chunked
        self.configuration = model.configuration
        self.kind = 0  # of contexts

    def set_kind(self, kind):
        self.kind = kind

    def start(self, lanes):
        self.lanes, self.steps = lanes, 0
        self.previous = [0] * lanes

    def prepare(self, lanes):
        if self.steps == 0 or (self.chunked and self.steps % self.configuration.C == 0):
            self.state = State(self.configuration, self.lanes, self.kind)
        self.steps += 1
        own = frequencies(self.network.step(self.state, self.previous[:lanes]))
        # starts[lane][s] is where symbol s's interval starts; the last entry ends the last.
        self.starts = np.zeros((lanes, own.shape[1] + 1), np.int64)
        np.cumsum(own, axis=1, out=self.starts[:, 1:])

    def decode(self, decoder, lane):
        starts = self.starts[lane]
        symbol = int(np.searchsorted(starts, decoder.target(), side="right")) - 1
        start = int(starts[symbol])
        decoder.advance(start, int(starts[symbol + 1]) - start)
        self.previous[lane] = symbol
        return symbol


class Order2:
    def start(self, lanes):
        assert lanes == 1
        self.order0 = [FRESH] * 256
        self.order1 = [FRESH] * 65536
        self.slots = {}
        self.weights = [[22000, 22000, 22000] for _ in range(4 * 256)]
        self.past = 0

    def prepare(self, lanes):
        pass

    def find_slot(self, context):
        index = u32(context * 0x9E3779B1) >> 16
        slot = self.slots.get(index)
        if slot is None or slot[0] != context:
            slot = self.slots[index] = [context] + [FRESH] * 15
        return slot

    def predict(self):
        node, two = self.node, self.past & 0xFFFF
        depth = bits(node) - 1
        if depth == 0:
            self.slot = self.find_slot(1 << 24 | two)
        if depth == 4:
            self.slot = self.find_slot(node << 25 | two)
        half = 1 << (depth & 3)
        cell = half | node & (half - 1)
        count = self.slot[cell] & 1023
        confidence = 0 if count == 0 else 1 if count < 3 else 2 if count < 12 else 3
        self.mixed = Mixed(
            [(self.order0, node), (self.order1, (self.past & 255) * 256 + node), (self.slot, cell)],
            self.weights[confidence * 256 + node],
        )
        return self.mixed.p

    def learn(self, bit):
        self.mixed.update(bit, (255, 60, 30))
        self.node = self.node * 2 + bit

    def decode(self, decoder, lane):
        self.node = 1
        byte = decode_byte(decoder, self.predict, self.learn)
        self.past = u32(self.past << 8 | byte)
        return byte


def logit_of(zero, one):
    return clamp(trunc_div((log2_16(one) - log2_16(zero)) * 45426, 65536 * 256), -3071, 3071)


class FirstAdaptivePredictor:
    def __init__(self, model):
        self.network = NetworkPredictor(model, chunked=False)

    def set_kind(self, kind):
        self.network.set_kind(kind)

    def start(self, lanes):
        self.network.start(lanes)
        self.mixer = Mixer(lanes)

    def prepare(self, lanes):
        self.network.prepare(lanes)

    def predict(self):
        node = self.mixer.node
        leaves = 256 >> (bits(node) - 1)
        first = node * leaves - 256
        low, middle, high = (self.starts[first + k] for k in (0, leaves // 2, leaves))
        return self.mixer.predict(logit_of(middle - low, high - middle))

    def decode(self, decoder, lane):
        self.starts = self.network.starts[lane].tolist()
        self.mixer.start_byte(lane)
        byte = decode_byte(decoder, self.predict, self.mixer.learn)
        self.network.previous[lane] = byte
        return byte


def learn_byte(predict, learn, byte):
    for shift in reversed(range(8)):
        predict()
        learn(byte >> shift & 1)


class SecondAdaptivePredictor(FirstAdaptivePredictor):
    """An expert beside the network, for segments of `size` bytes."""

    expert = Expert
    size = 0
    is_long = False
    dictionary = b""

    def start(self, lanes):
        size = len(self.dictionary) + self.size
        self.mixer = self.expert(lanes, size, True, self.is_long)
        self.network.start(1)
        for byte in self.dictionary:
            self.network.prepare(1)
            self.starts = self.network.starts[0].tolist()
            self.mixer.start_byte(0)
            learn_byte(self.predict, self.mixer.learn, byte)
            self.network.previous[0] = byte
        self.network.start(lanes)
        for byte in self.dictionary[-min(self.network.configuration.C, 512) :]:
            self.network.prepare(lanes)
            self.network.previous = [byte] * lanes


class AdaptivePredictor(SecondAdaptivePredictor):
    """The same with the expert that learns by steps."""

    expert = StepExpert

    @staticmethod
    def streams_of(lanes):
        return max(1, lanes // 2)


class LoneExpert:
    def __init__(self, expert, size, is_long, dictionary=b""):
        self.make, self.size, self.is_long = expert, size, is_long
        self.dictionary = dictionary

    def start(self, lanes):
        self.expert = self.make(lanes, len(self.dictionary) + self.size, False, self.is_long)
        for byte in self.dictionary:
            self.expert.start_byte(0)
            learn_byte(self.expert.predict, self.expert.learn, byte)

    def prepare(self, lanes):
        pass

    def decode(self, decoder, lane):
        self.expert.start_byte(lane)
        return decode_byte(decoder, self.expert.predict, self.expert.learn)


def decode_lost_bits(decoder, symbols):
    tables = [[FRESH] * size for size in (1024, 32768, 32768, 65536)]
    weights = [[16384] * 4 for _ in range(4)]
    past, before, lost = 0, 0, []
    for symbol, after in zip(symbols, symbols[1:] + [0]):
        everything = (past & 3) << 21 | before << 14 | symbol << 7 | after
        places = (
            past << 7 | symbol,
            (past & 1) << 14 | symbol << 7 | after,
            (past & 1) << 14 | before << 7 | symbol,
            u32(everything * 0x9E3779B1) >> 16,
        )
        mixed = Mixed(list(zip(tables, places)), weights[past & 3])
        bit = decode_bit(decoder, mixed.p, 1)
        mixed.update(bit, (255, 255, 255, 255))
        lost.append(bit)
        past, before = (past << 1 | bit) & 7, symbol
    return lost
