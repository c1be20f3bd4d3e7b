#!/usr/bin/env python3
"""Evaluates a checkpoint with PyTorch (occam_network.py, float32): the bits per byte of fresh chunks of `context` bytes,
to hold the float network's own evaluation to.

    python3 evaluate_torch.py MODEL.h5 TEXT --bytes 62000000:62200000 [--context 2048]
"""

import argparse
import math

import h5py
import numpy
import torch

from occam_network import Config, logits, parameter_shapes


def load(path):
    with h5py.File(path) as file:
        config = Config.load(file["config"])
        weights = {name: torch.from_numpy(file[f"weights/{name}"][()]) for name in parameter_shapes(config)}
    for name, shape in parameter_shapes(config).items():
        if shape[0] == 1:
            weights[name] = torch.atleast_2d(weights[name])  # one row is stored as a vector
        assert weights[name].shape == shape, f"{name} is {tuple(weights[name].shape)}, not {shape}"
    return config, weights


def chunk_nats(config, weights, chunks):
    """chunks int64 [B, T] -> the sum of -ln p over all bytes, each chunk starting with the begin symbol."""
    begin = torch.full((chunks.shape[0], 1), config.vocabulary)
    predicted = logits(config, weights, torch.cat([begin, chunks[:, :-1]], dim=1))
    return torch.nn.functional.cross_entropy(predicted.flatten(0, 1).double(), chunks.flatten(), reduction="sum").item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("data")
    parser.add_argument("--bytes", required=True, metavar="BEGIN:END")
    parser.add_argument("--context", type=int, help="bytes a chunk; default: the model's context")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    config, weights = load(arguments.checkpoint)
    assert config.vocabulary == 256, "this reads models of bytes"
    begin, end = (int(part) for part in arguments.bytes.split(":"))
    with open(arguments.data, "rb") as file:
        file.seek(begin)
        data = torch.from_numpy(numpy.frombuffer(file.read(end - begin), dtype=numpy.uint8).astype(numpy.int64))
    assert len(data) == end - begin, f"{arguments.data} ends before byte {end}"

    length = arguments.context or config.context
    whole = len(data) // length * length
    batches = list(data[:whole].view(-1, length).split(2))
    if whole < len(data):
        batches.append(data[None, whole:])
    with torch.inference_mode():
        nats = sum(chunk_nats(config, weights, batch) for batch in batches)
    print(f"{nats / math.log(2) / len(data):.5f} bits per byte over {len(data)} bytes")


if __name__ == "__main__":
    main()
