"""What the tests of experiments need. A test is skipped where a library is missing: code 77."""

import importlib.util
import sys


def modules(*names):
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} missing")
        sys.exit(77)
