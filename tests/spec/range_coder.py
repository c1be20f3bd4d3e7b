"""Range decoder, binary decisions, cells and mixing: docs/spec/range_coder.md."""

from notation import bits, clamp, require, u64

FRESH = 1 << 31
RATE = [131072 // (2 * i + 3) for i in range(256)]


class RangeDecoder:
    """Decodes one stream. `target` and `advance` alternate, once for each symbol."""

    def __init__(self, stream):
        self.stream = stream
        self.position = 8
        self.window = int.from_bytes(stream[:8].ljust(8, b"\0"), "big")
        self.low = 0
        self.range = 2**64 - 1
        self.unit = 0

    def target(self):
        self.unit = self.range >> 24
        target = u64(self.window - self.low) // self.unit
        require(target < 2**24, "a stream leaves its interval")
        return target

    def advance(self, start, size):
        self.low = u64(self.low + self.unit * start)
        self.range = self.unit * size
        while self.range < 2**48:
            two = self.stream[self.position : self.position + 2].ljust(2, b"\0")
            self.position += 2
            self.window = u64(self.window << 16 | two[0] << 8 | two[1])
            self.low = u64(self.low << 16)
            self.range <<= 16

    def finish(self):
        """Checks that the stream ends as an encoder ends it."""
        window, count = shortest_end(self.low, self.range)
        require(self.window == window, "a stream ends with another number")
        require(len(self.stream) <= self.position - 8 + count, "a stream is too long")
        require(not self.stream or self.stream[-1] != 0, "a stream ends with a zero")


def cut_streams(payload, count):
    """The streams of a payload: the lengths of all but the last stand before them."""
    lengths, at = [], 0
    for _ in range(count - 1):
        length, at = read_length(payload, at)
        lengths.append(length)
    streams = []
    for length in lengths:
        require(length <= len(payload) - at, "a stream ends behind its payload")
        streams.append(payload[at : at + length])
        at += length
    return [*streams, payload[at:]]


def read_length(data, at):
    """A number of 7 bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        require(at < len(data) and shift < 35, "a length has no end")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            break
    require(byte > 0 or shift == 7, "a length is longer than it needs")
    return value, at


def shortest_end(low, size):
    for count in range(8):
        mask = 2 ** (64 - 8 * count) - 1
        window = u64(low + mask) & ~mask
        if u64(window - low) < size:
            return window, count
    return low, 8


def decode_bit(decoder, p, least):
    """A decision with the probability p / 65536 of a 1, kept away from both ends by `least`."""
    one = clamp(p, least, 65536 - least) << 8
    zero = 2**24 - one
    if decoder.target() >= zero:
        decoder.advance(zero, one)
        return 1
    decoder.advance(0, zero)
    return 0


def decode_byte(decoder, predict, learn):
    """A byte as one symbol, whose interval eight decisions split."""
    target = decoder.target()
    start, size, byte = 0, 2**24, 0
    leaves = 256
    while leaves > 1:
        leaves //= 2
        split = leaves + ((size - 2 * leaves) * (65536 - predict()) >> 16)
        if target >= start + split:
            start, size, bit = start + split, size - split, 1
        else:
            size, bit = split, 0
        byte = byte * 2 + bit
        learn(bit)
    decoder.advance(start, size)
    return byte


def make_squash():
    """Entry x + 3071 is the probability, out of 65536, of the logit x."""
    upper = []
    power, shift = 1 << 32, 0
    for _ in range(3072):
        one = (1 << 32) >> shift
        upper.append(clamp((power << 16) // (power + one), 1, 65535))
        power = power * 1077944304 >> 30
        if power >= 1 << 33:
            power, shift = power >> 1, shift + 1
    # The page writes entry 0 twice, the second time as 65536 less the first: the same number.
    return [65536 - p for p in reversed(upper)] + upper[1:]


SQUASH = make_squash()


def squash(logit):
    return SQUASH[clamp(logit, -3071, 3071) + 3071]


def make_stretch():
    table, logit = [], -3071
    for i in range(4096):
        while logit < 3071 and SQUASH[logit + 3071] < 16 * i + 8:
            logit += 1
        table.append(logit)
    return table


STRETCH = make_stretch()


def learn_cell(cell, bit, limit):
    p, count = cell >> 10, cell & 1023
    p += ((2**22 - 1 if bit else 0) - p) * RATE[count] >> 16
    return p << 10 | (count + 1 if count < limit else count)


class Mixed:
    """One decision by several cells, given as pairs of a table and an index, and their weights."""

    __slots__ = ("cells", "weights", "inputs", "p")

    def __init__(self, cells, weights):
        self.cells, self.weights = cells, weights
        self.inputs = [STRETCH[table[i] >> 20] for table, i in cells]
        total = 0
        for w, x in zip(weights, self.inputs):
            total += w * x
        self.p = squash(total >> 16)

    def update(self, bit, limits):
        error = (65536 if bit else 0) - self.p
        weights = self.weights
        for n, (table, i) in enumerate(self.cells):
            move = self.inputs[n] * error + 8192 >> 14
            weights[n] = clamp(weights[n] + move, -(2**24), 2**24)
            table[i] = learn_cell(table[i], bit, limits[n])


def make_fractions():
    table = []
    for i in range(4096):
        x, result = (1 << 31) + (i << 19), 0
        for _ in range(16):
            x = x * x >> 31
            result *= 2
            if x >= 1 << 32:
                x, result = x >> 1, result + 1
        table.append(result)
    return table


FRACTIONS = make_fractions()


def log2_16(x):
    """log2(x) in units of 2^-16."""
    exponent = bits(x) - 1
    mantissa = x >> (exponent - 12) if exponent >= 12 else x << (12 - exponent)
    return exponent * 65536 + FRACTIONS[mantissa & 4095]
