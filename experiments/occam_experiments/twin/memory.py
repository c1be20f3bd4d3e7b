"""A memory of n-grams beside the twin's networks: rows that integer rules choose (rules.py).

Memories of networks that train as one batch may differ in every field. Gradients are dense here,
yet each optimizer but "adam" changes only the rows that a step touched.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from .coding import FINE_STEP, CodedBytes, coded, step_near
from .configuration import Configuration
from .layers import adam, largest_code, linear, norm, orthogonal, with_row_scales
from .rules import OCCAM_KINDS, Hashes, parsed

Arrays = dict[str, npt.NDArray[Any]]
Found = dict[str, tuple[Tensor, Tensor]]  # what Hashes gives


class Memory:
    """The memory of one network.

    Tensors that learn: rows [rows of all tables, m], projections [places, D, rules * m] or gains
    [places, D], gates [places, rules, D].
    """

    def __init__(self, c: Configuration, device: str) -> None:
        self.c = c
        self.rules = [parsed(rule, c["memory_bits"]) for rule in c["memory"].split()]
        sizes = [(1 << rule.bits) + 1 for rule in self.rules]
        if c["memory_shared"]:
            self.offsets, count = [0] * len(sizes), sizes[0]
        else:
            self.offsets, count = [sum(sizes[:k]) for k in range(len(sizes))], sum(sizes)
        self.tables = sorted({(o, s) for o, s in zip(self.offsets, sizes)})
        initial = self._initial(count, 1 + len(c["memory_layers"]))
        self.w = {name: w.to(device).requires_grad_() for name, w in initial.items()}
        row_state = {"adam": 2, "lazy": 2, "adagrad": 1, "row_adagrad": 1,
                     "row_rms": 1}[c["memory_optimizer"]]
        of_rows = c["memory_optimizer"].startswith("row")
        state_width = 1 if of_rows else self.w["rows"].shape[1]
        self.state = {name: [torch.zeros_like(w) for _ in range(2)]
                      for name, w in self.w.items() if name != "rows"}
        self.state["rows"] = [torch.zeros(count, state_width, device=device)
                              for _ in range(row_state)]
        self.count = torch.zeros(count, 1, device=device)  # steps that touched a row
        self.coding: str | None = None  # of the rows, when held out text is coded

    def _initial(self, count: int, places: int) -> dict[str, Tensor]:
        """The tensors that learn, for `count` rows."""
        c, rules = self.c, len(self.rules)
        width = c["memory_width"] or c["width"]
        generator = torch.Generator().manual_seed(c["seed"] + 77)
        w = {"rows": torch.zeros(count, width)}
        if c["memory_init"]:
            uniform = torch.rand(count, width, generator=generator) * 2 - 1
            w["rows"] = uniform * math.sqrt(3) * c["memory_init"]
        if c["memory_width"]:
            w["projections"] = torch.zeros(places, c["width"], width * rules)
            w["projections"][0] = torch.randn(c["width"], width * rules,
                                              generator=generator) / math.sqrt(width)
        elif places > 1:
            w["gains"] = torch.zeros(places - 1, c["width"])
        if c["memory_gate"]:
            w["gates"] = torch.zeros(places, rules, c["width"])
        return w

    def place(self, layer: int | None) -> int | None:
        """Which of the places is before that block, None if none; layer None is the input."""
        if layer is None:
            return 0
        layers: list[int] = self.c["memory_layers"]
        return 1 + layers.index(layer) if layer in layers else None

    def parameters(self) -> int:
        return sum(w.numel() for w in self.w.values())

    def deviation(self) -> Tensor:
        with torch.no_grad():
            used = (self.count > 0).float()
            square = (self.w["rows"].square().sum(dim=1, keepdim=True) * used).sum()
            numbers = (used.sum() * self.w["rows"].shape[1]).clamp_min(1)
            return (square / numbers).sqrt().clamp_min(1e-30)

    def rows_of(self, found: Found, network: int, rounding: Tensor | None) -> Tensor:
        """The rows of each position, [B, T, rules, m]."""
        chosen = []
        for rule, offset in zip(self.rules, self.offsets):
            h, enough = found[rule.name]
            own = torch.where(enough[network], h[network] >> 32 - rule.bits, 1 << rule.bits)
            chosen.append(own + offset)
        index = torch.stack(chosen, dim=-1)
        rows = self.w["rows"].index_select(0, index.flatten()).view(*index.shape, -1)
        if self.coding:
            count = self.count.index_select(0, index.flatten()).view(*index.shape, 1)
            return coded(rows, self.coding, self.deviation(), count)[0]
        if self.c["memory_round"] and rounding is not None:
            with torch.no_grad():
                error = (coded(rows, self.c["memory_round"], self.deviation())[0] - rows) * rounding
            rows = rows + error
        return rows

    def _weights(self, name: str, place: int, rounding: Tensor | None) -> Tensor:
        """A projection or the gates of a place, rounded as other weights are where asked for."""
        w = self.w[name][place]
        if rounding is None:
            return w
        with torch.no_grad():
            rounded = with_row_scales(w, largest_code(self.c["weight_bits"]))
            error = (rounded - w) * rounding
        return w + error

    def add(self, x: Tensor, rows: Tensor, place: int, rounding: Tensor | None = None) -> Tensor:
        """x [B, T, D] and what the rows add to it at a place, 0 = the input.

        `rounding`, of one element: whether projections and gates are rounded.
        """
        if self.c["memory_gate"] == 1 or (self.c["memory_gate"] == 2 and place > 0):
            gates = self._weights("gates", place, rounding)
            gate = (1 + linear(norm(x)[None], gates[None])[0]).clamp(0, 2)
            rows = rows * gate[..., None]
        if place == 0 and not self.c["memory_embedding"]:
            x = torch.zeros_like(x)
        if self.c["memory_width"]:
            projection = self._weights("projections", place, rounding)
            return x + linear(rows.flatten(2)[None], projection[None])[0]
        rows = rows.sum(dim=2)
        return x + (rows if place == 0 else rows * self.w["gains"][place - 1])

    def learn(self, gradients: dict[str, Tensor], factor: Tensor, step: Tensor) -> None:
        """A step; factor and step are of one element."""
        c = self.c
        for name, g in gradients.items():
            w, state = self.w[name], self.state[name]
            if name == "rows":
                self._learn_rows(w, g, factor * c["memory_lr"], step)
            elif name == "projections" and c["memory_muon"]:
                self._learn_by_muon(w, g, state[0], factor * c["muon_lr"])
            else:
                adam(w, g, state, factor * c["adamw_lr"], c["adamw_beta1"], c["adamw_beta2"], step)

    def _learn_by_muon(self, w: Tensor, g: Tensor, m: Tensor, rate: Tensor) -> None:
        c = self.c
        m.copy_(m + (1 - c["muon_momentum"]) * (g - m))
        update = g + c["muon_momentum"] * (m - g)
        rows, columns = w.shape[1:]
        if rows > columns:
            update = orthogonal(update.transpose(1, 2)).transpose(1, 2)
        else:
            update = orthogonal(update)
        w.mul_(1 - rate * c["weight_decay"])
        w.sub_(rate * max(1.0, rows / columns) ** 0.5 * update)

    def _learn_rows(self, w: Tensor, g: Tensor, rate: Tensor, step: Tensor) -> None:
        beta1, beta2 = self.c["adamw_beta1"], self.c["memory_beta2"]
        touched = (g.abs().amax(dim=1, keepdim=True) > 0).float()
        self.count.add_(touched)
        state, kind = self.state["rows"], self.c["memory_optimizer"]
        if self.c["memory_decay"]:
            w.mul_(1 - rate * self.c["memory_decay"] * (1 if kind == "adam" else touched))
        if kind == "adam":
            adam(w, g, state, rate, beta1, beta2, step)
        elif kind == "lazy":
            m, v = state
            m.add_((1 - beta1) * touched * (g - m))
            v.add_((1 - beta2) * touched * (g.square() - v))
            n = self.count.clamp_min(1)
            deviation = (v / (1 - beta2 ** n)).sqrt() + 1e-10
            w.sub_(rate * touched * (m / (1 - beta1 ** n)) / deviation)
        else:
            square = g.square() if kind == "adagrad" else g.square().mean(dim=1, keepdim=True)
            if kind == "row_rms":
                state[0].add_((1 - beta2) * touched * (square - state[0]))
                square = state[0] / (1 - beta2 ** self.count.clamp_min(1))
            else:
                square = state[0].add_(square)
            w.sub_(rate * g / (square.sqrt() + 1e-10))

    def tensors(self) -> list[Tensor]:
        return [*self.w.values(), *(x for state in self.state.values() for x in state), self.count]

    @torch.no_grad()
    def kept(self) -> Arrays:
        """The memory as Occam has it (model/memory_rows.h, model/parameters.h).

        Rows are integers and their step, which is the one trained in or a fine one. From then on
        this memory has rows so rounded. checkpoint.check must have passed.
        """
        value = (self.c["memory_round"] or f"step {FINE_STEP}").split()[1]
        step = step_near(float(self.deviation()) * float(value))
        codes = (self.w["rows"] / step).round().clamp(-63, 63)
        self.w["rows"].copy_(codes * step)
        rules = [[OCCAM_KINDS[rule.kind], rule.last, rule.bits] for rule in self.rules]
        kept = {"memory_codes": codes.to(torch.int8), "memory_step": torch.tensor(step),
                "memory_rules": torch.tensor(rules, dtype=torch.int32),
                "weights/memory_projection": self.w["projections"][0]}
        if self.c["memory_layers"]:
            kept["weights/memory_gates"] = self.w["gates"][1]
            kept["weights/memory_gated"] = self.w["projections"][1]
        return {name: w.detach().cpu().numpy() for name, w in kept.items()}

    @torch.no_grad()
    def bytes(self, coding: str) -> dict[str, int]:
        """Estimated bytes of the rows so coded (coding.py)."""
        total, step = CodedBytes(coding), self.deviation()
        for offset, size in self.tables:
            total.add(self.w["rows"][offset:offset + size], step, self.count[offset:offset + size])
        return total.bytes()

    def used(self) -> list[float]:
        """Share of each table's rows that training touched."""
        return [round(float((self.count[o:o + s] > 0).float().mean()), 3) for o, s in self.tables]


class Memories:
    """The memories of the networks of a batch, None for those without."""

    def __init__(self, configurations: Sequence[Configuration], device: str) -> None:
        self.each = [Memory(c, device) if c["memory"] else None for c in configurations]
        self.some = [m for m in self.each if m]
        self.rules = list({rule.name: rule for m in self.some for rule in m.rules}.values())
        self.hashes = Hashes(configurations[0]["context"], device)
        self.rounding: Tensor | None = None  # [E]: whether memory_round is on, of this step
        self.weight_rounding: Tensor | None = None  # [E]: whether projections and gates are rounded

    def look_up(self, inputs: Tensor) -> list[Tensor | None]:
        """The rows of each network's memory."""
        found = self.hashes(inputs, self.rules)
        rounding = [None] * len(self.each) if self.rounding is None else self.rounding
        return [m and m.rows_of(found, e, rounding[e]) for e, m in enumerate(self.each)]

    def add(self, x: Tensor, rows: list[Tensor | None], layer: int | None = None) -> Tensor:
        """x [E, B, T, D] with what memories add before a block, or at the input."""
        places = [m.place(layer) if m else None for m in self.each]
        if all(place is None for place in places):
            return x
        which = [None] * len(places) if self.weight_rounding is None else self.weight_rounding
        return torch.stack([
            x[e] if place is None or m is None else m.add(x[e], rows[e], place, which[e])
            for e, (m, place) in enumerate(zip(self.each, places))])

    def tensors(self) -> list[Tensor]:
        """The tensors that learn, of all memories."""
        return [w for m in self.some for w in m.w.values()]

    def learn(self, gradients: Sequence[Tensor], factors: Tensor, step: Tensor) -> None:
        """A step, by the gradients of tensors()."""
        left = iter(gradients)
        for e, m in enumerate(self.each):
            if m:
                m.learn({name: next(left) for name in m.w}, factors[e], step)

    def state(self) -> list[Tensor]:
        return [x for m in self.some for x in m.tensors()]

    def set_coding(self, coding: str | None) -> None:
        for m in self.some:
            m.coding = coding
