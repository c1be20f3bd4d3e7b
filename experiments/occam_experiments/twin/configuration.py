"""What a configuration of the twin says: its fields, their defaults, and what follows from them."""

from typing import Any

Configuration = dict[str, Any]

BEGIN = 256  # the begin symbol

# Configurations that are equal in these, and in the length, train as one batch of networks.
SHAPE: Configuration = {
    "width": 96, "layers": 7, "heads": 0, "kv_heads": 0, "mlp_factor": 4, "conv_width": 4,
    "context": 2048, "batch": 8, "tokens": 60_000_000, "x0mix": 0}
MEMORY: Configuration = {
    "memory": "", "memory_bits": 15,
    "memory_width": 0,  # numbers a row, projected to the width; 0: the width, without a projection
    "memory_shared": 0,  # 1: all rules choose rows of one table
    "memory_layers": [],  # blocks before which the rows are added again, by another projection
    # 1: a rule's row times clamp(1 + its weights * norm(x), 0, 2); 2: not at the input
    "memory_gate": 0,
    "memory_embedding": 1,  # 0: without the byte's own embedding; a rule h1 stands for it
    "memory_optimizer": "adam", "memory_lr": 8e-3, "memory_beta2": 0.99, "memory_decay": 0.0,
    "memory_init": 0.0,
    "memory_muon": 0,  # 1: projections learn by Muon
    "memory_round": "",  # a coding (coding.py) that is trained in
    "memory_round_share": 0.4,  # over this last share of a run
}
# Of mixtures whose contexts have kinds (kinds.py, docs/spec/signals.md).
SIGNALS: Configuration = {
    "signals": "",  # "patches": rows and residuals of photographs, in kinds that have signals
    "kinds": [],  # of each kind: 1, such contexts have signals, or 0
    "kind_of": {},  # each source's kind, by its name
}
DEFAULTS: Configuration = {
    **SHAPE, **SIGNALS,
    # One a layer, or repeated as a pattern; 0 = the whole context.
    "windows": [64, 64, 64, 64, 64, 1024, 64],
    "first_windows": None, "first_share": 0.0,  # other windows for the first share of a run
    "muon_lr": 0.02, "muon_momentum": 0.95,
    "adamw_lr": 8e-3, "adamw_beta1": 0.9, "adamw_beta2": 0.99, "adamw_epsilon": 1e-10,
    "weight_decay": 0.1, "clip_norm": 1.0,
    "warmup_steps": 100, "warmup_share": 0.05, "constant_share": 0.4, "final_factor": 0.02,
    "decay": "linear", "seed": 1, "average_decay": 0.0,
    "rounded_share": 0.0, "weight_bits": 7,  # the last share sees weights rounded to so many bits
    "rotated_share": 0.5, "rotary_base": 1024.0, "convolution_deviation": 0.5, "score_scale": 3.0,
    "key_shift": 1,  # still pairs of keys from the position before; 0: where they are
    "tied_still_pairs": 1,  # of keys and queries, at the start
    "train_bytes": 62_000_000, "validation_bytes": 2_000_000,
    "shares": None,  # of a mixture's sources, by their names
    **MEMORY,
}


def completed(configuration: Configuration) -> Configuration:
    """A configuration with its defaults, and what follows from the shape."""
    c = {**DEFAULTS, **configuration}
    size = next(size for size in (32, 24, 16) if c["width"] % size == 0)
    c["heads"] = c["heads"] or c["width"] // size
    c["kv_heads"] = c["kv_heads"] or c["heads"]
    c["head_size"] = c["width"] // c["heads"]
    c["kv_width"] = c["kv_heads"] * c["head_size"]
    c["all_windows"] = of_layers(c, c["windows"])
    return c


def of_layers(c: Configuration, windows: list[int]) -> list[int]:
    """The window of each layer."""
    return [windows[layer % len(windows)] or c["context"] for layer in range(c["layers"])]


def cache_bytes_per_width(c: Configuration) -> float:
    """Mean int8 keys and values read a byte in a fresh context, over the width."""
    length = c["context"]
    seen = sum(sum(min(t + 1, w) for t in range(length)) / length for w in c["all_windows"])
    return 2 * seen * c["kv_width"] / c["width"]
