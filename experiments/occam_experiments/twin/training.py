"""Trains a batch of networks by the recipe, and measures held-out rates as it goes."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from . import checkpoint
from .coding import CODINGS
from .configuration import BEGIN, Configuration, cache_bytes_per_width
from .layers import largest_code
from .memory import Arrays
from .network import Networks, Parameters, initial_parameters
from .optimizer import Optimizer, learning_rate_factor, rounded

Bytes = npt.NDArray[np.uint8]
Result = dict[str, Any]
EVALUATED = 16  # chunks at a time


def window_starts(c: Configuration, steps: int, size: int) -> npt.NDArray[np.int64]:
    """[steps, batch]: passes over the data in random order, cut at another offset each."""
    random = np.random.default_rng(c["seed"])
    length, need = c["context"], steps * c["batch"]
    starts: list[npt.NDArray[np.int64]] = []
    windows = (size - 1) // length - 1
    while sum(map(len, starts)) < need:
        starts.append(random.permutation(windows) * length + 1 + random.integers(0, length))
    return np.concatenate(starts)[:need].reshape(steps, c["batch"])


def chunks_of(data: Tensor, length: int) -> Tensor:
    return data[:len(data) // length * length].view(-1, length)


@torch.no_grad()
def evaluate(networks: Networks, p: Parameters, validation: Tensor) -> list[float]:
    """Held-out bits per byte of each network, in fresh chunks."""
    chunks, nats = chunks_of(validation, networks.T), 0
    for part in chunks.split(EVALUATED):
        targets = part.long().expand(len(networks.all), *part.shape)
        inputs = torch.cat([torch.full_like(targets[..., :1], BEGIN), targets[..., :-1]], dim=-1)
        nats = nats + networks.nats(p, inputs, targets).double() * part.numel()
    bits: list[float] = (nats / math.log(2) / chunks.numel()).tolist()
    return bits


class Training:
    """A run of networks of one shape and length, on a GPU as one CUDA graph a step."""

    def __init__(self, configurations: Sequence[Configuration], data: Bytes, device: str,
                 fuse: bool = False, flash: bool = False, points: int = 4) -> None:
        self.all, self.c, self.device = configurations, configurations[0], device
        self.train_data = torch.from_numpy(data[:self.c["train_bytes"]]).to(device)
        held_out = data[len(data) - self.c["validation_bytes"]:]
        self.validation = torch.from_numpy(held_out).to(device)
        self.points = points
        self.networks = self.make_networks(flash)
        self.memories = self.networks.memories
        if fuse:
            self.networks.fuse()
        initial = [self.initial(c) for c in configurations]
        self.p = {name: torch.stack([i[name] for i in initial]).to(device).requires_grad_()
                  for name in initial[0]}
        self.optimizer = Optimizer(configurations, self.p)
        self.averaged = {name: w.detach().clone() for name, w in self.p.items()} \
            if any(c["average_decay"] for c in configurations) else None
        self._plan()

    def _plan(self) -> None:
        """What is known of each step before it comes."""
        self.steps = self.c["tokens"] // (self.c["batch"] * self.c["context"])
        starts = np.stack([self.starts_of(c) for c in self.all], axis=1)
        self.starts = torch.from_numpy(starts).to(self.device)  # [steps, E, B]
        self.factors = self._of_steps(lambda c, s: learning_rate_factor(c, s, self.steps))
        self.rounding = self._of_steps(
            lambda c, s: float(s >= (1 - c["rounded_share"]) * self.steps))
        self.counter = torch.zeros(1, dtype=torch.long, device=self.device)
        self.offsets = torch.arange(-1, self.c["context"], device=self.device)
        self.fresh = (torch.arange(self.c["batch"], device=self.device) % 2 == 0)[:, None]
        self.loss_sum = torch.zeros(len(self.all), device=self.device)
        if self.memories:
            self.memory_rounding = self._of_steps(
                lambda c, s: float(s >= (1 - c["memory_round_share"]) * self.steps))
        self.largest = torch.tensor([float(largest_code(c["weight_bits"])) for c in self.all],
                                    device=self.device)
        self.any_rounded = any(c["rounded_share"] for c in self.all)

    def _of_steps(self, value: Callable[[Configuration, int], float]) -> Tensor:
        """A number of each step and network, [steps, E]."""
        return torch.tensor([[value(c, s) for c in self.all] for s in range(self.steps)],
                            device=self.device)

    # What twin_signals.py has otherwise.

    def make_networks(self, flash: bool) -> Networks:
        return Networks(self.all, self.device, flash)

    def initial(self, c: Configuration) -> Parameters:
        return initial_parameters(c)

    def starts_of(self, c: Configuration) -> npt.NDArray[np.int64]:
        return window_starts(c, self.steps, len(self.train_data))

    def sequences(self) -> tuple[Any, Tensor]:
        """Inputs and targets of this step, [E, B, T]."""
        at = self.starts[self.counter][0][..., None] + self.offsets
        tokens = self.train_data[at].long()  # [E, B, T + 1]
        first = torch.where(self.fresh, torch.full_like(tokens[..., :1], BEGIN), tokens[..., :1])
        return torch.cat([first, tokens[..., 1:-1]], dim=-1), tokens[..., 1:]

    def step(self) -> None:
        """One step of all networks; `counter` says which."""
        inputs, targets = self.sequences()
        which = self.rounding[self.counter][0]
        weights = rounded(self.p, which, self.largest) if self.any_rounded else self.p
        if self.memories:
            self.memories.rounding = self.memory_rounding[self.counter][0]
            self.memories.weight_rounding = which if self.any_rounded else None
        nats = self.networks.nats(weights, inputs, targets)
        remembered = self.memories.tensors() if self.memories else []
        gradients = torch.autograd.grad(nats.sum(), [*self.p.values(), *remembered])
        with torch.no_grad():
            if self.memories:
                self.memories.rounding = self.memories.weight_rounding = None
                self.memories.learn(gradients[len(self.p):], self.factors[self.counter][0],
                                    self.counter + 1)
            self.optimizer.step(dict(zip(self.p, gradients)), self.factors[self.counter][0],
                                self.counter + 1)
            for name, average in (self.averaged or {}).items():
                decay = self.optimizer.of("average_decay", average)
                average.copy_(average * decay + self.p[name] * (1 - decay))
            self.loss_sum.add_(nats.detach())
            self.counter.add_(1)

    def _state(self) -> list[Tensor]:
        return [*self.p.values(), *self.optimizer.first.values(), *self.optimizer.second.values(),
                self.counter, self.loss_sum, *(self.averaged or {}).values(),
                *(self.memories.state() if self.memories else [])]

    @torch.no_grad()
    def _captured(self) -> Callable[[], None]:
        """The step as one CUDA graph.

        Kernels are chosen and workspaces made before, on steps that are undone.
        """
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
        replay: Callable[[], None] = graph.replay
        return replay

    def run(self) -> list[Result]:
        """Trains to the end. One result a configuration."""
        began = time.time()
        step = self.step if self.device == "cpu" else self._captured()
        shown = {round(self.steps * k / self.points) for k in range(1, self.points + 1)}
        curves: list[list[Result]] = []
        speed, looped = 0.0, time.time()
        changes = {round(self.steps * c["first_share"]) + 1 for c in self.all if c["first_windows"]}
        for done in range(1, self.steps + 1):
            if done in changes:
                self._change_windows(done)
                step = self.step if self.device == "cpu" else self._captured()
            step()
            if done in shown:
                losses = (self.loss_sum / done / math.log(2)).tolist()  # waits for the GPU
                tokens = done * self.c["batch"] * self.c["context"]
                speed = speed or tokens / (time.time() - looped)
                curves.append(self._measured(tokens))
        count = sum(w[0].numel() for w in self.p.values())
        memory = self._remembered() if self.memories else [{}] * len(self.all)
        return [{"parameters": count, **memory[e], "cache": round(cache_bytes_per_width(c)),
                 **curves[-1][e], "online_bpb": round(losses[e], 4),
                 "curve": [point[e] for point in curves],
                 "tokens_per_s": round(speed * len(self.all)),
                 "seconds": round((time.time() - began) / len(self.all), 1)}
                for e, c in enumerate(self.all)]

    def _change_windows(self, done: int) -> None:
        for e, c in enumerate(self.all):
            if done > self.steps * c["first_share"]:
                self.networks.windows[e] = c["all_windows"]

    def _used(self) -> Parameters:
        """The weights that held-out rates are of."""
        return self.averaged or {name: w.detach() for name, w in self.p.items()}

    def _measured(self, tokens: int) -> list[Result]:
        """Held-out rates after so many tokens, as trained and rounded."""
        used = self._used()
        plain = evaluate(self.networks, used, self.validation)
        if self.memories:
            self.memories.set_coding("row 63")
        coded = self._evaluate_rounded(used)
        if self.memories:
            self.memories.set_coding(None)
        return [{"tokens": tokens, "bpb": round(a, 5), "bpb_rounded": round(b, 5)}
                for a, b in zip(plain, coded)]

    def _evaluate_rounded(self, used: Parameters) -> list[float]:
        """Held-out rates by rounded weights, projections and gates of memories among them."""
        everywhere = torch.ones(len(self.all), device=self.device)
        if self.memories:
            self.memories.weight_rounding = everywhere
        bpbs = evaluate(self.networks, rounded(used, everywhere, self.largest), self.validation)
        if self.memories:
            self.memories.weight_rounding = None
        return bpbs

    @torch.no_grad()
    def kept(self, results: list[Result]) -> list[Arrays]:
        """What checkpoint.py makes a checkpoint of, one a network.

        Its largest keys and values are those of 16 contexts of the text that was trained on. Adds
        to each result the bits per byte of what is kept, "bpb_kept", whose memory has rounded rows,
        and with all weights rounded, "bpb_coded".
        """
        used, memories = self._used(), self.memories
        rows = [m.kept() if m else {} for m in memories.each] if memories else [{}] * len(self.all)
        for name, bpbs in (("bpb_kept", evaluate(self.networks, used, self.validation)),
                           ("bpb_coded", self._evaluate_rounded(used))):
            for result, bpb in zip(results, bpbs):
                result[name] = round(bpb, 5)
        self.networks.maxima = []
        evaluate(self.networks, used, self.train_data[:16 * self.c["context"]])
        keys, values = (torch.stack(of_layers, dim=1).cpu().numpy()
                        for of_layers in zip(*self.networks.maxima))
        self.networks.maxima = None
        digest = hashlib.sha256(self.train_data.cpu().numpy().tobytes()).hexdigest()
        return [checkpoint.kept(c, {name: w[e].cpu().numpy() for name, w in used.items()},
                                (keys[e], values[e]), results[e]["curve"], digest, rows[e])
                for e, c in enumerate(self.all)]

    def _remembered(self) -> list[Result]:
        """What each memory holds, and for each coding of its rows its bytes and cost.

        The cost is in held-out bits per byte, on every fourth chunk.
        """
        assert self.memories
        chunks, used = chunks_of(self.validation, self.networks.T), self._used()
        whole = len(chunks) // (4 * EVALUATED) * EVALUATED or None  # whole parts for evaluate
        quarter = chunks[::4][:whole].flatten()
        plain = evaluate(self.networks, used, quarter)
        out: list[Result] = [
            {} if m is None else {"memory_parameters": m.parameters(), "memory_used": m.used(),
                                  "memory_codings": {}} for m in self.memories.each]
        for coding in CODINGS:
            self.memories.set_coding(coding)
            after = evaluate(self.networks, used, quarter)
            for e, m in enumerate(self.memories.each):
                if m:
                    out[e]["memory_codings"][coding] = {"cost": round(after[e] - plain[e], 5),
                                                        **m.bytes(coding)}
        self.memories.set_coding(None)
        return out
