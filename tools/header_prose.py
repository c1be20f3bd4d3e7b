"""Holds the comments of headers to the rules of prose; check_prose.py runs it.

A comment that stands on lines of its own

- begins with what the thing is or does, not with a word of FRAGMENTS;
- has sentences of at most 25 words, not counting what stands in parentheses and in shapes;
- has sentences with a verb, but for the first one, which may be a name: "Number of bytes that are out so far."

Comments behind code are labels of their line. They are not checked, nor are formulas and what is indented as a drawing.
"""

import re

from prose import LONGEST_SENTENCE, begin, sentences, without_code, words

# A clause or phrase that begins so says something of a subject which the reader must look for in the code below.
FRAGMENTS = frozenset("""
    After Also And As At Because Before But By For From How If In Like Not Nothing Null Of On Once Only Or Since
    That To Unless What When Where Whether Which Whose Why With Within Without""".split())

# Forms of verbs that a sentence may have. One with another verb is called a fragment: add the verb here.
VERBS = frozenset("""
    is are was were has have had does do did can cannot could may might must will would shall should
    add adds agree agrees allocate allocates allows answer applies ask asks become becomes begin begins belong belongs
    bring brings build builds call calls change changes check checks choose chooses code coded codes come comes commit commits
    compute computes cost costs count counts cut cuts decide decides decode decodes decrease depend depends differ differs
    draw draws drop drops end ends expect expects fail fails fall falls fill fills find finds fit fits follow follows
    forget forgets form forms free get gets give gives go goes grow grows hold holds ignore ignores include includes keep
    keeps know knows lack lacks last learn learns leave leaves let lets lie lies limit limits look looks make makes match matches mean
    means mix mixes move moves name names need needs owns pass passes place places predict predicts print prints put puts
    reach reaches read reads refers refuse refuses remain remains remember remove removes replace replaces restore restores
    return returns reuses run runs saturate saturates say says see sees send sends serve serves set sets share shares show shows
    split splits spread stand stands start starts stay stays step steps store stores sum sums take takes tell tells throw
    throws train trains travel travels turn turns update use uses wait waits want wants work works wrap wraps write writes
    """.split())


def comments(header):
    """Yields the comments of a header that stand on lines of their own, as lists of (line number, text)."""
    comment, in_block = [], False
    for number, line in enumerate(header.split("\n"), 1):
        line = line.strip()
        if comment and not in_block and not line.startswith("//"):
            yield comment
            comment = []
        if line.startswith("//"):
            comment.append((number, line[2:]))
        elif in_block or line.startswith("/*"):
            text, in_block = line.removeprefix("/*"), "*/" not in line
            text = text.partition("*/")[0]
            comment.append((number, text.removeprefix("*") if comment else text))
    if comment:
        yield comment


def paragraphs(comment):
    """Yields (line number, text, whether it begins the comment) for each paragraph or list item of prose."""
    gathered, line, at_begin = [], 0, True
    for number, text in [*comment, (0, "")]:
        drawn = text.startswith("   ") or re.match(r"\s?(NOLINT|clang-format |----* )", text)
        ends = drawn or not text.strip() or re.match(r"\s*- ", text)
        if ends and gathered:
            yield line, " ".join(gathered), at_begin
            gathered, at_begin = [], False
        if text.strip() and not drawn:
            line = line if gathered else number
            gathered.append(text.strip())


def plain(text):
    """The text without parentheses and shapes, which qualify what a sentence says, and without quotations."""
    text, before = re.sub(r'"[^"]*"', "Quoted", without_code(text)), None
    while before != text:
        before, text = text, re.sub(r"\s*\([^()]*\)|\s*\[[^\[\]()]*[\])]", "", text)
    return text


def has_verb(sentence):
    return bool(VERBS & set(re.findall(r"[a-z]+", sentence.lower()))) or bool(re.search(r"[=<>]", sentence))


def check_header(path, header):
    for comment in comments(header):
        for line, text, at_begin in paragraphs(comment):
            first = re.match(r"[A-Za-z]+", text)
            if at_begin and first and first.group() in FRAGMENTS:
                yield f"{path}:{line}: a comment that begins with \"{first.group()}\", not with what the thing is or does"
            for sentence in sentences(plain(text)):
                if (count := len(words(sentence))) > LONGEST_SENTENCE:
                    yield f"{path}:{line}: a sentence of {count} words: \"{begin(sentence)} ...\""
            full = re.split(r"(?<=[.!?])\s+(?=[A-Z`])", plain(text))
            for sentence in full[1:] if at_begin else full:
                if len(words(sentence)) > 3 and not has_verb(sentence):
                    yield f"{path}:{line}: a sentence without a verb: \"{begin(sentence)} ...\""
