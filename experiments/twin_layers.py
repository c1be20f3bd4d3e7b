"""What the twin's network, its optimizer and its memory share: norm, products, Muon's step."""

import torch


def norm(x):
    return x * x.square().mean(dim=-1, keepdim=True).clamp_min(1e-30).rsqrt()


def each(w):
    """A vector of each network, [E, D], to go with [E, B, T, D]."""
    return w[:, None, None]


class Round(torch.autograd.Function):
    """To what bfloat16 holds. The gradient stays float32: a plain cast would round it as well."""

    @staticmethod
    def forward(context, x):
        return x.bfloat16().float()

    @staticmethod
    def backward(context, gradient):
        return gradient


def linear(x, w):
    """x [E, B, T, I], w [E, O, I]: operands rounded to bfloat16, float32 sums and results (a TF32
    product of what bfloat16 holds is exact)."""
    x, w = Round.apply(x), Round.apply(w)
    return (x.flatten(1, 2) @ w.transpose(1, 2)).unflatten(1, x.shape[1:3])


def orthogonal(x):
    """Five Newton-Schulz steps of Muon on [count, rows, columns], rows <= columns; in float32, as
    Muon makes small directions as large as the others, rounding errors included."""
    allowed, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, False
    x = x / x.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None]
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    torch.backends.cuda.matmul.allow_tf32 = allowed
    return x
