"""Prints the configuration and the arrays of a checkpoint, by h5py alone: that such a file is readable without Occam.

    python3 checkpoint_read.py model.h5

One line an array: path, type, shape, and the first 8 bytes of the SHA-256 of its values.
"""

import hashlib
import sys

import h5py


def text(attribute):
    """Strings of fixed length; texts that hold a NUL are arrays of bytes."""
    return bytes(attribute).decode("utf-8")


def listing(path):
    lines = []

    def array(name, item):
        if isinstance(item, h5py.Dataset):
            shape = ", ".join(str(n) for n in item.shape)
            digest = hashlib.sha256(item[()].tobytes()).hexdigest()[:16]
            lines.append(f"/{name} {item.dtype} [{shape}] {digest}")

    with h5py.File(path, "r") as file:
        fields = dict(file["config"].attrs)
        windows = ", ".join(str(w) for w in fields.pop("windows"))
        config = " ".join(f"{name}={fields[name]}" for name in sorted(fields))
        print(f"config: {config} windows=[{windows}]")
        print("command_line:", text(file["provenance"].attrs["command_line"]))
        file.visititems(array)
        print("\n".join(lines))
        if "training" in file:
            print("step:", file["training/counters"].attrs["step"])


if __name__ == "__main__":
    listing(sys.argv[1])
