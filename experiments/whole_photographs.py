#!/usr/bin/env python3
"""The same as `python3 -m occam_experiments whole_photographs`, from any folder; see --help."""

from occam_experiments.__main__ import run

run("whole_photographs")
