"""Muon and AdamW for the networks of a batch, and weights as the exact network rounds them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .configuration import DEFAULTS, Configuration
from .layers import orthogonal, with_row_scales
from .network import Parameters

MATRICES = ("wq", "wk", "wv", "wo", "wu", "wd")
ROUNDED = MATRICES + ("embedding", "rule_rows", "head", "conv1", "conv2")


def rounded(p: Parameters, which: Tensor, largest: Tensor) -> Parameters:
    """The weights as the exact network has them, a scale a row, where `which` [E] is 1.

    Codes reach to +-`largest` [E]. The gradient goes straight through.
    """
    out = dict(p)
    for name in ROUNDED:
        if name in p:
            w = p[name].detach()
            shape = [-1] + [1] * (w.dim() - 1)
            error = with_row_scales(w, largest.view(shape)) - w
            out[name] = p[name] + error * which.view(shape)
    return out


def learning_rate_factor(c: Configuration, step: int, steps: int) -> float:
    warm = min(c["warmup_steps"], c["warmup_share"] * steps)
    factor = min(1.0, (step + 1) / max(1.0, warm))
    progress, constant, low = step / steps, c["constant_share"], c["final_factor"]
    if progress > constant:
        share = (progress - constant) / (1 - constant)
        factor *= {"linear": 1 - share * (1 - low), "sqrt": 1 - math.sqrt(share) * (1 - low),
                   "cosine": low + (1 - low) * (1 + math.cos(math.pi * share)) / 2}[c["decay"]]
    return factor


class Optimizer:
    """Steps of all networks at once; each has its own rates."""

    def __init__(self, configurations: Sequence[Configuration], p: Parameters) -> None:
        self.p, self.c = p, configurations[0]
        self.field = {name: torch.tensor([c[name] for c in configurations], dtype=torch.float32,
                                         device=p["head"].device)
                      for name, value in DEFAULTS.items() if isinstance(value, float)}
        self.first = {name: torch.zeros_like(w) for name, w in p.items()}
        self.second = {name: torch.zeros_like(w) for name, w in p.items() if name not in MATRICES}

    def of(self, name: str, w: Tensor) -> Tensor:
        """A field of each network, to go with w [E, ...]."""
        return self.field[name].view(-1, *[1] * (w.dim() - 1))

    def step(self, gradients: Parameters, factor: Tensor, step: Tensor) -> None:
        """A step; factor [E], step [1] from 1 on."""
        square = sum(g.square().flatten(1).sum(dim=1) for g in gradients.values())
        clip = (self.field["clip_norm"] / square.sqrt()).clamp_max(1.0)
        # By shape, so that one batched product serves many matrices.
        groups: dict[tuple[int, ...], list[tuple[str, Tensor, Tensor]]] = {}
        for name, g in gradients.items():
            shape = [-1] + [1] * (self.p[name].dim() - 1)
            g, rate = g * clip.view(shape), factor.view(shape)
            if name in MATRICES:
                update = self._update(name, g)
                groups.setdefault(tuple(update.shape[1:]), []).append((name, update, rate))
            else:
                self._step_vector(name, g, rate, step)
        for members in groups.values():
            parts = [len(update) for _, update, _ in members]
            updates = orthogonal(torch.cat([update for _, update, _ in members])).split(parts)
            for (name, _, rate), update in zip(members, updates):
                self._step_matrix(name, update, rate)

    def _update(self, name: str, g: Tensor) -> Tensor:
        """Muon's update before it is made orthogonal, [matrices, rows, columns >= rows]."""
        m = self.first[name]
        momentum = self.of("muon_momentum", g)
        m.copy_(m + (1 - momentum) * (g - m))
        update = (g + momentum * (m - g)).flatten(0, 1)
        return update.transpose(1, 2) if update.shape[1] > update.shape[2] else update

    def _step_vector(self, name: str, g: Tensor, rate: Tensor, step: Tensor) -> None:
        w, m, v = self.p[name], self.first[name], self.second[name]
        beta1, beta2 = self.of("adamw_beta1", w), self.of("adamw_beta2", w)
        m.copy_(m + (1 - beta1) * (g - m))
        v.copy_(v + (1 - beta2) * (g.square() - v))
        deviation = (v / (1 - beta2 ** step)).sqrt() + self.of("adamw_epsilon", w)
        w.sub_(rate * self.of("adamw_lr", w) * (m / (1 - beta1 ** step)) / deviation)

    def _step_matrix(self, name: str, update: Tensor, rate: Tensor) -> None:
        w = self.p[name]
        rows, columns = w.shape[2:]
        update = (update.transpose(1, 2) if rows > columns else update).reshape(w.shape)
        rate = rate * self.of("muon_lr", w)
        w.mul_(1 - rate * self.of("weight_decay", w))
        w.sub_(rate * max(1.0, rows / columns) ** 0.5 * update)
