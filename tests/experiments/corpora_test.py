"""broad.py makes texts of the packages that a list names, and refuses any other.

  corpora_test.py BROAD     exits 77 where dpkg-deb is missing
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

broad = os.path.abspath(sys.argv[1])
if shutil.which("dpkg-deb") is None:
    print("skipped: dpkg-deb missing")
    sys.exit(77)


def make(code=0):
    command = [sys.executable, broad, "--list", "list", "--out", "out", "--cache", "kept"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, done
    if code != 0:
        assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr if code else done.stdout


def write(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def make_package(name, files):
    """Returns its digest."""
    for path, data in files.items():
        write(f"{name}/{path}", data)
    write(f"{name}/DEBIAN/control", (f"Package: {name}\nVersion: 1:2\nArchitecture: all\n"
                                     "Maintainer: A <a@example.org>\nDescription: a\n").encode())
    package = f"kept/{name}_1%3a2_all.deb"
    os.makedirs("kept", exist_ok=True)
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", name, package],
                   check=True, capture_output=True)
    return hashlib.sha256(read(package)).hexdigest()


def text(number):
    return b"".join(b"file %d, line %d\n" % (number, line) for line in range(30))


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    first = {f"usr/{n}.c": text(n) for n in range(60)}
    unfit = {"usr/short.c": b"few\n", "usr/latin.c": text(99) + b"\xe9",
             "usr/zero.c": text(98) + b"\0", "usr/other.x": text(97), "usr/again.c": text(5)}
    one = make_package("one", {**first, **unfit})
    two = make_package("two", {"doc/a.txt.gz": gzip.compress(text(1000)), "doc/b.c": text(6),
                               "doc/long.txt": b"x" * 99 + b"\n" + text(1) * 5000})
    write("list", (f"# kinds\ncode one 1:2 {one} 9 *.c\nprose two 1:2 {two} 9 *.txt,*.txt.gz\n"
                   f"code two 1:2 {two} 9 *.c\n").encode())
    told = make()
    assert "code: 60 files of one 1:2" in told and "prose: 2 files of two 1:2" in told, told
    assert "code: 0 files of two 1:2" in told, told  # its file was there before
    train, held = read("out/code.txt"), read("out/code.held.txt")
    for number in range(60):  # each whole, once, in one of the two
        assert (train + held).count(text(number)) == 1, number
        assert (text(number) in train) != (text(number) in held), number
    assert len(train) + len(held) == sum(map(len, first.values()))
    assert 0 < len(held) * 20 < len(train) * 2, (len(train), len(held))
    prose = read("out/prose.txt") + read("out/prose.held.txt")
    assert text(1000) in prose and 1_000_000 - 20 < len(prose) - len(text(1000)) <= 1_000_000
    assert prose.endswith(b"\n")
    made = {name: read(f"out/{name}") for name in os.listdir("out")}
    make()
    assert made == {name: read(f"out/{name}") for name in os.listdir("out")}

    write("list", f"code one 1:2 {one} 0.01 *.c\n".encode())  # at most 10,000 bytes to train on
    make()
    assert len(read("out/code.txt")) == 10_000
    whole = read("out/code.txt")
    write("list", f"code one 1:2 {one} 9 *.c\ncode one 1:2 {two} 9 *.c\n".encode())
    assert "another SHA-256" in make(code=4)
    write("list", f"code one 1:2 {one} 9 *.c\ncode none-such 7 {two} 9 *.c\n".encode())
    assert "apt-get download none-such=7" in make(code=3)
    write("list", b"code one\n")
    assert "six parts" in make(code=4)
    assert read("out/code.txt") == whole  # nothing is lost by what fails
    os.chdir("/")
print("corpora_test.py: all held")
