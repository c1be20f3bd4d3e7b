"""The expert of modes adaptive and long as they are written today: docs/spec/step_expert.md."""

import numpy as np

from expert import (
    COUNTS,
    FOLLOWING,
    GOLDEN,
    Follower,
    Sequence,
    context_hash,
    distance,
    find_history_slot,
    first_cells,
    hash3,
    history_inputs,
    is_expert_letter,
    slot_hash,
    strength_of,
)
from notation import bits, clamp, trunc_div, u32, u64
from range_coder import STRETCH, learn_cell, squash

TEXT, RECORDS, BITMAP = range(3)
CONTEXTS, PLANES, INPUTS = 50, 9, 160
FOLLOWER_INPUT, NETWORK_INPUT, PLANE_INPUT = 105, 109, 112
# The sets of weights of each kind of choice, and where they begin among all of them.
SETS = (256, 2048, 2048, 1024, 1024, 1, 7168, 6144)
FIRST_SET = np.cumsum((0, *SETS[:-1]))
NEW_ESTIMATE = [squash((k - 12) * 256) << 16 | 6 for k in range(25)]
NO_SLOT = [0] * 16
FRESH_PLANE = 1 << 31, 0  # a cell and a history
OPENING, CLOSING, QUOTE = b"([{<", b")]}>", ord('"')


class StepSequence(Sequence):
    def __init__(self):
        super().__init__()
        self.word_length = self.mark = self.sentence = self.line_start = self.first_word = 0
        self.first_word_ended, self.open = False, []
        self.kind, self.controls, self.errors = TEXT, 0, [0, 0, 0]

    def add(self, byte):
        self.read_kind(byte)
        super().add(byte)
        if is_expert_letter(byte):
            self.word_length += 1
            self.sentence = 0
        else:
            self.word_length = 0
            self.mark = self.mark if byte == ord(" ") else byte
            self.sentence = 1 if byte in b".!?" else 2 if byte == ord("\n") else self.sentence
        self.read_line(byte)
        self.read_brackets(byte)

    def read_line(self, byte):
        if byte == ord("\n"):
            self.line_start = self.first_word = 0
            self.first_word_ended = False
            return
        if len(self.bytes) - self.line <= 2:
            self.line_start = self.line_start << 8 | byte
        if not is_expert_letter(byte):
            self.first_word_ended = self.first_word_ended or self.first_word != 0
        elif not self.first_word_ended:
            lower = byte | 32 if byte < 128 else byte
            self.first_word = u32((self.first_word + lower + 1) * 0x2C9277B5)

    def read_brackets(self, byte):
        if byte in CLOSING or byte == QUOTE and self.open[-1:] == [QUOTE]:
            del self.open[-1:]
        elif byte in OPENING or byte == QUOTE:
            self.open = [*self.open[:6], byte]

    def read_kind(self, byte):
        self.controls += (4096 if byte < 32 and byte not in b"\n\r\t" else 0) - (self.controls >> 8)
        looks = (
            self.controls > 65536 if self.kind == TEXT else (len(self.bytes) + 1) % 2048 == 0
        )
        if self.controls < 32768:
            self.kind, self.errors = TEXT, [0, 0, 0]
        elif looks:
            context, plane, mixture = self.errors
            most = 17 if self.kind == BITMAP else 15
            is_bitmap = plane * 5 < context * 4 and plane * 8 < mixture * most
            self.kind = BITMAP if is_bitmap and self.periods.width != 0 else RECORDS

    def add_errors(self, errors):
        self.errors = [sum_ + (more >> 4) - (sum_ >> 12) for sum_, more in zip(self.errors, errors)]

    def text_state(self):
        return min(self.word_length, 15) * 8 + len(self.open) + self.sentence * 128

    def in_line(self):
        return min(len(self.bytes) - self.line, 255)


def step_contexts(s, after, long_byte, long_step, byte, step):
    """Each context's number, and the two numbers that tell it."""
    past, words, width, second = s.past, s.words, s.periods.width, s.periods.second
    c1, c2, c3, c4 = s.at(1), s.at(2), s.at(3), s.at(4)

    def last(count):
        return past & (1 << 8 * count) - 1

    north, north2 = s.above(width, 0), s.above(2 * width, 0)
    around = north | north2 << 8 | s.above(width, -1) << 16
    rows = [
        (north | north2 << 8, width),
        (c1 << 8 | north, s.column()),
        (around, s.above(width, -2)),
        (s.column(), width),
    ]
    orders = [(last(count), 0) for count in (0, 2, 3, 4, 5, 6, 8)]
    if s.kind == BITMAP:
        north3, north4 = s.above(3 * width, 0), s.above(4 * width, 0)
        more = [
            (north2 | north3 << 8, width),
            (north | north2 << 8 | north3 << 16 | c1 << 24, north4),
            (north | c1 << 8 | c2 << 16 | s.above(width, -1) << 24, s.column()),
        ]
        return [*enumerate(orders), *enumerate(rows, 34), *enumerate(more, 47)]
    common = [
        *orders,
        (words[0], c1),
        *((a, 0) for a in (c2 | c3 << 8, c1 | c3 << 8, c3 | c4 << 8)),
        *((past & a, 0) for a in (0xF0F0F0F0, 0xE0E0E0E0E0E0E0E0, 0xF8F8F8F8F8F8)),
        (after[0][past & 0xFF], c1),
        (after[1][past & 0xFFFF], c1),
        (after[2][hash3(past)], c1),
        (s.form, c1),
        (long_byte + 1 | long_step // 4 << 9, c1),
        (byte + 1 | step << 9, 0),
        (byte + 1, last(2)),
        (s.above(second, 0) | c1 << 8, second),
    ]
    place = len(s.bytes) - s.line
    above = s.bytes[s.line_before + place] if s.line - s.line_before > place else 0
    if s.kind == TEXT:
        opened = s.open[-1] if s.open else 0
        own = [
            (words[0], words[1]),
            (words[0], words[2]),
            (u64(words[0] + words[1] * GOLDEN), words[2]),
            (words[0], s.mark << 8 | c1),
            (s.in_line(), above),
            (s.line_start | s.in_line() << 16, c1),
            (s.first_word, words[0] + c1),
            (opened | len(s.open) << 8, words[0] + c1),
            (s.form, words[0]),
            (words[1], c1 | c2 << 8),
            (c1 << 8 | north, s.column()),
            (c2, 0),
        ]
        return [*enumerate(common + own)]
    place = len(s.bytes) % 4
    known, first, before = last(place), s.at(place + 4), s.at(place + 8)
    own = [
        *rows,
        (c4 | s.at(8) << 8 | s.at(12) << 16, place),
        (c1 | c4 << 8, place),
        (known, place),
        (known | first << 32, place),
        (known | first << 32 | before << 40, place),
        (known | first << 32 | s.at(place + 3) << 40, place | before << 8),
        (s.in_line(), above),
        (c2, 0),
        (last(7), 0),
    ]
    return [*enumerate(common), *enumerate(own, 34)]


def plane_hash(a, b):
    h = u64((a + 1) * GOLDEN)
    h = u64(((h ^ h >> 29) + b) * 0xBF58476D1CE4E5B9)
    return u64((h ^ h >> 32) * 0x94D049BB133111EB)


class Around:
    """The bits beside the one at work, and those above it in rows of the width of records."""

    def __init__(self, s, node, depth):
        self.s, self.depth = s, depth
        self.beside = u64(s.past << depth) | node & (1 << depth) - 1
        self.rows = {}

    def own(self, count):
        return self.beside & (1 << count) - 1

    def part(self, row, left, right):
        """The bits of a row from `left` before to `right` after the one above."""
        if row not in self.rows:
            s, up = self.s, row * self.s.periods.width
            self.rows[row] = int.from_bytes(
                bytes(s.above(up, more) for more in (2, 1, 0, -1, -2)), "big"
            )
        return self.rows[row] >> (23 - self.depth - right) & (1 << left + right + 1) - 1

    def joined(self, count, *parts):
        """The bits beside, `count` of them, and above these parts of rows 1, 2, ..."""
        value, shift = self.own(count), count
        for row, (left, right) in enumerate(parts, 1):
            if left >= 0:
                value |= self.part(row, left, right) << shift
                shift += left + right + 1
        return value


def plane_hashes(around, kind):
    joined = around.joined
    hashes = [
        plane_hash(joined(4, (2, 2), (1, 1), (1, 1)), around.depth),
        plane_hash(joined(2, *[(1, 1)] * 6), 0),
        plane_hash(joined(6, (4, 4), (3, 3), (2, 2)), 0),
    ]
    if kind == BITMAP:
        hashes += [
            plane_hash(joined(6, (3, 3), (2, 2)), 0),
            plane_hash(joined(10, (5, 5)), 0),
            plane_hash(
                joined(8, (7, 7))
                | around.part(2, 5, 5) << 24
                | around.part(3, 4, 4) << 36
                | around.part(4, 2, 2) << 46,
                0,
            ),
            plane_hash(joined(16, (3, 10)), 0),
            plane_hash(joined(24, (0, 0)), 0),
            plane_hash(
                joined(12, (7, 7), (7, 7), (6, 6)),
                around.part(4, 4, 4) | around.part(5, 3, 3) << 9,
            ),
        ]
    return hashes


class Bit:
    """What was predicted of a bit: what tables learn by."""

    __slots__ = (
        "histories", "places", "plane_histories", "inputs", "sets", "logits", "last_sets",
        "last_mixed", "points",
    )


class Work:
    """The byte that a lane has at work."""

    def __init__(self, kind):
        self.kind, self.bits, self.halves, self.followed, self.byte = kind, [], [], [], 0


class StepExpert:
    """For `size` bytes, those of a dictionary included."""

    def __init__(self, lanes, size, with_network, is_long):
        most_slots, most_places = (26, 26) if is_long else (23, 22)
        most_places = max(most_places, 25) if size > 2**24 else most_places
        least = (3 if is_long else 10) if with_network else (12 if is_long else 48)
        self.rate_of = least, 2048 if with_network else 8192
        self.with_network = with_network
        self.slot_bits = clamp(bits(16 * size), 12, most_slots)
        self.plane_bits = clamp(bits(size) + 1, 12, 20)
        self.table, self.cells = {}, [first_cells() for _ in range(CONTEXTS)]
        self.planes = [{} for _ in range(PLANES)]
        self.plane_cells = [first_cells() for _ in range(PLANES)]
        self.after = [0] * 256, [0] * 65536, [0] * 65536
        self.followers = [Follower(shift, lanes, size, most_places) for shift in (3, 11)]
        for follower in self.followers:
            follower.cell = 0
        first = np.full(INPUTS, 100 if with_network else 375, np.int32)
        if with_network:
            first[NETWORK_INPUT] = 14500
        self.weights = np.tile(first, (sum(SETS), 1))
        self.uses = {}
        self.last_weights, self.estimates = [{}, {}], [{}, {}, {}]
        self.lanes = [StepSequence() for _ in range(lanes)]
        self.misses = [0] * lanes
        self.step = []

    def start_byte(self, lane):
        if lane == 0:
            self.end_step()
        self.lane, self.s, self.node = lane, self.lanes[lane], 1
        self.work = Work(self.s.kind)
        self.step.append(self.work)
        every = [sequence.bytes for sequence in self.lanes]
        for follower in self.followers:
            follower.start_byte(every, lane)
            self.work.followed.append((lane, follower.expected, follower.cell))
        told = [told for f in self.followers for told in (f.expected, f.step())]
        self.numbers = self.work.numbers = []
        self.hashes = []
        for number, pair in step_contexts(self.s, self.after, *told):
            self.numbers.append(number)
            self.hashes.append(context_hash(number, pair))
        self.find_slots(0)

    def find_slots(self, upper):
        hashes = [slot_hash(h, upper, 64) for h in self.hashes]
        self.work.halves.append(hashes)
        self.slots = [self.look(h) for h in hashes]

    def look(self, h):
        index, check = h >> (64 - self.slot_bits), max(h & 255, 1)
        for i in (index, index ^ 1, index ^ 2):
            slot = self.table.get(i, NO_SLOT)
            if slot[0] == check:
                return slot
        return NO_SLOT

    def predict(self, network_logit=0):
        s, kind = self.s, self.work.kind
        node, depth = self.node, bits(self.node) - 1
        bit = Bit()
        self.work.bits.append(bit)
        if depth == 4:
            self.find_slots(node)
        half = 1 << (depth & 3)
        entry = half | node & (half - 1)
        logit = clamp(network_logit, -3071, 3071) if self.with_network else 0

        inputs = []
        bit.histories = [slot[entry] for slot in self.slots]
        for number, history in zip(self.numbers, bit.histories):
            inputs += history_inputs(history, self.cells[number])
        inputs += [0] * (FOLLOWER_INPUT - len(inputs))
        step = expected = 0
        for follower in self.followers:
            follower.start_bit(node, depth)
            inputs += follower.inputs()
            if follower.bit >= 0 and step == 0:
                step, expected = follower.step(), follower.expected + 1
        inputs += [logit, (squash(logit) - 32768) >> 5, 256]
        around = Around(s, node, depth)
        hashes = plane_hashes(around, kind) if kind != TEXT else []
        bit.places = [h >> (64 - self.plane_bits) for h in hashes]
        bit.plane_histories = []
        for plane, cells, place in zip(self.planes, self.plane_cells, bit.places):
            cell, history = plane.get(place, FRESH_PLANE)
            bit.plane_histories.append(history)
            inputs += history_inputs(history, cells)
            inputs += [STRETCH[cell >> 20], distance(cell >> 10)] if history != 0 else [0, 0]
        bit.inputs = np.array(inputs + [0] * (INPUTS - len(inputs)), np.int64)

        strength = strength_of(step)
        self.choose(bit, around, strength, logit, depth, entry)
        products = self.weights[bit.sets] @ bit.inputs
        bit.logits = [
            clamp((u32(int(x)) ^ 1 << 31) - (1 << 31) >> 14, -3071, 3071) for x in products
        ]
        total, bit.last_mixed = 0, []
        group = 0 if strength == 0 else 1 if strength <= 3 else 2
        bit.last_sets = [node + 256 * group, s.past & 255]
        for sets, chosen in zip(self.last_weights, bit.last_sets):
            weights = sets.setdefault(chosen, [8192] * 8)
            mixed = clamp(sum(w * x for w, x in zip(weights, bit.logits)) >> 16, -3071, 3071)
            bit.last_mixed.append(squash(mixed))
            total += mixed
        return self.refine(bit, trunc_div(total, 2), expected, around)

    def choose(self, bit, around, strength, logit, depth, entry):
        """The sets of weights of a bit."""
        s, kind, node = self.s, self.work.kind, self.node
        certainty = min(7, abs(logit) // 256) if self.with_network else depth
        seen = sum(history != 0 for history in bit.histories)
        some = seen * 15 // len(bit.histories)
        byte1, byte2, byte3 = (s.past >> shift & 255 for shift in (0, 8, 16))
        sets = [
            node,
            byte1 * 8 + depth,
            byte2 * 8 + certainty,
            self.misses[self.lane] & 1023,
            (strength * 16 + some) * 8 + certainty,
            0,
        ]
        if kind == TEXT:
            sets += [s.text_state(), s.in_line() * 8 + depth]
        elif kind == RECORDS:
            longest = max([i for i in range(1, 7) if bit.histories[i] != 0], default=0)
            place = len(s.bytes) % 4
            sets += [1024 + ((longest * 4 + place) * 8 + depth) * 8 + certainty]
            sets += [2048 + byte3 * 8 + depth]
        else:
            no = -1, 0
            sets[1] = around.joined(5, (0, 5))
            sets[2] = around.joined(2, no, (1, 1), (1, 1), (1, 1))
            sets += [3072 + around.joined(4, (2, 2), (1, 1)), 4096 + depth]
        bit.sets = FIRST_SET + sets

    def refine(self, bit, logit, expected, around):
        past = self.s.past
        keys = [past & 0xFFFFFF, expected << 8 | past & 255]
        if self.work.kind != TEXT:
            keys.append(around.joined(4, (2, 2), (2, 2), (1, 1)))
        point, weight = divmod(logit + 3072, 256)
        share = 1 if self.with_network else 2
        total = squash(logit) * 64 * (8 - len(keys) * share)
        bit.points = []
        for table, key in zip(self.estimates, keys):
            row = u32(key * 0x9E3779B1 + self.node * 0x2C1B3C6D) >> 16
            estimates = table.setdefault(row, list(NEW_ESTIMATE))
            bit.points.append((estimates, point))
            low, high = (estimates[point + k] >> 10 for k in (0, 1))
            total += share * ((low * (256 - weight) + high * weight) // 256)
        return clamp(total + 256 >> 9, 1, 65535)

    def learn(self, bit):
        self.node = self.node * 2 + bit
        if self.node >= 256:
            self.work.byte = self.node - 256

    def end_step(self):
        """Teaches all tables the bytes of the lanes of a step."""
        for lane, work in enumerate(self.step):
            self.learn_bits(work)
            self.learn_slots(work)
            self.learn_lane(lane, work)
        self.step = []

    def learn_bits(self, work):
        for depth, seen in enumerate(work.bits):
            bit = work.byte >> (7 - depth) & 1
            for number, history in zip(work.numbers, seen.histories):
                cells = self.cells[number]
                cells[history] = learn_cell(cells[history], bit, 255)
            planes = zip(self.planes, self.plane_cells, seen.places, seen.plane_histories)
            for plane, cells, place, history in planes:
                cells[history] = learn_cell(cells[history], bit, 255)
                cell, history = plane.get(place, FRESH_PLANE)
                plane[place] = learn_cell(cell, bit, 255), FOLLOWING[history][bit]
            for estimates, point in seen.points:
                for k in (point, point + 1):
                    estimates[k] = learn_cell(estimates[k], bit, 255)
            self.learn_weights(seen, 65536 if bit else 0)

    def learn_weights(self, seen, one):
        shift = 18 if self.with_network else 17
        for sets, chosen, mixed in zip(self.last_weights, seen.last_sets, seen.last_mixed):
            sets[chosen] = [
                clamp(w + (x * (one - mixed) + (1 << shift - 1) >> shift), -(2**20), 2**20)
                for w, x in zip(sets[chosen], seen.logits)
            ]
        least, most = self.rate_of
        moves = []
        for chosen, logit in zip(seen.sets.tolist(), seen.logits):
            uses = self.uses.get(chosen, 0)
            self.uses[chosen] = min(uses + 1, 65535)
            rate = least + most // (64 + (uses >> 5))
            moves.append(clamp((one - squash(logit)) * rate + 512 >> 10, -32767, 32767))
        moved = self.weights[seen.sets] + (np.outer(moves, seen.inputs) + 16384 >> 15)
        self.weights[seen.sets] = np.clip(moved, -32768, 32767)

    def learn_slots(self, work):
        for half, hashes in enumerate(work.halves):
            path, entry = [], 1
            for shift in range(3, -1, -1):
                bit = work.byte >> (4 * (1 - half) + shift) & 1
                path.append((entry, bit))
                entry = entry * 2 + bit
            for h in hashes:
                slot = find_history_slot(self.table, self.slot_bits, h, 64)
                for entry, bit in path:
                    slot[entry] = FOLLOWING[slot[entry]][bit]

    def learn_lane(self, lane, work):
        s, byte, past = self.lanes[lane], work.byte, self.lanes[lane].past
        missed = all(expected != byte for _, expected, _ in work.followed)
        self.misses[lane] = u32(self.misses[lane] << 1 | missed)
        for table, i in zip(self.after, (past & 255, past & 0xFFFF, hash3(past))):
            table[i] = (table[i] << 8 | byte) & 0xFFFF
        if work.kind != TEXT:
            s.add_errors(errors_of(work))
        s.add(byte)
        every = [sequence.bytes for sequence in self.lanes]
        for follower, followed in zip(self.followers, work.followed):
            follower.lane, follower.expected, follower.cell = followed
            for depth in range(8):
                follower.start_bit((byte | 256) >> (8 - depth), depth)
                follower.learn(byte >> (7 - depth) & 1)
            follower.end_byte(every, byte)


def errors_of(work):
    """How much the second context, the third plane and the mixture erred."""
    errors = [0, 0, 0]
    for depth, seen in enumerate(work.bits):
        one = 65536 if work.byte >> (7 - depth) & 1 else 0
        guesses = [squash(int(seen.inputs[i])) for i in (3, PLANE_INPUT + 10)]
        for i, guess in enumerate([*guesses, seen.last_mixed[0]]):
            errors[i] += abs(one - guess)
    return errors
