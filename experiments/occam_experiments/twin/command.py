"""Trains Occam's network by its recipe in PyTorch on a GPU, many configurations side by side.

  experiments/torch_twin.py SWEEP.jsonl --data wiki64.txt --out RESULTS.jsonl [--minutes 9]
                            [--save KEPT]

For sweeps that are too wide for a processor: the network is that of docs/architecture.md, the
recipe that of train/recipe.h. Held-out rates come out of it, and with --save networks of which
twin_checkpoint.py makes checkpoints.

SWEEP.jsonl holds one configuration a line: a "name" and any fields of DEFAULTS in
occam_experiments/twin/configuration.py. Configurations of one shape (SHAPE) and length train as one
batch of networks, in groups of at most --together. Finished ones are appended to RESULTS.jsonl and
not run again. Operands of matrix products may be bfloat16, but gradients of the matrices and Muon's
products must stay float32: Muon makes the small directions of a gradient as large as the others,
rounding errors included. Exit codes are those of Occam.
"""

import argparse
import json
import os
import time
from typing import Any

import numpy as np
import torch

from ..errors import DAMAGED, Failure
from ..files import read_json_lines
from . import checkpoint
from .configuration import DEFAULTS, SHAPE, Configuration, completed
from .memory import Arrays
from .training import Training

Pair = tuple[Configuration, Configuration]  # as the sweep has it, and completed


def groups_of(sweep: str, finished: set[str], together: int) -> list[list[Pair]]:
    """Configurations that train as one batch each, without those that are finished.

    Groups come in the order of their first configurations.
    """
    groups: list[list[Pair]] = []
    filling: dict[tuple[Any, ...], list[Pair]] = {}  # by shape
    for line in read_json_lines(sweep):
        unknown = set(line) - set(DEFAULTS) - {"name"}
        if unknown or "name" not in line:
            raise Failure(DAMAGED, f"{sweep}: a configuration without a name, or with unknown "
                                   f"fields: {', '.join(sorted(unknown)) or line}")
        if line["name"] not in finished:
            c = completed(line)
            shape = tuple(c[name] for name in SHAPE)
            if len(filling.get(shape, [])) in (0, together):
                filling[shape] = []
                groups.append(filling[shape])
            filling[shape].append((line, c))
    return groups


def save(folder: str, names: list[str], kept: list[Arrays]) -> None:
    """Writes NAME.npz of each network."""
    os.makedirs(folder, exist_ok=True)
    for name, arrays in zip(names, kept):
        named: dict[str, Any] = arrays  # by name: the function has other arguments, too
        np.savez_compressed(os.path.join(folder, name.replace(" ", "_") + ".npz"), **named)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("sweep", metavar="SWEEP.jsonl")
    add("--data", required=True, metavar="FILE")
    add("--out", required=True, metavar="RESULTS.jsonl")
    add("--save", metavar="FOLDER", help="for the networks, as NAME.npz, for twin_checkpoint.py")
    add("--minutes", type=float, default=1e9, help="start no group after so many")
    add("--together", type=int, default=8, help="configurations a group at most (8)")
    add("--points", type=int, default=4, help="how often a run looks at held-out text (4)")
    add("--flash", action="store_true", help="windows by PyTorch's flash attention, on a GPU")
    add("--fuse", action="store_true",
        help="compile what lies between the attentions: for long runs")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    began = time.time()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True
    data = np.fromfile(args.data, dtype=np.uint8)
    done = read_json_lines(args.out) if os.path.exists(args.out) else []
    finished = {line["name"] for line in done}
    groups = groups_of(args.sweep, finished, args.together)
    if args.save:
        for group in groups:
            for _, c in group:
                checkpoint.check(c)
    for group in groups:
        if time.time() - began > 60 * args.minutes:
            break
        training = Training([c for _, c in group], data, device, args.fuse, args.flash,
                            args.points)
        results = training.run()
        if args.save:
            save(args.save, [line["name"] for line, _ in group], training.kept(results))
        for (line, _), result in zip(group, results):
            with open(args.out, "a", encoding="utf-8") as file:
                file.write(json.dumps({**line, **result}) + "\n")
            count = result["parameters"] + result.get("memory_parameters", 0)
            print(f"{line['name']:40s} {count:>9} {result['cache']:>6} {result['bpb']:.4f} "
                  f"{result['bpb_rounded']:.4f} {result['tokens_per_s']} "
                  f"{result['seconds']:.0f} s", flush=True)
