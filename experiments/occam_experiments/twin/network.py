"""The networks of a batch: initial parameters, and the forward pass of docs/architecture.md."""

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .configuration import BEGIN, Configuration, of_layers
from .layers import convolve, each, linear, norm
from .memory import Memories

Parameters = dict[str, Tensor]
FUSED = ("_before_attention", "_after_attention")
NOT_LAYERED = ("embedding", "rule_rows", "final_gain", "head")


def initial_parameters(c: Configuration) -> Parameters:
    """Tensors by name; those of the layers are stacked, [layers, ...]."""
    generator = torch.Generator().manual_seed(c["seed"])
    D, L, M, K = c["width"], c["layers"], c["mlp_factor"] * c["width"], c["kv_width"]

    def uniform(*shape: int, deviation: float = 0.0) -> Tensor:
        deviation = deviation or 0.5 / math.sqrt(shape[-1])
        return (torch.rand(*shape, generator=generator) * 2 - 1) * math.sqrt(3) * deviation

    def taps() -> Tensor:
        deviation, shape = c["convolution_deviation"], (L, c["conv_width"], D)
        return uniform(*shape, deviation=deviation) if deviation else torch.zeros(*shape)

    p = {"embedding": uniform(257, D, deviation=1.0),
         "gain1": torch.ones(L, D), "gain2": torch.ones(L, D), "conv1": taps(), "conv2": taps(),
         "wq": uniform(L, D, D), "wk": uniform(L, K, D), "wv": uniform(L, K, D),
         "wo": torch.zeros(L, D, D), "wu": uniform(L, M, D), "wd": torch.zeros(L, D, M),
         "final_gain": torch.ones(D), "head": torch.zeros(256, D)}
    if c["tied_still_pairs"]:  # see Initialise in model/parameters.h
        size, pairs = c["head_size"], c["head_size"] // 2
        still = torch.arange(size) % pairs >= math.ceil(pairs * c["rotated_share"])
        wq, wk = (p[name].view(L, -1, size, D) for name in ("wq", "wk"))
        wk[:, :, still] = wq[:, ::c["heads"] // c["kv_heads"], still]
    if c["x0mix"]:
        p["mix"] = torch.zeros(L, D)
    return {name: value for name, value in p.items() if value.numel() > 0}


class Networks:
    """E networks of one shape, which may differ in their windows and in their memories."""

    def __init__(self, configurations: Sequence[Configuration], device: str,
                 flash: bool = False) -> None:
        self.all, self.c = configurations, configurations[0]
        self.T: int = self.c["context"]
        self._set_positions(device)
        scales = torch.tensor([c["score_scale"] / 3 for c in configurations], device=device)
        self.query_scale = scales.view(-1, 1, 1, 1, 1) if (scales != 1).any() else None
        self.symbols = torch.arange(257, device=device)
        self.windows = [of_layers(c, c["first_windows"] or c["windows"]) for c in configurations]
        windows = {w for c, first in zip(configurations, self.windows)
                   for w in c["all_windows"] + first}
        remember = any(c["memory"] for c in configurations)
        self.memories = Memories(configurations, device) if remember else None
        self.flash = flash
        # Where a list: largest keys and values, [E, kv_heads] for each layer.
        self.maxima: list[list[Tensor]] | None = None
        self.masks = {} if flash else {w: self._mask(w, device) for w in windows if w < self.T}

    def _set_positions(self, device: str) -> None:
        """Angles of the rotary pairs, and which pairs of keys are those of the position before."""
        size = self.c["head_size"]
        pairs = size // 2
        turning = [math.ceil(pairs * c["rotated_share"]) for c in self.all]
        index = np.arange(pairs)
        frequencies = np.stack([
            np.rint(65536 / (2 * math.pi) * c["rotary_base"] ** (-index / n)) * (index < n)
            for n, c in zip(turning, self.all)])
        phases = np.arange(self.T)[:, None] * frequencies[:, None, None, None] % 65536
        angles = 2 * math.pi * phases / 65536  # [E, 1, 1, T, pairs]
        self.cosine = torch.tensor(np.cos(angles), dtype=torch.float32, device=device)
        self.sine = torch.tensor(np.sin(angles), dtype=torch.float32, device=device)
        still = np.stack([(np.arange(size) % pairs >= n) & bool(c["key_shift"])
                          for n, c in zip(turning, self.all)])
        self.still = torch.tensor(still, device=device)[:, None, None, None, :]

    def _mask(self, w: int, device: str) -> Tensor:
        """[heads * blocks, w, 2w]: queries in blocks of w see the block before and their own."""
        i, j = torch.arange(w)[:, None], torch.arange(2 * w)[None, :]
        seen = (j - w <= i) & (j - w > i - w)
        blocks = torch.stack([seen & (j >= w)] + [seen] * (self.T // w - 1))
        return blocks.repeat(self.c["heads"], 1, 1).to(device)

    def _windowed(self, q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
        """Attention of q, k, v [n, heads, T, size] within a window."""
        scale = 3 / math.sqrt(self.c["head_size"])
        if window >= self.T:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        n, H, T, S = q.shape
        if self.flash:  # the kernel wants heads of 32
            q, k, v = (F.pad(y.transpose(1, 2), (0, -S % 32)) for y in (q, k, v))
            out = torch.ops.aten._flash_attention_forward(
                q, k, v, None, None, T, T, 0.0, True, False, scale=scale,
                window_size_left=window - 1, window_size_right=0)[0]
            return out[..., :S].transpose(1, 2)
        blocks = T // window

        def with_previous(x: Tensor) -> Tensor:
            x = x.reshape(n, H, blocks, window, S)
            previous = F.pad(x, (0, 0, 0, 0, 1, 0))[:, :, :-1]
            return torch.cat([previous, x], dim=3).reshape(n, H * blocks, 2 * window, S)

        out = F.scaled_dot_product_attention(
            q.reshape(n, H * blocks, window, S), with_previous(k), with_previous(v),
            attn_mask=self.masks[window], scale=scale)
        return out.reshape(n, H, T, S)

    def _attention(self, q: Tensor, k: Tensor, v: Tensor, layer: int) -> Tensor:
        """Attention of q, k, v [E, B, heads, T, size]."""
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
            own = slice(begin, end)
            out = self._windowed(q[own].flatten(0, 1), k[own].flatten(0, 1), v[own].flatten(0, 1),
                                 windows[begin])
            outs.append(out.unflatten(0, (end - begin, -1)))
            begin = end
        return torch.cat(outs) if len(outs) > 1 else outs[0]

    def _heads(self, y: Tensor) -> Tensor:
        return y.unflatten(-1, (-1, self.c["head_size"])).transpose(2, 3)

    def _rotated(self, y: Tensor) -> Tensor:
        first, second = self._heads(y).chunk(2, dim=-1)
        return norm(torch.cat([first * self.cosine - second * self.sine,
                               first * self.sine + second * self.cosine], dim=-1))

    def _before_attention(self, x: Tensor, w: Parameters) -> tuple[Tensor, Tensor, Tensor]:
        h = convolve(norm(x) * each(w["gain1"]), w.get("conv1"))
        qkv = linear(h, torch.cat([w["wq"], w["wk"], w["wv"]], dim=1))
        q, k, v = qkv.split([self.c["width"], self.c["kv_width"], self.c["kv_width"]], dim=-1)
        q = self._rotated(q)
        q = q if self.query_scale is None else q * self.query_scale
        k = self._rotated(k)
        # See model/network/rotate.h.
        k = torch.where(self.still, F.pad(k, (0, 0, 1, 0))[..., :-1, :], k)
        return q.bfloat16(), k.bfloat16(), self._heads(v).bfloat16()

    def _after_attention(self, x: Tensor, out: Tensor, w: Parameters) -> Tensor:
        x = x + linear(out.transpose(2, 3).flatten(3), w["wo"])
        h = convolve(norm(x) * each(w["gain2"]), w.get("conv2"))
        return x + linear(F.relu(linear(h, w["wu"])).square(), w["wd"])

    def fuse(self) -> None:
        """Compiles what lies between the attentions, once more for each shape of a batch."""
        torch._dynamo.config.recompile_limit = 512
        for name in FUSED:
            setattr(self, name, torch.compile(getattr(self, name), dynamic=False))

    def unfused(self) -> "Networks":
        """The same networks without fuse(), which compiles for each size."""
        plain = copy.copy(self)
        for name in FUSED:
            plain.__dict__.pop(name, None)
        return plain

    def block(self, x: Tensor, x0: Tensor, w: Parameters, layer: int) -> Tensor:
        if "mix" in w:
            x = x + each(w["mix"]) * x0
        return self._after_attention(
            x, self._attention(*self._before_attention(x, w), layer), w)

    def embedded(self, p: Parameters, inputs: Any) -> Tensor:
        """[E, B, T, D] of inputs [E, B, T], or of what a subclass has for them."""
        hot = (inputs[..., None] == self.symbols).float().flatten(1, 2)
        return (hot @ p["embedding"]).unflatten(1, inputs.shape[1:])

    def parted(self, lines: Tensor, anew: Tensor) -> tuple[Any, Tensor]:
        """Inputs and targets of lines [E, B, T + 1, ...], from the place before on.

        A line is a byte, or what a subclass has for it. `anew`: whether the first input is the
        begin symbol, as [E, B, 1] or what goes with it.
        """
        begin = torch.full_like(lines[..., :1], BEGIN)
        first = torch.where(anew, begin, lines[..., :1])
        return torch.cat([first, lines[..., 1:-1]], dim=-1), lines[..., 1:]

    def known(self, inputs: Any) -> Tensor:
        """The bytes [E, B, T] that rules of memories see."""
        of_inputs: Tensor = inputs
        return of_inputs

    def nats(self, p: Parameters, inputs: Any, targets: Tensor) -> Tensor:
        """The mean of -ln p, [E], for inputs, targets [E, B, T]."""
        return self.losses(p, inputs, targets).mean(dim=(1, 2))

    def losses(self, p: Parameters, inputs: Any, targets: Tensor) -> Tensor:
        """-ln p, [E, B, T], for inputs, targets [E, B, T]."""
        x = self.embedded(p, inputs)
        if self.memories:
            rows = self.memories.look_up(self.known(inputs))
            x = self.memories.add(x, rows)
        x0 = x = norm(x)
        layered = [name for name in p if name not in NOT_LAYERED]
        for layer in range(self.c["layers"]):
            if self.memories:
                x = self.memories.add(x, rows, layer)
            x = self.block(x, x0, {name: p[name][:, layer] for name in layered}, layer)
        logits = linear(norm(x) * each(p["final_gain"]), p["head"])
        losses = F.cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none")
        return losses.view(targets.shape)
