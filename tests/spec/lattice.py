"""Predictions of photographs that were JPEG files: docs/spec/lattice.md."""

from math import isqrt

from notation import bits, clamp, trunc_div

LATTICE_STEPS = [                           # [down][across]
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
LATTICE_COSINES = [                         # [frequency][sample], out of 16384
    [5793, 5793, 5793, 5793, 5793, 5793, 5793, 5793],
    [8035, 6811, 4551, 1598, -1598, -4551, -6811, -8035],
    [7568, 3135, -3135, -7568, -7568, -3135, 3135, 7568],
    [6811, -1598, -8035, -4551, 4551, 8035, 1598, -6811],
    [5793, -5793, -5793, 5793, 5793, -5793, -5793, 5793],
    [4551, -8035, 1598, 6811, -6811, -1598, 8035, -4551],
    [3135, -7568, 7568, -3135, -3135, 7568, -7568, 3135],
    [1598, -4551, 6811, -8035, 8035, -6811, 4551, -1598]]
LATTICE_NOISES = [512, 1024, 2048, 4096, 8192]  # variances of what lies between, out of 4096
KEPT = [256, 206, 169, 132, 113, 102, 96, 86]   # of a frequency from row to row, out of 256
ADDED = [1256, 559, 359, 262, 197, 144, 95, 59] # the variance of what a row adds, in levels
BITS_PER_NAT = 24785594146                      # log2(e) out of 2^34

def log2_256(x):                            # a line between powers of two
    floor = bits(x) - 1
    return 256 * (floor - 1) + (x << 8 >> floor)

def nearest_multiple(value, step):
    return (value + step // 2) // step

def lattice_cost(distance, per_square):     # of a distance in 64ths of a level
    return distance * distance * per_square >> 27

class Lattice:
    def __init__(self, quality):
        percent = 5000 // quality if quality < 50 else 200 - 2 * quality
        self.steps = [clamp((s * percent + 50) // 100, 1, 255) for s in LATTICE_STEPS]
        self.columns = {}

    def costs(self, coefficients):          # of a block, [down][across] out of 2^20
        of_noises, of_multiples = [0] * 5, 0
        for step, coefficient in zip(self.steps, coefficients):
            if step < 4:
                continue
            value = (coefficient + 8192) >> 14
            multiple = nearest_multiple(value, step * 64)
            distance = value - multiple * step * 64
            for i, noise in enumerate(LATTICE_NOISES):
                first = (log2_256(noise) - 3072 + 679 - log2_256(step * step)) >> 1
                cost = min(first + lattice_cost(distance, BITS_PER_NAT // noise), 1445)
                of_noises[i] += cost
                if i == 2:
                    of_multiples += cost if multiple != 0 else max(cost, 0)
        return of_noises, of_multiples

def added_variance(across, scale):          # out of 4096
    return ADDED[across] << scale + 4

def lattice_column(lattice, row, across, scale, noise):
    key = row, across, scale, noise
    if key not in lattice.columns:
        lattice.columns[key] = made_column(lattice, *key)
    return lattice.columns[key]

def made_column(lattice, row, across, scale, noise):
    rows, kept, noise = range(8 - row), KEPT[across], LATTICE_NOISES[noise]
    c = [[0] * 8 for _ in range(8)]         # covariances of the rows to come
    variance = 0
    for i in rows:
        x = variance = ((variance * kept >> 8) * kept >> 8) + added_variance(across, scale)
        for j in range(i, 8 - row):
            c[i][j] = c[j][i] = x
            x = x * kept >> 8
    observations = []
    for down in range(7, -1, -1):
        step, weights = lattice.steps[8 * down + across], LATTICE_COSINES[down][row:]
        if (down, across) == (0, 0) or step * step * 4096 < 9 * noise:
            continue
        common = [sum(c[i][j] * weights[j] for j in rows) >> 14 for i in rows]
        total = noise + (sum(common[i] * weights[i] for i in rows) >> 14)
        if 2 * total > step * step * 4096:
            continue                        # too many multiples are possible
        gains = [trunc_div(common[i] * 65536, total) for i in rows]
        observations.append((down, step * 64, 4 * isqrt(total),
                             BITS_PER_NAT // total, gains))
        for i in rows:
            for j in rows:
                c[i][j] -= trunc_div(common[i] * common[j], total)
    return observations, max(c[0][0], 0) >> 4

def branched(hypotheses, observation, known, row):
    down, step, farthest, per_square, gains = observation
    weights, out = LATTICE_COSINES[down][row:], []
    for cost, rows in hypotheses:
        if cost > hypotheses[0][0] + 3072:
            break
        expected = (known + sum(w * r for w, r in zip(weights, rows)) + 8192) >> 14
        nearest = nearest_multiple(expected, step) * step - expected
        for k in range(-2, 3):
            distance = nearest + k * step
            if k != 0 and abs(distance) > farthest:
                continue
            more = min(lattice_cost(distance, per_square), 2 ** 20)
            out.append((cost + more, [clamp(r + (gain * distance >> 16), -2 ** 15, 2 ** 15)
                                      for r, gain in zip(rows, gains)]))
    return sorted(out, key=lambda hypothesis: hypothesis[0])[:8]

class LatticePast:
    def __init__(self, record, lattices):
        self.record, self.lattices = record, lattices
        self.start()

    def start(self):
        blocks = self.record[0] // 8
        self.spread = [[4096] * 8 for _ in range(blocks)]
        self.last = [[0] * 8 for _ in range(blocks)]
        self.sums = [[0] * 64 for _ in range(blocks)]
        self.of_noises = [[0, -370, 0, 370, 740] for _ in self.lattices]
        self.of_multiples = [0] + [1536] * (len(self.lattices) - 1)
        self.lattice, self.noise = 0, 1
        self.x = self.y = self.corner = 0
        self.line = [0] * self.record[0]
        self.start_row()

    def on_lattice(self):
        return self.noise != 5

    def prediction(self):
        return clamp((self.means[self.x % 8] + 32) >> 6, 0, 255)

    def certainty(self):                    # of the variance, in half powers of two
        variance = max(self.covariances[self.x % 8][self.x % 8] >> 4, 1)
        b = bits(variance)
        half = variance >> b - 2 & 1 if b >= 2 else 0
        return clamp(2 * b + half - 8, 0, 31)

    def append(self, byte):
        i = self.x % 8
        if i < 7:
            self.observe(i, byte * 64 - self.means[i], max(self.covariances[i][i], 205))
        self.corner, self.line[self.x] = self.line[self.x], byte
        if i == 7:
            self.end_row()
        self.x += 1
        if self.x == self.record[0]:
            self.x, self.y = 0, self.y + 1
            if self.y == self.record[1]:
                self.start()                # another record
                return
        if self.x % 8 == 0:
            self.start_row()

    def spreads(self):
        b, out = self.x // 8, []
        for i in range(8):
            spread = self.spread[b][i]
            if b > 0:
                spread = (5 * spread + 3 * self.spread[b - 1][i]) >> 3
            if b + 1 < len(self.spread) and self.y > 0:
                spread = (3 * spread + self.spread[b + 1][i]) >> 2
            out.append(spread)
        return out

    def plain(self, i, scale):              # by the row above alone
        b, added = self.x // 8, added_variance(i, scale) >> 4
        if self.y > 0:
            return self.last[b][i] * KEPT[i] >> 8, min(added, 2 ** 20)
        if i > 0:
            return 0, min(2 * added, 2 ** 20)
        return self.last[b - 1][0] if b > 0 else 0, min((400 << scale) + 50 * 256, 2 ** 20)

    def by_lattice(self, i, scale):
        b, row = self.x // 8, self.y % 8
        lattice = self.lattices[self.lattice]
        observations, least = lattice_column(lattice, row, i, scale, self.noise)
        rows = [self.last[b][i] * KEPT[i] >> 8]
        while len(rows) < 8 - row:
            rows.append(rows[-1] * KEPT[i] >> 8)
        hypotheses = [(0, rows)]
        for observation in observations:
            known = self.sums[b][8 * observation[0] + i]
            hypotheses = branched(hypotheses, observation, known, row)
        best, best_rows = hypotheses[0]
        total = mean = squares = 0
        for cost, rows in hypotheses:
            cost -= best
            if cost >= 4096:
                break
            weight, apart = (512 - (cost & 255)) << 7 >> (cost >> 8), rows[0] - best_rows[0]
            total, mean, squares = total + weight, mean + weight * apart, squares + weight * apart ** 2
        mean = trunc_div(mean, total)
        variance = least + ((squares // total - mean * mean) >> 4)
        return best_rows[0] + mean, clamp(variance, 0, 2 ** 20)

    def scale(self, spread):
        return clamp(bits(spread + (spread >> 1)) - 5, 0, 13)

    def start_row(self):
        spreads = self.spreads()
        mean_spread = sum(spreads) >> 3
        plain, made = self.y % 8 < 3 or not self.on_lattice(), []
        for i in range(8):
            scale = self.scale((3 * spreads[i] + mean_spread) >> 2)
            made.append(self.plain(i, scale) if plain else self.by_lattice(i, scale))
        cosines = LATTICE_COSINES
        self.means = [8192 + (sum(cosines[i][x] * made[i][0] for i in range(8)) >> 14)
                      for x in range(8)]
        self.covariances = [[(sum((cosines[i][x] * cosines[i][z] + 128 >> 8) * made[i][1]
                                  for i in range(8)) >> 16) + (205 if x == z else 0)
                             for z in range(8)] for x in range(8)]
        if self.x > 0:                      # the gradient of the row above goes on from the west
            seen = self.line[self.x - 1] + (self.line[self.x] - self.corner if self.y > 0 else 0)
            noise = (400 << self.scale(mean_spread) + 4) + 1229
            self.observe(0, seen * 64 - self.means[0], self.covariances[0][0] + noise)

    def observe(self, x, error, variance):
        common = list(self.covariances[x])
        gains = [clamp(c * (2 ** 38 // variance) >> 20, -2 ** 28, 2 ** 28) for c in common]
        for z in range(8):
            self.means[z] = clamp(self.means[z] + (gains[z] * error >> 18), -2 ** 20, 2 ** 20)
            for w in range(z + 1):
                c = self.covariances[z][w] - (gains[z] * common[w] >> 18)
                self.covariances[z][w] = self.covariances[w][z] = clamp(c, -2 ** 24, 2 ** 24)

    def end_row(self):
        b, y, samples = self.x // 8, self.y % 8, self.line[self.x - 7 : self.x + 1]
        for i in range(8):
            cosines = LATTICE_COSINES[i]
            coefficient = (sum(c * (s - 128) for c, s in zip(cosines, samples)) + 128) >> 8
            if self.y > 0:
                added = coefficient - (self.last[b][i] * KEPT[i] >> 8)
                spread = min(added * added // ADDED[i], 30 * 4096)
                self.spread[b][i] += (spread - self.spread[b][i]) * 5 >> 3
            self.last[b][i] = coefficient
            for down in range(8):
                self.sums[b][8 * down + i] += LATTICE_COSINES[down][y] * coefficient
        if y == 7:
            self.weigh(self.sums[b])
            self.sums[b] = [0] * 64

    def weigh(self, coefficients):          # which lattice it is, and how much noise there is
        for k, lattice in enumerate(self.lattices):
            of_noises, of_multiples = lattice.costs(coefficients)
            self.of_noises[k] = [a + b for a, b in zip(self.of_noises[k], of_noises)]
            self.of_multiples[k] += of_multiples
            if self.of_multiples[k] < self.of_multiples[self.lattice]:
                self.lattice = k
        costs = self.of_noises[self.lattice]
        self.noise = costs.index(min(costs)) if min(costs) < 1110 else 5
