"""What the tests share: the commands, a text, and a small model that knows it."""

import os
import random
import subprocess

import occam
import pytest

WORDS = "the of and to in a is that it was for on are as with they at be this from café".split()


def text(size: int, seed: int = 1) -> bytes:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(size)).encode()[:size]


@pytest.fixture(scope="session")
def command():
    """Runs a command of the build. Returns what it writes to standard output."""
    program = os.environ["OCCAM_COMMAND"]

    def run(*arguments, code=0, data=None):
        done = subprocess.run(
            [program, *map(str, arguments)], input=data, capture_output=True, check=False
        )
        assert done.returncode == code, done.stderr.decode()
        return done.stdout

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory, command):
    """The folder of a small model, tiny.h5 and tiny.occm."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "text").write_bytes(text(60000))
    shape = ["--width", 16, "--layers", 2, "--context", 64, "--windows", "16,0"]
    run = ["--batch", 16, "--steps", 200, "-q", "-T", 1]
    command("train", *shape, *run, "--data", folder / "text", "--out", folder / "tiny.h5")
    return folder


@pytest.fixture(scope="session")
def tiny(trained):
    return occam.Model(trained / "tiny.occm")
