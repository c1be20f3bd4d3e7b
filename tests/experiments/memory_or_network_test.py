"""memory_or_network.py: files of trained networks add up, and what is there is not made again.

  memory_or_network_test.py BINARIES EXPERIMENTS     exits 77 where a library is missing
"""

import json
import os
import sys
import tempfile

import needs
import scripts
import twin_fixture

needs.modules("h5py", "matplotlib", "numpy")

binaries, experiments = (os.path.abspath(path) for path in sys.argv[1:3])
SHAPE = {"width": 16, "layers": 2, "context": 64, "batch": 4, "windows": [16, 64],
         "tokens": 64 * 4 * 20, "validation_bytes": 2048, "rounded_share": 0.4, "weight_bits": 5}
MEMORY = {"memory": "h2 h3 v1", "memory_bits": 6, "memory_width": 8,
          "memory_optimizer": "row_rms", "memory_lr": 0.1, "memory_muon": 1,
          "memory_round": "step 2", "memory_layers": [1], "memory_gate": 2}
LISTS = {"small": [{"name": "short none", "train_bytes": 8000},
                   {"name": "short memory", "train_bytes": 8000, **MEMORY}],
         "other": [{"name": "long none", "train_bytes": 30_000},
                   {"name": "long memory", "train_bytes": 30_000, **MEMORY}]}
SAMPLE = 16_000


def run(folder, *arguments):
    # The twin's process has this test's folder on its path, for what an old PyTorch lacks.
    environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
    script = os.path.join(experiments, "memory_or_network.py")
    done = scripts.run(script, *arguments, environment=environment)
    assert done.returncode == 0, done
    return done


with tempfile.TemporaryDirectory() as work:
    with open(os.path.join(work, "sitecustomize.py"), "w", encoding="utf-8") as file:
        file.write(f"import sys\nif 'torch_twin' in ' '.join(sys.orig_argv):\n"
                   f"    sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})\n"
                   f"    import twin_fixture\n")
    specs, out = os.path.join(work, "specs"), os.path.join(work, "out")
    os.mkdir(specs)
    for name, lines in LISTS.items():
        with open(os.path.join(specs, name + ".jsonl"), "w", encoding="utf-8") as file:
            file.write("".join(json.dumps({**SHAPE, **line}) + "\n" for line in lines))
    text = os.path.join(work, "text")
    twin_fixture.text(40_000).tofile(text)
    command = ["--text", text, "--out", out, "--specs", specs, "--bin", binaries, "-T", "1",
               "--together", "1", "--sample", str(SAMPLE), "--whole-up-to", "10000"]
    run(work, *command)
    path = os.path.join(out, "cells.jsonl")
    with open(path, encoding="utf-8") as file:
        made = file.read()
    cells = [json.loads(line) for line in made.splitlines()]
    asked = {(c["key"]["name"], c["key"]["mode"], c["original_bytes"]) for c in cells}
    # Long texts: a sample in two modes, then the best of either kind whole.
    assert asked == {(name, "chunked", 8000) for name in ("short none", "short memory")} | {
        (f"long {kind}", mode, size) for kind in ("none", "memory")
        for mode, size in (("chunked", SAMPLE), ("adaptive", SAMPLE), ("chunked", 30_000))}, asked
    for cell in cells:
        parts = cell["data_bytes"] + cell["header_bytes"] + cell["model_bytes"]
        assert parts == cell["file_bytes"], cell
        assert (cell["memory_bytes"] > 0) == ("memory" in cell["key"]["name"]), cell
    by_name = {c["key"]["name"]: c for c in cells if c["key"]["mode"] == "chunked"}
    for size in ("short", "long"):
        none, memory = by_name[size + " none"], by_name[size + " memory"]
        assert memory["multiplications"] > none["multiplications"]
        assert 0 < memory["rows_in_use"] <= 3 * 65, memory

    run(work, *command)
    with open(path, encoding="utf-8") as file:
        assert file.read() == made
    pages = os.path.join(work, "pages")
    run(work, "--redraw", out, "--out", pages)
    with open(os.path.join(pages, "table.md"), encoding="utf-8") as file:
        table = file.read()
    whole = next(c for c in cells if c["key"]["name"] == "long memory"
                 and c["original_bytes"] == 30_000)
    assert f"{whole['file_bytes']:,} (" in table and "~" not in table.split("held out")[1], table
    assert os.path.getsize(os.path.join(pages, "memory_or_network.svg")) > 1000
print("memory_or_network.py trains, codes, goes on and draws")
