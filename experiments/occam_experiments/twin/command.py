"""Trains Occam's network by its recipe in PyTorch on a GPU, many configurations side by side.

  experiments/torch_twin.py SWEEP.jsonl --data wiki64.txt --out RESULTS.jsonl [--minutes 9]
                            [--save KEPT]
  experiments/torch_twin.py SWEEP.jsonl --data text=wiki64.txt image=imagenet.set+mirrored
                            audio=speech.set+inverted --out RESULTS.jsonl

For sweeps that are too wide for a processor: the network is that of docs/architecture.md, the
recipe that of train/recipe.h. Held-out rates come out of it, and with --save networks of which
twin_checkpoint.py makes checkpoints.

SWEEP.jsonl holds one configuration a line: a "name" and any fields of DEFAULTS in
occam_experiments/twin/configuration.py. Configurations of one shape (SHAPE) and length train as one
batch of networks, in groups of at most --together. Finished ones are appended to RESULTS.jsonl and
not run again. Operands of matrix products may be bfloat16, but gradients of the matrices and Muon's
products must stay float32: Muon makes the small directions of a gradient as large as the others,
rounding errors included. Data with names are a mixture, of "shares" (sources.py), whose sources may
have kinds (kinds.py). With --seconds, rates of learning fall by the clock, and a run ends when its
time is up or it has seen "tokens".
Exit codes are those of Occam.
"""

import argparse
import json
import os
import time
from typing import Any

import numpy as np
import torch

from ..errors import DAMAGED, USAGE, Failure
from ..files import read_json_lines
from . import checkpoint
from .configuration import DEFAULTS, SHAPE, SIGNALS, Configuration, completed
from .kinds import KindTraining, check_kinds
from .memory import Arrays
from .mixture import MixtureTraining
from .sources import read_source
from .training import Training

Pair = tuple[Configuration, Configuration]  # as the sweep has it, and completed


def groups_of(sweep: str, finished: set[str], together: int) -> list[list[Pair]]:
    """Configurations that train as one batch each, without those that are finished.

    Groups come in the order of their first configurations.
    """
    groups: list[list[Pair]] = []
    filling: dict[tuple[str, ...], list[Pair]] = {}  # by shape
    for line in read_json_lines(sweep):
        unknown = set(line) - set(DEFAULTS) - {"name"}
        if unknown or "name" not in line:
            raise Failure(DAMAGED, f"{sweep}: a configuration without a name, or with unknown "
                                   f"fields: {', '.join(sorted(unknown)) or line}")
        if line["name"] not in finished:
            c = completed(line)
            shape = tuple(str(c[name]) for name in (*SHAPE, *SIGNALS))
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


def check_data(data: list[str], groups: list[list[Pair]]) -> None:
    """Fails unless it is one text, or a mixture of which each configuration has the shares."""
    names = {text.partition("=")[0] for text in data if "=" in text}
    if len(data) > 1 and len(names) < len(data):
        raise Failure(USAGE, "each source of a mixture has a name of its own: --data NAME=FILE...")
    for group in groups:
        for line, c in group:
            if set(c["shares"] or []) != names:
                raise Failure(USAGE, f"{line['name']} has shares of {c['shares']}, not of --data")
            check_kinds(c)


def made(configurations: list[Configuration], data: list[str], device: str,
         options: dict[str, Any]) -> Training:
    """The training of a group on one text or on a mixture."""
    if "=" not in data[0]:
        text = np.fromfile(data[0], dtype=np.uint8)
        return Training(configurations, text, device, **options)
    sources = [read_source(text, configurations[0]) for text in data]
    kind = KindTraining if configurations[0]["signals"] else MixtureTraining
    return kind(configurations, sources, device, **options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("sweep", metavar="SWEEP.jsonl")
    add("--data", required=True, nargs="+", metavar="FILE", help="a text, or NAME=FILE[+COPY]...")
    add("--out", required=True, metavar="RESULTS.jsonl")
    add("--save", metavar="FOLDER", help="for the networks, as NAME.npz, for twin_checkpoint.py")
    add("--minutes", type=float, default=1e9, help="start no group after so many")
    add("--seconds", type=float, default=0, help="of each group's training")
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
    done = read_json_lines(args.out) if os.path.exists(args.out) else []
    finished = {line["name"] for line in done}
    groups = groups_of(args.sweep, finished, args.together)
    check_data(args.data, groups)
    if args.seconds and any(c["first_windows"] for group in groups for _, c in group):
        raise Failure(USAGE, "first_windows are a share of the steps, not of --seconds")
    if args.save:
        for group in groups:
            for _, c in group:
                checkpoint.check(c)
    for group in groups:
        if time.time() - began > 60 * args.minutes:
            break
        training = made([c for _, c in group], args.data, device,
                        {"fuse": args.fuse, "flash": args.flash, "points": args.points})
        results = training.run(args.seconds)
        if args.save:
            save(args.save, [line["name"] for line, _ in group], training.kept(results))
        for (line, _), result in zip(group, results):
            with open(args.out, "a", encoding="utf-8") as file:
                file.write(json.dumps({**line, **result}) + "\n")
            count = result["parameters"] + result.get("memory_parameters", 0)
            print(f"{line['name']:40s} {count:>9} {result['cache']:>6} {result['bpb']:.4f} "
                  f"{result['bpb_rounded']:.4f} {result['tokens_per_s']} "
                  f"{result['seconds']:.0f} s", flush=True)
