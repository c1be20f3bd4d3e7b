#!/usr/bin/env python3
"""The same as `python3 -m occam_experiments memory_or_network`, from any folder; see --help."""

from occam_experiments.__main__ import run

run("memory_or_network")
