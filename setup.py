"""The wheel of the Python module: the package in python/occam and its extension, built by CMake.

`pip install --no-build-isolation .` needs what `tools/install_deps.sh` installs. Everything else
stands in pyproject.toml.
"""

import re
from pathlib import Path

from skbuild import setup

PROJECT = Path(__file__).with_name("CMakeLists.txt").read_text(encoding="utf-8")

setup(
    version=re.search(r"project\(occam VERSION (\S+)", PROJECT)[1],
    package_dir={"": "python"},
    packages=["occam"],
    package_data={"occam": ["py.typed", "*.pyi"]},
    cmake_args=[
        "-DOCCAM_PYTHON=ON",
        "-DOCCAM_PROGRAMS=OFF",  # the codec alone: no HDF5, oneDNN, MPI or image libraries
        "-DOCCAM_TESTS=OFF",
        "-DCMAKE_BUILD_TYPE=Release",
    ],
    cmake_install_target="install_python",
)
