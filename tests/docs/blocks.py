"""The code blocks of a page, each with what the comment above it says of running it.

Every block has one of these comments, which readers do not see:

  <!-- runs -->                    as it stands, line by line
  <!-- runs: SED ... -->           with these changes, as s/--minutes 30/--steps 3/, for little data
  <!-- runs, quickly: SED ... -->  as it stands with --full, usually with these changes
  <!-- runs in full -->            with --full alone; changes may follow here, too
  <!-- shows -->                   what the last line before it prints; numbers may differ
  <!-- compiles -->                C++ that the test compiles into one program with others
  <!-- no run: REASON -->          is not run
"""

import re
from dataclasses import dataclass

KINDS = ("runs", "runs, quickly", "runs in full", "shows", "compiles", "no run")
COMMENT = re.compile(r"<!-- (" + "|".join(sorted(KINDS, key=len, reverse=True)) + r")(?:: (.*))? -->")
CHANGE = re.compile(r"s(\W)(.+?)\1(.*?)\1(?:\s+|$)")


@dataclass
class Block:
    """Lines of code, and what is to be done with them."""

    page: str
    line: int
    kind: str
    more: str
    code: list[str]

    def where(self) -> str:
        return f"{self.page}:{self.line}"

    def changed(self) -> list[str]:
        """The lines with the changes of the comment, each of which must be of use."""
        text = "\n".join(self.code)
        changes = CHANGE.findall(self.more)
        assert not CHANGE.sub("", self.more), f"{self.where()}: no change: {self.more}"
        for _, before, after in changes:
            assert before in text, f"{self.where()}: there is no {before}"
            text = text.replace(before, after)
        return text.split("\n")


def blocks_of(page: str, text: str) -> list[Block]:
    """The blocks of a page. One without a comment, or a comment without a block, is a failure."""
    found, lines, at = [], text.split("\n"), 0
    while at < len(lines):
        comment = COMMENT.fullmatch(lines[at])
        assert comment or not lines[at].startswith("<!--"), f"{page}:{at + 1}: {lines[at]}"
        at += 1
        if comment:
            assert not lines[at], f"{page}:{at + 1}: an empty line is to follow the comment"
            at += 1
        begin, code = at, []
        while at < len(lines) and (lines[at].startswith("    ") or not lines[at] and code):
            code.append(lines[at][4:])
            at += 1
        assert bool(comment) == bool(code), f"{page}:{begin + 1}: a block of code without a comment"
        if comment:
            while not code[-1]:
                code.pop()
            found.append(Block(page, begin + 1, comment[1], comment[2] or "", code))
    return found
