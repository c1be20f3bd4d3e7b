"""The network of docs/architecture.md in PyTorch, written for clarity from that section alone, so that it can judge the
C++ code: autograd gives the gradients, and attention is masked scores."""

import dataclasses
import math

import numpy
import torch

INTEGER_FIELDS = ("vocabulary", "width", "layers", "heads", "kv_heads", "mlp_factor", "conv_width", "context")
QUERIES = 128  # attention goes by blocks of so many, for speed


@dataclasses.dataclass
class Config:
    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    mlp_factor: int
    conv_width: int
    context: int
    windows: list  # positions that a query sees, its own included; 0 = the whole context

    @property
    def head_size(self):
        return self.width // self.heads

    @staticmethod
    def load(group):
        """From the attributes of an HDF5 group."""
        fields = {name: int(group.attrs[name]) for name in INTEGER_FIELDS}
        return Config(windows=[int(w) for w in group.attrs["windows"]], **fields)

    def save(self, group):
        for name in INTEGER_FIELDS:
            group.attrs.create(name, getattr(self, name), dtype="int32")
        group.attrs.create("windows", self.windows, dtype="int32")


def parameter_shapes(c):
    """name -> shape, in the order of the network; gains are vectors, matrices [outputs, inputs]."""
    kv_width = c.kv_heads * c.head_size
    shapes = {"embedding": (c.vocabulary + 1, c.width)}
    for layer in range(c.layers):
        block = {"gain1": (c.width,), "conv1": (c.conv_width, c.width), "wq": (c.width, c.width),
                 "wk": (kv_width, c.width), "wv": (kv_width, c.width), "wo": (c.width, c.width),
                 "gain2": (c.width,), "conv2": (c.conv_width, c.width),
                 "wu": (c.mlp_factor * c.width, c.width), "wd": (c.width, c.mlp_factor * c.width)}
        for name, shape in block.items():
            if 0 not in shape:
                shapes[f"layers.{layer}.{name}"] = shape
    shapes["final_gain"] = (c.width,)
    shapes["head"] = (c.vocabulary, c.width)
    return shapes


def norm(x):
    square = x.square().mean(dim=-1, keepdim=True)
    return x / square.clamp_min(torch.finfo(x.dtype).tiny).sqrt()


def convolve(h, taps):
    """h + the causal depthwise convolution of h [B, T, D]; taps [width, D], the newest position last."""
    width, length = taps.shape[0], h.shape[1]
    padded = torch.nn.functional.pad(h, (0, 0, width - 1, 0))
    return h + sum(taps[k] * padded[:, k:k + length] for k in range(width))


def rotary_table(length, head_size, dtype):
    """cos and sin [T, head_size / 2] of whole phases of 1/65536 circle, rounded to 2^-23 as the stored table is."""
    pairs = head_size // 2
    turning = (pairs + 1) // 2
    frequencies = numpy.zeros(pairs, dtype=numpy.int64)
    frequencies[:turning] = numpy.rint(65536 / (2 * math.pi) * 1024.0 ** (-numpy.arange(turning) / turning))
    phases = numpy.outer(numpy.arange(length), frequencies) % 65536
    angles = 2 * math.pi * phases / 65536
    return [torch.tensor(numpy.rint(f(angles) * 2 ** 23) / 2 ** 23, dtype=dtype) for f in (numpy.cos, numpy.sin)]


def shift_still_pairs(k):
    """k [..., T, size]: the pairs that do not turn are those of the position before, zero at the first."""
    pairs = k.shape[-1] // 2
    still = torch.arange(k.shape[-1]) % pairs >= (pairs + 1) // 2
    return torch.where(still, torch.nn.functional.pad(k, (0, 0, 1, 0))[..., :-1, :], k)


def rotate(x, cosine, sine):
    """x [B, heads, T, head_size]; the pairs are element i and i + head_size / 2."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


def attention(q, k, v, window):
    """q [B, heads, T, head_size], k, v [B, kv_heads, T, head_size]; position i sees j with i - window < j <= i."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    length, out = q.shape[2], []
    for begin in range(0, length, QUERIES):
        end, first = min(begin + QUERIES, length), max(0, begin - window + 1)
        scores = q[:, :, begin:end] @ k[:, :, first:end].transpose(-1, -2) * (3 / math.sqrt(q.shape[-1]))
        distance = torch.arange(begin, end)[:, None] - torch.arange(first, end)[None, :]
        hidden = (distance < 0) | (distance >= window)
        out.append(scores.masked_fill(hidden, -math.inf).softmax(dim=-1) @ v[:, :, first:end])
    return torch.cat(out, dim=2)


def logits(c, weights, inputs):
    """inputs int64 [B, T] -> logits [B, T, V]; weights: name -> tensor as parameter_shapes."""
    batch, length = inputs.shape
    embedding = weights["embedding"]
    cosine, sine = rotary_table(length, c.head_size, embedding.dtype)

    def heads(y):
        return y.view(batch, length, -1, c.head_size).transpose(1, 2)

    x = norm(embedding[inputs])
    for layer in range(c.layers):
        w = {name: weights.get(f"layers.{layer}.{name}")
             for name in ("gain1", "conv1", "wq", "wk", "wv", "wo", "gain2", "conv2", "wu", "wd")}
        h = norm(x) * w["gain1"]
        if c.conv_width:
            h = convolve(h, w["conv1"])
        q = norm(rotate(heads(h @ w["wq"].T), cosine, sine))
        k = shift_still_pairs(norm(rotate(heads(h @ w["wk"].T), cosine, sine)))
        v = heads(h @ w["wv"].T)
        out = attention(q, k, v, c.windows[layer] or c.context)
        x = x + out.transpose(1, 2).reshape(batch, length, c.width) @ w["wo"].T
        h = norm(x) * w["gain2"]
        if c.conv_width:
            h = convolve(h, w["conv2"])
        x = x + (h @ w["wu"].T).relu().square() @ w["wd"].T
    return norm(x) * weights["final_gain"] @ weights["head"].T
