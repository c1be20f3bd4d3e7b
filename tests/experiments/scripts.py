"""Runs scripts of experiments/ in processes of their own, which begin with libraries loaded.

A test runs a script many times. Python's start and the imports of libraries would take longest.
"""

import importlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile

FORK = multiprocessing.get_context("fork")


def load(*libraries):
    """Loads libraries that later processes find loaded."""
    for library in libraries:
        importlib.import_module(library)


def in_process(script, arguments, environment, output, errors):
    """The work of a process: all that Python does with a script."""
    for stream, number in ((output, 1), (errors, 2)):
        os.dup2(stream.fileno(), number)
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(script)
    runpy.run_path(script, run_name="__main__")


def run(script, *arguments, environment=None):
    """Runs a script as `python3 SCRIPT ARGUMENT...` would. Returns what subprocess.run returns."""
    sys.stdout.flush()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = FORK.Process(
            target=in_process, args=(script, arguments, environment, output, errors))
        process.start()
        process.join()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess([script, *arguments], process.exitcode, output.read(),
                                           errors.read())
