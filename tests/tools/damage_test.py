#!/usr/bin/env python3
"""Every single-bit flip and every truncation of a small .occ file, through the command line.

  damage_test.py BIN_DIR

Each must end with exit code 4 (or 3), one line of message, and no output file.
"""
import os
import random
import subprocess
import sys
import tempfile


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    occam = os.path.join(bin_dir, "occam")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        # Independent letters of a small alphabet: a network knows them at once, an adaptive model must learn them first.
        letters = random.Random(1)
        text = bytes(letters.choice(b"abcdefgh") for _ in range(60000))
        with open("text", "wb") as f:
            f.write(text)
        done = run(occam, "train", "--width", "16", "--layers", "2", "--context", "64", "--batch", "8", "--data",
                   "text", "--steps", "100", "--out", "m.h5", "-q")
        assert done.returncode == 0, done.stderr
        with open("small", "wb") as f:
            f.write(text[:600])
        done = run(occam, "compress", "--ckpt", "m.occm", "--mode", "chunked", "small")
        assert done.returncode == 0, done.stderr
        listed = run(occam, "compress", "-l", "small.occ").stdout.decode()
        assert "1 model" in listed, listed  # a segment that the network coded
        with open("small.occ", "rb") as f:
            good = f.read()

        damaged = [good[:n] for n in range(len(good))]
        for bit in range(8 * len(good)):
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << (bit % 8)
            damaged.append(bytes(bad))
        failures = 0
        for i, bad in enumerate(damaged):
            with open("bad.occ", "wb") as f:
                f.write(bad)
            done = run(occam, "decompress", "--ckpt", "m.occm", "bad.occ")
            left = [name for name in os.listdir(".") if name.startswith("bad") and name != "bad.occ"]
            if done.returncode not in (3, 4) or done.stderr.count(b"\n") != 1 or left:
                what = f"cut to {i} bytes" if i < len(good) else f"bit {i - len(good)} flipped"
                print(f"FAILED: {what}: exit {done.returncode}, left {left}, says {done.stderr}", file=sys.stderr)
                failures += 1
        print(f"{len(good)} truncations and {8 * len(good)} flips of a file of {len(good)} bytes: {failures} failures")
        sys.exit(failures > 0)


main()
