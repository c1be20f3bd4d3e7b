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
from .configuration import Configuration, cache_bytes_per_width
from .layers import largest_code
from .memory import Arrays
from .network import Networks, Parameters, initial_parameters
from .optimizer import Optimizer, learning_rate_factor, rounded

Bytes = npt.NDArray[np.uint8]
Result = dict[str, Any]
EVALUATED = 16  # chunks at a time
STEPS_BETWEEN_LOOKS = 50  # at the clock


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
    """[chunks, length, ...] of lines [places, ...], as Networks.parted has them."""
    return data[:len(data) // length * length].view(-1, length, *data.shape[1:])


@torch.no_grad()
def evaluate(networks: Networks, p: Parameters, validation: Tensor,
             every: int = 1) -> list[float]:
    """Held-out bits per byte of each network, in fresh chunks, one in `every` of them."""
    networks, chunks = networks.unfused(), chunks_of(validation, networks.T)[::every]
    nats = torch.zeros(len(networks.all), dtype=torch.float64, device=validation.device)
    anew = torch.ones(1, dtype=torch.bool, device=validation.device)
    for part in chunks.split(EVALUATED):
        lines = torch.cat([part[:, :1], part], dim=1).long()
        inputs, targets = networks.parted(lines.expand(len(networks.all), *lines.shape), anew)
        nats += networks.nats(p, inputs, targets).double() * len(part)
    bits: list[float] = (nats / math.log(2) / len(chunks)).tolist()
    return bits


class Training:
    """A run of networks of one shape and length, on a GPU as one CUDA graph a step."""

    def __init__(self, configurations: Sequence[Configuration], data: Bytes, device: str,
                 fuse: bool = False, flash: bool = False, points: int = 4) -> None:
        self.all, self.c, self.device = configurations, configurations[0], device
        self.load(data)
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
        self.plan()

    def plan(self) -> None:
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

    # What twin_signals.py, or a mixture, has otherwise.

    def load(self, data: Bytes) -> None:
        self.train_data = torch.from_numpy(data[:self.c["train_bytes"]]).to(self.device)
        held_out = data[len(data) - self.c["validation_bytes"]:]
        self.validation = torch.from_numpy(held_out).to(self.device)

    def make_networks(self, flash: bool) -> Networks:
        return Networks(self.all, self.device, flash)

    def initial(self, c: Configuration) -> Parameters:
        return initial_parameters(c)

    def starts_of(self, c: Configuration) -> npt.NDArray[np.int64]:
        return window_starts(c, self.steps, len(self.train_data))

    def parameters(self) -> int:
        """Of each network, without its memory."""
        return sum(w[0].numel() for w in self.p.values())

    def begins_anew(self) -> Tensor:
        """Whether a sequence of this step begins with the begin symbol, [B, 1] or [E, B, 1]."""
        return self.fresh

    def held_out(self, p: Parameters, every: int = 1) -> list[float]:
        """Held-out bits per byte of each network, of one chunk in `every`."""
        return evaluate(self.networks, p, self.validation, every)

    def last_parts(self, name: str, e: int) -> Result:
        """What held_out found of parts of the data, for a network's result `name`."""
        return {}

    def calibrated_on(self) -> list[Tensor]:
        """The bytes whose largest keys and values a checkpoint has."""
        return [self.train_data[:16 * self.c["context"]]]

    def data_digest(self) -> str:
        return hashlib.sha256(self.train_data.cpu().numpy().tobytes()).hexdigest()

    def sequences(self) -> tuple[Any, Tensor]:
        """Inputs and targets of this step, [E, B, T]."""
        at = self.starts[self.counter][0][..., None] + self.offsets
        return self.networks.parted(self.train_data[at].long(), self.begins_anew())

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

    def plan_by_clock(self, done: int, share: float) -> None:
        """Plans the next steps, where `share` of the time has gone by."""
        steps = round(min(max(done / share, done + 1), self.steps)) if done else self.steps
        ahead = range(done, min(done + STEPS_BETWEEN_LOOKS, self.steps))
        begin, end = done, done + len(ahead)

        def last(name: str) -> Tensor:
            return torch.tensor([[float(s >= (1 - c[name]) * steps) for c in self.all]
                                 for s in ahead])

        factors = [[learning_rate_factor(c, s, steps) for c in self.all] for s in ahead]
        self.factors[begin:end] = torch.tensor(factors).clamp_min(0)
        self.rounding[begin:end] = last("rounded_share")
        if self.memories:
            self.memory_rounding[begin:end] = last("memory_round_share")

    def wait(self) -> None:
        """Returns when all steps are done that were asked for."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def share_of(self, seconds: float, began: float) -> float:
        """The share of the time that has gone by."""
        self.wait()
        return (time.time() - began) / seconds

    def run(self, seconds: float = 0) -> list[Result]:
        """Trains to the end, or for so long. One result a configuration."""
        began = time.time()
        step = self.step if self.device == "cpu" else self._captured()
        shown = {round(self.steps * k / self.points) for k in range(1, self.points + 1)}
        curves: list[list[Result]] = []
        speed, looped = 0.0, time.time()
        changes = {round(self.steps * c["first_share"]) + 1 for c in self.all if c["first_windows"]}
        done, due = 0, False
        while done < self.steps:
            if seconds and done % STEPS_BETWEEN_LOOKS == 0:
                share = self.share_of(seconds, looped)
                if share >= 1 and done:
                    break
                due = share * self.points >= len(curves) + 1
                self.plan_by_clock(done, share)
            done += 1
            if done in changes:
                self._change_windows(done)
                step = self.step if self.device == "cpu" else self._captured()
            step()
            if due or (done in shown and not seconds):
                self.wait()
                speed = speed or self._tokens(done) / (time.time() - looped)
                curves.append(self._measured(self._tokens(done)))
                due = False
        self.wait()
        tokens = self._tokens(done)
        losses = (self.loss_sum / done / math.log(2)).tolist()
        if not curves or curves[-1][0]["tokens"] < tokens:
            speed = speed or tokens / (time.time() - looped)
            curves.append(self._measured(tokens))
        count = self.parameters()
        memory = self._remembered() if self.memories else [{}] * len(self.all)
        return [{"parameters": count, **memory[e], "cache": round(cache_bytes_per_width(c)),
                 **curves[-1][e], "online_bpb": round(losses[e], 4),
                 "curve": [point[e] for point in curves],
                 "tokens_per_s": round(speed * len(self.all)),
                 "seconds": round((time.time() - began) / len(self.all), 1)}
                for e, c in enumerate(self.all)]

    def _tokens(self, steps: int) -> int:
        """Bytes that each network sees in so many steps."""
        tokens: int = steps * self.c["batch"] * self.c["context"]
        return tokens

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
        plain = self.held_out(used)
        parts = [self.last_parts("bpb", e) for e in range(len(self.all))]
        if self.memories:
            self.memories.set_coding("row 63")
        coded = self._evaluate_rounded(used)
        if self.memories:
            self.memories.set_coding(None)
        return [{"tokens": tokens, "bpb": round(a, 5), **part, "bpb_rounded": round(b, 5)}
                for a, part, b in zip(plain, parts, coded)]

    def _evaluate_rounded(self, used: Parameters) -> list[float]:
        """Held-out rates by rounded weights, projections and gates of memories among them."""
        everywhere = torch.ones(len(self.all), device=self.device)
        if self.memories:
            self.memories.weight_rounding = everywhere
        bpbs = self.held_out(rounded(used, everywhere, self.largest))
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
        for name in ("bpb_kept", "bpb_coded"):
            rounds = name == "bpb_coded"
            bpbs = self._evaluate_rounded(used) if rounds else self.held_out(used)
            for e, (result, bpb) in enumerate(zip(results, bpbs)):
                result.update({name: round(bpb, 5), **self.last_parts(name, e)})
        keys, values = self._maxima(used)
        digest = self.data_digest()
        return [checkpoint.kept({**c, "tokens": results[e]["curve"][-1]["tokens"]},
                                {name: w[e].cpu().numpy() for name, w in used.items()},
                                (keys[e], values[e]), results[e]["curve"], digest, rows[e])
                for e, c in enumerate(self.all)]

    def _maxima(self, used: Parameters) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Largest keys and values of each network, [E, layers, kv_heads]."""
        keys: list[Tensor] = []
        values: list[Tensor] = []
        for data in self.calibrated_on():
            self.networks.maxima = []
            evaluate(self.networks, used, data)
            for found, of_layers in zip((keys, values), zip(*self.networks.maxima)):
                found.append(torch.stack(of_layers, dim=1))
        self.networks.maxima = None
        return (torch.stack(keys).amax(dim=0).cpu().numpy(),
                torch.stack(values).amax(dim=0).cpu().numpy())

    def _remembered(self) -> list[Result]:
        """What each memory holds, and for each coding of its rows its bytes and cost.

        The cost is in held-out bits per byte, on every fourth chunk.
        """
        assert self.memories
        used = self._used()
        plain = self.held_out(used, 4)
        out: list[Result] = [
            {} if m is None else {"memory_parameters": m.parameters(), "memory_used": m.used(),
                                  "memory_codings": {}} for m in self.memories.each]
        for coding in CODINGS:
            self.memories.set_coding(coding)
            after = self.held_out(used, 4)
            for e, m in enumerate(self.memories.each):
                if m:
                    out[e]["memory_codings"][coding] = {"cost": round(after[e] - plain[e], 5),
                                                        **m.bytes(coding)}
        self.memories.set_coding(None)
        return out
