"""Values of pixels and of coefficients: docs/spec/photo.md."""

from notation import Damaged, bits, clamp, trunc_div, u32
from range_coder import FRESH, STRETCH, decode_bit, learn_cell, squash


def damaged():
    raise Damaged("a photograph is not what an encoder writes")


class OtherBytes:
    def __init__(self):
        self.cells, self.last = {}, 0

    def decode(self, decoder):
        node = 1
        while node < 256:
            cell = self.cells.get((self.last, node), FRESH)
            bit = decode_bit(decoder, clamp(cell >> 16, 1, 65535), 1)
            self.cells[self.last, node] = learn_cell(cell, bit, 255)
            node = node * 2 + bit
        self.last = node - 256
        return self.last

def pixel_level(n):                           # about a logarithm, four steps an octave
    if n < 4:
        return n
    b = bits(n) - 1
    return (b - 1) * 4 + (n >> (b - 2) & 3)

def level31(n): return min(pixel_level(n), 31)

def energy_level(n): return clamp((pixel_level(n) - 4) * 2 // 3, 0, 23)

def solve(n, total):
    most = 2 ** 30
    factor, scaled = [[0] * n for _ in range(n)], [[0] * n for _ in range(n)]
    inverse, shift = [0] * n, [0] * n
    for j in range(n):
        products = total[j * (j + 1) // 2:]
        for k in range(j):
            s = (products[k] << 16) - sum(a * b for a, b in zip(factor[j][:k], scaled[k]))
            scaled[j][k] = clamp(s >> 16, -most, most)
            factor[j][k] = clamp(scaled[j][k] * inverse[k] >> shift[k], -2 ** 24, 2 ** 24)
        diagonal = products[j]
        pivot = (diagonal + (diagonal >> 6) + 64) << 16
        pivot -= sum(a * b for a, b in zip(factor[j][:j], scaled[j]))
        pivot = clamp(pivot >> 16, (diagonal >> 8) + 16, 2 ** 31)
        inverse[j] = (1 << (bits(pivot) + 28)) // pivot
        shift[j] = bits(pivot) + 12
    forward = []
    for j in range(n):
        s = (total[n * (n + 1) // 2 + j] << 16) - sum(a * b for a, b in zip(factor[j], forward))
        forward.append(clamp(s >> 16, -most, most))
    result = [0] * n
    for j in reversed(range(n)):
        s = forward[j] * inverse[j] >> shift[j]
        for q in range(j + 1, n):
            s -= factor[q][j] * result[q] >> 16
        result[j] = clamp(s, -2 ** 20, 2 ** 20)
    return result

class Pixel:                            # what Plane.predict tells of one
    pass

def make_tails():
    total, sums = 0, []
    for k in reversed(range(4096)):
        q = (5120 << 30) // (5120 + (2 * k + 1) ** 2)
        total += (q * q >> 30) * q >> 30
        sums.append(total)
    sums.reverse()
    return [(s << 24) // (sums[0] >> 4) for s in sums] + [0]

TAILS = make_tails()

def beyond(u):
    if u < 0:
        return 2 ** 29 - beyond(-u)
    step = u >> 4
    if step >= 4096:
        return 0
    return TAILS[step] - ((TAILS[step] - TAILS[step + 1]) * (u & 15) >> 4)

STARTS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072,
          4096]

STEP_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10]

def decode_value(self, decoder, pixel):
    self.start(pixel)

    def decide(node, bound):
        bit = decode_bit(decoder, self.predict(node, bound), 1)
        self.learn(bit)
        return bit == 1

    middle = pixel.middle
    up = middle == 0 or decide(0, middle)
    most = self.largest - middle if up else middle - 1

    def is_beyond(node, distance):
        bound = middle + distance if up else middle - distance
        return decide((1 if up else 1 + self.side) + node, bound) == up

    step = 0
    while STARTS[step + 1] <= most and is_beyond(step, STARTS[step + 1]):
        step += 1
    distance = STARTS[step]
    for bit in reversed(range(STEP_BITS[step])):
        if distance + 2 ** bit <= most:
            node = self.steps - 5 + step if bit == STEP_BITS[step] - 1 else 2 * self.steps - 5 + bit
            if is_beyond(node, distance + 2 ** bit):
                distance += 2 ** bit
    return middle + distance if up else middle - 1 - distance

class PixelCoder:
    def __init__(self, largest=255):
        self.cells, self.weights, self.last_weights, self.rows, self.pixels = {}, {}, {}, {}, 0
        self.largest, self.steps = largest, sum(start <= largest for start in STARTS)
        self.side = 2 * self.steps - 6 + STEP_BITS[self.steps - 1]

    def start(self, pixel):
        self.pixel = pixel
        self.rate = 6 + 81920 // (4096 + min(self.pixels, 2 ** 28))
        self.pixels = min(self.pixels + 1, 2 ** 32 - 1)
        self.low, self.high = [2 ** 29] * 8, [0] * 8

    def predict(self, node, bound):
        pixel, self.inputs = self.pixel, []
        self.keys = [(i, context, node) for i, context in enumerate(pixel.tables)]
        for key in self.keys:
            cell = self.cells.get(key, FRESH)
            seen = cell & 1023 != 0
            self.inputs += [STRETCH[cell >> 20], ((cell >> 10) - 2 ** 21) >> 11] if seen else [0, 0]
        self.at_bound = []
        for (middle, width), low, high in zip(pixel.curves, self.low, self.high):
            here = beyond((16 * bound - 8 - middle) * (65536 // max(width, 4)) >> 8)
            self.at_bound.append(here)
            above, below = here - high + 1, low - here + 1
            self.inputs.append(STRETCH[min((above << 12) // (above + below), 4095)])
        self.inputs += [256]
        self.inputs += [0] * (64 - len(self.inputs))

        plane, kind = min(pixel.plane, 2), 0 if node == 0 else min((node - 1) % self.side + 1, 3)
        chosen = [(0, plane, node), (1, plane, pixel.step, node), (2, plane, pixel.other_step, node),
                  (3, pixel.place, kind), (4, plane, pixel.nearness, node), (5, pixel.slopes, kind)]
        self.sets = [self.weights.setdefault(key, [1285] * 64) for key in chosen]
        self.last_set = self.last_weights.setdefault(node, [10922] * 6)
        self.logits = []
        for weights in self.sets:
            total = u32(sum(w * x for w, x in zip(weights, self.inputs)))
            total = total - 2 ** 32 if total >= 2 ** 31 else total
            self.logits.append(clamp(total >> 14, -3071, 3071))
        logit = clamp(sum(w * x for w, x in zip(self.last_set, self.logits)) >> 16, -3071, 3071)
        self.mixed = squash(logit)
        self.point, part = (logit + 3072) // 256, (logit + 3072) % 256
        total, self.estimates = 2 * self.mixed, []
        for i, context in enumerate(pixel.estimates):
            row = self.rows.setdefault((i, context, node), [squash((k - 12) * 256) for k in range(25)])
            self.estimates.append(row)
            total += (row[self.point] * (256 - part) + row[self.point + 1] * part) // 256
        return clamp(total // 4, 1, 65535)

    def learn(self, bit):
        one = 65536 if bit else 0
        for s, weights in enumerate(self.sets):
            move = (self.logits[s] * (one - self.mixed) + 65536) >> 17
            self.last_set[s] = clamp(self.last_set[s] + move, -2 ** 20, 2 ** 20)
            move = clamp(((one - squash(self.logits[s])) * self.rate + 64) >> 7, -32767, 32767)
            for i in range(64):
                weights[i] = clamp(weights[i] + ((self.inputs[i] * move + 16384) >> 15), -32768, 32767)
        for key in self.keys:
            self.cells[key] = learn_cell(self.cells.get(key, FRESH), bit, 255)
        for row in self.estimates:
            for k in [self.point, self.point + 1]:
                row[k] += trunc_div((65535 if bit else 0) - row[k], 64)
        if bit:
            self.low = self.at_bound
        else:
            self.high = self.at_bound

PixelCoder.decode = decode_value
