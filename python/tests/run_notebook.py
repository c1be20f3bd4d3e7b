"""Runs a notebook from its first cell to its last, by nbconvert.

  run_notebook.py NOTEBOOK     exits 77 where nbconvert, ipykernel or matplotlib is missing
"""

import importlib.util
import os
import subprocess
import sys
import tempfile

missing = [m for m in ("nbconvert", "ipykernel", "matplotlib") if not importlib.util.find_spec(m)]
if missing:
    print(f"skipped: {', '.join(missing)} missing")
    sys.exit(77)
# A debugger, which nobody uses here, warns of frozen modules.
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
with tempfile.TemporaryDirectory() as folder:
    run = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--log-level=WARN"]
    kernel = ["--ExecutePreprocessor.kernel_name=python3", "--ExecutePreprocessor.timeout=7200"]
    sys.exit(subprocess.run([*run, *kernel, "--output-dir", folder, sys.argv[1]]).returncode)
