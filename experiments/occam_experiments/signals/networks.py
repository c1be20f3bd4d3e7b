"""Networks that learn photographs and sound: their configurations, and how they are trained."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy
import numpy.typing as npt
import torch
from torch import Tensor

from ..twin import configuration
from ..twin.configuration import BEGIN, Configuration
from ..twin.network import Networks, Parameters, initial_parameters
from ..twin.optimizer import rounded
from ..twin.memory import Arrays
from ..twin.training import STEPS_BETWEEN_LOOKS, Result, Training
from . import kept
from .sets import Order, Signals
from .sound import Key

FIELDS: Configuration = {
    "set": "patches",  # whole photographs: "gray" or "colour"; speech of 1 or 2 bytes a sample:
    # "speech8", "speech16"
    "predictions": [[24, 7], [16, 9]],  # of sound, see sound.predicted
    "strip": 0, "band": 0, "interleaved": 0,  # the order of places, see Scan
    "residual": "",  # the prediction that symbols are told against; "": plain bytes
    "against": "med",  # with plain bytes: the prediction that rules are told against
    "rules": "",
    "shares": None,  # of each pool in training; None: SHARES
    "red_first": 0,  # 1: planes red, green, blue
    "rounded": 1,  # 0: held-out symbols by weights as they are alone
    "held_every": 2,  # one in so many held-out chunks is looked at
}
SHARES = {"imagenet grid": 0.75, "kodak grid": 0.25}
PATCH_SHARES = {"imagenet grid": 0.19, "imagenet shift": 0.56, "kodak grid": 0.06,
                "kodak shift": 0.19}
SHAPE = [*configuration.SHAPE, "set", "held_every", "rounded"]


def completed(line: Configuration) -> Configuration:
    """A configuration with its defaults."""
    c = configuration.completed({**FIELDS, **line})
    if c["shares"] is None:
        c["shares"] = {"patches": PATCH_SHARES, "speech8": {"speech plain": 1},
                       "speech16": {"speech plain": 1}}.get(c["set"], SHARES)
    return c


def order_of(c: Configuration) -> Order:
    return c["strip"], c["band"], c["interleaved"] + 2 * c["red_first"]


def keys_of(c: Configuration) -> list[Key]:
    """The columns that a configuration needs: its symbol's first."""
    basis = c["residual"] or c["against"]
    return [("symbol", c["residual"]), *((rule, basis) for rule in c["rules"].split())]


class SignalNetworks(Networks):
    """Networks whose inputs are pairs.

    They are symbols [E, B, T], and rows of p["rule_rows"] to be added, [E, B, T, rules]; the last
    row is none.
    """

    def embedded(self, p: Parameters, inputs: tuple[Tensor, Tensor]) -> Tensor:
        symbols, index = inputs
        x = super().embedded(p, symbols)
        rows = p.get("rule_rows")
        if rows is None:
            return x
        hot = torch.zeros(len(index), index[0].numel() // index.shape[-1], rows.shape[1],
                          device=x.device)
        hot.scatter_(2, index.flatten(1, 2), 1.0)
        hot[:, :, -1] = 0
        return x + (hot @ rows).unflatten(1, symbols.shape[1:])


class SignalTraining(Training):
    """A run of networks of one shape on one set."""

    def __init__(self, configurations: Sequence[Configuration], signals: Signals, device: str,
                 **options: Any) -> None:
        self.signals = signals
        keys = [keys_of(c) for c in configurations]
        sizes = [[signals.size_of(rule) for rule, _ in k[1:]] for k in keys]
        self.row_counts = [sum(s) for s in sizes]
        count, width = max(self.row_counts), max(len(s) for s in sizes)
        columns, offsets = [], []
        for k, s in zip(keys, sizes):
            none = width - len(s)
            columns.append([signals.columns[key] for key in k] + [0] * none)
            offsets.append([sum(s[:i]) for i in range(len(s))] + [count] * none)
        self.rows_at_most = count
        self.columns = torch.tensor(columns, device=device)  # [E, 1 + rules]
        self.offsets_of_rules = torch.tensor(offsets, device=device)
        self.real = self.offsets_of_rules < count
        super().__init__(configurations, numpy.zeros(16, numpy.uint8), device, **options)
        if signals.alone:
            self.fresh = torch.ones_like(self.fresh)

    def make_networks(self, flash: bool) -> SignalNetworks:
        return SignalNetworks(self.all, self.device, flash)

    def initial(self, c: Configuration) -> Parameters:
        p = initial_parameters(c)
        if self.rows_at_most:
            p["rule_rows"] = torch.zeros(self.rows_at_most + 1, c["width"])
        return p

    def starts_of(self, c: Configuration) -> npt.NDArray[numpy.int64]:
        """[steps, batch]: each sequence from a pool by the shares, in passes in random order."""
        random = numpy.random.default_rng(c["seed"])
        T, need = c["context"], self.steps * c["batch"]
        names = list(c["shares"])
        shares = numpy.array([c["shares"][name] for name in names])
        chosen = random.choice(len(names), size=need, p=shares / shares.sum())
        starts = numpy.zeros(need, dtype=numpy.int64)
        for k, name in enumerate(names):
            wanted = int((chosen == k).sum())
            found: list[npt.NDArray[numpy.int64]] = []
            while sum(map(len, found)) < wanted:
                one_pass = []
                for begin, end in self.signals.pools[order_of(c)][name]:
                    shift = 0 if self.signals.records else \
                        1 + random.integers(0, max(1, (end - begin - 1) % T))
                    one_pass.append(numpy.arange(begin + shift, end - T + 1, T))
                found.append(random.permutation(numpy.concatenate(one_pass)))
            starts[chosen == k] = numpy.concatenate(found)[:wanted] if wanted else []
        return starts.reshape(self.steps, c["batch"])

    def _looked_up(self, positions: Tensor,
                   fresh: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Inputs and targets of positions [E, B, T + 1], from the place before on."""
        lines = self.signals.data[positions]
        columns = self.columns[:, None, None].expand(*positions.shape, -1)
        lines = lines.gather(-1, columns).long()
        symbols, index = lines[..., 0], lines[..., 1:, 1:] + self.offsets_of_rules[:, None, None]
        index = torch.where(self.real[:, None, None], index, self.rows_at_most)
        first = torch.where(fresh, torch.full_like(symbols[..., :1], BEGIN), symbols[..., :1])
        return (torch.cat([first, symbols[..., 1:-1]], dim=-1), index), symbols[..., 1:]

    def sequences(self) -> tuple[Any, Tensor]:
        return self._looked_up(self.starts[self.counter][0][..., None] + self.offsets, self.fresh)

    @torch.no_grad()
    def held_out(self, p: Parameters) -> dict[str, list[float]]:
        """Bits per byte of each network, by source.

        Whole photographs go on through a chunk: a chunk's second half counts, and its first half
        at the photograph's begin.
        """
        out: dict[str, list[float]] = {}
        networks = self.networks.unfused()
        for source in self.signals.held[order_of(self.c)]:
            chunks = [self._held_chunks(c, source) for c in self.all]
            starts = torch.from_numpy(numpy.stack([x for x, _ in chunks])).to(self.device)
            skip = torch.from_numpy(chunks[0][1]).to(self.device)
            bits, total = torch.zeros(len(self.all), device=self.device), 0
            for begin, first in zip(starts.split(16, dim=1), skip.split(16)):
                positions = (begin[..., None] + self.offsets).clamp_min(0)
                inputs, targets = self._looked_up(positions, (first == 0)[:, None])
                counted = self.offsets[1:] >= first[:, None]
                losses = networks.losses(p, inputs, targets) * counted
                bits = bits + losses.double().sum(dim=(1, 2)) / math.log(2)
                total = total + counted.sum()
            out[source] = [round(x, 5) for x in (bits / total).tolist()]
        return out

    def _held_chunks(self, c: Configuration, source: str) -> list[npt.NDArray[Any]]:
        """Where held-out chunks begin, and how many of their symbols do not count."""
        starts, firsts, T = [], [], c["context"]
        for begin, end in self.signals.held[order_of(c)][source]:
            more = numpy.arange(begin, end - T + 1, T if self.signals.alone else T // 2)
            starts.append(more)
            firsts.append(numpy.where((more == begin) | self.signals.alone, 0, T // 2))
        return [numpy.concatenate(x)[::c["held_every"]] for x in (starts, firsts)]

    def _train(self, step: Callable[[], None], seconds: float) -> tuple[int, list[float]]:
        """The steps that were made, and the loss of the first half of those that were planned."""
        half: list[float]
        began, half = time.time(), []
        for done in range(self.steps):
            if seconds and done % STEPS_BETWEEN_LOOKS == 0:
                share = self.share_of(seconds, began)
                if share >= 1 and done:
                    return done, half
                self.plan_by_clock(done, share)
            step()
            if done + 1 == max(1, self.steps // 2):
                half = (self.loss_sum / (done + 1) / math.log(2)).tolist()
        return self.steps, half

    def run(self, seconds: float = 0) -> list[Result]:
        """Trains to the end, or for so long. One result a configuration."""
        began = time.time()
        step = self.step if self.device == "cpu" else self._captured()
        looped = time.time()
        made, half = self._train(step, seconds)
        loss = (self.loss_sum / made / math.log(2)).tolist()
        seen = made * self.c["batch"] * self.c["context"]
        speed = seen / (time.time() - looped)
        p = {name: w.detach() for name, w in self.p.items()}
        plain = self.held_out(p)
        coded = plain
        if self.c["rounded"]:
            ones = torch.ones(len(self.all), device=self.device)
            coded = self.held_out(rounded(p, ones, self.largest))
        count = sum(w[0].numel() for name, w in self.p.items() if name != "rule_rows")
        second = [2 * a - b for a, b in zip(loss, half or loss)]
        return [{"parameters": count + self.row_counts[e] * c["width"], "seen": seen,
                 "bpb": {s: x[e] for s, x in plain.items()},
                 "bpb_rounded": {s: x[e] for s, x in coded.items()},
                 "second_half_bpb": round(second[e], 4),
                 "tokens_per_s": round(speed * len(self.all)),
                 "seconds": round((time.time() - began) / len(self.all), 1)}
                for e, c in enumerate(self.all)]

    @torch.no_grad()
    def kept(self, results: list[Result]) -> list[Arrays]:
        """What checkpoint.py makes a checkpoint of, one a network, after run().

        Its largest keys and values are those of 16 contexts that it was trained on.
        """
        p = {name: w.detach() for name, w in self.p.items()}
        networks = self.networks.unfused()
        networks.maxima = []
        starts = self.starts[:2].transpose(0, 1).flatten(1)[:, :16]
        fresh = torch.ones_like(starts, dtype=torch.bool)[..., None]
        networks.losses(p, *self._looked_up((starts[..., None] + self.offsets).clamp_min(0), fresh))
        keys, values = (torch.stack(of_layers, dim=1).cpu().numpy()
                        for of_layers in zip(*networks.maxima))
        return [kept.kept(c, {name: w[e].cpu().numpy() for name, w in p.items()},
                          (keys[e], values[e]), results[e], self.signals.trained_on)
                for e, c in enumerate(self.all)]
