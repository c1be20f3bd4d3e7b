"""The package itself: types, documentation that runs, and what is exported."""

import doctest
import inspect
import os
import shutil
import subprocess
from pathlib import Path

import occam
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_everything_exported_is_documented():
    assert sorted(occam.__all__, key=str.swapcase) == sorted(set(occam.__all__), key=str.swapcase)
    for name in occam.__all__:
        thing = getattr(occam, name)
        if not isinstance(thing, int):
            assert inspect.getdoc(thing), name
    for name in ("compress", "decompress", "costs", "explain", "generate", "train", "Model"):
        text = inspect.getdoc(getattr(occam, name))
        assert "Parameters\n----------" in text, name
    for name in ("compress", "costs", "next_distribution"):
        assert "Returns\n-------" in inspect.getdoc(getattr(occam, name)), name
    assert "What there is" in occam.__doc__


def test_the_examples_of_the_documentation_run():
    finder = doctest.DocTestFinder()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    names = ["compress", "costs", "explain", "next_distribution", "Model", "RecordCodec"]
    for thing in [occam, *(getattr(occam, name) for name in names)]:
        for test in finder.find(thing, getattr(thing, "__name__", "occam"), globs={}):
            runner.run(test)
    assert runner.failures == 0 and runner.tries > 12


def test_types_and_lines_are_right():
    missing = [tool for tool in ("mypy", "pycodestyle") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for command in (
        ["mypy", "--cache-dir", os.devnull],
        ["pycodestyle", "--max-line-length=100", "--ignore=E203,E701,E704,W503", "python"],
    ):
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
