"""The package of experiments: mypy finds no mistake in its types, and no line has 101 columns.

  style_test.py EXPERIMENTS_DIR     exits 77 where mypy or pycodestyle is missing
"""

import os
import shutil
import subprocess
import sys
import tempfile

experiments = os.path.abspath(sys.argv[1])
missing = [tool for tool in ("mypy", "pycodestyle") if shutil.which(tool) is None]
if missing:
    print(f"skipped: {', '.join(missing)} missing")
    sys.exit(77)


def mypy(folder, cache):
    done = subprocess.run(["mypy", "--cache-dir", cache], cwd=folder, capture_output=True,
                          text=True)
    return done.returncode, done.stdout + done.stderr


def pycodestyle(folder, *paths):
    done = subprocess.run(["pycodestyle", f"--config={os.path.join(experiments, 'setup.cfg')}",
                           *paths], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


with tempfile.TemporaryDirectory() as work:
    cache = os.path.join(work, "cache")
    code, told = mypy(experiments, cache)
    assert code == 0, told
    tests = os.path.dirname(os.path.abspath(__file__))
    scripts = [name for name in os.listdir(experiments) if name.endswith(".py")]
    scripts += ["corpora", "foundation"]
    code, told = pycodestyle(experiments, "occam_experiments", tests, *scripts)
    assert code == 0, told

    # Both checks can fail: a package of one module with a mistake is told of.
    copy = os.path.join(work, "copy")
    os.makedirs(os.path.join(copy, "occam_experiments"))
    for name in ("pyproject.toml", "setup.cfg", "occam_experiments/__init__.py"):
        shutil.copy(os.path.join(experiments, name), os.path.join(copy, name))
    with open(os.path.join(copy, "occam_experiments", "wrong.py"), "w", encoding="utf-8") as file:
        file.write("def untyped(text):\n    return text\n\n\nWIDE = 1" + " " * 100 + "# wide\n")
    code, told = mypy(copy, cache)
    assert code == 1 and "untyped" in told, told
    code, told = pycodestyle(copy, "occam_experiments")
    assert code == 1 and "E501" in told, told
print("style_test.py: all held")
