"""The mixer of the adaptive predictor: docs/spec/predictors.md, section 4."""

from notation import bits, clamp, trunc_div, u32, u64
from range_coder import FRESH, RATE, STRETCH, learn_cell, squash

ZEROS = [0] * 16
GOLDEN32, GOLDEN64 = 0x9E3779B1, 0x9E3779B97F4A7C15
FRESH_CORRECTION = [squash((k - 12) * 256) for k in range(25)]


def stretch_small(cell):
    return STRETCH[(cell >> 5) * 2 + 1]


def learn_small(cell, bit):
    count = cell & 31
    p = ((cell >> 5) << 11) + 1024
    p += ((2**22 - 1 if bit else 0) - p) * RATE[count] >> 16
    return (p >> 11) << 5 | min(count + 1, 31)


def mix_hash(h):
    h = u32((h ^ h >> 15) * 0x2C1B3C6D)
    return u32((h ^ h >> 13) * GOLDEN32)


def find_slot(table, h):
    """The slot of a hash in a dictionary of those that are not zeros; a wrong one is taken over."""
    index, check = h >> 12, h & 0xFFFF | 1
    slots = [table.get(i, ZEROS) for i in (index, index ^ 1)]
    for slot in slots:
        if slot[0] == check:
            return slot
    if slots[1][1] & 31 < slots[0][1] & 31:
        index ^= 1
    slot = table[index] = [check] + [0x8000] * 15
    return slot


def is_letter(byte):
    return byte >= 128 or 65 <= byte <= 90 or 97 <= byte <= 122


class MixerLane:
    def __init__(self):
        self.past = self.word = self.word_before = 0
        self.bytes = bytearray()
        self.match_lane = self.match_step = self.match_length = 0

    def hashes(self):
        word = u32(self.word * 0x2C1B3C6D)
        return (
            u64((self.past & 0xFFFFFFFF) * GOLDEN64) >> 32,
            u64((self.past & 0xFFFFFFFFFFFF) * GOLDEN64) >> 32,
            word,
            word ^ u32(self.word_before * GOLDEN32),
        )

    def append(self, byte):
        self.bytes.append(byte)
        self.past = u64(self.past << 8 | byte)
        if is_letter(byte):
            letter = byte | 32 if byte < 128 else byte
            self.word = u32((self.word + letter + 1) * 0x2C9277B5)
        elif self.word != 0:
            self.word_before, self.word = self.word, 0


class Mixer:
    """Predicts byte after byte: `start_byte`, then eight times `predict` and `learn`."""

    def __init__(self, lanes):
        self.tables = [{}, {}, {}, {}]
        self.by_knowledge = [[50000] + [6000] * 6 for _ in range(5 * 8 * 8)]
        self.by_node = [[50000] + [6000] * 6 for _ in range(256)]
        self.corrections = {}
        self.match_cells = [FRESH] * 32
        self.places = {}
        self.lanes = [MixerLane() for _ in range(lanes)]

    def start_byte(self, lane):
        self.lane_number, self.lane = lane, self.lanes[lane]
        self.node, self.expected = 1, -1
        if self.lane.match_length > 0:
            seen = self.lanes[self.lane.match_lane].bytes
            if self.lane.match_step < len(seen):
                self.expected = seen[self.lane.match_step]
        self.hashes = self.lane.hashes()
        self.slots = [find_slot(table, mix_hash(h)) for table, h in zip(self.tables, self.hashes)]

    def predict(self, network_logit):
        node = self.node
        depth = bits(node) - 1
        if depth == 4:
            self.slots = [
                find_slot(table, mix_hash(u32(h + node * 0x7FEB352D)))
                for table, h in zip(self.tables, self.hashes)
            ]
        half = 1 << (depth & 3)
        self.cell = half | node & (half - 1)

        network_logit = clamp(network_logit, -3071, 3071)
        seen = [slot[self.cell] for slot in self.slots]
        known = sum(cell & 31 != 0 for cell in seen)
        match, match_logit = self.predict_match(depth)
        self.inputs = [
            network_logit,
            *(stretch_small(cell) if cell & 31 else 0 for cell in seen),
            match_logit,
            256,
        ]

        sure = min(7, abs(network_logit) // 256)
        self.weights = (self.by_knowledge[(match * 8 + known) * 8 + sure], self.by_node[node])
        products = [
            sum(w * x for w, x in zip(weights, self.inputs)) >> 16 for weights in self.weights
        ]
        self.mixed = [squash(product) for product in products]
        return self.correct(trunc_div(sum(clamp(p, -3071, 3071) for p in products), 2))

    def predict_match(self, depth):
        """How long the match is, 0 .. 4, and its logit."""
        self.expected_bit = -1
        if self.expected < 0 or (self.expected | 256) >> (8 - depth) != self.node:
            return 0, 0
        self.expected_bit = self.expected >> (7 - depth) & 1
        length = self.lane.match_length
        logit = STRETCH[self.match_cells[min(length, 32) - 1] >> 20]
        match = 1 if length < 16 else 2 if length < 24 else 3 if length < 32 else 4
        return match, logit if self.expected_bit == 1 else -logit

    def correct(self, logit):
        row = u32((self.lane.past & 0xFFFFFF) * GOLDEN32 + self.node * 0x2C1B3C6D) >> 16
        if row not in self.corrections:
            self.corrections[row] = list(FRESH_CORRECTION)
        self.correction = self.corrections[row]
        self.point, weight = divmod(logit + 3072, 256)
        corrected = (
            self.correction[self.point] * (256 - weight) + self.correction[self.point + 1] * weight
        ) // 256
        return clamp((squash(logit) + corrected) // 2, 1, 65535)

    def learn(self, bit):
        for weights, mixed in zip(self.weights, self.mixed):
            error = (65536 if bit else 0) - mixed
            for i, x in enumerate(self.inputs):
                weights[i] = clamp(weights[i] + (x * error + 32768 >> 16), -(2**24), 2**24)
        for slot in self.slots:
            slot[self.cell] = learn_small(slot[self.cell], bit)
        if self.expected_bit >= 0:
            i = min(self.lane.match_length, 32) - 1
            self.match_cells[i] = learn_cell(
                self.match_cells[i], int(self.expected_bit == bit), 255
            )
        target = 65535 if bit else 0
        for k in (self.point, self.point + 1):
            self.correction[k] += trunc_div(target - self.correction[k], 64)
        self.node = self.node * 2 + bit
        if self.node >= 256:
            self.end_byte(self.node - 256)

    def end_byte(self, byte):
        lane = self.lane
        lane.append(byte)
        if self.expected == byte:
            lane.match_length += 1
            lane.match_step += 1
        else:
            lane.match_length = 0
        size = len(lane.bytes)
        if size < 8:
            return
        index = u64(lane.past * GOLDEN64) >> 44
        place_lane, place_step = self.places.get(index, (0, 0))
        if lane.match_length == 0 and place_step != 0:
            length = self.agreement(place_lane, place_step)
            if length >= 8:
                lane.match_lane, lane.match_step, lane.match_length = place_lane, place_step, length
        self.places[index] = self.lane_number, size

    def agreement(self, place_lane, place_step):
        """How many bytes before a place are those before this one, up to 32."""
        seen, own = self.lanes[place_lane].bytes, self.lane.bytes
        length, most = 0, min(32, len(own), place_step)
        while length < most and seen[place_step - 1 - length] == own[-1 - length]:
            length += 1
        return length
