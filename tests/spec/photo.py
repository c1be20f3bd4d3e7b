"""Photographs: docs/spec/photo.md."""

from blocks import decode_blocks, read_blocks
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
from range_coder import RangeDecoder


def read_layout(payload, original_bytes):
    field = [int.from_bytes(payload[4 * i:4 * i + 4], 'little') for i in range(4)]
    if len(payload) < 17:
        damaged()
    first, rows, width, stride = field
    channels = payload[16] & 0x8f
    if not (1 <= channels <= 4 and 1 <= width <= 65536 and 1 <= rows and width * channels <= stride):
        damaged()
    if width < 8 and rows > 4096 or first + (rows - 1) * stride + width * channels > original_bytes:
        damaged()
    return first, rows, width, stride, channels

def decode_photo(payload, original_bytes):
    first, rows, width, stride, channels = read_layout(payload, original_bytes)
    blocks = read_blocks(payload, width, rows, channels)        # None without
    decoder = RangeDecoder(payload[18 if blocks else 17:])
    result = bytearray(original_bytes)
    other, begin = OtherBytes(), 0
    for y in range(rows + 1):
        end = first + y * stride if y < rows else original_bytes
        for i in range(begin, end):
            result[i] = other.decode(decoder)
        begin = end + width * channels
    if blocks:
        for y, row in enumerate(decode_blocks(blocks, decoder)):
            result[first + y * stride:first + y * stride + width * channels] = row
        decoder.finish()
        return bytes(result)
    coder, planes = PixelCoder(), []
    for p in range(channels):
        planes.append(Plane(planes, width, rows))
        channel = 1 - p if channels >= 3 and p < 2 else p
        for y in range(rows):
            planes[p].start_row(y)
            for x in range(width):
                pixel = planes[p].predict(x)
                value = coder.decode(decoder, pixel)
                planes[p].learn(pixel, value)
                result[first + y * stride + x * channels + channel] = value
            planes[p].end_row()
    decoder.finish()
    return bytes(result)

class Rows:
    def __init__(self, width, outside):
        self.width, self.outside, self.rows = width, outside, []

    def at(self, x, y):
        if y < 0:
            return self.outside
        row = self.rows[min(y, len(self.rows) - 1)]
        if len(row) < self.width and x < 0:             # of the row at work
            return self.at(0, y - 1)
        return row[clamp(x, 0, self.width - 1)]

    def add(self, number):
        self.rows[-1].append(number)

def signed_step(n):
    a = abs(n)
    step = a if a < 3 else 3 if a < 5 else 4 if a < 8 else 5 if a < 14 else 6
    return 7 - step if n < 0 else 7 + step

def clamp16(n): return clamp(n, -8, 7) + 8

def hash12(n): return u32(u32(n) * 0x9e3779b1) >> 20

def column_bits(width):
    n = 0
    while (width - 1) >> n >= 4096:
        n += 1
    return n

class Window:
    def __init__(self, inputs, decay, width):
        self.n, self.decay, self.column_bits = inputs, decay, column_bits(width)
        self.sums = inputs * (inputs + 1) // 2 + inputs
        self.columns = [[0] * self.sums for _ in range(((width - 1) >> self.column_bits) + 1)]

    def start_row(self):                                # what columns have, smeared to both sides
        self.row = [0] * self.sums
        self.around = [None] * len(self.columns)
        total = [0] * self.sums
        for c in reversed(range(len(self.columns))):
            self.around[c] = [t - (t >> self.decay) for t in total]
            total = [a + b for a, b in zip(self.around[c], self.columns[c])]
        total = [0] * self.sums
        for c in range(len(self.columns)):
            total = [t - (t >> self.decay) + b for t, b in zip(total, self.columns[c])]
            self.around[c] = [a + t for a, t in zip(self.around[c], total)]

    def predict(self, x, inputs):                       # out of 65536
        self.column, self.inputs = x >> self.column_bits, inputs[:self.n]
        total = [a + b for a, b in zip(self.around[self.column], self.row)]
        return sum(w * v for w, v in zip(solve(self.n, total), self.inputs))

    def learn(self, target, weight):
        known, column, s = self.inputs + [target], self.columns[self.column], 0
        for i in range(self.n + 1):
            for k in range(min(i + 1, self.n)):
                product = known[i] * weight * known[k] >> 8
                column[s] += product - (column[s] >> self.decay)
                self.row[s] += product - (self.row[s] >> self.decay)
                s += 1

OWN = [(-1, 0), (0, 1), (-1, 1), (1, 1), (-2, 0), (0, 2), (1, 2), (-1, 2), (-2, 1), (2, 1), (-3, 0), (0, 3),
       (-2, 2), (2, 2), (-3, 1), (3, 1), (-4, 0), (4, 1), (1, 3), (-1, 3), (-4, 1), (3, 2), (-3, 2),
       (2, 3), (-2, 3), (4, 2)]

BEFORE = [(0, 0), (-1, 0), (1, 0), (0, 1), (0, -1), (-1, 1), (1, 1), (-1, -1), (1, -1), (-2, 0), (2, 0), (0, 2),
          (0, -2)]

OWN_COUNTS, LAST_COUNTS = [26, 12, 10, 6], [0, 13, 13, 9]      # by the number of planes before
OTHER_COUNTS, SMALL_COUNTS, MIDDLE_COUNTS = [0, 0, 11, 5], [6, 4, 4, 4], [12, 8, 7, 6]

class Plane:
    def __init__(self, planes, width, rows):
        self.before, self.width = list(planes), width
        p = len(planes)
        self.pixels, self.misses, self.errors = Rows(width, 128), Rows(width, 0), Rows(width, 0)
        self.each = [Rows(width, 0) for _ in range(14)] # the error of each prediction
        n = OWN_COUNTS[p] + LAST_COUNTS[p] + max(p - 1, 0) * OTHER_COUNTS[p]
        self.windows = [Window(n, 3, width), Window(n, 5, width), Window(SMALL_COUNTS[p] + p, 2, width),
                        Window(MIDDLE_COUNTS[p] + p, 4, width)]
        self.biases = [{}, {}, {}]

    def start_row(self, y):
        self.y = y
        for rows in [self.pixels, self.misses, self.errors] + self.each:
            rows.rows.append([])
        for window in self.windows:
            window.start_row()

    def end_row(self):
        pass

    def learn(self, pixel, value):
        exact = 16 * value
        self.pixels.add(value)
        self.errors.add(abs(exact - pixel.guess))
        self.misses.add(clamp(value - pixel.middle, -127, 127))
        for rows, prediction in zip(self.each, pixel.predictions):
            rows.add(abs(exact - prediction))
        for table, context in zip(self.biases, pixel.bias_contexts):
            total, count = table.get(context, (0, 0))
            total, count = total + exact - pixel.blend, count + 1
            table[context] = (trunc_div(total, 2), count // 2) if count >= 128 else (total, count)
        weight = clamp(4096 // (8 + pixel.energy // 8), 1, 128)
        for window in self.windows:
            window.learn(value - pixel.base, weight)

def clamp_pixel(n): return clamp(n, 0, 4080)

def median(w, n, nw): return clamp(w + n - nw, min(w, n), max(w, n))

def predict_each(plane, pixel, x, y):
    def at(dx, above):
        return plane.pixels.at(x + dx, y - above)

    p = len(plane.before)
    w, n, nw, ne, ww, nn, nne = at(-1, 0), at(0, 1), at(-1, 1), at(1, 1), at(-2, 0), at(0, 2), at(1, 2)
    base = (w + n + nw + ne + 2) >> 2
    pixel.w, pixel.n, pixel.nw, pixel.ne, pixel.base = w, n, nw, ne, base
    pixel.texture = sum((v > base) << i for i, v in enumerate([w, n, nw, ne, ww, nn]))
    inputs = [at(dx, above) - base for dx, above in OWN[:OWN_COUNTS[p]]]
    small, between, added = inputs[:SMALL_COUNTS[p]], inputs[:MIDDLE_COUNTS[p]], []
    for i, other in enumerate(reversed(plane.before)):
        o = other.pixels
        mean = (o.at(x - 1, y) + o.at(x, y - 1) + o.at(x - 1, y - 1) + o.at(x + 1, y - 1) + 2) >> 2
        added.append(o.at(x, y) - mean)                 # what a plane before adds to its mean
        count = LAST_COUNTS[p] if i == 0 else OTHER_COUNTS[p]
        inputs += [o.at(x + dx, y - above) - mean for dx, above in BEFORE[:count]]
    each_inputs = [inputs, inputs, small + added, between + added]
    sums = [window.predict(x, i) for window, i in zip(plane.windows, each_inputs)]
    *result, last = [clamp_pixel(16 * base + (s >> 12)) for s in sums]

    pixel.across = abs(w - ww) + abs(n - nw) + abs(n - ne)
    pixel.down = abs(w - nw) + abs(n - nn) + abs(ne - nne)
    slope = pixel.down - pixel.across
    adjusted = 8 * (w + n) + 4 * (ne - nw)
    if slope > 80 or slope < -80:
        adjusted = 16 * w if slope > 80 else 16 * n
    elif slope > 32 or slope < -32:
        adjusted = (adjusted + 16 * (w if slope > 32 else n)) >> 1
    elif slope > 8 or slope < -8:
        adjusted = (3 * adjusted + 16 * (w if slope > 8 else n)) >> 2
    result += [16 * median(w, n, nw), clamp_pixel(adjusted)]
    if p == 0:
        simple = [w + n - nw, n + ne - nne, 2 * n - nn, 2 * w - ww, w + ne - n, (w + ne + 1) >> 1,
                  w + ((ne - nw) >> 1), n + ((w - nw) >> 1)]
        return result + [clamp_pixel(16 * v) for v in simple] + [last]

    def before(o, dx, above):
        return o.at(x + dx, y - above)

    o, first = plane.before[-1].pixels, plane.before[0].pixels
    here, west, north = before(o, 0, 0), w - before(o, -1, 0), n - before(o, 0, 1)
    by_median = here + median(west, north, nw - before(o, -1, 1))
    simple = [here + west, here + north, base + added[0], by_median, here + ((west + north + 1) >> 1),
              here + ((west + ne - before(o, 1, 1) + 1) >> 1)]
    result += [clamp_pixel(16 * v) for v in simple]
    if p > 1:
        by_first = before(first, 0, 0) + median(w - before(first, -1, 0), n - before(first, 0, 1),
                                                nw - before(first, -1, 1))
        return result + [clamp_pixel(16 * by_first), clamp_pixel(8 * (by_first + by_median)), last]
    return result + [clamp_pixel(16 * (n + ((here - before(o, 0, 1) + w - nw) >> 1))),
                     clamp_pixel(16 * (w + ((here - before(o, -1, 0) + n - nw) >> 1))), last]

def predict(plane, x):
    pixel, y, p = Pixel(), plane.y, len(plane.before)
    pixel.plane = p
    pixel.predictions = predict_each(plane, pixel, x, y)

    total, weights, pixel.local = 0, 0, []
    for prediction, rows in zip(pixel.predictions, plane.each):
        e = (2 * (rows.at(x - 1, y) + rows.at(x, y - 1)) + rows.at(x - 1, y - 1) + rows.at(x + 1, y - 1)
             + rows.at(x - 2, y) + rows.at(x + 2, y - 1))
        pixel.local.append(e)
        weight = 2 ** 46 // (e + 20) ** 3 + 1
        total += weight * prediction
        weights += weight
    pixel.blend = total // weights

    def error(dx, above):
        return plane.errors.at(x + dx, y - above)

    e = 3 * (error(-1, 0) + error(0, 1)) + 2 * (error(-1, 1) + error(1, 1)) + error(-2, 0) + error(0, 2)
    first = pixel.predictions[0]
    pixel.spread = abs(first - pixel.predictions[1]) + abs(first - pixel.predictions[3]) // 2
    pixel.energy = e + 2 * pixel.spread
    pixel.miss = pixel.first_miss = 0
    if p > 0:
        m = plane.before[-1].misses
        pixel.miss = m.at(x, y)
        pixel.energy = (e * 10 // 16 + 2 * pixel.spread
                        + 6 * (4 * abs(pixel.miss) + abs(m.at(x - 1, y)) + abs(m.at(x + 1, y))))
    if p > 1:
        pixel.first_miss = plane.before[0].misses.at(x, y)
    pixel.step = energy_level(pixel.energy >> 3)
    pixel.other_step = energy_level(pixel.local[0] >> 2)
    pixel.place = (y & 7) * 8 + (x & 7)

    last = pixel.place
    if p > 0:
        last = clamp16(pixel.miss) * 16 + clamp16(pixel.first_miss if p > 1 else (pixel.n - pixel.w) >> 2)
    pixel.bias_contexts = [
        (pixel.step >> 1) * 64 + pixel.texture,
        clamp16((first - pixel.blend) >> 2) + 16 * clamp16((pixel.predictions[1] - pixel.blend) >> 2)
        + 256 * (pixel.step // 3),
        last]
    correction = 0
    for table, context in zip(plane.biases, pixel.bias_contexts):
        total, count = table.get(context, (0, 0))
        correction += trunc_div(total, count + 6)
    pixel.guess = clamp_pixel(pixel.blend + trunc_div(correction, 3))
    pixel.middle = (pixel.guess + 8) // 16
    fill_contexts(plane, pixel, x, y)
    return pixel

Plane.predict = predict

def fill_contexts(plane, pixel, x, y):
    def nearness(i, shift):
        apart = pixel.predictions[i] - pixel.guess
        a = abs(apart) >> shift
        step = (a if a < 6 else 6 if a < 8 else 7 if a < 12 else 8 if a < 16 else 9 if a < 24 else
                10 if a < 32 else 11)
        return 11 - step if apart < 0 else 11 + step

    def error(dx, above):
        return level31(plane.errors.at(x + dx, y - above) >> 2)

    p, step, guess, middle, miss = pixel.plane, pixel.step, pixel.guess, pixel.middle, pixel.miss
    eighth, fraction = step // 3, guess >> 2 & 3
    if p == 0:
        w, n, nw, ne = (v - middle for v in [pixel.w, pixel.n, pixel.nw, pixel.ne])
        of_12, of_16 = error(-2, 0) * 32 + error(0, 2), level31(pixel.across) * 32 + level31(pixel.down)
        of_17 = hash12(w * 31 + n * 257)
        of_18 = hash12((w >> 2) * 31 + (n >> 2) * 257 + (ne >> 2) * 4099 + (nw >> 2) * 65599)
        of_19 = hash12(middle * 3 + pixel.w * 777)
    else:
        m, o = plane.before[-1].misses, plane.before[-1].pixels
        around = abs(m.at(x - 1, y)) + abs(m.at(x + 1, y)) + abs(m.at(x, y + 1)) + abs(m.at(x, y - 1))
        of_12 = (level31(2 * around) * 15 + signed_step(miss)) * 8 + eighth
        here = o.at(x, y)                   # by how much the difference of a neighbour would miss
        w, n = here + pixel.w - o.at(x - 1, y) - middle, here + pixel.n - o.at(x, y - 1) - middle
        nw, ne = here + pixel.nw - o.at(x - 1, y - 1) - middle, here + pixel.ne - o.at(x + 1, y - 1) - middle
        of_17 = hash12(w * 31 + n * 257 + fraction * 4099 + p * 65599)
        of_18 = hash12(w * 31 + n * 257 + ne * 4099 + nw * 65599 + p * 70001)
        of_19 = hash12(here * 3 + middle * 771 + p * 70001)
        of_16 = hash12(w * 31 + (w - nw) * 257 + (n - ne) * 4099)
    if p > 1:
        first = plane.before[0].pixels
        change_x = here - first.at(x, y) - (o.at(x - 1, y) - first.at(x - 1, y))
        change_y = here - first.at(x, y) - (o.at(x, y - 1) - first.at(x, y - 1))
        w = first.at(x, y) + pixel.w - first.at(x - 1, y) - middle
        n = first.at(x, y) + pixel.n - first.at(x, y - 1) - middle
        of_16 = hash12(w * 31 + n * 257 + clamp(change_x, -4, 4) * 4099 + clamp(change_y, -4, 4) * 65599)
    pixel.tables = [
        step * 16 + p * 4 + fraction,
        (nearness(0, 1) * 8 + eighth) * 16 + (guess & 15),
        (nearness(1, 1) * 8 + eighth) * 4 + fraction,
        (nearness(2, 2) * 8 + eighth) * 4 + fraction,
        *((nearness(i, 3) * 8 + eighth) * 4 + p for i in range(3, 8)),
        (error(-1, 0) * 32 + error(0, 1)) * 4 + p,
        (error(-1, 1) * 32 + error(1, 1)) * 4 + p,
        (signed_step(miss) * 16 + signed_step(pixel.first_miss)) * 8 + eighth + (2048 if p == 1 else 0),
        of_12,
        (guess >> 6) * 24 + step,
        pixel.place * 24 + step,
        pixel.texture * 64 + (step >> 1) * 4 + p,
        of_16, of_17, of_18, of_19,
        level31(pixel.spread) * 24 + step,
        level31(pixel.local[0] >> 3) * 32 + level31(pixel.local[1] >> 3) + 1024 * p]
    pixel.nearness = nearness(0, 1)
    pixel.slopes = min(level31(pixel.across) // 4, 7) * 8 + min(level31(pixel.down) // 4, 7)
    near = clamp(pixel.nearness, 4, 18) - 4
    pixel.estimates = [step * 16 + (guess & 15), (near * 15 + signed_step(miss)) * 4 + fraction]
    pixel.curves = [(guess, (pixel.energy + 12) // 12)]
    for i in [0, 1, 2, 3, 5, 8, 13]:
        pixel.curves.append((pixel.predictions[i], (pixel.local[i] + 8) // 8))
