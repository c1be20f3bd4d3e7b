#!/usr/bin/env python3
"""Trains Occam's network (docs/architecture.md) by its recipe (train/recipe.h) in PyTorch on a GPU, many configurations side
by side, for sweeps that are too wide for a processor. Only held-out rates come out of it, never a model: what a sweep
chooses is trained by `occam train`.

    python3 torch_twin.py SWEEP.jsonl --data wiki64.txt --out RESULTS.jsonl [--minutes 9]

SWEEP.jsonl holds one configuration a line: a "name" and any fields of DEFAULTS below. Configurations of one shape (SHAPE) and
length train as one batch of networks, in groups of at most --together. Finished ones are appended to RESULTS.jsonl and not
run again. Operands of matrix products may be bfloat16, but gradients of the matrices and Muon's products must stay float32:
Muon makes the small directions of a gradient as large as the others, rounding errors included.
"""

import argparse
import hashlib
import json
import math
import os
import time

import numpy
import torch
import torch.nn.functional as F

import twin_checkpoint
import twin_memory
from twin_layers import each, linear, norm, orthogonal

SHAPE = {"width": 96, "layers": 7, "heads": 0, "kv_heads": 0, "mlp_factor": 4, "conv_width": 4, "context": 2048, "batch": 8,
         "tokens": 60_000_000, "x0mix": 0}
DEFAULTS = {
    **SHAPE,
    "windows": [64, 64, 64, 64, 64, 1024, 64],  # one a layer, or repeated as a pattern; 0 = the whole context
    "first_windows": None, "first_share": 0.0,  # other windows for the first share of a run
    "muon_lr": 0.02, "muon_momentum": 0.95, "adamw_lr": 8e-3, "adamw_beta1": 0.9, "adamw_beta2": 0.99,
    "adamw_epsilon": 1e-10, "weight_decay": 0.1, "clip_norm": 1.0, "warmup_steps": 100, "warmup_share": 0.05,
    "constant_share": 0.4, "final_factor": 0.02, "decay": "linear", "seed": 1, "rounded_share": 0.0, "average_decay": 0.0,
    "rotated_share": 0.5, "rotary_base": 1024.0, "convolution_deviation": 0.5, "score_scale": 3.0,
    "key_shift": 1,  # still pairs of keys from the position before; 0: as in all runs of before
    "tied_still_pairs": 1,  # of keys and queries, at the start
    "train_bytes": 62_000_000, "validation_bytes": 2_000_000,
    **twin_memory.FIELDS,
}
MATRICES = ("wq", "wk", "wv", "wo", "wu", "wd")
ROUNDED = MATRICES + ("embedding", "rule_rows", "head", "conv1", "conv2")
NOT_LAYERED = ("embedding", "rule_rows", "final_gain", "head")
BEGIN = 256


def completed(configuration):
    c = {**DEFAULTS, **configuration}
    c["heads"] = c["heads"] or c["width"] // next(size for size in (32, 24, 16) if c["width"] % size == 0)
    c["kv_heads"] = c["kv_heads"] or c["heads"]
    c["head_size"] = c["width"] // c["heads"]
    c["kv_width"] = c["kv_heads"] * c["head_size"]
    c["all_windows"] = of_layers(c, c["windows"])
    return c


def of_layers(c, windows):
    return [windows[l % len(windows)] or c["context"] for l in range(c["layers"])]


def cache_bytes_per_width(c):
    """Mean int8 keys and values read a byte in a fresh context, over the width."""
    T = c["context"]
    seen = sum(sum(min(t + 1, w) for t in range(T)) / T for w in c["all_windows"])
    return 2 * seen * c["kv_width"] / c["width"]


def initial_parameters(c):
    """name -> tensor; those of the layers are stacked, [layers, ...]."""
    generator = torch.Generator().manual_seed(c["seed"])
    D, L, M, K = c["width"], c["layers"], c["mlp_factor"] * c["width"], c["kv_width"]

    def uniform(*shape, deviation=None):
        deviation = deviation or 0.5 / math.sqrt(shape[-1])
        return (torch.rand(*shape, generator=generator) * 2 - 1) * math.sqrt(3) * deviation

    def taps():
        deviation = c["convolution_deviation"]
        return uniform(L, c["conv_width"], D, deviation=deviation) if deviation else torch.zeros(L, c["conv_width"], D)

    p = {"embedding": uniform(257, D, deviation=1.0), "gain1": torch.ones(L, D), "gain2": torch.ones(L, D),
         "conv1": taps(), "conv2": taps(),
         "wq": uniform(L, D, D), "wk": uniform(L, K, D), "wv": uniform(L, K, D), "wo": torch.zeros(L, D, D),
         "wu": uniform(L, M, D), "wd": torch.zeros(L, D, M), "final_gain": torch.ones(D), "head": torch.zeros(256, D)}
    if c["tied_still_pairs"]:  # see Initialise in model/parameters.h
        size, pairs = c["head_size"], c["head_size"] // 2
        still = torch.arange(size) % pairs >= math.ceil(pairs * c["rotated_share"])
        wq, wk = (p[name].view(L, -1, size, D) for name in ("wq", "wk"))
        wk[:, :, still] = wq[:, ::c["heads"] // c["kv_heads"], still]
    if c["x0mix"]:
        p["mix"] = torch.zeros(L, D)
    return {name: value for name, value in p.items() if value.numel() > 0}


def convolve(h, taps):
    """h [E, B, T, D] + its causal depthwise convolution; taps [E, width, D], the newest position last."""
    if taps is None:
        return h
    width, length = taps.shape[1], h.shape[2]
    padded = F.pad(h, (0, 0, width - 1, 0))
    return h + sum(each(taps[:, k]) * padded[:, :, k:k + length] for k in range(width))


class Networks:
    """E networks of one shape, which may differ in their windows and in their memories."""

    def __init__(self, configurations, device, flash=False):
        self.all, self.c = configurations, configurations[0]
        self.T = self.c["context"]
        size = self.c["head_size"]
        pairs = size // 2
        turning = [math.ceil(pairs * c["rotated_share"]) for c in configurations]
        frequencies = numpy.stack([numpy.rint(65536 / (2 * math.pi) * c["rotary_base"] ** (-numpy.arange(pairs) / n)) *
                                   (numpy.arange(pairs) < n) for n, c in zip(turning, configurations)])
        angles = 2 * math.pi * (numpy.arange(self.T)[:, None] * frequencies[:, None, None, None] % 65536) / 65536
        self.cosine = torch.tensor(numpy.cos(angles), dtype=torch.float32, device=device)  # [E, 1, 1, T, pairs]
        self.sine = torch.tensor(numpy.sin(angles), dtype=torch.float32, device=device)
        scales = torch.tensor([c["score_scale"] / 3 for c in configurations], device=device)
        self.query_scale = scales.view(-1, 1, 1, 1, 1) if (scales != 1).any() else None
        self.still = torch.tensor(numpy.stack([(numpy.arange(size) % pairs >= n) & bool(c["key_shift"]) for n, c in zip(turning, configurations)]),
                                  device=device)[:, None, None, None, :]  # [E, 1, 1, 1, size]
        self.symbols = torch.arange(257, device=device)
        self.windows = [of_layers(c, c["first_windows"] or c["windows"]) for c in configurations]
        windows = {w for c, first in zip(configurations, self.windows) for w in c["all_windows"] + first}
        self.memories = twin_memory.Memories(configurations, device) if any(c["memory"] for c in configurations) else None
        self.flash = flash
        self.maxima = None  # where a list: of keys and of values, [E, kv_heads] for each layer
        self.masks = {} if flash else {w: self._mask(w, device) for w in windows if w < self.T}

    def _mask(self, w, device):
        """[heads * blocks, w, 2w]: queries in blocks of w see the block before and their own."""
        i, j = torch.arange(w)[:, None], torch.arange(2 * w)[None, :]
        seen = (j - w <= i) & (j - w > i - w)
        blocks = torch.stack([seen & (j >= w)] + [seen] * (self.T // w - 1))
        return blocks.repeat(self.c["heads"], 1, 1).to(device)

    def _windowed(self, q, k, v, window):
        """q, k, v [n, heads, T, size]."""
        scale = 3 / math.sqrt(self.c["head_size"])
        if window >= self.T:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        n, H, T, S = q.shape
        if self.flash:  # the kernel wants heads of 32
            q, k, v = (F.pad(y.transpose(1, 2), (0, -S % 32)) for y in (q, k, v))
            out = torch.ops.aten._flash_attention_forward(q, k, v, None, None, T, T, 0.0, True, False, scale=scale,
                                                          window_size_left=window - 1, window_size_right=0)[0]
            return out[..., :S].transpose(1, 2)
        blocks = T // window

        def with_previous(x):
            x = x.reshape(n, H, blocks, window, S)
            return torch.cat([F.pad(x, (0, 0, 0, 0, 1, 0))[:, :, :-1], x], dim=3).reshape(n, H * blocks, 2 * window, S)

        out = F.scaled_dot_product_attention(q.reshape(n, H * blocks, window, S), with_previous(k), with_previous(v),
                                             attn_mask=self.masks[window], scale=scale)
        return out.reshape(n, H, T, S)

    def _attention(self, q, k, v, layer):
        """q, k, v [E, B, heads, T, size]."""
        if self.maxima is not None:
            self.maxima.append([y.abs().amax(dim=(1, 3, 4)).float() for y in (k, v)])
        group = self.c["heads"] // self.c["kv_heads"]
        if group > 1:
            k, v = k.repeat_interleave(group, dim=2), v.repeat_interleave(group, dim=2)
        windows = [of_one[layer] for of_one in self.windows]
        outs, begin = [], 0  # runs of equal windows go together
        while begin < len(windows):
            end = begin
            while end < len(windows) and windows[end] == windows[begin]:
                end += 1
            part = [y[begin:end].flatten(0, 1) for y in (q, k, v)]
            outs.append(self._windowed(*part, windows[begin]).unflatten(0, (end - begin, -1)))
            begin = end
        return torch.cat(outs) if len(outs) > 1 else outs[0]

    def _heads(self, y):
        return y.unflatten(-1, (-1, self.c["head_size"])).transpose(2, 3)

    def _rotated(self, y):
        first, second = self._heads(y).chunk(2, dim=-1)
        y = torch.cat([first * self.cosine - second * self.sine, first * self.sine + second * self.cosine], dim=-1)
        return norm(y)

    def _before_attention(self, x, w):
        h = convolve(norm(x) * each(w["gain1"]), w.get("conv1"))
        qkv = linear(h, torch.cat([w["wq"], w["wk"], w["wv"]], dim=1))
        q, k, v = qkv.split([self.c["width"], self.c["kv_width"], self.c["kv_width"]], dim=-1)
        q = self._rotated(q)
        q = q if self.query_scale is None else q * self.query_scale
        k = self._rotated(k)
        k = torch.where(self.still, F.pad(k, (0, 0, 1, 0))[..., :-1, :], k)  # see model/network/rotate.h
        return q.bfloat16(), k.bfloat16(), self._heads(v).bfloat16()

    def _after_attention(self, x, out, w):
        x = x + linear(out.transpose(2, 3).flatten(3), w["wo"])
        h = convolve(norm(x) * each(w["gain2"]), w.get("conv2"))
        return x + linear(F.relu(linear(h, w["wu"])).square(), w["wd"])

    def fuse(self):
        """Compiles what lies between the attentions, once more for each shape of a batch."""
        torch._dynamo.config.recompile_limit = 512
        self._before_attention = torch.compile(self._before_attention, dynamic=False)
        self._after_attention = torch.compile(self._after_attention, dynamic=False)

    def block(self, x, x0, w, layer):
        if "mix" in w:
            x = x + each(w["mix"]) * x0
        return self._after_attention(x, self._attention(*self._before_attention(x, w), layer), w)

    def embedded(self, p, inputs):
        """inputs [E, B, T] -> [E, B, T, D]."""
        hot = (inputs[..., None] == self.symbols).float().flatten(1, 2)
        return (hot @ p["embedding"]).unflatten(1, inputs.shape[1:])

    def nats(self, p, inputs, targets):
        """inputs, targets [E, B, T] -> the mean of -ln p, [E]."""
        return self.losses(p, inputs, targets).mean(dim=(1, 2))

    def losses(self, p, inputs, targets):
        """inputs, targets [E, B, T] -> -ln p, [E, B, T]."""
        x = self.embedded(p, inputs)
        if self.memories:
            rows = self.memories.look_up(inputs)
            x = self.memories.add(x, rows)
        x0 = x = norm(x)
        layered = [name for name in p if name not in NOT_LAYERED]
        for layer in range(self.c["layers"]):
            if self.memories:
                x = self.memories.add(x, rows, layer)
            x = self.block(x, x0, {name: p[name][:, layer] for name in layered}, layer)
        logits = linear(norm(x) * each(p["final_gain"]), p["head"])
        return F.cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none").view(targets.shape)


def rounded(p, which):
    """The weights as the exact network has them (7 bits, a scale a row) where `which` [E] is 1; the gradient goes straight
    through."""
    out = dict(p)
    for name in ROUNDED:
        if name in p:
            w = p[name].detach()
            scale = w.abs().amax(dim=-1, keepdim=True).clamp_min(1e-30) / 63
            error = (w / scale).round() * scale - w
            out[name] = p[name] + error * which.view(-1, *[1] * (w.dim() - 1))
    return out


class Optimizer:
    def __init__(self, configurations, p):
        self.p, self.c = p, configurations[0]
        self.field = {name: torch.tensor([c[name] for c in configurations], dtype=torch.float32, device=p["head"].device)
                      for name, value in DEFAULTS.items() if isinstance(value, float)}
        self.first = {name: torch.zeros_like(w) for name, w in p.items()}
        self.second = {name: torch.zeros_like(w) for name, w in p.items() if name not in MATRICES}

    def _of(self, name, w):
        return self.field[name].view(-1, *[1] * (w.dim() - 1))

    def step(self, gradients, factor, step):
        """factor [E], step [1] from 1 on."""
        square = sum(g.square().flatten(1).sum(dim=1) for g in gradients.values())
        clip = (self.field["clip_norm"] / square.sqrt()).clamp_max(1.0)
        groups = {}  # by shape, so that one batched product serves many matrices
        for name, g in gradients.items():
            w, m = self.p[name], self.first[name]
            shape = [-1] + [1] * (w.dim() - 1)
            g, rate = g * clip.view(shape), factor.view(shape)
            if name in MATRICES:
                momentum = self._of("muon_momentum", w)
                m.copy_(m + (1 - momentum) * (g - m))
                update = (g + momentum * (m - g)).flatten(0, 1)
                update = update.transpose(1, 2) if update.shape[1] > update.shape[2] else update
                groups.setdefault(update.shape[1:], []).append((name, update, rate))
            else:
                v, beta1, beta2 = self.second[name], self._of("adamw_beta1", w), self._of("adamw_beta2", w)
                m.copy_(m + (1 - beta1) * (g - m))
                v.copy_(v + (1 - beta2) * (g.square() - v))
                w.sub_(rate * self._of("adamw_lr", w) * (m / (1 - beta1 ** step)) /
                       ((v / (1 - beta2 ** step)).sqrt() + self._of("adamw_epsilon", w)))
        for members in groups.values():
            updates = orthogonal(torch.cat([u for _, u, _ in members])).split([len(u) for _, u, _ in members])
            for (name, _, rate), update in zip(members, updates):
                w = self.p[name]
                rows, columns = w.shape[2:]
                update = (update.transpose(1, 2) if rows > columns else update).reshape(w.shape)
                rate = rate * self._of("muon_lr", w)
                w.mul_(1 - rate * self._of("weight_decay", w)).sub_(rate * max(1.0, rows / columns) ** 0.5 * update)


def learning_rate_factor(c, step, steps):
    warm = min(c["warmup_steps"], c["warmup_share"] * steps)
    factor = min(1.0, (step + 1) / max(1.0, warm))
    progress, constant, low = step / steps, c["constant_share"], c["final_factor"]
    if progress > constant:
        share = (progress - constant) / (1 - constant)
        factor *= {"linear": 1 - share * (1 - low), "sqrt": 1 - math.sqrt(share) * (1 - low),
                   "cosine": low + (1 - low) * (1 + math.cos(math.pi * share)) / 2}[c["decay"]]
    return factor


def window_starts(c, steps, size):
    """[steps, batch]: passes over the data in random order, cut at another offset each."""
    random = numpy.random.default_rng(c["seed"])
    T, need, starts = c["context"], steps * c["batch"], []
    windows = (size - 1) // T - 1
    while sum(map(len, starts)) < need:
        starts.append(random.permutation(windows) * T + 1 + random.integers(0, T))
    return numpy.concatenate(starts)[:need].reshape(steps, c["batch"])


@torch.no_grad()
def evaluate(networks, p, validation):
    """Held-out bits per byte of each network, in fresh chunks."""
    chunks = validation[:len(validation) // networks.T * networks.T].view(-1, networks.T)
    networks_count, nats = len(networks.all), 0
    for part in chunks.split(16):
        targets = part.long().expand(networks_count, *part.shape)
        inputs = torch.cat([torch.full_like(targets[..., :1], BEGIN), targets[..., :-1]], dim=-1)
        nats = nats + networks.nats(p, inputs, targets).double() * part.numel()
    return (nats / math.log(2) / chunks.numel()).tolist()


class Training:
    def __init__(self, configurations, data, device, fuse=False, flash=False, points=4):
        self.all, self.c, self.device = configurations, configurations[0], device
        self.train_data = torch.from_numpy(data[:self.c["train_bytes"]]).to(device)
        self.validation = torch.from_numpy(data[len(data) - self.c["validation_bytes"]:]).to(device)
        self.points = points
        self.networks = self.make_networks(flash)
        self.memories = self.networks.memories
        if fuse:
            self.networks.fuse()
        initial = [self.initial(c) for c in configurations]
        self.p = {name: torch.stack([i[name] for i in initial]).to(device).requires_grad_() for name in initial[0]}
        self.optimizer = Optimizer(configurations, self.p)
        self.steps = self.c["tokens"] // (self.c["batch"] * self.c["context"])
        starts = numpy.stack([self.starts_of(c) for c in configurations], axis=1)
        self.starts = torch.from_numpy(starts).to(device)  # [steps, E, B]
        self.factors = torch.tensor([[learning_rate_factor(c, s, self.steps) for c in configurations]
                                     for s in range(self.steps)], device=device)  # [steps, E]
        self.rounding = torch.tensor([[float(s >= (1 - c["rounded_share"]) * self.steps) for c in configurations]
                                      for s in range(self.steps)], device=device)
        self.counter = torch.zeros(1, dtype=torch.long, device=device)
        self.offsets = torch.arange(-1, self.c["context"], device=device)
        self.fresh = (torch.arange(self.c["batch"], device=device) % 2 == 0)[:, None]
        self.loss_sum = torch.zeros(len(configurations), device=device)
        if self.memories:
            self.memory_rounding = torch.tensor([[float(s >= (1 - c["memory_round_share"]) * self.steps) for c in configurations]
                                                 for s in range(self.steps)], device=device)
        self.any_rounded = any(c["rounded_share"] for c in configurations)
        self.averaged = {name: w.detach().clone() for name, w in self.p.items()} \
            if any(c["average_decay"] for c in configurations) else None

    # What twin_signals.py has otherwise.

    def make_networks(self, flash):
        return Networks(self.all, self.device, flash)

    def initial(self, c):
        return initial_parameters(c)

    def starts_of(self, c):
        return window_starts(c, self.steps, len(self.train_data))

    def sequences(self):
        """-> inputs and targets of this step, [E, B, T]."""
        tokens = self.train_data[self.starts[self.counter][0][..., None] + self.offsets].long()  # [E, B, T + 1]
        first = torch.where(self.fresh, torch.full_like(tokens[..., :1], BEGIN), tokens[..., :1])
        return torch.cat([first, tokens[..., 1:-1]], dim=-1), tokens[..., 1:]

    def step(self):
        inputs, targets = self.sequences()
        weights = rounded(self.p, self.rounding[self.counter][0]) if self.any_rounded else self.p
        if self.memories:
            self.memories.rounding = self.memory_rounding[self.counter][0]
        nats = self.networks.nats(weights, inputs, targets)
        remembered = self.memories.tensors() if self.memories else []
        gradients = torch.autograd.grad(nats.sum(), [*self.p.values(), *remembered])
        remembered = gradients[len(self.p):]
        gradients = dict(zip(self.p, gradients))
        with torch.no_grad():
            if self.memories:
                self.memories.rounding = None
                self.memories.learn(remembered, self.factors[self.counter][0], self.counter + 1)
            self.optimizer.step(gradients, self.factors[self.counter][0], self.counter + 1)
            for name, average in (self.averaged or {}).items():
                decay = self.optimizer._of("average_decay", average)
                average.copy_(average * decay + self.p[name] * (1 - decay))
            self.loss_sum.add_(nats.detach())
            self.counter.add_(1)

    def _state(self):
        return [*self.p.values(), *self.optimizer.first.values(), *self.optimizer.second.values(), self.counter,
                self.loss_sum, *(self.averaged or {}).values(), *(self.memories.state() if self.memories else [])]

    @torch.no_grad()
    def _captured(self):
        """The step as one CUDA graph; kernels are chosen and workspaces made before, on steps that are undone."""
        saved = [x.detach().clone() for x in self._state()]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), torch.enable_grad():
            for _ in range(2):
                self.step()
        torch.cuda.current_stream().wait_stream(stream)
        for x, value in zip(self._state(), saved):
            x.copy_(value)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph), torch.enable_grad():
            self.step()
        return graph.replay

    def run(self):
        """One result a configuration."""
        began = time.time()
        step = self.step if self.device == "cpu" else self._captured()
        shown, curves, speed = {round(self.steps * k / self.points) for k in range(1, self.points + 1)}, [], 0
        looped = time.time()
        changes = {round(self.steps * c["first_share"]) + 1 for c in self.all if c["first_windows"]}
        for done in range(1, self.steps + 1):
            if done in changes:
                for e, c in enumerate(self.all):
                    if done > self.steps * c["first_share"]:
                        self.networks.windows[e] = c["all_windows"]
                step = self.step if self.device == "cpu" else self._captured()
            step()
            if done in shown:
                losses = (self.loss_sum / done / math.log(2)).tolist()  # waits for the GPU
                tokens = done * self.c["batch"] * self.c["context"]
                speed = speed or tokens / (time.time() - looped)
                used = self.averaged or {name: w.detach() for name, w in self.p.items()}
                plain = evaluate(self.networks, used, self.validation)
                if self.memories:
                    self.memories.set_coding("row 63")
                coded = evaluate(self.networks, rounded(used, torch.ones(len(self.all), device=self.device)),
                                 self.validation)
                if self.memories:
                    self.memories.set_coding(None)
                curves.append([{"tokens": tokens, "bpb": round(a, 5), "bpb_rounded": round(b, 5)}
                               for a, b in zip(plain, coded)])
        count = sum(w[0].numel() for w in self.p.values())
        memory = self.remembered(used) if self.memories else [{}] * len(self.all)
        return [{"parameters": count, **memory[e], "cache": round(cache_bytes_per_width(c)), **curves[-1][e], "online_bpb": round(losses[e], 4),
                 "curve": [point[e] for point in curves], "tokens_per_s": round(speed * len(self.all)),
                 "seconds": round((time.time() - began) / len(self.all), 1)} for e, c in enumerate(self.all)]

    @torch.no_grad()
    def kept(self, results):
        """What twin_checkpoint.py makes a checkpoint of, one a network. Its largest keys and values
        are those of 16 contexts of the text that was trained on. Adds to each result the bits per
        byte of what is kept, "bpb_kept", whose memory has rounded rows."""
        used = self.averaged or {name: w.detach() for name, w in self.p.items()}
        memories = [m.kept() if m else {} for m in self.memories.each] if self.memories else [{}] * len(self.all)
        for result, bpb in zip(results, evaluate(self.networks, used, self.validation)):
            result["bpb_kept"] = round(bpb, 5)
        self.networks.maxima = []
        evaluate(self.networks, used, self.train_data[:16 * self.c["context"]])
        keys, values = (torch.stack(of_layers, dim=1).cpu().numpy() for of_layers in zip(*self.networks.maxima))
        self.networks.maxima = None
        digest = hashlib.sha256(self.train_data.cpu().numpy().tobytes()).hexdigest()
        return [twin_checkpoint.kept(c, {name: w[e].cpu().numpy() for name, w in used.items()}, (keys[e], values[e]),
                                     results[e]["curve"], digest, memories[e]) for e, c in enumerate(self.all)]

    def remembered(self, p):
        """What each memory holds, and for each coding of its rows: its bytes and what it costs in held-out bits per byte, on
        every fourth chunk."""
        chunks = self.validation[:len(self.validation) // self.networks.T * self.networks.T].view(-1, self.networks.T)
        quarter = chunks[::4][:len(chunks) // 64 * 16 or None].flatten()  # whole parts for evaluate
        plain = evaluate(self.networks, p, quarter)
        out = [{} if m is None else {"memory_parameters": m.parameters(), "memory_used": m.used(), "memory_codings": {}}
               for m in self.memories.each]
        for coding in twin_memory.CODINGS:
            self.memories.set_coding(coding)
            for result, m, before, after in zip(out, self.memories.each, plain, evaluate(self.networks, p, quarter)):
                if m:
                    result["memory_codings"][coding] = {"cost": round(after - before, 5), **m.bytes(coding)}
        self.memories.set_coding(None)
        return out


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file if line.strip() and not line.startswith("#")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--save", help="folder for the networks, as NAME.npz, for twin_checkpoint.py")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no group after so many")
    parser.add_argument("--together", type=int, default=8, help="configurations a group at most")
    parser.add_argument("--points", type=int, default=4, help="how often a run looks at held-out text")
    parser.add_argument("--flash", action="store_true", help="windows by PyTorch's flash attention, on a GPU")
    parser.add_argument("--fuse", action="store_true", help="compile what lies between the attentions: for long runs")
    arguments = parser.parse_args()
    began = time.time()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True
    data = numpy.fromfile(arguments.data, dtype=numpy.uint8)
    finished = {line["name"] for line in read_lines(arguments.out)}
    groups = {}
    for line in read_lines(arguments.sweep):
        if line["name"] not in finished:
            c = completed(line)
            if arguments.save:
                twin_checkpoint.check(c)
            members = groups.setdefault(tuple(c[name] for name in SHAPE), [[]])
            if len(members[-1]) == arguments.together:
                members.append([])
            members[-1].append((line, c))
    for group in (group for members in groups.values() for group in members):
        if time.time() - began > 60 * arguments.minutes:
            break
        training = Training([c for _, c in group], data, device, arguments.fuse, arguments.flash, arguments.points)
        results = training.run()
        kept = training.kept(results) if arguments.save else []
        for (line, _), saved in zip(group, kept):
            os.makedirs(arguments.save, exist_ok=True)
            numpy.savez_compressed(os.path.join(arguments.save, line["name"].replace(" ", "_") + ".npz"), **saved)
        for (line, _), result in zip(group, results):
            with open(arguments.out, "a") as file:
                file.write(json.dumps({**line, **result}) + "\n")
            count = result["parameters"] + result.get("memory_parameters", 0)
            print(f"{line['name']:40s} {count:>9} {result['cache']:>6} {result['bpb']:.4f} "
                  f"{result['bpb_rounded']:.4f} {result['tokens_per_s']} {result['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
