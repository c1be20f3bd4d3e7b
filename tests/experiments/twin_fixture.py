"""What tests of torch_twin.py share: PyTorch, the twin, and a text of few words."""

import importlib
import os
import sys

try:
    import numpy
    import torch
except ImportError as missing:
    print(f"needs {missing.name}")
    sys.exit(77)


def attention(q, k, v, attn_mask=None, is_causal=False, scale=1.0):
    """What PyTorch has from its version 2 on."""
    scores = (q.float() @ k.float().transpose(-1, -2)) * scale
    mask = torch.ones(scores.shape[-2:]).tril().bool() if is_causal else attn_mask
    return (scores.masked_fill(~mask, -1e30).softmax(dim=-1) @ v.float()).to(q.dtype)


if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
    torch.nn.functional.scaled_dot_product_attention = attention


def module(experiments, name):
    """A module of the folder experiments/."""
    folder = os.path.abspath(experiments)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def text(size, seed=1):
    """Bytes of a small language, uint8 [size]."""
    random = numpy.random.default_rng(seed)
    words = [bytes(random.integers(97, 123, random.integers(1, 7)).astype(numpy.uint8))
             for _ in range(40)]
    words += [b"Na\xc3\xafve", b"1984", b"WORD"]
    chosen = (random.random(size) ** 2 * len(words)).astype(int)
    parts = [words[k] + random.choice([b" ", b", ", b".\n"]) for k in chosen]
    return numpy.frombuffer(b"".join(parts)[:size], dtype=numpy.uint8).copy()
