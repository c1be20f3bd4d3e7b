#!/usr/bin/env python3
"""The same as `python3 -m occam_experiments torch_twin`, from any folder; see --help."""

from occam_experiments.__main__ import run

run("torch_twin")
