#!/usr/bin/env python3
"""Makes reference_step.h5: what an independent framework (PyTorch, autograd, double precision) says of one small network
at a random point where no tensor is zero, and of three optimizer steps from there. The tests compare the C++ code with it.

    python3 reference_step.py reference_step.h5

The file; V vocabulary, B sequences, T positions, names and shapes of tensors as in a checkpoint:

    /config            attributes: the fields of ModelConfig, int32; windows int32 [layers]
    /recipe            attributes: the optimizer's numbers below, float64
    /inputs            int32 [3, B, T]: one batch a step, in [0, V], V the begin symbol
    /targets           int32 [3, B, T], in [0, V)
    /weights/<name>    float32: the starting point
    /logits            float64 [B, T, V]: of batch 0 at the starting point
    /loss_nats         float64 [3]: mean cross-entropy of batch s before step s
    /gradient_norm     float64 [3]: over all tensors together, before clipping
    /gradients/<name>  float32: of loss_nats[0], not clipped
    /stepped/<name>    float32: weights after step s = 0, 1, 2 with batch s

A step: clip the gradient to a global norm of 1; hidden matrices by Muon, everything else by AdamW without decay.
Everything is computed in double and rounded when written."""

import sys

import h5py
import torch

from occam_network import Config, logits, parameter_shapes

CONFIG = Config(vocabulary=48, width=32, layers=3, heads=4, kv_heads=2, mlp_factor=2, conv_width=4, context=40,
                windows=[8, 0, 12])
BATCH, STEPS, SEED = 2, 3, 14
RECIPE = dict(muon_rate=0.02, muon_momentum=0.95, weight_decay=0.1, adam_rate=3e-3, adam_beta1=0.9, adam_beta2=0.99,
              adam_epsilon=1e-10, clip_norm=1.0)
MUON = ("wq", "wk", "wv", "wo", "wu", "wd")


def random_weights(generator):
    """Rounded to float32, so that the file holds exactly what was used."""
    weights = {}
    for name, shape in parameter_shapes(CONFIG).items():
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        if "gain" in name:
            value = 1 + 0.2 * noise
        elif "conv" in name:
            value = 0.3 * noise
        elif name == "embedding":
            value = noise
        else:
            value = (0.3 if name == "head" else 0.7) * noise / shape[-1] ** 0.5
        assert value.ne(0).all()
        weights[name] = value.float().double().requires_grad_()
    return weights


def mean_loss(weights, inputs, targets):
    return torch.nn.functional.cross_entropy(logits(CONFIG, weights, inputs).flatten(0, 1), targets.flatten())


def check_sizes(name, gradient):
    """AdamW's first step is the gradient's sign: an element near zero would turn float noise into a whole step."""
    if name.split(".")[-1] not in MUON:
        size = gradient[gradient != 0].abs()
        assert size.min() > 1e-4 * size.square().mean().sqrt(), f"try another seed: {name}"


def orthogonalise(u):
    """Five Newton-Schulz iterations (Jordan et al., 2024, "Muon")."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = u.shape[0] > u.shape[1]
    x = u.T if tall else u
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return x.T if tall else x


class Optimizer:
    def __init__(self, weights):
        self.weights = weights
        self.first = {name: torch.zeros_like(w) for name, w in weights.items()}
        self.second = {name: torch.zeros_like(w) for name, w in weights.items()}
        self.steps = 0

    def step(self, gradients):
        """Returns the gradient's norm before clipping."""
        r = RECIPE
        gradient_norm = torch.stack([g.norm() for g in gradients.values()]).norm()
        scale = min(1.0, r["clip_norm"] / gradient_norm.item())
        self.steps += 1
        with torch.no_grad():
            for name, w in self.weights.items():
                rule = self.muon if name.split(".")[-1] in MUON else self.adam
                rule(name, w, gradients[name] * scale)
        return gradient_norm

    def muon(self, name, w, g):
        beta = RECIPE["muon_momentum"]
        m = self.first[name]
        m.lerp_(g, 1 - beta)
        update = orthogonalise(g.lerp(m, beta)) * max(1, w.shape[0] / w.shape[1]) ** 0.5
        w.mul_(1 - RECIPE["muon_rate"] * RECIPE["weight_decay"])
        w.sub_(RECIPE["muon_rate"] * update)

    def adam(self, name, w, g):
        beta1, beta2 = RECIPE["adam_beta1"], RECIPE["adam_beta2"]
        m, v = self.first[name], self.second[name]
        m.lerp_(g, 1 - beta1)
        v.lerp_(g * g, 1 - beta2)
        m_hat, v_hat = m / (1 - beta1 ** self.steps), v / (1 - beta2 ** self.steps)
        w.sub_(RECIPE["adam_rate"] * m_hat / (v_hat.sqrt() + RECIPE["adam_epsilon"]))


def main(path):
    generator = torch.Generator().manual_seed(SEED)
    weights = random_weights(generator)
    symbols = torch.randint(CONFIG.vocabulary, (STEPS, BATCH, CONFIG.context + 1), generator=generator)
    inputs, targets = symbols[:, :, :-1].clone(), symbols[:, :, 1:].clone()
    inputs[:, 0, 0] = CONFIG.vocabulary  # half of the sequences start with the begin symbol
    targets[1] %= 2  # a lopsided batch: its gradient is clipped, the others' are not

    with h5py.File(path, "w") as file:
        CONFIG.save(file.create_group("config"))
        recipe = file.create_group("recipe")
        for name, value in RECIPE.items():
            recipe.attrs[name] = value
        file["inputs"], file["targets"] = inputs.int().numpy(), targets.int().numpy()
        for name, w in weights.items():
            file[f"weights/{name}"] = w.detach().float().numpy()
        file["logits"] = logits(CONFIG, weights, inputs[0]).detach().numpy()

        optimizer, losses, norms = Optimizer(weights), [], []
        for step in range(STEPS):
            loss = mean_loss(weights, inputs[step], targets[step])
            gradients = dict(zip(weights, torch.autograd.grad(loss, list(weights.values()))))
            if step == 0:
                for name, g in gradients.items():
                    file[f"gradients/{name}"] = g.float().numpy()
                    check_sizes(name, g)
            losses.append(loss.item())
            norms.append(optimizer.step(gradients).item())
        file["loss_nats"], file["gradient_norm"] = losses, norms
        for name, w in weights.items():
            file[f"stepped/{name}"] = w.detach().float().numpy()
    assert norms[0] < 0.95 and norms[1] > 1.5 and norms[2] < 0.95, f"clipping is not tried: {norms}"


if __name__ == "__main__":
    main(sys.argv[1])
