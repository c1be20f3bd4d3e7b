#!/usr/bin/env python3
"""Byte-pair encoding once more, as shortly as it can be said: are merges and tokens the same?

usage: bpe_reference.py WRITE_BPE    (the program of tests/data/tokenizer/write_bpe.cc)

Pieces are cut by a regular expression in place of data/tokenizer/pieces.cc, pairs are counted afresh for each merge, and words are
merged pair by pair of lowest rank (Sennrich et al., 2016, algorithm 1; the way GPT-2's encoder goes), not merge by merge.
"""
import collections
import pathlib
import random
import re
import subprocess
import sys
import tempfile

LETTER = rb"A-Za-z\x80-\xff"
SPACE = rb"\t\n\v\f\r "
WORDS = re.compile(rb" ?[%b]+|'[%b]+| ?[0-9]+| ?[^%b0-9%b]+|[%b]+(?= [^%b])|[%b]+"
                   % (LETTER, LETTER, LETTER, SPACE, SPACE, SPACE, SPACE))


def pieces_of(text, rule):
    return WORDS.findall(text) if rule == "words" else [text]


def merged(row, pair, token):
    out, i = [], 0
    while i < len(row):
        if tuple(row[i:i + 2]) == pair:
            out.append(token)
            i += 2
        else:
            out.append(row[i])
            i += 1
    return tuple(out)


def learn(text, vocabulary, rule):
    rows = collections.Counter(tuple(piece) for piece in pieces_of(text, rule))
    merges = []
    while 256 + len(merges) < vocabulary:
        pairs = collections.Counter()
        for row, count in rows.items():
            for pair in zip(row, row[1:]):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        again = collections.Counter()
        for row, count in rows.items():
            again[merged(row, best, 256 + len(merges))] += count
        rows = again
        merges.append(best)
    return merges


def encode(text, merges, rule):
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    tokens = []
    for piece in pieces_of(text, rule):
        row = tuple(piece)
        while len(row) > 1:
            rank, pair = min((ranks.get(pair, len(ranks)), pair) for pair in zip(row, row[1:]))
            if rank == len(ranks):
                break
            row = merged(row, pair, 256 + rank)
        tokens.extend(row)
    return tokens


def some_text(size, seed):
    dice = random.Random(seed)
    words = ["".join(dice.choice("etaoinshrdlu") for _ in range(dice.randint(1, 9))) for _ in range(150)]
    text = b""
    while len(text) < size:
        text += words[int(150 * dice.random() ** 3)].encode()
        text += dice.choice([b" "] * 12 + [b", ", b".\n\n", b"  ", b" 1984 ", b"'s ", b" (", b"\xc3\xa9", b" \t ",
                                           bytes([dice.randrange(256)]), b"!?", b"' '", b"eeee"])
    return text[:size]


def main():
    program = sys.argv[1]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        text, other = pathlib.Path(folder, "text"), pathlib.Path(folder, "other")
        for seed, (rule, vocabulary) in enumerate([("words", 700), ("none", 500), ("words", 300)]):
            text.write_bytes(some_text(12000, seed))
            other.write_bytes(some_text(2500, seed + 50))
            lines = subprocess.run([program, rule, str(vocabulary), text, other], check=True, capture_output=True,
                                   text=True).stdout.splitlines()
            theirs = [tuple(map(int, line.split())) for line in lines[:-1]]
            ours = learn(text.read_bytes(), vocabulary, rule)
            tokens = encode(other.read_bytes(), ours, rule)
            same = theirs == ours and list(map(int, lines[-1].split())) == tokens
            print(f"{rule}: {len(ours)} merges, {len(tokens)} tokens: {'the same' if same else 'DIFFERENT'}")
            wrong += not same
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
