"""figures.py: kept results give the kept pages, and the same files each time.

  figures_test.py EXPERIMENTS_DIR     exits 77 where a library is missing
"""

import filecmp
import os
import subprocess
import sys
import tempfile
from importlib import metadata

import needs
import scripts

needs.modules("jinja2", "matplotlib", "numpy", "pandas", "scipy", "tqdm")
scripts.load("jinja2", "matplotlib.pyplot", "numpy", "pandas", "scipy.optimize", "tqdm")

experiments = os.path.abspath(sys.argv[1])
sys.path.insert(0, experiments)
from occam_experiments.report import law  # noqa: E402

law.SAMPLES = 40  # of the scripts, too; no fitted number is compared with what is kept
results = os.path.join(experiments, "results")
# Fitted numbers may differ in their last digit where scipy does: that page is compared without.
FITTED = "sizes/index.md"


def run(command, *arguments, code=0):
    done = scripts.run(os.path.join(experiments, command), *arguments)
    assert done.returncode == code, (command, arguments, done)
    return done


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(place, name), folder)
                  for place, _, names in os.walk(folder) for name in names)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def unfitted(text):
    return text.split("## The law")[0] + text.split("## How to repeat it")[1]


with tempfile.TemporaryDirectory() as work:
    first, second = os.path.join(work, "first"), os.path.join(work, "second")
    told = run("figures.py", "--out", first)
    run("figures.py", "--out", second)
    made = files_below(first)
    assert made == files_below(second) and len(told.stderr.splitlines()) == 9, made
    _, different, missing = filecmp.cmpfiles(first, second, made, shallow=False)
    assert not different and not missing, different

    # All that is drawn is kept, and what is kept says the same.
    kept = made
    for name in kept:
        assert os.path.exists(os.path.join(results, name)), name
    pages = [name for name in kept if name.endswith(".md")]
    assert len(pages) == 10 and FITTED in pages, pages
    for name in pages:
        old, new = read(results, name), read(first, name)
        assert (unfitted(old) == unfitted(new)) if name == FITTED else (old == new), name
    # Drawings and HTML, too, where matplotlib is the version that drew what is kept.
    if f"Matplotlib v{metadata.version('matplotlib')}," in read(results, "adjusted/optimum.svg"):
        unfitted_files = [name for name in made if not name.startswith("sizes/")]
        _, different, _ = filecmp.cmpfiles(results, first, unfitted_files, shallow=False)
        assert not different, different
    # And every figure of results can be made again, but for what a model generated.
    figures = [name for name in files_below(results) if name.endswith((".svg", ".png"))]
    assert set(figures) - set(made) == {"gallery/kodak.png"}, set(figures) - set(made)

    # What is no result has a word.
    os.mkdir(os.path.join(work, "empty"))
    for command in ("table1.py", "adjusted_optimum.py", "ledger_table.py"):
        wrong = run(command, "--redraw", os.path.join(work, "empty"), "--out", first, code=3)
        assert "missing" in wrong.stderr, wrong
    assert "--data" in run("table1.py", "--out", first, code=2).stderr
    assert "--redraw" in run("adjusted_optimum.py", "--out", first, code=2).stderr

    # The package by itself: the same commands.
    environment = {**os.environ, "PYTHONPATH": experiments}
    module = [sys.executable, "-m", "occam_experiments"]
    helped = subprocess.run([*module, "sweep", "--help"], capture_output=True, text=True,
                            env=environment)
    assert helped.returncode == 0 and "SPEC.toml" in helped.stdout, helped
    unknown = subprocess.run([*module, "sweeep"], capture_output=True, text=True, env=environment)
    assert unknown.returncode == 2 and "sweep, report" in unknown.stderr, unknown
print("figures_test.py: all held")
