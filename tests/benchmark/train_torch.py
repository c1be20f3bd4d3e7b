"""Training speed of the same network in PyTorch, to compare with train_benchmark --threads: whole steps (forward, loss,
backward, the norm's clipping, AdamW) on random bytes, tokens a second of wall time, the median step. PyTorch is given its
best here: one product makes queries, keys and values; attention in windows goes by blocks of queries that multiply the keys
they can see and few others; layers that see the whole context, if any, use the fused attention where this PyTorch has one;
the gradients of a step's sequences come from several backward passes of --micro sequences each, which is faster or slower
by the machine's caches.

    train_torch.py [--threads 2] [--batch 8] [--micro 1] [--bf16] [--seconds 10] [200K 800K 3.2M]

On a busy machine, --threads 1 and the tokens a second of CPU time compare with train_benchmark without --threads. AdamW
here serves all tensors; Muon would cost more. Needs torch and numpy. Debian's PyTorch multiplies through libblas.so.3, whose
reference version is ten times slower than that of the package libopenblas0: which one is printed. For AVX2 alone set
ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OPENBLAS_CORETYPE=Haswell."""

import argparse
import math
import os
import pathlib
import statistics
import sys
import time

import torch
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "model" / "network"))
import occam_network  # noqa: E402  (the network's definition in PyTorch)

LAYERS, CONTEXT, TAPS, VOCABULARY = 7, 2048, 4, 256  # the family of docs/architecture.md
WINDOW, WIDE_WINDOW = 64, 1024  # the wide one in the last layer but one


def family(parameters):
    """The member that comes nearest, as model/config.cc chooses it."""
    def count(d):
        return (2 * VOCABULARY + 1) * d + LAYERS * (12 * d * d + 10 * d) + d

    width = min(range(16, 4097, 16), key=lambda d: abs(count(d) - parameters))
    size = next(s for s in (32, 24, 16) if width % s == 0)
    windows = [WIDE_WINDOW if layer == LAYERS - 2 else WINDOW for layer in range(LAYERS)]
    heads = width // size
    return occam_network.Config(VOCABULARY, width, LAYERS, heads, heads, 4, TAPS, CONTEXT, windows), count(width)


def norm(x):
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-30)


def query_blocks(window):
    """(begin, end, first key) of queries that share their keys: more queries a product, but more keys not seen."""
    block = 128 if window and window <= 128 else 256
    return [(begin, begin + block, max(0, begin - window + 1) if window else 0) for begin in range(0, CONTEXT, block)]


class Convolution(torch.nn.Module):
    """h + the causal depthwise convolution of h."""

    def __init__(self, width):
        super().__init__()
        self.taps = torch.nn.Parameter(torch.zeros(TAPS, width))

    def forward(self, h):
        length = h.shape[1]
        padded = functional.pad(h, (0, 0, TAPS - 1, 0))
        out = h
        for k in range(TAPS):
            out = torch.addcmul(out, padded[:, k:k + length], self.taps[k])
        return out


class Block(torch.nn.Module):
    def __init__(self, c, window, cosine, sine):
        super().__init__()
        self.heads, self.size, self.window = c.heads, c.head_size, window
        self.cosine, self.sine = cosine, sine
        self.gain1, self.gain2 = (torch.nn.Parameter(torch.ones(c.width)) for _ in range(2))
        self.conv1, self.conv2 = Convolution(c.width), Convolution(c.width)
        self.qkv = torch.nn.Linear(c.width, 3 * c.width, bias=False)
        self.wo = torch.nn.Linear(c.width, c.width, bias=False)
        self.wu = torch.nn.Linear(c.width, 4 * c.width, bias=False)
        self.wd = torch.nn.Linear(4 * c.width, c.width, bias=False)

    def attend(self, q, k, v):
        scale = 3 / math.sqrt(self.size)
        fused = getattr(functional, "scaled_dot_product_attention", None)
        if not self.window and fused:
            # This function divides by sqrt(head size) itself.
            return fused(3 * q, k, v, is_causal=True)
        out = []
        for begin, end, first in query_blocks(self.window):
            scores = (q[:, :, begin:end] * scale) @ k[:, :, first:end].transpose(-1, -2)
            scores = scores + MASKS[(begin - first, end - first, self.window)]
            out.append(scores.softmax(dim=-1).to(v.dtype) @ v[:, :, first:end])
        return torch.cat(out, dim=2)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (y.view(batch, length, self.heads, self.size).transpose(1, 2)
                   for y in self.qkv(self.conv1(norm(x) * self.gain1)).chunk(3, dim=-1))
        q, k = (norm(occam_network.rotate(y, self.cosine, self.sine)) for y in (q, k))
        k = occam_network.shift_still_pairs(k)
        out = self.attend(q.to(v.dtype), k.to(v.dtype), v)
        x = x + self.wo(out.transpose(1, 2).reshape(batch, length, width))
        return x + self.wd(self.wu(self.conv2(norm(x) * self.gain2)).relu().square())


MASKS = {}  # (queries' first position, end, window) -> what is added to their scores


def make_masks(window):
    for begin, end, first in query_blocks(window):
        distance = torch.arange(begin, end)[:, None] - torch.arange(first, end)[None, :]
        hidden = (distance < 0) | (distance >= (window or CONTEXT))
        MASKS[(begin - first, end - first, window)] = torch.zeros(hidden.shape).masked_fill(hidden, -math.inf)


class Network(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        cosine, sine = occam_network.rotary_table(CONTEXT, c.head_size, torch.float32)
        for window in set(c.windows):
            make_masks(window)
        self.embedding = torch.nn.Embedding(VOCABULARY + 1, c.width)
        self.blocks = torch.nn.ModuleList(Block(c, window, cosine, sine) for window in c.windows)
        self.final_gain = torch.nn.Parameter(torch.ones(c.width))
        self.head = torch.nn.Linear(c.width, VOCABULARY, bias=False)

    def forward(self, inputs):
        x = norm(self.embedding(inputs))
        for block in self.blocks:
            x = block(x)
        return self.head(norm(x) * self.final_gain)


def check(network, c):
    """The logits are those of the network's definition."""
    weights = {"embedding": network.embedding.weight, "final_gain": network.final_gain, "head": network.head.weight}
    for layer, b in enumerate(network.blocks):
        q, k, v = b.qkv.weight.chunk(3)
        parts = {"gain1": b.gain1, "conv1": b.conv1.taps, "wq": q, "wk": k, "wv": v, "wo": b.wo.weight,
                 "gain2": b.gain2, "conv2": b.conv2.taps, "wu": b.wu.weight, "wd": b.wd.weight}
        weights.update({f"layers.{layer}.{name}": part for name, part in parts.items()})
    inputs = torch.randint(VOCABULARY, (1, CONTEXT))
    with torch.no_grad():
        difference = (network(inputs) - occam_network.logits(c, weights, inputs)).abs().max().item()
    if not difference < 1e-3:
        raise SystemExit(f"the fast network differs from its definition by {difference}")


def measure(parameters, options):
    torch.manual_seed(1)
    c, count = family(parameters)
    network = Network(c)
    check(network, c)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, betas=(0.9, 0.99))
    text = torch.randint(VOCABULARY, (options.batch, CONTEXT + 1))

    def step():
        optimizer.zero_grad(set_to_none=True)
        for part in text.split(options.micro):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bf16):
                logits = network(part[:, :-1])
            loss = functional.cross_entropy(logits.float().reshape(-1, VOCABULARY), part[:, 1:].reshape(-1),
                                            reduction="sum") / text[:, 1:].numel()
            loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    step()
    wall, cpu = [], []
    while sum(wall) < options.seconds or len(wall) < 3:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    tokens = options.batch * CONTEXT
    print(f"{'bf16' if options.bf16 else 'f32'}: {count:,} parameters, {options.threads} threads: "
          f"{1e3 * statistics.median(wall):9.2f} ms a step {tokens / statistics.median(wall):9.0f} tokens/s, "
          f"{tokens / statistics.median(cpu):9.0f} a second of CPU time", flush=True)


def blas():
    """The library that multiplies float32 matrices, where it is one of its own."""
    maps = pathlib.Path("/proc/self/maps")
    lines = maps.read_text().split() if maps.exists() else []
    return sorted({pathlib.Path(line).name for line in lines if "blas" in line or "libmkl" in line})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", nargs="*", default=["200K", "800K", "3.2M"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--micro", type=int, default=1, help="sequences of one backward pass")
    parser.add_argument("--bf16", action="store_true", help="autocast")
    parser.add_argument("--seconds", type=float, default=10, help="to measure each size")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    limits = {name: os.environ[name] for name in ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE")
              if name in os.environ}
    print(f"PyTorch {torch.__version__}", *blas(), limits or "")
    for size in options.sizes:
        measure(float(size[:-1]) * {"K": 1e3, "M": 1e6}[size[-1]], options)


if __name__ == "__main__":
    main()
