"""Sentences and their words: what check_prose.py counts in pages and header_prose.py in comments."""

import re

LONGEST_SENTENCE = 25


def without_code(text):
    return re.sub(r"(`+).*?\1", "CODE", text, flags=re.S)


def sentences(text):
    """The sentences of a block of text, as they are read: no code, no targets of links, no emphasis."""
    text = re.sub(r"^\s*([-*]|\d+\.)\s+", "", text)
    text = without_code(text)
    text = re.sub(r"!?\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])?", r"\1", text)
    text = re.sub(r"<[^>]+>|https?://\S+", " LINK ", text)
    text = re.sub(r"\b(e\.g|i\.e|etc|et al|vs|Fig|No|approx)\.", r"\1", text)
    text = re.sub(r"\*\*|__|\*", "", " ".join(text.split())).replace("CODE", "Code")
    return re.split(r"(?<=[.!?])[)\"']*\s+|;\s|:\s+(?=[A-Z])", text)


def words(sentence):
    return [word for word in sentence.split() if re.search(r"\w", word)]


def begin(sentence):
    return " ".join(sentence.split()[:8])
