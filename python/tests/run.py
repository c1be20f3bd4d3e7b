"""Runs the tests of this folder, for ctest.

  run.py [pytest's arguments]     exits 77 where pytest is missing
"""

import os
import sys

try:
    import pytest
except ImportError:
    print("skipped: pytest is missing")
    sys.exit(77)

here = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", here, *sys.argv[1:], here]))
