"""The older expert, that of modes 3 and 4: docs/spec/expert.md."""

import numpy as np

from notation import bits, clamp, trunc_div, u32, u64
from range_coder import STRETCH, learn_cell, squash

def history_after(state, bit):                  # state: (length, sequence, (zeros, ones), last)
    length, sequence, counts, last = state
    counts = list(counts)
    counts[bit] += 1
    if length < 4:
        return (length + 1, sequence * 2 + bit, tuple(counts), bit)
    other = 1 - bit
    n = counts[other]
    counts[other] = n if n <= 2 else 2 if n <= 3 else 3 if n <= 5 else 4 if n <= 7 else 5
    while not (min(counts) <= 5 and max(counts) <= [40, 24, 10, 6, 5, 5][min(counts)]):
        counts[bit if counts[bit] > counts[other] or counts[other] <= 1 else other] -= 1
    return (5, 0, tuple(counts), bit)

def make_histories():
    states = [(0, 0, (0, 0), 0)]
    following = []                              # of each history: those after a 0 and after a 1
    for state in states:                        # it grows meanwhile
        pair = []
        for bit in [0, 1]:
            after = history_after(state, bit)
            if after not in states:
                states.append(after)
            pair.append(states.index(after))
        following.append(pair)
    return following, [state[2] for state in states]

FOLLOWING, COUNTS = make_histories()

def is_certain(history):
    return history != 0 and min(COUNTS[history]) == 0

def first_cells():
    return [(5 * ones + 2) * (2 ** 22 - 1) // (5 * (zeros + ones) + 4) << 10 for zeros, ones in COUNTS]

def distance(p):                                # p out of 2^22
    return (p - 2 ** 21) >> 11                  # rounded down

def history_inputs(history, cells):
    if history == 0:
        return [0, 0, 0]
    cell = cells[history]
    logit = STRETCH[cell >> 20]
    return [logit, distance(cell >> 10), logit if is_certain(history) else 0]

GOLDEN = 0x9e3779b97f4a7c15

def slot_hash(h, upper, hash_bits):
    if hash_bits == 64:
        h = u64(h + upper * GOLDEN)
        h = u64((h ^ h >> 32) * 0x94d049bb133111eb)
        return h ^ h >> 32
    h = u32((h >> 32) + upper * 0x7feb352d)
    h = u32((h ^ h >> 15) * 0x2c1b3c6d)
    return u32((h ^ h >> 13) * 0x9e3779b1)

def find_history_slot(table, b, h, hash_bits):  # table: a dictionary of the slots that are not zeros
    index, check = h >> (hash_bits - b), max(h & 255, 1)
    places = [index, index ^ 1, index ^ 2]
    for i in places:
        if i in table and table[i][0] == check:
            return table[i]
    least = min(places, key=lambda i: sum(COUNTS[table[i][1]]) if i in table else 0)
    slot = table.setdefault(least, [0] * 16)
    slot[:] = [check] + [0] * 15                # whoever holds the slot sees it change
    return slot

def is_expert_letter(byte):
    return byte >= 128 or 65 <= byte <= 90 or 97 <= byte <= 122

def hash3(past):
    return u64((past & 0xffffff) * GOLDEN) >> 48

class Sequence:
    def __init__(self):
        self.bytes, self.past = bytearray(), 0
        self.words, self.form, self.line, self.line_before = [0, 0, 0], 0, 0, 0
        self.periods = Periods()

    def add(self, byte):
        self.bytes.append(byte)
        self.past = u64(self.past << 8 | byte)
        letter = is_expert_letter(byte)
        if letter:
            lower = byte | 32 if byte < 128 else byte
            self.words[0] = u32((self.words[0] + lower + 1) * 0x2c9277b5)
        elif self.words[0] != 0:
            self.words = [0, self.words[0], self.words[1]]
        kind = 1 if byte >= 128 else 2 if letter else 3 if 48 <= byte <= 57 else byte
        if kind != 2 or self.form & 255 != 2:
            self.form = u32(self.form << 8 | kind)
        if byte == 10:
            self.line_before, self.line = self.line, len(self.bytes)
        self.periods.add(self.bytes)

    def at(self, distance):                     # 1: the last byte
        return self.bytes[-distance] if 1 <= distance <= len(self.bytes) else 0

    def above(self, distance, more):
        return 0 if distance == 0 else self.at(distance + more)

    def column(self):
        return 0 if self.periods.width == 0 else len(self.bytes) % self.periods.width

def contexts(s, after1, after2, after3, long_byte, long_step, byte, step):
    past, words, n = s.past, s.words, len(s.bytes)
    c1, c2, c3, c4 = s.at(1), s.at(2), s.at(3), s.at(4)

    def last(count):
        return past & (1 << 8 * count) - 1

    in_line = n - s.line
    above = s.bytes[s.line_before + in_line] if s.line - s.line_before > in_line else 0
    width, second = s.periods.width, s.periods.second
    north, north2 = s.above(width, 0), s.above(2 * width, 0)
    return [
        # the last bytes
        (0, 0), (last(2), 0), (last(3), 0), (last(4), 0), (last(5), 0), (last(6), 0), (past, 0),
        # words
        (words[0], c1), (words[0], words[1]), (words[0], words[2]),
        # bytes with others between them, and bytes without their lower bits
        (c2 | c3 << 8, 0), (c1 | c3 << 8, 0), (c3 | c4 << 8, 0),
        (past & 0xf0f0f0f0, 0), (past & 0xe0e0e0e0e0e0e0e0, 0), (past & 0xf8f8f8f8f8f8, 0),
        # what last followed the last bytes
        (after1[past & 0xff], c1), (after2[past & 0xffff], c1), (after3[hash3(past)], c1),
        # the place in a line and the byte above, and the form
        (min(in_line, 255), above), (s.form, c1),
        # words of four bytes
        (c4 | s.at(8) << 8 | s.at(12) << 16, n % 4), (c1 | c4 << 8, n % 4),
        # records
        (north | north2 << 8, width), (c1 << 8 | north, s.column()),
        (north | north2 << 8 | s.above(width, -1) << 16, s.above(width, -2)),
        (s.above(second, 0) | c1 << 8, second),
        # what is expected
        (long_byte + 1 | long_step // 4 << 9, c1), (byte + 1 | step << 9, 0), (byte + 1, last(2)),
    ]

def context_hash(number, pair):                 # number: of the context, 0 .. 29
    h = u64((pair[0] + 1) * GOLDEN)
    h ^= h >> 32
    return u64((h + pair[1] * 64 + number) * 0xbf58476d1ce4e5b9)

def plane_indexes(s, node, depth):              # depth: the bits of the byte that are known
    width = s.periods.width

    def row(d):
        return s.above(d, 1) << 16 | s.above(d, 0) << 8 | s.above(d, -1)

    def part(bits_of_row, left, right):
        return bits_of_row >> (15 - depth - right) & (1 << left + right + 1) - 1

    def spread(x):
        return u32(u32(x) * 0x9e3779b9) >> 12

    a, b, c = row(width), row(2 * width), row(3 * width)
    beside = u32(s.past << depth) | node & (1 << depth) - 1
    return [
        beside & 0x3f | part(a, 3, 3) << 6 | part(b, 2, 2) << 13,
        beside & 0xf | part(a, 2, 2) << 4 | part(b, 1, 1) << 9 | part(c, 1, 1) << 12 | depth << 15,
        spread(beside & 0x3ff | part(a, 5, 5) << 10),
        spread((beside & 0x3f | part(a, 4, 4) << 6 | part(b, 3, 3) << 15) ^ u32(part(c, 2, 2) * 0x2c1b3c6d)),
    ]

class Periods:
    def __init__(self):
        self.next_look, self.width, self.second = 64, 0, 0

    def add(self, seen):
        size = len(seen)
        if size != self.next_look:
            return
        self.next_look = size * 2 if size < 4096 else size + 4096
        longest = min(2048, size // 3)
        first = size - min(2048, size - longest)
        changes = [i for i in range(first, size) if seen[i] != seen[i - 1]]
        scores = [0, 0] + [sum(seen[i] == seen[i - d] for i in changes) for d in range(2, longest + 1)]
        best, old = max(scores), self.width
        self.width = self.second = 0
        if best == 0 or best * 8 < len(changes):
            return
        self.width = min(d for d in range(2, longest + 1) if scores[d] * 16 >= best * 15)
        if size > 4096 and old != 0 and scores[old] * 8 >= best * 7:
            self.width = old
        for d in range(2, longest + 1):
            if d % self.width != 0 and scores[d] > scores[self.second]:
                self.second = d

class Follower:
    def __init__(self, shift, lanes, size, most_places):
        self.shift, self.shortest = shift, (63 + shift) // shift
        self.place_bits = clamp(bits(size), 10, most_places)
        self.places, self.cells = {}, [3 << 30] * 128
        self.from_lane, self.from_step = [0] * lanes, [0] * lanes
        self.length, self.missed, self.hash = [0] * lanes, [0] * lanes, [0] * lanes

    def start_byte(self, every, lane):          # every: the bytes of all lanes so far
        self.lane, self.expected = lane, -1
        if self.from_step[lane] == 0:
            return
        there = every[self.from_lane[lane]]
        if self.from_step[lane] < len(there):
            self.expected = there[self.from_step[lane]]
            n = self.length[lane]
            self.step_of_length = (n if n < 16 else 16 + (n - 16) // 4 if n < 32 else
                                   20 + (n - 32) // 8 if n < 64 else
                                   24 + (n - 64) // 64 if n < 512 else 31)
            self.cell = self.step_of_length * 4 + min(self.missed[lane], 3)

    def step(self):
        return 0 if self.expected < 0 else 1 + self.step_of_length

    def start_bit(self, node, depth):
        follows = self.expected >= 0 and (self.expected | 256) >> (8 - depth) == node
        self.bit = self.expected >> (7 - depth) & 1 if follows else -1

    def inputs(self):
        if self.bit < 0:
            return [0, 0]
        p = self.cells[self.cell] >> 10
        sign = 1 if self.bit == 1 else -1
        return [sign * STRETCH[p >> 10], sign * distance(p)]

    def learn(self, bit):
        if self.bit >= 0:
            right = 1 if self.bit == bit else 0
            self.cells[self.cell] = learn_cell(self.cells[self.cell], right, 255)

    def end_byte(self, every, byte):            # every[lane] has the byte
        lane, own = self.lane, every[self.lane]
        if self.expected < 0:
            self.from_step[lane] = 0
        else:
            self.from_step[lane] += 1
            if self.expected == byte:
                self.length[lane] = min(self.length[lane] + 1, 65535)
                if self.length[lane] >= 16:
                    self.missed[lane] = 0
            else:
                self.length[lane] = 0
                self.missed[lane] += 1
                if self.missed[lane] >= 8:
                    self.from_step[lane] = 0
        self.hash[lane] = u64((self.hash[lane] + byte + 1) * u64(GOLDEN << self.shift))
        if len(own) < self.shortest:
            return
        index = self.hash[lane] >> (64 - self.place_bits)
        place_lane, place_step = self.places.get(index, (0, 0))
        if (self.from_step[lane] == 0 or self.length[lane] < 16) and place_step != 0:
            there, n = every[place_lane], 0
            while (n < 400 and n < place_step and n < len(own)
                   and there[place_step - 1 - n] == own[len(own) - 1 - n]):
                n += 1
            if n >= self.shortest and n > self.length[lane]:
                self.from_lane[lane], self.from_step[lane] = place_lane, place_step
                self.length[lane], self.missed[lane] = n, 0
        self.places[index] = (lane, len(own))

class Expert:
    def __init__(self, lanes, size, with_network, is_long): # size: bytes of the segment
        most_slots, self.hash_bits, most_places, self.least_rate = (26, 64, 26, 3) if is_long else (23, 32, 22, 12)
        self.with_network, self.slot_bits = with_network, clamp(bits(16 * size), 12, most_slots)
        self.table = {}
        self.cells = [first_cells() for _ in range(30)]
        self.planes, self.plane_cells = [{} for _ in range(4)], [first_cells() for _ in range(4)]
        self.after1, self.after2, self.after3 = [0] * 256, [0] * 65536, [0] * 65536
        self.followers = [Follower(3, lanes, size, most_places), Follower(11, lanes, size, most_places)]
        first = np.full(128, 220 if with_network else 375, np.int64)
        if with_network:
            first[106] = 12000
        self.first = first
        self.weights = [{} for _ in range(5)]               # the sets that have changed
        self.last_weights = [[13107] * 5 for _ in range(768)]
        self.estimates = [{}, {}]                           # the rows that have changed
        self.lanes = [Sequence() for _ in range(lanes)]
        self.misses = [0] * lanes

    def every(self):
        return [lane.bytes for lane in self.lanes]

    def start_byte(self, lane):
        self.lane, self.s, self.node = lane, self.lanes[lane], 1
        every = self.every()
        for follower in self.followers:
            follower.start_byte(every, lane)
        long, short = self.followers
        pairs = contexts(self.s, self.after1, self.after2, self.after3,
                         long.expected, long.step(), short.expected, short.step())
        self.hashes = [context_hash(i, pair) for i, pair in enumerate(pairs)]
        self.find_slots(0)
        self.start_bit()

    def find_slots(self, upper):
        self.slots = [find_history_slot(self.table, self.slot_bits, slot_hash(h, upper, self.hash_bits), self.hash_bits)
                      for h in self.hashes]

    def start_bit(self):
        self.depth = bits(self.node) - 1
        if self.depth == 4:
            self.find_slots(self.node)
        half = 1 << (self.depth & 3)
        self.entry = half | self.node & (half - 1)
        self.places = plane_indexes(self.s, self.node, self.depth)
        for follower in self.followers:
            follower.start_bit(self.node, self.depth)
        following = [f for f in self.followers if f.bit >= 0]
        expected = following[0].expected + 1 if following else 0
        self.strength = strength_of(following[0].step() if following else 0)
        keys = [self.s.past & 0xffffff, expected << 8 | self.s.past & 255]
        self.rows = []
        for table, key in zip(self.estimates, keys):
            row = u32(u32(key * 0x9e3779b1) + self.node * 0x2c1b3c6d) >> 16
            self.rows.append(table.setdefault(row, [squash((k - 12) * 256) for k in range(25)]))

    def predict(self, network_logit=0):
        self.inputs, seen = [], 0
        for slot, cells in zip(self.slots, self.cells):
            self.inputs += history_inputs(slot[self.entry], cells)
            seen += 1 if slot[self.entry] != 0 else 0
        for plane, place, cells in zip(self.planes, self.places, self.plane_cells):
            self.inputs += history_inputs(plane.get(place, 0), cells)
        for follower in self.followers:
            self.inputs += follower.inputs()
        certainty = self.depth
        if self.with_network:
            logit = clamp(network_logit, -3071, 3071)
            self.inputs += [logit, (squash(logit) - 32768) >> 5]
            certainty = min(7, abs(logit) // 256)
        else:
            self.inputs += [0, 0]
        self.inputs += [256] + [0] * 19

        some = seen * 15 // 30
        chosen = [self.node, (self.s.past & 255) * 8 + self.depth, (self.s.past >> 8 & 255) * 8 + certainty,
                  self.misses[self.lane] & 1023, (self.strength * 16 + some) * 8 + certainty]
        self.sets = [sets.setdefault(i, self.first.copy()) for sets, i in zip(self.weights, chosen)]
        group = 0 if self.strength == 0 else 1 if self.strength <= 3 else 2
        self.last_set = self.last_weights[self.node + 256 * group]

        inputs = self.inputs = np.array(self.inputs, np.int64)
        self.logits = []
        for weights in self.sets:
            total = u32(int(weights @ inputs))
            total = total - 2 ** 32 if total >= 2 ** 31 else total
            self.logits.append(clamp(total >> 14, -3071, 3071))
        total = sum(w * x for w, x in zip(self.last_set, self.logits))
        logit = clamp(total >> 16, -3071, 3071)
        self.mixed = squash(logit)

        place = logit + 3072
        self.point, weight = place // 256, place % 256
        total = 4 * self.mixed
        for row in self.rows:
            total += 2 * ((row[self.point] * (256 - weight) + row[self.point + 1] * weight) // 256)
        return clamp(total // 8, 1, 65535)

def strength_of(step):
    return (0 if step == 0 else 1 if step <= 8 else 2 if step <= 16 else 3 if step <= 20 else
            4 if step <= 24 else 5 if step <= 28 else 6 if step <= 31 else 7)

def learn(self, bit):
    one = 65536 if bit else 0
    rate = self.least_rate + 1024 // (64 + len(self.s.bytes) // 64)
    for s, weights in enumerate(self.sets):
        move = (self.logits[s] * (one - self.mixed) + 65536) >> 17
        self.last_set[s] = clamp(self.last_set[s] + move, -2 ** 20, 2 ** 20)
        move = clamp(((one - squash(self.logits[s])) * rate + 64) >> 7, -32767, 32767)
        weights += (self.inputs * move + 16384) >> 15
        np.clip(weights, -32768, 32767, out=weights)
    for slot, cells in zip(self.slots, self.cells):
        history = slot[self.entry]
        cells[history] = learn_cell(cells[history], bit, 255)
        slot[self.entry] = FOLLOWING[history][bit]
    for plane, place, cells in zip(self.planes, self.places, self.plane_cells):
        history = plane.get(place, 0)
        cells[history] = learn_cell(cells[history], bit, 255)
        plane[place] = FOLLOWING[history][bit]
    for follower in self.followers:
        follower.learn(bit)
    for row in self.rows:
        for k in [self.point, self.point + 1]:
            row[k] += trunc_div((65535 if bit else 0) - row[k], 64)
    self.node = self.node * 2 + bit
    if self.node < 256:
        self.start_bit()
    else:
        end_expert_byte(self, self.node - 256)

Expert.learn = learn


def end_expert_byte(self, byte):
    expected = any(follower.expected == byte for follower in self.followers)
    self.misses[self.lane] = u32(self.misses[self.lane] << 1 | (0 if expected else 1))
    past = self.s.past
    for table, i in [(self.after1, past & 255), (self.after2, past & 0xffff), (self.after3, hash3(past))]:
        table[i] = (table[i] << 8 | byte) & 0xffff
    self.s.add(byte)
    every = self.every()
    for follower in self.followers:
        follower.end_byte(every, byte)
