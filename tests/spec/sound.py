"""Samples of sound: docs/spec/sound.md."""

from notation import bits, clamp, require, trunc_div
from predictors import logit_of
from range_coder import FRESH, STRETCH, RangeDecoder, decode_bit, learn_cell, log2_16, squash


def decode_sound(payload, size, predictor_of):
    """The original bytes of a segment; predictor_of(n) predicts n bytes around the sound."""
    require(len(payload) >= 6, "sound without a geometry")
    channels, zero_bits = payload[0], payload[1]
    head, tail = (int.from_bytes(payload[i : i + 2], "little") for i in (2, 4))
    others = head + tail
    require(1 <= channels <= 2 and zero_bits <= 15, "sound of another kind")
    require(others <= 16384 and others < size, "sound with too much around it")
    require((size - others) % (2 * channels) == 0, "sound of half a frame")
    decoder = RangeDecoder(payload[6:])
    around = b""
    if others > 0:
        predictor = predictor_of(others)
        predictor.start(1)
        around = bytes(predictor.decode(decoder, 0) for _ in range(others))
    sound = Sound(channels)
    frames = bytearray()
    for _ in range((size - others) // (2 * channels)):
        for sample in sound.decode_frame(decoder):
            frames += (sample << zero_bits & 0xFFFF).to_bytes(2, "little")
    decoder.finish()
    return around[:head] + bytes(frames) + around[head:]


def shifted_within(a, n, most):
    return clamp(a >> n, -most, most)

class LeastSquares:
    def __init__(self, inputs, block, decay, unit_bits):
        self.n, self.block, self.decay, self.unit_bits = inputs, block, decay, unit_bits
        self.weights = [0] * inputs                     # out of 2^20
        self.sums = [[0] * inputs for _ in range(inputs)]
        self.target_sums = [0] * inputs
        self.seen = []                                  # of the block: pairs of inputs and target

    def predict(self, inputs):
        self.inputs = inputs
        total = sum(w * x for w, x in zip(self.weights, inputs))
        return shifted_within(total, 20 - self.unit_bits, 2 ** 20)

    def learn(self, target):
        self.seen.append((self.inputs, target))
        if len(self.seen) == self.block:
            self.add_block()
            self.solve()
            self.seen = []

    def add_block(self):
        columns = list(zip(*[inputs for inputs, _ in self.seen]))
        targets = [target for _, target in self.seen]
        for i in range(self.n):
            for j in range(i + 1):
                product = sum(a * b for a, b in zip(columns[i], columns[j]))
                self.sums[i][j] += (product << 8) - (self.sums[i][j] >> self.decay)
            product = sum(a * b for a, b in zip(columns[i], targets))
            self.target_sums[i] += (product << 8) - (self.target_sums[i] >> self.decay)

    def scaled(self, a):
        if self.shift < 0:
            return clamp(a >> -self.shift, -2 ** 56, 2 ** 56)
        most = 2 ** 56 >> self.shift
        return clamp(a, -most, most) << self.shift

    def solve(self):
        n = self.n
        self.shift = 56 - bits(max([1] + [self.sums[i][i] for i in range(n)]))
        factor = [[0] * n for _ in range(n)]
        for j in range(n):
            for i in range(j, n):
                known = sum(a * b for a, b in zip(factor[i][:j], factor[j][:j]))
                rest = self.scaled(self.sums[i][j]) - known
                if i == j:
                    factor[j][j] = square_root(max(rest + 2 ** 32, 2 ** 32))
                else:
                    factor[i][j] = clamp(trunc_div(rest, factor[j][j]), -2 ** 28, 2 ** 28)
        solved = []
        for i in range(n):
            rest = self.scaled(self.target_sums[i]) - sum(a * b for a, b in zip(factor[i], solved))
            solved.append(clamp(trunc_div(rest, factor[i][i]), -2 ** 28, 2 ** 28))
        for i in reversed(range(n)):
            rest = (solved[i] << 20) - sum(factor[k][i] * self.weights[k] for k in range(i + 1, n))
            self.weights[i] = clamp(trunc_div(rest, factor[i][i]), -2 ** 27, 2 ** 27)

def square_root(x):                                     # the largest r with r * r <= x
    root = 0
    for n in reversed(range(31)):
        if (root + 2 ** n) ** 2 <= x:
            root += 2 ** n
    return root

class GradientFilter:
    def __init__(self, taps, rate):
        self.taps, self.rate = taps, rate
        self.weights = [0] * taps                       # out of 2^20
        self.past = [0] * taps                          # the last value first
        self.energy = 0

    def predict(self):
        return shifted_within(sum(w * x for w, x in zip(self.weights, self.past)), 20, 2 ** 21)

    def learn(self, value, error):
        step = trunc_div((error << 26) * self.rate, self.energy + 256 * self.taps)
        step = clamp(step, -2 ** 31, 2 ** 31)
        for i, x in enumerate(self.past):
            self.weights[i] = clamp(self.weights[i] + ((step * x + 2 ** 15) >> 16), -2 ** 27, 2 ** 27)
        self.energy += value * value - self.past[-1] ** 2
        self.past = [value] + self.past[:-1]

def make_curve():                                       # 2^30 / (1 + e^-x), x from -20 to 20 in steps of 1/64
    curve = [0] * 2562
    power, shift = 1 << 32, 0                           # e^(i / 64) = power * 2^(shift - 32), nearly
    for i in range(1281):
        share = (power << 30) // (power + ((1 << 32) >> shift))
        curve[1280 + i], curve[1280 - i] = share, 2 ** 30 - share
        power = power * 1090650797 >> 30
        if power >= 1 << 33:
            power, shift = power >> 1, shift + 1
    curve[2561] = curve[2560]
    return curve

CURVE = make_curve()

class Distribution:
    def __init__(self, prediction, magnitude):
        self.prediction, self.scale = prediction, 3 * 2 ** 37 // max(magnitude, 8192)

    def below(self, x):                                 # the share of samples below x
        if x <= -32768:
            return 0
        if x > 32767:
            return 2 ** 30 + 2 ** 18
        place = (16 * x - 8 - self.prediction) * self.scale >> 12
        point, beyond = divmod(clamp(place, -327680, 327680) + 327680, 256)
        here = CURVE[point]
        return here + ((CURVE[point + 1] - here) * beyond >> 8) + 4 * (x + 32768)

STEPS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 1024, 4096, 16384, 65536, 262144]

class ResidualDecoder:
    def __init__(self):
        self.cells = [FRESH] * 136                      # one of each decision
        self.weights = [{} for _ in range(3)]           # out of 65536; those that have changed

    def decode(self, decoder, context):
        self.decoder, self.context = decoder, context
        self.first, self.end = -32768, 32768            # [first, end) is still possible
        self.below_first, self.below_end = [0] * 7, [2 ** 30 + 2 ** 18] * 7
        center = clamp((context.center + 8) >> 4, -32768, 32767)
        self.up = True
        if center > -32768:
            self.up = self.decide(0, center)
        step = 0
        while True:
            away = STEPS[step] * context.width
            middle = center + away if self.up else center - away
            if not self.first < middle < self.end or not self.decide(1 + step, middle):
                break
            step += 1
        half = 1
        for _ in range(3):
            if self.end - self.first > 1:
                middle = self.first + (self.end - self.first) // 2
                half = 2 * half + self.decide(32 + 8 * min(step, 12) + half, middle)
        count = self.end - self.first
        if count == 1:
            return self.first
        value = ((decoder.target() + 1) * count - 1) >> 24
        start = (value << 24) // count
        decoder.advance(start, ((value + 1) << 24) // count - start)
        return self.first + value

    def decide(self, decision, middle):
        sign = 1 if self.up else -1
        below = [d.below(middle) for d in self.context.distributions]
        inputs = [sign * logit_of(b - first, end - b)
                  for b, first, end in zip(below, self.below_first, self.below_end)]
        inputs += [STRETCH[self.cells[decision] >> 20], 256]

        sets = [table.setdefault(64 * decision + c, [9362] * 7 + [0] * 2)
                for table, c in zip(self.weights, self.context.sets)]
        logits = [clamp(sum(w * x for w, x in zip(s, inputs)) >> 16, -3071, 3071) for s in sets]
        away = decode_bit(self.decoder, squash(trunc_div(sum(logits), 3)), 1)

        for s, logit in zip(sets, logits):
            error = (65536 if away else 0) - squash(logit)
            for i, x in enumerate(inputs):
                s[i] = clamp(s[i] + ((x * error + 8192) >> 14), -2 ** 24, 2 ** 24)
        self.cells[decision] = learn_cell(self.cells[decision], away, 255)
        if bool(away) == self.up:
            self.first, self.below_first = middle, below
        else:
            self.end, self.below_end = middle, below
        return away

class SoundContext:
    pass

def eighths_of_log2(x):
    return log2_16(clamp(x, 1, 2 ** 32 - 1)) >> 13

def distance_of(a, b):
    return abs(a - b) << 12

def follow(magnitude, distance, pace):
    return magnitude + trunc_div(distance - magnitude, pace)

class Channel:
    def __init__(self):
        self.past = [0] * 32
        self.squares = [LeastSquares(32, 16, 6, 4), LeastSquares(24, 8, 3, 4), LeastSquares(16, 8, 4, 4)]
        self.gradients = [GradientFilter(256, 24), GradientFilter(32, 32), GradientFilter(16, 32)]
        self.weigher = LeastSquares(6, 8, 4, 1)
        self.samples = 0
        self.best_magnitudes = [64 << 12] * 3           # over few, some and many samples
        self.magnitudes = [64 << 12] * 4                # of least squares 0 to 2 and of the cascade

    def predict(self, other):                           # other: the past of the other channel, or None
        self.by_squares = []
        for squares in self.squares:
            own = squares.n if other is None else (squares.n + 1) * 2 // 3
            inputs = self.past[:own] + (other or [])[:squares.n - own]
            self.by_squares.append(squares.predict(inputs))
        p = self.by_squares
        g = self.by_gradients = [f.predict() for f in self.gradients]
        self.cascade = p[0] + sum(g)
        best = self.weigher.predict([x >> 1 for x in [p[0]] + g + [p[1] - p[0], p[2] - p[0]]])
        self.best = self.cascade if self.samples < 64 else best

    def context(self):
        few, some, many = self.best_magnitudes
        best, p = self.best, self.by_squares
        c = SoundContext()
        c.center = best
        c.width = clamp((few + 3 * some) >> 18, 1, 65536)
        c.distributions = [Distribution(best, m) for m in self.best_magnitudes]
        c.distributions += [Distribution(x, m) for x, m in zip(p + [self.cascade], self.magnitudes)]

        log_some = eighths_of_log2(some >> 6)
        swelling = eighths_of_log2(few >> 6) - log_some
        slowly = log_some - eighths_of_log2(many >> 6)
        disagreement = sum(distance_of(x, best) for x in p)
        dispute = eighths_of_log2(disagreement) - eighths_of_log2(some)
        c.sets = [
            0,
            clamp((swelling >> 2) + 4, 0, 7) * 8 + clamp((slowly >> 2) + 4, 0, 7),
            clamp((dispute >> 3) + 4, 0, 7) * 8 + min(c.width, 7)]
        return c

    def learn(self, sample):
        value = 16 * sample
        distance = distance_of(value, self.best)
        self.best_magnitudes = [follow(m, distance, pace)
                                for m, pace in zip(self.best_magnitudes, [8, 32, 256])]
        self.magnitudes = [follow(m, distance_of(value, x), 32)
                           for m, x in zip(self.magnitudes, self.by_squares + [self.cascade])]
        left = value - self.by_squares[0]
        for f, prediction in zip(self.gradients, self.by_gradients):
            f.learn(left, left - prediction)
            left -= prediction
        for squares in self.squares:
            squares.learn(sample)
        self.weigher.learn(8 * sample)
        self.past = [sample] + self.past[:31]
        self.samples += 1

class Sound:
    def __init__(self, channels):
        self.channels = [Channel() for _ in range(channels)]
        self.residuals = ResidualDecoder()

    def decode_frame(self, decoder):
        frame = []
        for i, channel in enumerate(self.channels):
            channel.predict(self.channels[1 - i].past if len(self.channels) == 2 else None)
            sample = self.residuals.decode(decoder, channel.context())
            channel.learn(sample)
            frame.append(sample)
        return frame
