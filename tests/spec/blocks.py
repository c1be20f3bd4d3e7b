"""Photographs that were JPEG files: docs/spec/blocks.md."""

from notation import clamp, trunc_div, u32
from photo_values import (
    OtherBytes,
    Pixel,
    PixelCoder,
    damaged,
    energy_level,
    level31,
    pixel_level,
    solve,
)
from range_coder import FRESH, decode_bit, learn_cell


class Blocks:
    pass

def read_blocks(payload, width, rows, channels):
    flags = payload[16] >> 4
    if flags == 0:
        return None
    if len(payload) < 18 or flags % 2 == 0 or channels not in (1, 3) or min(width, rows) < 32:
        damaged()
    if payload[17] > 63 and flags < 4 or flags > 1 and channels == 1:
        damaged()
    blocks, place = Blocks(), payload[17]
    blocks.width, blocks.rows, blocks.channels = width, rows, channels
    blocks.reversed, blocks.halves = flags & 2 != 0, flags & 4 != 0
    blocks.left, blocks.top = place % 8, place // 8 % 8
    blocks.right, blocks.bottom = blocks.left + width, blocks.top + rows
    if blocks.halves:
        half = blocks.half = Blocks()
        half.dx, half.dy = place // 64 % 2 * 8, place // 128 * 8
        half.left, half.top = (blocks.left + half.dx) // 2, (blocks.top + half.dy) // 2
        half.right, half.bottom = (blocks.right + half.dx + 1) // 2, (blocks.bottom + half.dy + 1) // 2
    return blocks

ZIGZAG = sorted(range(64), key=lambda k: (k % 8 + k // 8,
                                          k % 8 if (k % 8 + k // 8) % 2 == 0 else k // 8))

def decode_blocks(blocks, decoder):
    other = OtherBytes()
    tables = [[other.decode(decoder) for _ in range(64)] for _ in range(blocks.channels)]
    if any(0 in table for table in tables):
        damaged()
    coder, planes, whole = PixelCoder(4094), [], []
    for number, table in enumerate(tables):
        is_half = blocks.halves and number > 0
        grid, before = blocks.half if is_half else blocks, planes[1:] if is_half else planes
        plane = BlockPlane(before, number, table, grid)
        corrections, samples = Corrections(), {}
        for x, y in places(grid):
            exact = plane.decode(coder, decoder, x, y)
            if is_half:
                plane.samples[x, y] = [clamp(sample >> 4, 0, 255) for sample in exact]
            else:
                plane.samples[x, y] = corrections.decode(decoder, exact, blocks, x, y)
        if is_half:
            for x, y in places(blocks):
                samples[x, y] = corrections.decode(decoder, doubled(plane, blocks, x, y), blocks, x, y)
        planes.append(plane)
        whole.append(samples if is_half else plane.samples)
    return decode_pixels(blocks, whole, decoder)

def places(grid):
    for y in range((grid.bottom + 7) // 8):
        for x in range((grid.right + 7) // 8):
            yield x, y

COSINES = [[8192, 11363, 10703, 9633, 8192, 6437, 4433, 2260],
           [8192, 9633, 4433, -2259, -8192, -11362, -10704, -6436],
           [8192, 6437, -4433, -11362, -8192, 2261, 10704, 9633],
           [8192, 2260, -10703, -6436, 8192, 9633, -4433, -11363]]
COSINES += [[-c if f % 2 else c for f, c in enumerate(row)] for row in reversed(COSINES)]

def inverse_transform(block):
    half = [[sum(COSINES[y][v] * block[8 * v + u] for v in range(8)) + 1024 >> 11 for u in range(8)]
            for y in range(8)]
    return [sum(COSINES[x][u] * half[y][u] for u in range(8)) + 128 * 2 ** 18 + 2 ** 17 >> 14
            for y in range(8) for x in range(8)]

def doubled(plane, blocks, x, y):
    half, result = blocks.half, []

    def near_far(place, first, end):
        return place // 2, clamp(place // 2 + (1 if place % 2 else -1), first, end - 1)

    def at(column, row):
        return plane.samples[column // 8, row // 8][row % 8 * 8 + column % 8]

    for row in range(8 * y, 8 * y + 8):
        for column in range(8 * x, 8 * x + 8):
            if not (blocks.left <= column < blocks.right and blocks.top <= row < blocks.bottom):
                result.append(0)
                continue
            near_x, far_x = near_far(column + half.dx, half.left, half.right)
            near_y, far_y = near_far(row + half.dy, half.top, half.bottom)
            result.append(9 * at(near_x, near_y) + 3 * at(near_x, far_y) + 3 * at(far_x, near_y)
                          + at(far_x, far_y) + 8 - column % 2)
    return result

class Corrections:
    def __init__(self):
        self.cells, self.wrong = {}, {}

    def decide(self, decoder, *key):
        cell = self.cells.get(key, FRESH)
        bit = decode_bit(decoder, clamp(cell >> 16, 1, 65535), 1)
        self.cells[key] = learn_cell(cell, bit, 255)
        return bit

    def decode(self, decoder, exact, blocks, x, y):
        around = min((self.wrong[x - 1] if x else 0) + self.wrong.get(x, 0), 3)
        count, samples = 0, []
        for i, number in enumerate(exact):
            sample, part = clamp(number >> 4, 0, 255), number & 15
            column, row = 8 * x + i % 8, 8 * y + i // 8
            if blocks.left <= column < blocks.right and blocks.top <= row < blocks.bottom:
                if self.decide(decoder, 0, part, min(count, 3), around):
                    count += 1
                    sample = self.other(decoder, sample, part)
            samples.append(sample)
        self.wrong[x] = min(count, 3)
        return samples

    def other(self, decoder, sample, part):
        following = sample - 1 if part < 8 else sample + 1
        if 0 <= following <= 255 and self.decide(decoder, 1, part):
            return following
        node = 1
        while node < 256:
            node = node * 2 + self.decide(decoder, 2, node)
        return (sample + node) % 256

def decode_pixels(blocks, planes, decoder):
    other, flags, last, result = OtherBytes(), Corrections(), 0, []
    for y in range(blocks.rows):
        row = []
        for x in range(blocks.width):
            column, down = x + blocks.left, y + blocks.top
            place = (column // 8, down // 8), down % 8 * 8 + column % 8
            samples = [plane[place[0]][place[1]] for plane in planes]
            if len(samples) == 1:
                row.append(samples[0])
                continue
            bright, blue, red = samples[0], samples[1] - 128, samples[2] - 128
            sums = [91881 * red, -22554 * blue - 46802 * red, 116130 * blue]
            pixel = [clamp(bright + (s + 32768 >> 16), 0, 255) for s in sums]
            limited = int(0 in pixel or 255 in pixel)
            last = flags.decide(decoder, last, limited)
            if last:
                row += [other.decode(decoder) for _ in range(3)]
            else:
                row += reversed(pixel) if blocks.reversed else pixel
        result.append(bytes(row))
    return result

NOTHING = [0] * 64

class BlockPlane:
    def __init__(self, before, number, table, grid):
        self.before, self.number, self.table = list(before), number, table
        self.across = (grid.right + 7) // 8
        self.blocks, self.samples = {}, {}
        self.errors = [{} for _ in range(7)]            # of six predictions, and of the guess
        p = len(before)
        self.models = [BlockSquares(14 + p, 10), BlockSquares(4 + p, 6), BlockSquares(6, 9)]

    def decode(self, coder, decoder, x, y):
        self.start(x, y)
        for k in ZIGZAG:
            pixel = self.predict(k)
            self.learn(coder.decode(decoder, pixel) - 2047)
        return inverse_transform([c * s for c, s in zip(self.block, self.table)])

    def start(self, x, y):
        self.place, self.block = (x, y), [0] * 64
        self.blocks[x, y] = self.block
        self.near = [(x - 1, y), (x, y - 1), (x - 1, y - 1), (x + 1, y - 1)]
        self.around = [self.blocks.get(place, NOTHING) for place in self.near]
        for errors in self.errors:
            errors[x, y] = [0] * 64
        for place in [(x - 1, y - 2), (x, y - 2)]:      # of these nothing is needed any more
            for errors in self.errors:
                errors.pop(place, None)
        self.magnitude = self.zeros = 0
        self.left, self.left_slope, self.top, self.top_slope = ([0] * 8 for _ in range(4))
        for f in range(8):
            for i in range(8):
                if x > 0:
                    last, other = self.samples[x - 1, y][8 * i + 7], self.samples[x - 1, y][8 * i + 6]
                    self.left[f] += COSINES[i][f] * (last - 128)
                    self.left_slope[f] += COSINES[i][f] * (last - other)
                if y > 0:
                    last, other = self.samples[x, y - 1][56 + i], self.samples[x, y - 1][48 + i]
                    self.top[f] += COSINES[i][f] * (last - 128)
                    self.top_slope[f] += COSINES[i][f] * (last - other)

    def learn(self, coefficient):
        k, exact = self.k, 16 * coefficient
        u, v = k % 8, k // 8
        self.block[k] = coefficient
        for errors, prediction in zip(self.errors, self.predictions + [self.guess]):
            errors[self.place][k] = abs(exact - prediction)
        self.magnitude += min(abs(coefficient), 64)
        self.zeros = 0 if coefficient else self.zeros + 1
        weight = clamp(2 ** 20 // (self.energy + 16) ** 2, 1, 4096)
        for model in self.models:
            model.learn(quarters(self, self.block, k), weight)
        size = coefficient * self.table[k]
        self.left[v] -= size * COSINES[0][u]
        self.left_slope[v] -= size * (COSINES[1][u] - COSINES[0][u])
        self.top[u] -= size * COSINES[0][v]
        self.top_slope[u] -= size * (COSINES[1][v] - COSINES[0][v])

    def errors_around(self, errors, own):
        x, y = self.place
        top = (x, y - 1) if y else (x - 1, y) if x else (x, y)
        near = [(x - 1, y) if x else top, top, (x - 1, y - 1) if x and y else top,
                (x + 1, y - 1) if y and x + 1 < self.across else top]
        w, n, nw, ne = (errors[place][self.k] for place in near)
        around = 2 * (w + n) + nw + ne
        if self.k == 0:
            return around + around // 3 * own
        here, k = errors[self.place], self.k
        return around + own * (here[k - 1 if k % 8 else k - 8] + here[k - 8 if k >= 8 else k - 1])

def limit(n): return clamp(n, -16383, 16383)
def quarters(plane, block, k): return limit(4 * block[k] * plane.table[k])

class BlockSquares:
    def __init__(self, inputs, decay):
        self.n, self.decay = inputs, decay
        self.sums = [[0] * (inputs * (inputs + 1) // 2 + inputs) for _ in range(64)]

    def predict(self, k, inputs):                       # out of 65536
        self.k, self.inputs = k, inputs[:self.n]
        return sum(w * v for w, v in zip(solve(self.n, self.sums[k]), self.inputs))

    def learn(self, target, weight):
        known, sums, s = self.inputs + [target], self.sums[self.k], 0
        for i in range(self.n + 1):
            for k in range(min(i + 1, self.n)):
                product = clamp(known[i] * weight * known[k] >> 8, -2 ** 20, 2 ** 20)
                sums[s] += product - (sums[s] >> self.decay)
                s += 1

def predict_block(plane, k):
    plane.k = k
    u, v, own, unit = k % 8, k // 8, plane.block, plane.table[k] * 2 ** 14

    def lower(less_u, less_v):
        return quarters(plane, own, k - less_u - 8 * less_v) if u >= less_u and v >= less_v else 0

    w, n, nw, ne = (quarters(plane, block, k) for block in plane.around)
    left, top = limit(plane.left[v] >> 12), limit(plane.top[u] >> 12)
    left_slope, top_slope = limit(plane.left_slope[v] >> 12), limit(plane.top_slope[u] >> 12)
    last = lower(3, 0) if u >= 3 else lower(0, 3)
    inputs = [w, n, left, top, left_slope, top_slope, nw, ne, lower(1, 0), lower(0, 1), lower(2, 0),
              lower(0, 2), lower(1, 1), last]
    before = [quarters(other, other.blocks[plane.place], k) for other in plane.before]
    border = inputs[2:6] + inputs[8:10]

    energy = 2 * (abs(w) + abs(n) + abs(inputs[8]) + abs(inputs[9])) + abs(nw) + abs(ne) + abs(inputs[12])
    for block in plane.around[:2]:
        for there, step in [(u > 0, -1), (u < 7, 1), (v > 0, -8), (v < 7, 8)]:
            energy += abs(quarters(plane, block, k + step)) if there else 0
    plane.energy = energy // 16

    all_inputs = [inputs + before, inputs[:4] + before, border]
    sums = [model.predict(k, some) for model, some in zip(plane.models, all_inputs)]
    sums += [0, (w + n) * 2 ** 15, (nw + ne) * 2 ** 15]
    plane.predictions = [clamp(trunc_div(s, unit), -32752, 32752) for s in sums]
    total, weights, local = 0, 0, []
    for prediction, errors in zip(plane.predictions, plane.errors):
        local.append(plane.errors_around(errors, 1))
        weight = 2 ** 46 // (min(local[-1], 2 ** 14) + 20) ** 3 + 1
        total += weight * prediction
        weights += weight
    plane.guess = trunc_div(total, weights)
    return block_contexts(plane, k, local)

BlockPlane.predict = predict_block

def block_contexts(plane, k, local):
    pixel, guess = Pixel(), plane.guess
    pixel.plane, pixel.guess, pixel.middle = plane.number, guess + 32752, (guess + 32760) // 16
    middle = pixel.middle - 2047
    u, v = k % 8, k // 8

    def lower(less_u, less_v):
        return plane.block[k - less_u - 8 * less_v] if u >= less_u and v >= less_v else 0

    w, n, nw, ne = (block[k] for block in plane.around)
    own = [lower(1, 0), lower(0, 1), lower(1, 1), lower(2, 0), lower(0, 2)]
    errors = plane.errors_around(plane.errors[6], 2)
    expected = plane.energy * 4 // plane.table[k]
    sizes = 3 * (abs(w) + abs(n)) + abs(nw) + abs(ne)
    own_sizes = abs(own[0]) + abs(own[1]) + sum(abs(c) for c in own)

    def nearness(i, shift):
        apart = plane.predictions[i] - guess
        a = abs(apart) >> shift
        step = (a if a < 6 else 6 if a < 8 else 7 if a < 12 else 8 if a < 16 else 9 if a < 24 else
                10 if a < 32 else 11)
        return 11 - step if apart < 0 else 11 + step

    def signed_level(number):
        level = min(pixel_level(abs(number)), 12)
        return -level if number < 0 else level

    def key(table, *numbers):
        hashed = u32(table * 0x2545f491 + k * 0x85ebca6b + pixel.plane)
        for number in numbers:
            hashed = u32((hashed + number) * 0x9e3779b1)
            hashed ^= hashed >> 15
        return u32(hashed * 0x9e3779b1) >> 20

    others = [signed_level(other.blocks[plane.place][k]) for other in plane.before] + [0, 0]
    pixel.step, pixel.other_step = energy_level(errors >> 2), energy_level(expected)
    pixel.place, pixel.nearness = k, nearness(0, 1)
    pixel.slopes = min(level31(sizes) // 2, 7) * 8 + min(level31(own_sizes) // 2, 7)
    pixel.estimates = [pixel.step * 16 + (guess & 15), k * 16 + min(own_sizes, 15)]
    eighth, fraction, grown = pixel.step // 3, (guess & 15) // 4, level31(plane.magnitude)
    pixel.tables = [
        k * 32 + level31(own_sizes),
        (nearness(0, 1) * 8 + eighth) * 16 + (guess & 15),
        (nearness(1, 1) * 8 + eighth) * 4 + fraction,
        (nearness(2, 2) * 8 + eighth) * 4 + fraction,
        (nearness(3, 2) * 8 + eighth) * 4 + pixel.plane,
        (nearness(4, 2) * 8 + eighth) * 4 + pixel.plane,
        k * 32 + grown,
        key(7, min(plane.zeros, 15), level31(own_sizes) // 3),
        key(8, signed_level(w - middle), signed_level(n - middle)),
        key(9, signed_level(own[0]), signed_level(own[1]), middle),
        key(10, others[1], others[0], middle),
        key(11, clamp(middle, -8, 8), pixel.other_step),
        (u + v) * 256 + grown * 8 + eighth,
        key(13, signed_level(own[2]), signed_level(own[3]), signed_level(own[4]))]
    pixel.curves = [(guess + 32752, max((errors + 6) // 12, 4))]
    pixel.curves += [(p + 32752, (e + 8) // 8) for p, e in zip(plane.predictions, local)]
    pixel.curves.append((32752, expected + 4))
    return pixel
