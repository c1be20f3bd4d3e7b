"""Tokenizers and their bytes: docs/spec/occm.md, section 3."""

import hashlib

from notation import bits, require

BYTES, PAIRS, PAIRS_IN_WORDS, TOP_BIT_LOST, LOWEST_BIT_LOST = 1, 2, 3, 4, 5


class Tokenizer:
    """What bytes the symbols stand for. `data` are the tokenizer's bytes, the kind first."""

    def __init__(self, data):
        require(data, "a tokenizer without bytes")
        self.kind = data[0]
        require(self.kind in (1, 2, 3, 4, 5), "an unknown kind of tokenizer")
        self.id = hashlib.sha256(data).digest()[:8]
        self.loses_bits = self.kind in (TOP_BIT_LOST, LOWEST_BIT_LOST)
        if self.kind in (PAIRS, PAIRS_IN_WORDS):
            self.tokens = tokens_of(read_merges(data[1:]))
        else:
            require(len(data) == 1, "a tokenizer of another length")
            self.tokens = [bytes([i]) for i in range(128 if self.loses_bits else 256)]
        self.vocabulary = len(self.tokens)

    def decode(self, symbols, lost):
        """The bytes of a segment; `lost` has a bit for each symbol where bits are lost."""
        if self.kind == TOP_BIT_LOST:
            return bytes(symbol | bit << 7 for symbol, bit in zip(symbols, lost))
        if self.kind == LOWEST_BIT_LOST:
            return bytes(symbol << 1 | bit for symbol, bit in zip(symbols, lost))
        return b"".join([self.tokens[symbol] for symbol in symbols])


def tokens_of(merges):
    """The bytes of each token, once the merges have passed every check of section 3.2."""
    require(len(merges) <= 65278, "too many merges")
    require(len(set(merges)) == len(merges), "a pair is merged twice")
    tokens = [bytes([i]) for i in range(256)]
    for left, right in merges:
        require(left < len(tokens) and right < len(tokens), "a merge of later tokens")
        tokens.append(tokens[left] + tokens[right])
        require(len(tokens[-1]) <= 255, "a token is too long")
    return tokens


def short_form(choices):
    """The bits of the short form of one of `choices` numbers, and how many numbers have it."""
    b = bits(choices) - 1
    return b, 2 ** (b + 1) - choices


def read_merges(data):
    """The pairs of the bytes after the kind."""
    require(len(data) >= 2, "merges without a count")
    count = int.from_bytes(data[:2], "little")
    ones = "".join(f"{byte:08b}"[::-1] for byte in data[2:])  # bits fill a byte from its lowest on
    position = 0

    def read_token(choices):
        nonlocal position
        b, short = short_form(choices)
        require(position + b <= len(ones), "merges are cut short")
        value = int(ones[position : position + b], 2)
        position += b
        if value >= short:
            require(position < len(ones), "merges are cut short")
            value = value * 2 + int(ones[position]) - short
            position += 1
        return value

    merges = [(read_token(256 + i), read_token(256 + i)) for i in range(count)]
    require(len(ones) - position < 8 and "1" not in ones[position:], "bits follow the merges")
    return merges


def write_merges(merges):
    """The bytes after the kind: what `read_merges` reads."""
    ones = ""
    for i, pair in enumerate(merges):
        b, short = short_form(256 + i)
        for token in pair:
            ones += f"{token:0{b}b}" if token < short else f"{token + short:0{b + 1}b}"
    ones += "0" * (-len(ones) % 8)
    packed = bytes(int(ones[k : k + 8][::-1], 2) for k in range(0, len(ones), 8))
    return len(merges).to_bytes(2, "little") + packed
