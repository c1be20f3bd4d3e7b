"""A memory of n-grams beside the twin's networks: rows that integer rules choose by the last bytes.

A configuration's "memory" names rules ("h3 h5/16 v1"). Each has a table of rows; a number after /
replaces memory_bits.

    hN    the last N bytes
    sAN   N bytes before the last A
    wK    letters since the last other byte (K = 1), or from the word before on (K = 2)
    vK    all bytes since the K-th last word began

Rules are exact in unsigned 32-bit arithmetic; results/memory/README.md defines them. Memories of
networks that train as one batch may differ in every field. Gradients are dense here, yet each
optimizer but "adam" changes only the rows that a step touched.
"""

import math
import re

import torch
import torch.nn.functional as F

from twin_layers import linear, norm, orthogonal

FIELDS = {
    "memory": "", "memory_bits": 15,
    "memory_width": 0,  # numbers a row, projected to the width; 0: the width, without a projection
    "memory_shared": 0,  # 1: all rules choose rows of one table
    "memory_layers": [],  # blocks before which the rows are added again, by another projection
    # 1: a rule's row times clamp(1 + its weights * norm(x), 0, 2); 2: not at the input
    "memory_gate": 0,
    "memory_embedding": 1,  # 0: without the byte's own embedding; a rule h1 stands for it
    "memory_optimizer": "adam", "memory_lr": 8e-3, "memory_beta2": 0.99, "memory_decay": 0.0,
    "memory_init": 0.0,
    "memory_muon": 0,  # 1: projections learn by Muon
    "memory_round": "",  # a coding (see coded) that is trained in
    "memory_round_share": 0.4,  # over this last share of a run
}
BEGIN = 256
MULTIPLIER = 0x9E3779B1
MASK = 0xFFFFFFFF
KNOWN_COUNTS = {"h": range(1, 10), "s": range(1, 10), "w": (1, 2), "v": (1, 2, 3)}
OCCAM_KINDS = {"h": 1, "v": 2}  # the rules that Occam has, by their numbers in files
FINE_STEP = 0.25  # of rows whose rounding was not trained in, in their deviations
CODINGS = ("row 63", "row 15", "row 7", "row 3", "row 1", "step 0.25", "step 0.5",
           "step 1", "step 1.5", "step 2", "step 3", "step 4", "dead 1", "least 2")


def parsed(rule, bits):
    """-> (name, kind, skipped, count, bits, salt)."""
    match = re.fullmatch(r"([hswv])(\d)?(\d)(?:/(\d+))?", rule)
    if (not match or bool(match[2]) != (match[1] == "s")
            or int(match[3]) not in KNOWN_COUNTS[match[1]]):
        raise ValueError(f"no such rule: {rule}")
    kind, skipped, count = match[1], int(match[2] or 0), int(match[3])
    salt = {"h": 0, "s": 16 * skipped, "w": 256, "v": 512}[kind] + count
    return rule.split("/")[0], kind, skipped, count, int(match[4] or bits), salt


def mixed(h, salt):
    """Finishes the hash of any rule: lowbias32 of C. Wellons, of h plus a multiple of its salt."""
    h = (h + salt * 0x632BE5AB) & MASK
    h = ((h ^ (h >> 16)) * 0x7FEB352D) & MASK
    h = ((h ^ (h >> 15)) * 0x846CA68B) & MASK
    return h ^ (h >> 16)


class Hashes:
    """Mixed hashes of every position; inputs [E, B, T] hold each position's last known byte, or
    BEGIN."""

    def __init__(self, length, device):
        inverse, powers, inverses = pow(MULTIPLIER, -1, 1 << 32), [1], [1]
        for _ in range(length):
            powers.append(powers[-1] * MULTIPLIER & MASK)
            inverses.append(inverses[-1] * inverse & MASK)
        self.powers, self.inverses = (torch.tensor(x[:length], dtype=torch.long, device=device)
                                      for x in (powers, inverses))
        self.position = torch.arange(length, device=device)

    def _before(self, x, k):
        return F.pad(x, (k, 0))[..., :x.shape[-1]] if k else x

    def _spans(self, values, starts):
        """Horner's sum of the values from start to each position, by prefix sums."""
        sums = F.pad((values * self.inverses & MASK).cumsum(dim=-1), (1, 0))
        return (sums[..., 1:] - sums.gather(-1, starts) & MASK) * self.powers & MASK

    def __call__(self, inputs, rules):
        """-> {name: (mixed hash, whether enough bytes are known)} for the parsed rules."""
        t = self.position.expand_as(inputs)
        first = (inputs[..., :1] == BEGIN).long()
        known = t + 1 - first
        values = torch.where(inputs == BEGIN, 0, inputs + 1)
        sums, found = {}, {}
        for skipped in {r[2] for r in rules if r[1] in "hs"}:
            h = torch.zeros_like(inputs)
            power = 1
            for n in range(1, 1 + max(r[3] for r in rules if r[1] in "hs" and r[2] == skipped)):
                h = h + self._before(values, skipped + n - 1) * power & MASK
                power = power * MULTIPLIER & MASK
                sums[skipped, n] = h
        if any(r[1] in "wv" for r in rules):
            sums.update(self._words(inputs, values, t, first))
        for name, kind, skipped, count, _, salt in rules:
            key, need = ((skipped, count), skipped + count) if kind in "hs" else ((kind, count), 1)
            found[name] = mixed(sums[key], salt), known >= need
        return found

    def _words(self, inputs, values, t, first):
        lower = inputs | 32
        ascii_letter = (lower >= 97) & (lower <= 122) & (inputs < 128)
        letter = ascii_letter | ((inputs >= 128) & (inputs < 256))
        values = torch.where(ascii_letter, lower + 1, values)
        # The last position whose byte is no letter, and the last such position before that.
        other = torch.where(letter, first - 1, t).cummax(dim=-1).values
        before = F.pad(other, (1, 0), value=-1).gather(-1, other.clamp_min(0))
        before = torch.maximum(before, first - 1)
        before = torch.where(other >= first, before, first - 1)
        sums = {("w", 1): self._spans(values, other + 1), ("w", 2): self._spans(values, before + 1)}
        begins = letter & ~F.pad(letter, (1, 0))[..., :-1]
        start = last = torch.maximum(torch.where(begins, t, first).cummax(dim=-1).values, first)
        for k in range(1, 4):
            sums["v", k] = self._spans(values, start)
            previous = last.gather(-1, (start - 1).clamp_min(0))
            start = torch.where(start > first, previous, first.expand_as(start))
        return sums


def coded(rows, coding, step, count=None):
    """Rows [..., m] as a file would hold them, and their codes.

    "row L": codes to +-L with a scale a row. "step S": steps of S times the rows' deviation.
    "dead S": likewise, rounded towards zero. "least N": steps of a half, without rows that were
    seen fewer than N times.
    """
    kind, value = coding.split()
    if kind == "row":
        scale = rows.abs().amax(dim=-1, keepdim=True).clamp_min(1e-30) / float(value)
        codes = (rows / scale).round()
    else:
        scale = step * (0.5 if kind == "least" else float(value))
        codes = rows / scale
        codes = codes.sign() * (codes.abs() + (0.3 if kind == "dead" else 0.5)).floor()
        codes = codes.clamp(-63, 63)
        if kind == "least":
            codes = codes * (count >= int(value))
    return codes * scale, codes


def step_near(x):
    """The nearest number of 16 significant bits, as which a model holds the step of its rows."""
    mantissa, exponent = math.frexp(x)
    return math.ldexp(round(mantissa * 65536), exponent - 16)


def entropy_bits(counts):
    """counts [..., n] of a histogram: bits of all it counted, coded by its own frequencies."""
    counts = counts.double()
    total = counts.sum(dim=-1, keepdim=True)
    return float(-(counts * (counts.clamp_min(1) / total.clamp_min(1)).log2()).sum())


class Memory:
    """The memory of one network.

    Tensors that learn: rows [rows of all tables, m], projections [places, D, rules * m] or gains
    [places, D], gates [places, rules, D].
    """

    def __init__(self, c, device):
        self.c = c
        self.rules = [parsed(rule, c["memory_bits"]) for rule in c["memory"].split()]
        sizes = [(1 << rule[4]) + 1 for rule in self.rules]
        if c["memory_shared"]:
            self.offsets, count = [0] * len(sizes), sizes[0]
        else:
            self.offsets, count = [sum(sizes[:k]) for k in range(len(sizes))], sum(sizes)
        self.tables = sorted({(o, s) for o, s in zip(self.offsets, sizes)})
        width, places = c["memory_width"] or c["width"], 1 + len(c["memory_layers"])
        generator = torch.Generator().manual_seed(c["seed"] + 77)
        self.w = {"rows": torch.zeros(count, width)}
        if c["memory_init"]:
            uniform = torch.rand(count, width, generator=generator) * 2 - 1
            self.w["rows"] = uniform * math.sqrt(3) * c["memory_init"]
        if c["memory_width"]:
            self.w["projections"] = torch.zeros(places, c["width"], width * len(sizes))
            self.w["projections"][0] = torch.randn(c["width"], width * len(sizes),
                                                   generator=generator) / math.sqrt(width)
        elif places > 1:
            self.w["gains"] = torch.zeros(places - 1, c["width"])
        if c["memory_gate"]:
            self.w["gates"] = torch.zeros(places, len(sizes), c["width"])
        self.w = {name: w.to(device).requires_grad_() for name, w in self.w.items()}
        row_state = {"adam": 2, "lazy": 2, "adagrad": 1, "row_adagrad": 1,
                     "row_rms": 1}[c["memory_optimizer"]]
        state_width = 1 if c["memory_optimizer"].startswith("row") else width
        self.state = {name: [torch.zeros_like(w) for _ in range(2)]
                      for name, w in self.w.items() if name != "rows"}
        self.state["rows"] = [torch.zeros(count, state_width, device=device)
                              for _ in range(row_state)]
        self.count = torch.zeros(count, 1, device=device)  # steps that touched a row
        self.coding = None  # of the rows, when held out text is coded

    def place(self, layer):
        """Which of the places is before that block, None if none; None is the input."""
        if layer is None:
            return 0
        layers = self.c["memory_layers"]
        return 1 + layers.index(layer) if layer in layers else None

    def parameters(self):
        return sum(w.numel() for w in self.w.values())

    def deviation(self):
        with torch.no_grad():
            used = (self.count > 0).float()
            square = (self.w["rows"].square().sum(dim=1, keepdim=True) * used).sum()
            numbers = (used.sum() * self.w["rows"].shape[1]).clamp_min(1)
            return (square / numbers).sqrt().clamp_min(1e-30)

    def rows_of(self, found, network, rounding):
        """-> [B, T, rules, m]."""
        index = []
        for (name, *_, bits, _), offset in zip(self.rules, self.offsets):
            h, enough = found[name]
            index.append(torch.where(enough[network], h[network] >> 32 - bits, 1 << bits) + offset)
        index = torch.stack(index, dim=-1)
        rows = self.w["rows"].index_select(0, index.flatten()).view(*index.shape, -1)
        if self.coding:
            count = self.count.index_select(0, index.flatten()).view(*index.shape, 1)
            return coded(rows, self.coding, self.deviation(), count)[0]
        if self.c["memory_round"] and rounding is not None:
            with torch.no_grad():
                error = (coded(rows, self.c["memory_round"], self.deviation())[0] - rows) * rounding
            rows = rows + error
        return rows

    def add(self, x, rows, place):
        """x [B, T, D] and what the rows add to it at a place, 0 = the input."""
        if self.c["memory_gate"] == 1 or (self.c["memory_gate"] == 2 and place > 0):
            gate = (1 + linear(norm(x)[None], self.w["gates"][place][None])[0]).clamp(0, 2)
            rows = rows * gate[..., None]
        if place == 0 and not self.c["memory_embedding"]:
            x = torch.zeros_like(x)
        if self.c["memory_width"]:
            return x + linear(rows.flatten(2)[None], self.w["projections"][place][None])[0]
        rows = rows.sum(dim=2)
        return x + (rows if place == 0 else rows * self.w["gains"][place - 1])

    def learn(self, gradients, factor, step):
        """factor, step: of one element."""
        c = self.c
        beta1, beta2 = c["adamw_beta1"], c["adamw_beta2"]
        for name, g in gradients.items():
            w, state = self.w[name], self.state[name]
            if name == "rows":
                self._learn_rows(w, g, factor * c["memory_lr"], step)
            elif name == "projections" and c["memory_muon"]:
                m = state[0]
                m.copy_(m + (1 - c["muon_momentum"]) * (g - m))
                update = g + c["muon_momentum"] * (m - g)
                rows, columns = w.shape[1:]
                if rows > columns:
                    update = orthogonal(update.transpose(1, 2)).transpose(1, 2)
                else:
                    update = orthogonal(update)
                rate = factor * c["muon_lr"]
                w.mul_(1 - rate * c["weight_decay"])
                w.sub_(rate * max(1.0, rows / columns) ** 0.5 * update)
            else:
                adam(w, g, state, factor * c["adamw_lr"], beta1, beta2, step)

    def _learn_rows(self, w, g, rate, step):
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

    def tensors(self):
        return [*self.w.values(), *(x for state in self.state.values() for x in state), self.count]

    @torch.no_grad()
    def kept(self):
        """The memory as Occam has it (model/memory_rows.h, model/parameters.h), as numpy arrays:
        rows as integers and their step, which is the one trained in or a fine one, and tensors.
        From then on this memory has rows so rounded. twin_checkpoint.check must have passed."""
        value = (self.c["memory_round"] or f"step {FINE_STEP}").split()[1]
        step = step_near(float(self.deviation()) * float(value))
        codes = (self.w["rows"] / step).round().clamp(-63, 63)
        self.w["rows"].copy_(codes * step)
        rules = [[OCCAM_KINDS[rule[1]], rule[3], rule[4]] for rule in self.rules]
        kept = {"memory_codes": codes.to(torch.int8), "memory_step": torch.tensor(step),
                "memory_rules": torch.tensor(rules, dtype=torch.int32),
                "weights/memory_projection": self.w["projections"][0]}
        if self.c["memory_layers"]:
            kept["weights/memory_gates"] = self.w["gates"][1]
            kept["weights/memory_gated"] = self.w["projections"][1]
        return {name: w.detach().cpu().numpy() for name, w in kept.items()}

    @torch.no_grad()
    def bytes(self, coding):
        """Estimated bytes of the rows so coded: flags of rows that hold anything, and codes by
        their frequencies in their table, alone and after what the row held before."""
        flags = plain = ordered = scales = 0
        step = self.deviation()
        for offset, size in self.tables:
            count = self.count[offset:offset + size]
            rows = self.w["rows"][offset:offset + size] * (count > 0)
            codes = coded(rows, coding, step, count)[1]
            some = codes.abs().amax(dim=1) > 0
            codes = codes[some]
            flags += entropy_bits(torch.stack([some.sum(), (~some).sum()]))
            if len(codes) == 0:
                continue
            scales += 8 * len(codes) if coding.startswith("row") else 0
            size_so_far = F.pad(codes.abs().cumsum(dim=1), (1, 0))[:, :-1] / \
                torch.arange(codes.shape[1], device=codes.device).clamp_min(1)
            context = (2 * (1 + size_so_far).log2()).round().clamp(0, 12)
            context[:, 0] = 13
            symbols = (codes + 63 + 127 * context).long().flatten()
            counts = torch.bincount(symbols, minlength=14 * 127).view(14, 127)
            ordered += entropy_bits(counts)
            plain += entropy_bits(counts.sum(dim=0))
        return {"flags": round(flags / 8), "scales": round(scales / 8),
                "plain": round((flags + scales + plain) / 8),
                "bytes": round((flags + scales + ordered) / 8)}

    def used(self):
        """Share of each table's rows that training touched."""
        return [round(float((self.count[o:o + s] > 0).float().mean()), 3) for o, s in self.tables]


def adam(w, g, state, rate, beta1, beta2, step):
    m, v = state
    m.lerp_(g, 1 - beta1)
    v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
    w.sub_(rate / (1 - beta1 ** step) * m / ((v / (1 - beta2 ** step)).sqrt() + 1e-10))


class Memories:
    """Of the networks of a batch, None for those without."""

    def __init__(self, configurations, device):
        self.each = [Memory(c, device) if c["memory"] else None for c in configurations]
        self.some = [m for m in self.each if m]
        self.rules = list({r[0]: r for m in self.some for r in m.rules}.values())
        self.hashes = Hashes(configurations[0]["context"], device)
        self.rounding = None  # [E]: whether memory_round is on, of this step

    def look_up(self, inputs):
        found = self.hashes(inputs, self.rules)
        rounding = [None] * len(self.each) if self.rounding is None else self.rounding
        return [m and m.rows_of(found, e, rounding[e]) for e, m in enumerate(self.each)]

    def add(self, x, rows, layer=None):
        """Returns x [E, B, T, D] with what memories add before a block, or at the input."""
        places = [m.place(layer) if m else None for m in self.each]
        if all(p is None for p in places):
            return x
        return torch.stack([x[e] if p is None else m.add(x[e], rows[e], p)
                            for e, (m, p) in enumerate(zip(self.each, places))])

    def tensors(self):
        return [w for m in self.some for w in m.w.values()]

    def learn(self, gradients, factors, step):
        gradients = iter(gradients)
        for e, m in enumerate(self.each):
            if m:
                m.learn({name: next(gradients) for name in m.w}, factors[e], step)

    def state(self):
        return [x for m in self.some for x in m.tensors()]

    def set_coding(self, coding):
        for m in self.some:
            m.coding = coding
