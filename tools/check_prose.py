#!/usr/bin/env python3
"""Holds the pages to the rules of prose, and fails with one line a finding. check_pages.py compares them with the code.

    tools/check_prose.py [ROOT]       # the pages that git knows
    tools/check_prose.py --self-test  # pages made wrong for the purpose are found, and right ones are not

- A sentence has at most 25 words. Code, tables, headings and the targets of links do not count; code within a
  sentence counts as one word.
- In README.md and docs/results.md, a section that tells a figure (a table with numbers, or a number with a unit)
  names the command that made it, or links to the page of the study.
- README.md has at most 600 words.
"""

import os
import re
import subprocess
import sys
import tempfile

LONGEST_SENTENCE = 25
README_WORDS = 600
PAGES_WITH_FIGURES = ("README.md", "docs/results.md")
# Records of what was measured keep the words of their time: studies, models' cards, the changelog.
RECORDS = ("experiments/results/", "model/pretrained/", "CHANGELOG.md")

COMMAND = re.compile(
    r"(^|[\s/(&|])(train|compress|decompress|evaluate|baselines|generate|inspect|prepare|ctest"
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
        elif not line.strip():
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


def long_sentences(path, page):
    for block in blocks(page):
        if block.kind != "text":
            continue
        for sentence in sentences(block.text):
            if (count := len(words(sentence))) > LONGEST_SENTENCE:
                begin = " ".join(sentence.split()[:8])
                yield f"{path}:{block.line}: a sentence of {count} words: \"{begin} ...\""


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
        if not path.startswith(RECORDS):
            findings += long_sentences(path, page)
        if path in PAGES_WITH_FIGURES:
            findings += figures_without_command(path, page)
        if path == "README.md" and (count := len(page.split())) > README_WORDS:
            findings.append(f"README.md: {count} words, of {README_WORDS} allowed")
    return findings


RIGHT = """# A page

It says what it is, in short sentences; see [itself](README.md#a-table).

    evaluate --data text

## A table

Rates of `compress book.txt`, in percent:

| | rate |
|---|---|
| a | 20.1 % |
"""

# What is put in place of what, and the finding that must come of it.
WRONG = [
    ("in short sentences", "in a sentence that goes on and on and on and on and on and on and on and on and on and on "
     "and on and on", "a sentence of"),
    ("Rates of `compress book.txt`, in percent:", "Rates, in percent:", "no command"),
    ("Rates of `compress book.txt`, in percent:\n\n| | rate |\n|---|---|\n| a | 20.1 % |",
     "The rate is 20.1 % of the file.", "no command"),
    ("It says", "word " * 600 + "\n\nIt says", "words, of 600 allowed"),
]


def self_test():
    with tempfile.TemporaryDirectory() as root:
        def findings_of(page):
            with open(os.path.join(root, "README.md"), "w", encoding="utf-8") as file:
                file.write(page)
            return check(root, ["README.md"])

        failed = [f"a right page: {finding}" for finding in findings_of(RIGHT)]
        for before, after, wanted in WRONG:
            if before not in RIGHT:
                failed.append(f"the right page has no \"{before}\"")
            if not any(wanted in finding for finding in findings_of(RIGHT.replace(before, after))):
                failed.append(f"\"{after[:60]}\" is not found to be wrong")
    for line in failed:
        print(f"check_prose.py: {line}", file=sys.stderr)
    print(f"check_prose.py: {len(WRONG)} wrong pages, {len(failed)} failures")
    return 1 if failed else 0


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) > 1 or arguments[:1] == ["--help"]:
        print(__doc__)
        return 2
    root = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    git = subprocess.run(["git", "-C", root, "ls-files", "-z", "*.md"], capture_output=True)
    if git.returncode != 0:
        print("check_prose.py: no git checkout, so the pages are not known; not run")
        return 77
    listed = git.stdout
    paths = [path for path in listed.decode().split("\0") if path and os.path.exists(os.path.join(root, path))]
    if not paths:
        print("check_prose.py: no page is known to git here", file=sys.stderr)
        return 1
    findings = check(root, paths)
    for finding in findings:
        print(finding, file=sys.stderr)
    print(f"check_prose.py: {len(paths)} pages, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
