#!/usr/bin/env python3
"""The same as `python3 -m occam_experiments foundation`, from any folder; see --help."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from occam_experiments.__main__ import run  # noqa: E402

run("foundation")
