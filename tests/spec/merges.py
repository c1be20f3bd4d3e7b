"""The merges of a byte-pair tokenizer, entropy-coded: docs/spec/coded_models.md, section 4."""

from bisect import bisect_left

from notation import bits, clamp, require, u32, u64
from range_coder import FRESH, Mixed, decode_bit


class KnownTokens:
    """Tokens in the order of their bytes; of equal bytes the newest comes first."""

    def __init__(self):
        self.text = [bytes([i]) for i in range(256)]  # by token
        self.order = list(range(256))  # tokens by place
        self.sorted = list(self.text)  # their bytes by place

    def add(self, left, right):
        text = self.text[left] + self.text[right]
        require(len(text) <= 255, "a token is too long")
        place = bisect_left(self.sorted, text)
        self.order.insert(place, len(self.text))
        self.sorted.insert(place, text)
        self.text.append(text)


def first_distance(group):
    return group if group < 2 else (2 + (group & 1)) << (group // 2 - 1)


def group_of(distance):
    if distance < 2:
        return distance
    octave = bits(distance) - 1
    return 2 * octave + (distance >> (octave - 1) & 1)


class Group:
    def __init__(self):
        self.came = self.could = 0

    def weight(self):
        return (self.came * 256 + 64) * 4096 // (self.could + 64) + 1


class TokenOrder:
    """Weighs left tokens by their distance to the left token of the merge before."""

    def __init__(self):
        self.up = [Group() for _ in range(34)]
        self.down = [Group() for _ in range(34)]
        self.last = Group()
        self.before = self.newest = 0
        self.weights, self.sums = [], []

    def fill(self, begin, end, group):
        begin, end = max(begin, 0), min(end, self.newest)
        if begin < end:
            self.weights[begin:end] = [group.weight()] * (end - begin)
            group.could += end - begin

    def weigh(self, tokens):
        self.newest = len(tokens.text) - 1
        self.weights = [0] * (self.newest + 1)
        for g in range(33):
            near, far = first_distance(g), first_distance(g + 1)
            self.fill(self.before + near, self.before + far, self.up[g])
            if g > 0:
                self.fill(self.before - far + 1, self.before - near + 1, self.down[g])
        self.weights[self.newest] = self.last.weight()
        self.last.could += 1
        total, self.sums = 0, [0]
        for token in tokens.order:
            total += self.weights[token]
            self.sums.append(total)

    def sum(self, places):
        begin, end = places
        return self.sums[end] - self.sums[begin]

    def count(self, left):
        groups = self.up if left >= self.before else self.down
        group = self.last if left == self.newest else groups[group_of(abs(left - self.before))]
        group.came += 1
        self.before = left


class MergeWalk:
    """Decodes tokens, byte by byte, among those known so far. `side` is 0 for left, 1 for right."""

    def __init__(self, decoder):
        self.decoder = decoder
        self.cells = [FRESH] * 2**20
        self.weights = [[12000] * 6 + [30000] for _ in range(2048)]
        self.tokens, self.order = KnownTokens(), TokenOrder()
        self.uses = [{}, {}]  # by side and token: how often, and when last
        self.left = self.history = 0

    def merge(self):
        self.order.weigh(self.tokens)
        self.history = 0
        self.left = left = self.token(0)
        right = self.token(1)
        self.order.count(left)
        for side, token in enumerate((left, right)):
            times = self.uses[side].get(token, (0, 0))[0]
            self.uses[side][token] = times + 1, len(self.tokens.text)
        self.tokens.add(left, right)
        return left, right

    def token(self, side):
        texts = self.tokens.sorted
        begin, end, depth, prefix = 0, len(texts), 0, 0xCBF29CE484222325
        while True:
            short = begin
            while short < end and len(texts[short]) == depth:
                short += 1
            if short > begin:
                if short == end or self.ends(side, begin, short, end, depth, prefix):
                    return self.one_of(begin, short)
                begin = short
            byte, begin, end = self.next_byte(side, begin, end, depth, prefix)
            self.history = u32(self.history << 8 | byte)
            prefix = u64((prefix ^ byte) * 0x100000001B3)
            depth += 1

    def one_of(self, begin, end):
        while end - begin > 1 and decode_bit(self.decoder, 32768, 32) == 0:
            begin += 1
        return self.tokens.order[begin]

    def ends(self, side, begin, short, end, depth, prefix):
        token, now = self.tokens.order[begin], len(self.tokens.text)
        own, last = self.uses[side].get(token, (0, 0))
        other = self.uses[1 - side].get(token, (0, 0))[0]
        times, others = min(bits(own), 7), min(bits(other), 7)
        age = 0 if token < 256 else 1 + bits(now - token)
        since = bits(now - last) if own > 0 else 0
        room, deep = bits(end - short), min(depth, 15)
        left_length = len(self.tokens.text[self.left]) if side == 1 else 0
        where = side << 60
        contexts = (
            where | deep,
            u64(prefix * 2 + side),
            where | times << 16 | age << 8 | others,
            where | (self.history & 0xFF) << 16 | deep << 8 | room,
            where | left_length << 16 | room << 8 | deep,
            where | times << 16 | since << 8 | room,
        )
        weights = 1024 + 512 * side + 64 * times + 4 * min(room, 15) + min(depth, 3)
        return self.bit(
            contexts, 0x1000, weights, self.by_order(side, (short, end), (begin, short))
        )

    def next_byte(self, side, begin, end, depth, prefix):
        where = side << 60 | (1 if depth == 0 else 0)
        contexts = (
            where,
            u64(prefix * 2 + side),
            where | (self.history & 0xFF) << 8,
            where | (self.history & 0xFFFF) << 8,
            where | (self.history & 0xFFFFFF) << 8,
            u64(prefix << 16 | self.left)
            if side == 1
            else depth << 8 | bits(len(self.tokens.text)),
        )
        node = 1
        for i in reversed(range(8)):
            upper = (node * 2 + 1) << i & 255
            # All places in [begin, end) agree in their first `depth` bytes.
            middle = bisect_left(
                self.tokens.sorted, self.tokens.sorted[begin][:depth] + bytes([upper]), begin, end
            )
            bit = 1 if middle == begin else 0
            if begin < middle < end:
                seen = [bits(self.cells[self.cell(k, contexts, node)] & 1023) for k in (1, 4)]
                weights = (
                    512 * side + 64 * min(seen[0], 7) + 16 * min(seen[1], 3) + 4 * min(depth, 3)
                )
                bit = self.bit(
                    contexts, node, weights, self.by_order(side, (begin, middle), (middle, end))
                )
            if bit:
                begin = middle
            else:
                end = middle
            node = node * 2 + bit
        return node & 255, begin, end

    def cell(self, i, contexts, node):
        h = u64((contexts[i] * 8 + i) * 0x9E3779B97F4A7C15)
        h = u64(((h ^ h >> 29) + node) * 0xBF58476D1CE4E5B9)
        return h >> 44

    def bit(self, contexts, node, weights, by_order):
        cells = [(self.cells, self.cell(i, contexts, node)) for i in range(6)]
        mixed = Mixed(cells + [([by_order << 16], 0)], self.weights[weights])
        bit = decode_bit(self.decoder, mixed.p, 32)
        mixed.update(bit, (60, 255, 255, 255, 60, 255, 255))
        return bit

    def by_order(self, side, zero, one):
        """The probability of a 1 by the order of left tokens, out of 65536."""
        if side == 1:
            return 32768
        weight = self.order.sum(one)
        return clamp(weight * 65536 // (weight + self.order.sum(zero)), 16, 65520)


def decode_merges(decoder, count):
    require(count <= 65278, "too many merges")
    walk = MergeWalk(decoder)
    return [walk.merge() for _ in range(count)]
