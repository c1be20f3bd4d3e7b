#!/usr/bin/env python3
"""Holds pages and headers to the rules of prose, and fails with one line a finding. check_pages.py compares them with
the code.

    tools/check_prose.py [ROOT]       # the pages and headers that git knows
    tools/check_prose.py --self-test  # pages and headers made wrong for the purpose are found, and right ones are not

- A sentence has at most 25 words. Code, tables, headings and the targets of links do not count; code within a
  sentence counts as one word.
- In README.md and docs/results.md, a section that tells a figure (a table with numbers, or a number with a unit)
  names the command that made it, or links to the page of the study.
- README.md has at most 600 words.
- Comments of headers begin with what a thing is or does, and have whole sentences (header_prose.py).
"""

import os
import re
import subprocess
import sys
import tempfile

from header_prose import check_header
from prose import LONGEST_SENTENCE, begin, sentences, without_code, words

README_WORDS = 600
PAGES_WITH_FIGURES = ("README.md", "docs/results.md")

COMMAND = re.compile(
    r"(^|[\s/(&|])(train|compress|decompress|benchmark|evaluate|explain|baselines|generate|inspect|prepare|ctest"
    r"|\w+_benchmark|mpirun|python3 -m \w+)(\s|$)|[\w/]+\.(sh|py)\b")
STUDY = re.compile(r"\]\([^)]*(experiments/results|model/pretrained|docs/results\.md)[^)]*\)")
FIGURE = re.compile(
    r"\d(?:[.,]?\d)*\s?(?:%|[KMG]?B/s|[KMG]B\b|GFLOP/s|GOP/s|bpb\b|bytes\b|ms\b|seconds?\b|minutes?\b|hours?\b"
    r"|microseconds?\b|times\b|tokens\b|s\b)")


class Block:
    """A piece of a page: its kind (heading, code, table, text), first line, and text."""

    def __init__(self, kind, line, text):
        self.kind, self.line, self.text = kind, line, text


def blocks(page):
    """The blocks of a page, in order. A list item is a block of its own."""
    found, lines, i = [], page.split("\n"), 0
    while i < len(lines):
        line, start = lines[i], i
        if re.match(r"\s*(```|~~~)", line):
            fence = line.strip()[:3]
            i += 1
            while i < len(lines) and not lines[i].strip().startswith(fence):
                i += 1
            i += 1
            found.append(Block("code", start + 1, "\n".join(lines[start + 1:i - 1])))
        elif not line.strip() or line.startswith("<!--") and line.endswith("-->"):
            i += 1
        elif line.startswith("#"):
            i += 1
            found.append(Block("heading", start + 1, line.lstrip("# ").strip()))
        elif line.startswith("    ") and (not found or found[-1].kind != "text" or not lines[i - 1].strip()):
            while i < len(lines) and (lines[i].startswith("    ") or not lines[i].strip()):
                i += 1
            found.append(Block("code", start + 1, "\n".join(lines[start:i])))
        elif line.lstrip().startswith("|"):
            while i < len(lines) and lines[i].lstrip().startswith("|"):
                i += 1
            found.append(Block("table", start + 1, "\n".join(lines[start:i])))
        else:
            i += 1
            while i < len(lines) and lines[i].strip() and not re.match(r"\s*([-*]|\d+\.)\s|#|\||\s*```", lines[i]):
                i += 1
            found.append(Block("text", start + 1, "\n".join(lines[start:i])))
    return found


def long_sentences(path, page):
    for block in blocks(page):
        if block.kind != "text":
            continue
        for sentence in sentences(block.text):
            if (count := len(words(sentence))) > LONGEST_SENTENCE:
                yield f"{path}:{block.line}: a sentence of {count} words: \"{begin(sentence)} ...\""


def has_command(block):
    if block.kind == "code":
        return bool(COMMAND.search(block.text))
    codes = re.findall(r"`([^`]+)`", block.text)
    return any(COMMAND.search(code) for code in codes) or bool(STUDY.search(block.text))


def has_figure(block):
    if block.kind == "table":
        body = block.text.split("\n")[2:]
        return any(re.match(r"\s*[+-]?\d", cell) for row in body for cell in row.strip("| ").split("|"))
    return block.kind == "text" and bool(FIGURE.search(without_code(block.text)))


def figures_without_command(path, page):
    """Sections whose figures no command stands beside. The text before the first heading is a section, too."""
    sections = [[]]
    for block in blocks(page):
        if block.kind == "heading":
            sections.append([])
        else:
            sections[-1].append(block)
    for section in sections:
        figures = [block for block in section if has_figure(block)]
        if figures and not any(has_command(block) for block in section):
            yield f"{path}:{figures[0].line}: figures, and no command in this section"


def check(root, paths):
    findings = []
    for path in paths:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            page = file.read()
        if path.endswith((".h", ".h.in")):
            findings += check_header(path, page)
            continue
        findings += long_sentences(path, page)
        if path in PAGES_WITH_FIGURES:
            findings += figures_without_command(path, page)
        if path == "README.md" and (count := len(re.sub(r"<!--.*?-->", "", page).split())) > README_WORDS:
            findings.append(f"README.md: {count} words, of {README_WORDS} allowed")
    return findings


RIGHT_PAGE = """# A page

It says what it is, in short sentences; see [itself](README.md#a-table).

    evaluate --data text

## A table

Rates of `compress book.txt`, in percent:

| | rate |
|---|---|
| a | 20.1 % |
"""

RIGHT_HEADER = """// Counts of the symbols of a lane. Not thread-safe.
//
// A count is halved when it reaches 255, so that the lane forgets.
//
//     p(symbol) = count / sum                       what the drawing says is no prose
#ifndef COUNTS_H_

// Number of symbols, at least 1 (Author, 1990, "A title of many, many words that say what the paper is about", page 3).
int Symbols();
int Halvings();  // of all counts
// --- steps --------
/* Returns the count of `symbol`. */
int Count(int symbol);
"""

MANY = "that goes on " + "and on " * 12

# The right page or header, what is put in place of what, and the finding that must come of it.
WRONG = [
    (RIGHT_PAGE, "in short sentences", f"in a sentence {MANY}", "a sentence of"),
    (RIGHT_PAGE, "Rates of `compress book.txt`, in percent:", "Rates, in percent:", "no command"),
    (RIGHT_PAGE, "Rates of `compress book.txt`, in percent:\n\n| | rate |\n|---|---|\n| a | 20.1 % |",
     "The rate is 20.1 % of the file.", "no command"),
    (RIGHT_PAGE, "It says", "word " * 600 + "\n\nIt says", "words, of 600 allowed"),
    (RIGHT_HEADER, "// Number of symbols", "// Of the symbols, those of the lane", "begins with \"Of\""),
    (RIGHT_HEADER, "/* Returns the count of", "/* What was counted of", "begins with \"What\""),
    (RIGHT_HEADER, "Not thread-safe.", "One thread at a time.", "without a verb"),
    (RIGHT_HEADER, "so that the lane forgets", f"so that the lane forgets, {MANY}", "a sentence of"),
]


def self_test():
    with tempfile.TemporaryDirectory() as root:
        def findings_of(text):
            name = "README.md" if text.startswith("#") else "counts.h"
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(text)
            return check(root, [name])

        failed = [f"a right text: {finding}" for right in (RIGHT_PAGE, RIGHT_HEADER) for finding in findings_of(right)]
        for right, before, after, wanted in WRONG:
            if before not in right:
                failed.append(f"the right text has no \"{before}\"")
            if not any(wanted in finding for finding in findings_of(right.replace(before, after))):
                failed.append(f"\"{after[:60]}\" is not found to be wrong")
    for line in failed:
        print(f"check_prose.py: {line}", file=sys.stderr)
    print(f"check_prose.py: {len(WRONG)} wrong texts, {len(failed)} failures")
    return 1 if failed else 0


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) > 1 or arguments[:1] == ["--help"]:
        print(__doc__)
        return 2
    root = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    git = subprocess.run(["git", "-C", root, "ls-files", "-z", "*.md", "*.h", "*.h.in"], capture_output=True)
    if git.returncode != 0:
        print("check_prose.py: no git checkout, so the pages are not known; not run")
        return 77
    listed = git.stdout
    paths = [path for path in listed.decode().split("\0") if path and os.path.exists(os.path.join(root, path))]
    if not paths:
        print("check_prose.py: no page and no header is known to git here", file=sys.stderr)
        return 1
    findings = check(root, paths)
    for finding in findings:
        print(finding, file=sys.stderr)
    headers = sum(not path.endswith(".md") for path in paths)
    print(f"check_prose.py: {len(paths) - headers} pages, {headers} headers, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
