#!/usr/bin/env python3
"""The same as `python3 -m occam_experiments files_table`, from any folder; see --help."""

from occam_experiments.__main__ import run

run("files_table")
