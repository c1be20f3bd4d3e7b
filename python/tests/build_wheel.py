"""A wheel is built by one command, and works in a clean environment of its own.

  build_wheel.py SOURCES     exits 77 where pip, venv or scikit-build is missing
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

missing = [m for m in ("pip", "venv", "skbuild", "pybind11") if not importlib.util.find_spec(m)]
if missing:
    print(f"skipped: {', '.join(missing)} missing")
    sys.exit(77)

sources = Path(sys.argv[1]).resolve()
environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}


def run(*command):
    subprocess.run([*map(str, command)], check=True, env=environment)


with tempfile.TemporaryDirectory() as work:
    # Of the sources what git knows: a build of somebody else's stays as it is.
    copy = Path(work) / "sources"
    listed = subprocess.run(
        ["git", "-C", sources, "ls-files", "-z", "-co", "--exclude-standard"],
        check=True,
        capture_output=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (sources / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((sources / name).read_bytes())
    run(sys.executable, "-m", "venv", "--system-site-packages", f"{work}/venv")
    pip = [f"{work}/venv/bin/pip", "-q", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", f"{work}/dist", copy)
    (wheel,) = Path(work, "dist").glob("occam-*.whl")
    run(*pip, "install", "--no-deps", "--no-index", wheel)
    os.chdir(work)
    text = """
import pathlib, subprocess, occam
folder = pathlib.Path(occam.__file__).parent
assert "venv" in folder.parts, folder
data = b"a text that comes back, " * 40
assert occam.decompress(occam.compress(data)) == data
assert "by Occam" in repr(occam.Model()) and occam.explain(data).html
assert (folder / "py.typed").exists() and (folder / "_core.pyi").exists()
(core,) = folder.glob("_core*.so")
needed = subprocess.run(["objdump", "-p", core], capture_output=True, text=True).stdout
for library in ("hdf5", "dnnl", "mpi", "OpenCL", "png", "jpeg", "sndfile", "lzma"):
    assert library not in needed, library
"""
    run(f"{work}/venv/bin/python", "-c", text)
    print(f"build_wheel.py: {wheel.name}, {wheel.stat().st_size} bytes")
