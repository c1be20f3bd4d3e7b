"""The examples of the pages run as they stand there, and print what the pages show.

  examples_test.py BIN_FOLDER LIBRARY_FOLDER ROOT [--full]     exits 77 where a library is missing

blocks.py says which blocks run, and with which changes. Each page has a folder of its own, in which
its lines run in order by bash. A line fails unless it ends with 0, or with N where its comment says
"exit code N". Of what a page shows, words must be printed; numbers depend on data and machine.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile

missing = [name for name in ("numpy", "PIL") if importlib.util.find_spec(name) is None]
if missing:
    print(f"skipped: {', '.join(missing)} missing")
    sys.exit(77)

from blocks import blocks_of  # noqa: E402
from fixtures import Fixtures  # noqa: E402

binaries, library, root = (os.path.abspath(path) for path in sys.argv[1:4])
full = "--full" in sys.argv[4:]
PAGES = ["README.md", "docs/guide.md", "docs/tutorial.md", "docs/library.md"]
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{binaries}:{os.environ['PATH']}",
    "LD_LIBRARY_PATH": library,
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
PROGRAM = """#include <iostream>
#include <occam/occam.h>

int main() {{
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 4000; ++i) bytes.push_back("the cat and the hat, "[i % 21]);
{blocks}}}
"""
CHECK = """  {{
{code}
    if (file.size() >= bytes.size() / 4 || same != bytes) return {number};
  }}
"""


def logical_lines(code):
    """Commands, which a backslash continues on the next line."""
    return [line for line in re.sub(r"\\\n\s*", "", "\n".join(code)).split("\n") if line.strip()]


def words_of(text):
    """A line's words without its numbers; whether a model pays for itself depends on the data."""
    text = re.sub(r"\s+(from [\d.]+ [KMG]?B|never)$", "", text.rstrip())
    return re.sub(r"[\d.,]+( [KMG]?B\b)?", "#", " ".join(text.split()))


class Page:
    """The blocks of a page at work, in the present folder."""

    def __init__(self, name, text):
        self.blocks = blocks_of(name, text)
        self.fixtures = Fixtures(root, os.path.join(binaries, "prepare"))
        self.output, self.ran, self.compiled = "", 0, []

    def run(self):
        ran = False
        for block in self.blocks:
            if block.kind == "shows":
                if ran:
                    self.compare(block)
                continue
            ran = block.kind.startswith("runs") and (full or block.kind != "runs in full")
            if ran:
                as_it_stands = full and block.kind == "runs, quickly"
                for line in logical_lines(block.code if as_it_stands else block.changed()):
                    self.run_line(block, line)
            elif block.kind == "compiles":
                self.compiled.append(block)
            elif block.kind == "no run":
                assert block.more, f"{block.where()}: why does it not run?"
        if self.compiled:
            self.compile()

    def run_line(self, block, line):
        self.fixtures.provide(line)
        wanted = re.search(r"#.*exit code (\d+)", line)
        before = os.times()
        done = subprocess.run(["bash", "-c", "set -euo pipefail\n" + line], env=ENVIRONMENT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.output = done.stdout.decode(errors="replace")
        assert done.returncode == int(wanted[1] if wanted else 0), (
            f"{block.where()}: {line}\nended with {done.returncode}\n{self.output}")
        seconds = os.times().children_user - before.children_user
        print(f"{seconds:5.1f} s  {line}", flush=True)
        self.ran += 1

    def compare(self, block):
        """Each line that the page shows is printed, in this order."""
        printed = [words_of(line) for line in self.output.split("\n")]
        for line in block.code:
            wanted = words_of(line)
            assert wanted in printed, (
                f"{block.where()}: \"{line}\" is not printed, or not here:\n{self.output}")
            printed = printed[printed.index(wanted) + 1 :]

    def compile(self):
        """All C++ of the page is one program, whose includes come first; the bytes come back."""
        blocks = ""
        for number, block in enumerate(self.compiled, 1):
            code = [line for line in block.code if not line.startswith("#include")]
            blocks += CHECK.format(code="\n".join(f"    {line}" for line in code), number=number)
            self.fixtures.provide("\n".join(code))
        with open("program.cc", "w", encoding="utf-8") as file:
            file.write(PROGRAM.format(blocks=blocks))
        subprocess.run(["c++", "-std=c++20", "-I", os.path.join(root, "include"), "program.cc",
                        "-L", library, "-loccam", "-o", "program"], check=True)
        subprocess.run(["./program"], check=True, env=ENVIRONMENT)
        self.ran += len(self.compiled)


RIGHT = "<!-- runs: s/9/1/ -->\n\n    echo 9 of 2    # words\n\n<!-- shows -->\n\n    7 of 7\n"
WRONG = {
    RIGHT.replace("7 of", "7 in"): "is not printed",
    RIGHT.replace("echo", "false;  echo"): "ended with 1",
    RIGHT.replace("# words", "# exit code 4"): "ended with 0",
    RIGHT.replace("s/9/1/", "s/8/1/"): "there is no 8",
    RIGHT.replace("s/9/1/", "9/1/"): "no change",
    RIGHT.replace("<!-- runs: s/9/1/ -->", "Text."): "without a comment",
    RIGHT.replace("<!-- runs", "<!-- rums"): "rums",
}


def wrong_pages_are_found():
    page = Page("right", RIGHT)
    page.run()
    assert page.ran == 1
    for text, wanted in WRONG.items():
        try:
            Page("wrong", text).run()
        except AssertionError as error:
            assert wanted in str(error), (wanted, error)
        else:
            raise AssertionError(f"a page made wrong is not found: {text}")


wrong_pages_are_found()
for name in PAGES:
    with open(os.path.join(root, name), encoding="utf-8") as file:
        page = Page(name, file.read())
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        os.makedirs("build/release")
        os.symlink(binaries, "build/release/bin")
        page.run()
        os.chdir("/")
    assert page.ran, f"{name}: nothing was run"
    print(f"{name}: {page.ran} examples held")
