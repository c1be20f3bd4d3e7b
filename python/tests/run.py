"""Runs the tests of this folder, for ctest.

  run.py [pytest's arguments]     exits 77 where pytest is missing
"""

import os
import sys


def main():
    try:
        import pytest
    except ImportError:
        print("skipped: pytest is missing")
        return 77
    here = os.path.dirname(os.path.abspath(__file__))
    sys.dont_write_bytecode = True
    return pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", here, *sys.argv[1:], here])


# A process that a test spawns reads this file, too, and is not to run all tests again.
if __name__ == "__main__":
    sys.exit(main())
