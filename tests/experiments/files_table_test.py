"""files_table.py measures files of packages beside xz and zstd, and says what it cannot measure.

  files_table_test.py BIN_DIR FILES_TABLE     exits 77 where dpkg-deb, xz or zstd is missing
"""

import gzip
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile

binaries, files_table = (os.path.abspath(path) for path in sys.argv[1:3])
for tool in ("dpkg-deb", "xz", "zstd"):
    if shutil.which(tool) is None:
        print(f"skipped: {tool} missing")
        sys.exit(77)


def measure(*arguments, code=0):
    done = subprocess.run([sys.executable, files_table, "--bin", binaries, "--options=-T 1",
                           "--options=--ckpt none", *arguments], capture_output=True, text=True)
    assert done.returncode == code, (arguments, done)
    if code != 0:
        assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stdout


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def make_package(name, files, links):
    for path, data in files.items():
        write(f"{name}/{path}", data)
    for path, target in links.items():
        os.symlink(target, f"{name}/{path}")
    write(f"{name}/DEBIAN/control", (f"Package: {name}\nVersion: 1\nArchitecture: all\n"
                                     "Maintainer: A <a@example.org>\nDescription: a\n").encode())
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", name, f"kept/{name}_1_all.deb"],
                   check=True, capture_output=True)


def rows_of(shown):
    """The cells of each file's row, by its name."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines()]
    return {row[1]: row for row in rows if len(row) == 8 and row[2][0].isdigit()}


def number(cell):
    return int(cell.replace(",", ""))


def bytes_of(*command):
    return len(subprocess.run(command, check=True, capture_output=True).stdout)


draw = random.Random(3)
words = [bytes(draw.choices(b"abcdefgh", k=5)) for _ in range(50)]
text = b" ".join(draw.choices(words, k=3000))
noise = draw.randbytes(5000)

with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    os.mkdir("kept")
    make_package("one", {"usr/share/text": text, "usr/share/noise.png": noise}, {"usr/a": "share"})
    make_package("two", {"usr/text.gz": gzip.compress(text, mtime=0)}, {"usr/link.gz": "text.gz"})
    write("./list", b"# Files.\n\ntext one /usr/share/text\nimage one /usr/share/noise.png\n"
                    b"text two /usr/link.gz\npacked two /usr/text.gz\ntar one .\n")
    usual = ("--list", "list", "--packages", "kept")
    shown = measure(*usual, "--out", "table.md")
    with open("table.md", encoding="utf-8") as file:
        assert file.read() == shown
    rows = rows_of(shown)
    assert list(rows) == ["text", "noise.png", "link.gz", "text.gz", "one"], shown
    write("./text", text)
    assert rows["text"][0] == "text" and number(rows["text"][2]) == len(text)
    assert number(rows["text"][4]) == bytes_of("xz", "-9e", "-c", "text")
    assert number(rows["text"][5]) == bytes_of("zstd", "-q", "-19", "-c", "text")
    assert rows["text"][2:] == rows["link.gz"][2:], "a file that is unpacked is the same text"
    assert number(rows["text.gz"][2]) == len(gzip.compress(text, mtime=0))
    assert rows["text"][7] == "expert" and rows["noise.png"][7] == "stored", shown
    assert 5000 < number(rows["noise.png"][3]) <= 5040
    assert number(rows["one"][2]) > len(text) + len(noise)
    ratios = [number(row[3]) / number(row[4]) for row in rows.values()]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    above = sum(ratio > 1 for ratio in ratios)
    assert (f"geometric mean {mean:.4f}, largest {max(ratios):.4f}, {above} of 5 above 1"
            in shown), shown

    assert list(rows_of(measure(*usual, "--only", "image,tar"))) == ["noise.png", "one"]
    rows = rows_of(measure("text", "--most", "1K"))
    assert rows["text"][0] == "given" and number(rows["text"][2]) == 1000

    measure(*usual, "--only", "music", code=2)
    measure("missing", code=3)
    write("./list", b"text one /usr/share/other\n")
    measure(*usual, code=3)
    write("./list", b"text one\n")
    measure(*usual, code=4)
    os.chdir("/")
