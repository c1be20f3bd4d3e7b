"""What the network, its optimizer and its memory share: norm, products, and the steps of both."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def norm(x: Tensor) -> Tensor:
    return x * x.square().mean(dim=-1, keepdim=True).clamp_min(1e-30).rsqrt()


def each(w: Tensor) -> Tensor:
    """A vector of each network, [E, D], to go with [E, B, T, D]."""
    return w[:, None, None]


class Round(torch.autograd.Function):
    """To what bfloat16 holds. The gradient stays float32: a plain cast would round it as well."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return x.bfloat16().float()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return gradient


def linear(x: Tensor, w: Tensor) -> Tensor:
    """x [E, B, T, I] times w [E, O, I].

    Operands are rounded to bfloat16, sums and results are float32: a TF32 product of what bfloat16
    holds is exact.
    """
    x, w = Round.apply(x), Round.apply(w)
    return (x.flatten(1, 2) @ w.transpose(1, 2)).unflatten(1, x.shape[1:3])


def convolve(h: Tensor, taps: Tensor | None) -> Tensor:
    """h [E, B, T, D] + its causal depthwise convolution; taps [E, width, D], the newest last."""
    if taps is None:
        return h
    width, length = taps.shape[1], h.shape[2]
    padded = F.pad(h, (0, 0, width - 1, 0))
    return h + sum(each(taps[:, k]) * padded[:, :, k:k + length] for k in range(width))


def with_row_scales(w: Tensor, largest: Tensor | int) -> Tensor:
    """Weights as codes to +-`largest`, times a scale a row."""
    scale = w.abs().amax(dim=-1, keepdim=True).clamp_min(1e-30) / largest
    return (w / scale).round() * scale


def largest_code(weight_bits: int) -> int:
    """Of weights with so many bits, sign included."""
    return (1 << weight_bits - 1) - 1


def orthogonal(x: Tensor) -> Tensor:
    """Five Newton-Schulz steps of Muon on [count, rows, columns], rows <= columns.

    In float32, as Muon makes small directions as large as the others, rounding errors included.
    """
    allowed, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, False
    x = x / x.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None]
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    torch.backends.cuda.matmul.allow_tf32 = allowed
    return x


def adam(w: Tensor, g: Tensor, state: Sequence[Tensor], rate: Tensor, beta1: float, beta2: float,
         step: Tensor) -> None:
    """A step of Adam, in place; state: the means of g and of its square."""
    m, v = state
    m.lerp_(g, 1 - beta1)
    v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
    w.sub_(rate / (1 - beta1 ** step) * m / ((v / (1 - beta2 ** step)).sqrt() + 1e-10))
