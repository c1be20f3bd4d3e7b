"""What inspect --export NAME.safetensors writes, read by the format's own rules, beside the checkpoint as h5py reads it.

    safetensors_read.py BINARIES
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy
except ImportError as missing:
    print(f"needs {missing.name}")
    sys.exit(77)

binaries = sys.argv[1]


def run(command, *arguments, code=0):
    done = subprocess.run([os.path.join(binaries, command), *arguments], capture_output=True, text=True)
    assert done.returncode == code, (done.returncode, done.stderr)


def read(path):
    """The notes and tensors of a file. Offsets must leave no gap and no rest."""
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack_from("<Q", data)
    assert size % 8 == 0
    header = json.loads(data[8:8 + size])
    notes, body, at, tensors = header.pop("__metadata__"), data[8 + size:], 0, {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert begin == at and entry["dtype"] == "F32", name
        tensors[name] = numpy.frombuffer(body[begin:end], "<f4").reshape(entry["shape"])
        at = end
    assert at == len(body)
    return notes, tensors


def main():
    text = "the cat sat on the mat, and the dog lay beside it. " * 400
    with open("text", "w", encoding="ascii") as file:
        file.write(text)
    run("train", "--width", "16", "--layers", "3", "--context", "64", "--batch", "4", "--data", "text", "--steps", "4",
        "--memory", "tiny", "--out", "m.h5", "-q")
    run("inspect", "m.h5", "--export", "m.safetensors")
    run("inspect", "m.h5", "--export", "coded.safetensors", "--coded", code=2)
    assert not os.path.exists("coded.safetensors")

    notes, tensors = read("m.safetensors")
    config = json.loads(notes["occam_config"])
    assert (config["width"], config["layers"], config["vocabulary"]) == (16, 3, 256)
    with h5py.File("m.h5") as file:
        kept = {name: numpy.asarray(tensor) for name, tensor in file["weights"].items()}
        rows = numpy.asarray(file["memory"])
    assert kept.keys() == tensors.keys() - {"memory_rows"}
    for name, values in kept.items():
        assert numpy.array_equal(values, tensors[name]), name
    assert numpy.array_equal(rows, tensors["memory_rows"])
    assert numpy.any(tensors["memory_rows"])

    # What the integers of a model stand for is near what they were made of.
    run("inspect", "m.occm", "--export", "q.safetensors")
    quantised = read("q.safetensors")[1]
    assert quantised.keys() == tensors.keys()
    rows = quantised.pop("memory_rows")
    codes = rows / numpy.abs(rows[rows != 0]).min()  # all are multiples of one step
    assert numpy.abs(codes - codes.round()).max() < 1e-3
    for name in quantised:
        values = tensors[name]
        step = numpy.abs(values).max() / 63 + 2e-3
        assert numpy.abs(quantised[name] - values).max() < step, name


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    main()
print("safetensors_read.py: all held")
