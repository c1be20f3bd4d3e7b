"""Trains the twin's networks on photographs and sound, with rows that rules choose.

  experiments/twin_signals.py SWEEP.jsonl --data FOLDER --out RESULTS.jsonl [--save KEPT]

Symbols may be the differences to a prediction. A configuration has torch_twin.py's fields and those
of FIELDS in occam_experiments/signals/networks.py. FOLDER holds imagenet/, kodak/ and speech.npz.
Networks of one shape and one set train as one batch. results/signals/README.md defines the rules.
With --save come networks of which twin_checkpoint.py makes checkpoints. With --seconds, rates of
learning fall by the clock, and a run ends when its time is up or it has seen "tokens".
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from typing import Any

import torch

from ..files import read_json_lines
from ..twin.command import Pair, save
from ..twin.configuration import Configuration
from . import kept, sets
from .networks import SHAPE, SignalTraining, completed, keys_of, order_of


def made_of(name: str, loaded: Any, configurations: Sequence[Configuration],
            device: str) -> sets.Signals:
    """The sequences of all configurations of a set; loaded: photographs or recordings."""
    keys = list(dict.fromkeys(key for c in configurations for key in keys_of(c)))
    orders = sorted({order_of(c) for c in configurations})
    copies = sorted({pool.split()[1] for c in configurations for pool in c["shares"]})
    if name.startswith("speech"):
        return sets.sound_signals(loaded, keys, copies, device, name == "speech16",
                                  configurations[0]["predictions"])
    if name == "patches":
        return sets.patch_signals(loaded, keys, orders, copies, device)
    return sets.whole_signals(loaded, keys, orders, copies, device, name == "colour")


def made(name: str, folder: str, configurations: Sequence[Configuration],
         device: str) -> sets.Signals:
    """The sequences of a set, from its files."""
    loaded: Any
    if name.startswith("speech"):
        loaded = sets.recordings(os.path.join(folder, "speech.npz"))
    else:
        loaded = sets.photographs(folder)
    return made_of(name, loaded, configurations, device)


def groups_of(lines: Sequence[Configuration], together: int) -> list[list[Pair]]:
    """Configurations that train as one batch each."""
    groups: dict[tuple[str, ...], list[list[Pair]]] = {}
    for line in lines:
        c = completed(line)
        members = groups.setdefault(tuple(str(c[name]) for name in SHAPE), [[]])
        if len(members[-1]) == together:
            members.append([])
        members[-1].append((line, c))
    return [sorted(m, key=lambda x: str(x[1]["windows"])) for ms in groups.values() for m in ms]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=1e9, help="start no group after so many")
    parser.add_argument("--together", type=int, default=16, help="configurations a group at most")
    parser.add_argument("--seconds", type=float, default=0, help="of each group's training")
    parser.add_argument("--save", metavar="FOLDER", help="for the networks, as NAME.npz")
    parser.add_argument("--held", nargs="*", default=[], metavar="SOURCE=N",
                        help="photographs held out (imagenet=15 kodak=4)")
    parser.add_argument("--flash", action="store_true")
    parser.add_argument("--fuse", action="store_true")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    began = time.time()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True
    before = read_json_lines(arguments.out) if os.path.exists(arguments.out) else []
    finished = {line["name"] for line in before}
    lines = [x for x in read_json_lines(arguments.sweep) if x["name"] not in finished]
    for line in lines if arguments.save else []:
        kept.check(completed(line))
    for source, _, count in (x.partition("=") for x in arguments.held):
        sets.HELD[source] = int(count)
    signals: dict[str, sets.Signals] = {}
    for group in groups_of(lines, arguments.together):
        if time.time() - began > 60 * arguments.minutes:
            break
        name = group[0][1]["set"]
        if name not in signals:  # one set at a time is in memory
            of_set = [c for c in map(completed, lines) if c["set"] == name]
            signals = {name: made(name, arguments.data, of_set, device)}
            print(f"{name}: {signals[name].size} places, {len(signals[name].columns)} columns, "
                  f"{time.time() - began:.0f} s", flush=True)
        training = SignalTraining([c for _, c in group], signals[name], device,
                                  fuse=arguments.fuse, flash=arguments.flash)
        results = training.run(arguments.seconds)
        if arguments.save:
            save(arguments.save, [line["name"] for line, _ in group], training.kept(results))
        for (line, _), result in zip(group, results):
            with open(arguments.out, "a", encoding="utf-8") as file:
                file.write(json.dumps({**line, **result}) + "\n")
            print(f"{line['name']:50s} {result['parameters']:>9} {result['bpb']} "
                  f"{result['tokens_per_s']} {result['seconds']:.0f} s", flush=True)
        del training
