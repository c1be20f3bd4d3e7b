"""Turns what torch_twin.py or twin_signals.py --save kept into a checkpoint, which Occam codes with
and trains on.

  experiments/twin_checkpoint.py KEPT.npz MODEL.h5

A GPU's machine needs no HDF5 for it: the twin keeps a network as numpy's .npz, with the names and
shapes of model/parameters.h, and this script writes the file of model/checkpoint/checkpoint.h.
The largest keys and values that the twin saw come along, so the model can be quantised at once.
Needs h5py (Debian: python3-h5py). Exit codes are those of Occam.
"""

import argparse
import hashlib
import json
import os
import struct
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import IO, USAGE, Failure
from .configuration import Configuration

Arrays = dict[str, npt.NDArray[Any]]

CONFIG = ("vocabulary", "width", "layers", "heads", "kv_heads", "mlp_factor", "conv_width",
          "context")
USER_BLOCK = 512
FORMAT_WHOLE = 1  # a checkpoint without a training state
CONTRACT = 3
MEMORY_CONTRACT = 4
NO_GATE = -1
SOURCE_TEXTS = ("name", "data_name", "data_sha256")
SOURCE_NUMBERS = ("record_bytes", "train_begin", "train_end", "validation_begin", "validation_end")


def layer_names(configuration: Configuration) -> list[str]:
    """Tensors of a layer, in the order of the network."""
    convolutions = configuration["conv_width"] > 0
    names = ["gain1", "conv1", "wq", "wk", "wv", "wo", "gain2", "conv2", "wu", "wd"]
    return [name for name in names if convolutions or not name.startswith("conv")]


def check(configuration: Configuration) -> None:
    """Fails where Occam's network has no place for what was trained."""
    if configuration["x0mix"]:
        raise Failure(USAGE, "x0mix: Occam's network does not mix so")
    if configuration["memory"]:
        check_memory(configuration)
    usual = {"rotated_share": 0.5, "rotary_base": 1024.0, "score_scale": 3.0, "key_shift": 1}
    for name, value in usual.items():
        if configuration[name] != value:
            raise Failure(USAGE, f"{name} is {configuration[name]}; Occam's network has {value}")


def check_memory(configuration: Configuration) -> None:
    """Fails where a memory is none of docs/spec/memory.md."""
    from .rules import OCCAM_KINDS, parsed  # which needs PyTorch, as all that has a memory does

    for text in configuration["memory"].split():
        rule = parsed(text, configuration["memory_bits"])
        if rule.kind not in OCCAM_KINDS:
            raise Failure(USAGE, f"Occam's memory has no rule {rule.name}")
    for name, usual in {"memory_shared": 0, "memory_embedding": 1}.items():
        if configuration[name] != usual:
            raise Failure(USAGE, f"{name} is {configuration[name]}; Occam's memory has {usual}")
    if configuration["memory_width"] not in range(8, 65, 8):
        raise Failure(USAGE, "rows have 8 to 64 numbers in Occam's memory")
    if configuration["memory_round"] and not configuration["memory_round"].startswith("step "):
        raise Failure(USAGE, "all tables of Occam's memory share one step: memory_round")
    layers, gate = configuration["memory_layers"], configuration["memory_gate"]
    if not (layers, gate) == ([], 0) and not (len(layers) == 1 and layers[0] > 0 and gate == 2):
        raise Failure(USAGE, "memory_layers, memory_gate: Occam's memory has one gated block")


def kept(configuration: Configuration, parameters: Arrays,
         maxima: tuple[npt.NDArray[Any], npt.NDArray[Any]], curve: list[dict[str, float]],
         data_sha256: str, memory: Arrays) -> Arrays:
    """What --save keeps of one network.

    `parameters` are stacked by layers, [layers, ...], as in the twin. Maxima are of keys and of
    values, [layers, kv_heads]. `memory` is that of Memory.kept, empty where there is none.
    """
    check(configuration)
    tensors = {name: parameters[name] for name in ("embedding", "final_gain", "head")}
    for layer in range(configuration["layers"]):
        for name in layer_names(configuration):
            tensor = parameters[name][layer]
            tensors[f"layers.{layer}.{name}"] = tensor[0] if tensor.shape[0] == 1 else tensor
    points = np.array([[point["tokens"], point["bpb"]] for point in curve])
    about = json.dumps({**configuration, "data_sha256": data_sha256})
    return {**{f"weights/{name}": tensor.astype("<f4") for name, tensor in tensors.items()},
            "key_maxima": maxima[0].astype("<f4"), "value_maxima": maxima[1].astype("<f4"),
            "curve": points.astype("<f8"), "configuration": np.array(about), **memory}


def with_sources(arrays: Arrays, sources: list[dict[str, Any]]) -> Arrays:
    """What is kept, with the sources of the mixture that it was trained on.

    Each has a text of SOURCE_TEXTS and a number of SOURCE_NUMBERS and "share", and the "curve" of
    its validation, [points, 2].
    """
    configuration = json.loads(str(arrays["configuration"]))
    return {**arrays, "configuration": np.array(json.dumps({**configuration, "sources": sources}))}


def write_contents(file: Any, saved: Arrays) -> None:
    """Fills an open HDF5 file; model/checkpoint/checkpoint.h says with what."""
    configuration = json.loads(str(saved["configuration"]))
    configuration["vocabulary"] = 256

    def group(name: str, numbers: dict[str, Any], kind: str) -> Any:
        made = file.create_group(name)
        for key, value in numbers.items():
            made.attrs.create(key, value, dtype=kind)
        return made

    remembers, signals = "memory_codes" in saved, "signal_rules" in saved
    contract = MEMORY_CONTRACT if remembers or signals else CONTRACT
    file.attrs.create("contract_version", contract, dtype="<i4")
    config = group("config", {name: configuration[name] for name in CONFIG}, "<i4")
    pattern = configuration["windows"]
    windows = [pattern[layer % len(pattern)] for layer in range(configuration["layers"])]
    config.attrs.create("windows", windows, dtype="<i4")
    for name, tensor in saved.items():
        if name.startswith("weights/"):
            file.create_dataset(name, data=tensor)
    calibration = group("calibration", {"weight_bits": configuration.get("weight_bits", 7)}, "<i4")
    if remembers:
        codes, step = saved["memory_codes"], saved["memory_step"].astype("<f4")
        file.create_dataset("memory", data=codes.astype("<f4") * step)
        calibration.attrs.create("memory_step", step, dtype="<f4")
        config.attrs.create("memory_rules", saved["memory_rules"].ravel(), dtype="<i4")
        config.attrs.create("memory_width", codes.shape[1], dtype="<i4")
        gate = (configuration["memory_layers"] or [NO_GATE])[0]
        config.attrs.create("memory_gate", gate, dtype="<i4")
    if signals:
        config.attrs.create("signal_rules", saved["signal_rules"], dtype="<i4")
        for name, number in zip(("record_width", "record_height", "residual"),
                                saved["signal_record"]):
            config.attrs.create(name, number, dtype="<i4")
    if "signal_qualities" in saved:
        config.attrs.create("signal_qualities", saved["signal_qualities"], dtype="<i4")
    if "signal_kinds" in saved:
        config.attrs.create("signal_kinds", saved["signal_kinds"], dtype="<i4")
    for name in ("key_maxima", "value_maxima"):
        calibration.create_dataset(name, data=saved[name])
    file.create_dataset("tokenizer", data=np.array([1], dtype="u1"))  # bytes
    sources = configuration.get("sources", [])
    train_end = 0 if sources else configuration["train_bytes"]
    provenance = group("provenance", {"train_begin": 0, "train_end": train_end}, "<i8")
    program = configuration.get("program", "torch_twin.py")
    texts = {"command_line": f"{program}, {configuration['tokens']} bytes seen, "
                             f"seed {configuration['seed']}",
             "code_version": program,
             "data_name": " ".join(f"{s['name']}={s['data_name']}:{s['share']}" for s in sources),
             "data_sha256": configuration["data_sha256"]}
    write_texts(provenance, texts)
    provenance.create_dataset("validation_curve", data=saved["curve"])
    for number, source in enumerate(sources):
        numbers = {name: source[name] for name in SOURCE_NUMBERS}
        made = group(f"provenance/sources/{number:02}", numbers, "<i8")
        write_texts(made, {name: source[name] for name in SOURCE_TEXTS})
        made.attrs.create("share", source["share"], dtype="<f8")
        curve = np.array(source["curve"], dtype="<f8").reshape(-1, 2)
        made.create_dataset("validation_curve", data=curve)


def write_texts(group: Any, texts: dict[str, str]) -> None:
    """Writes texts as attributes of a group."""
    for key, text in texts.items():
        encoded = text.encode() or b"\0"
        group.attrs.create(key, np.bytes_(encoded), dtype=f"S{len(encoded)}")


def write_checkpoint(path: str, saved: Arrays) -> None:
    """Writes a checkpoint whole or not at all."""
    import h5py  # here alone, since the twin's machine may have none

    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".twin") as scratch:
        made = os.path.join(scratch, "checkpoint")
        with h5py.File(made, "w", libver=("v108", "v108"), userblock_size=USER_BLOCK) as file:
            write_contents(file, saved)
        with open(made, "r+b") as raw:
            raw.seek(USER_BLOCK)
            contents = raw.read()
            raw.seek(0)
            raw.write(struct.pack("<8sIIQ", b"OCCAMCKP", FORMAT_WHOLE, 0, len(contents)))
            raw.write(hashlib.sha256(contents).digest())
        os.replace(made, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kept", help="what --save kept, .npz")
    parser.add_argument("checkpoint", help="the checkpoint to write, .h5")
    arguments = parser.parse_args()
    if os.path.exists(arguments.checkpoint):
        raise Failure(IO, f"{arguments.checkpoint} exists already")
    with np.load(arguments.kept) as saved:
        write_checkpoint(arguments.checkpoint, dict(saved))
