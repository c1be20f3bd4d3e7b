"""twin_signals.py: rules of photographs and sound as a plain loop finds them, symbols from which
that loop makes the bytes again, and networks that learn with them and without. Predictions by
lattices are those of the page that defines them.

  signals_twin_test.py EXPERIMENTS
"""

import os
import re
import sys

import twin_fixture  # skips the test where PyTorch is missing

import numpy
import torch

rules = twin_fixture.module(sys.argv[1], "occam_experiments.signals.rules")
lattice = twin_fixture.module(sys.argv[1], "occam_experiments.signals.lattice")
sets = twin_fixture.module(sys.argv[1], "occam_experiments.signals.sets")
sound = twin_fixture.module(sys.argv[1], "occam_experiments.signals.sound")
command = twin_fixture.module(sys.argv[1], "occam_experiments.signals.command")
networks = twin_fixture.module(sys.argv[1], "occam_experiments.signals.networks")

f32 = numpy.float32
PLACES = {"W": (0, -1), "WW": (0, -2), "N": (1, 0), "NW": (1, -1), "NE": (1, 1), "NN": (2, 0),
          "NNE": (2, 1), "NEE": (1, 2), "NWW": (1, -2), "NNW": (2, -1)}


def count(value, thresholds):
    return sum(abs(value) >= t for t in thresholds)


def signed(value, thresholds=rules.LEVELS):
    level = count(value, thresholds)
    return len(thresholds) + (level if value > 0 else -level)


def median(w, n, nw):
    return min(w, n) if nw >= max(w, n) else max(w, n) if nw <= min(w, n) else w + n - nw


class Naive:
    """One plane, place by place: what is not known yet is None, so that no rule can look at it."""

    def __init__(self, height, width, strip, band, before):
        self.size, self.strip, self.band = (height, width), strip or width, band or height
        self.before = before
        self.value = [[None] * width for _ in range(height)]
        self.missed = {}

    def there(self, name, y, x):
        """Where a neighbour is; None for the first place."""
        (down, right), width = PLACES[name], self.size[1]
        if y == 0:
            return None if x == 0 else (0, max(x - 2, 0) if name == "WW" else x - 1)
        if down == 0:
            return (y - 1, 0) if x == 0 else (y, max(x + right, 0))
        row, column = max(y - down, 0), min(max(x + right, 0), width - 1)
        if row >= y // self.band * self.band:
            column = min(column, self.strip_end(x))
        return row, column

    def strip_end(self, x):
        return min(x // self.strip * self.strip + self.strip, self.size[1]) - 1

    def at(self, name, y, x, grid=None, middle=128):
        place = self.there(name, y, x)
        return middle if place is None else (grid or self.value)[place[0]][place[1]]

    def here(self, y, x):
        return self.value[y][x]

    def med(self, y, x):
        w, n, nw = (self.at(k, y, x) for k in ("W", "N", "NW"))
        if not self.before:
            return median(w, n, nw)
        p = self.before[-1]
        moved = median(*(v - p.at(k, y, x) for v, k in ((w, "W"), (n, "N"), (nw, "NW"))))
        return min(max(moved + p.here(y, x), 0), 255)

    def ls(self, y, x):
        G, b = {}, {}
        prior = {"W": f32(0.7), "NW": f32(-0.4), "NE": f32(0.25)}
        u = self.regressors(y, x)
        K = len(u)
        own = len(rules.LS_OWN)
        wanted = [prior.get(k, f32(0)) for k in rules.LS_OWN]
        for p in self.before:
            last = p is self.before[-1]
            wanted += [(f32(1) if not k else -prior.get(k, f32(0))) if last else f32(0)
                       for k in rules.LS_BEFORE]
        sums, targets = numpy.zeros((K, K), numpy.int64), numpy.zeros(K, numpy.int64)
        for row in range(max(y - 6, 0), y + 1):
            last = self.strip_end(x) if row < y else x - 1
            for column in range(max(x - 6, 0), min(x + 6, last) + 1):
                near = row >= y - 2 and abs(column - x) <= 2
                v = self.regressors(row, column)
                error = self.value[row][column] - self.at("N", row, column)
                sums += numpy.outer(v, v) * (4 if near else 1)
                targets += v * error * (4 if near else 1)
        G = {(i, j): torch.tensor([float(f32(sums[i, j]))]) for i in range(K) for j in range(i + 1)}
        for i in range(K):
            G[i, i] = G[i, i] + 16
        b = [torch.tensor([float(f32(targets[i]) + f32(16) * wanted[i])]) for i in range(K)]
        w = rules.solved(G, b, K)
        total = w[0] * float(u[0])
        for i in range(1, K):
            total = total + w[i] * float(u[i])
        assert own == 6
        value = f32(self.at("N", y, x)) + f32(total.item())
        return int(min(max(numpy.floor(value + f32(0.5)), 0), 255))

    def regressors(self, y, x):
        n = self.at("N", y, x)
        u = [self.at(k, y, x) - n for k in ("W", "NW", "NE", "WW", "NN", "NNE")]
        for p in self.before:
            u += [p.here(y, x) - p.at("N", y, x), p.at("W", y, x) - p.at("N", y, x),
                  p.at("NE", y, x) - p.at("N", y, x)]
        return numpy.array(u, numpy.int64)

    def rule(self, name, y, x, basis):
        p = getattr(self, basis)(y, x)
        missed = self.missed.setdefault(basis, [[None] * self.size[1] for _ in self.value])
        if name == "p":
            return p
        if name == "loco":
            w, n, nw, ne = (self.at(k, y, x) for k in ("W", "N", "NW", "NE"))
            nine = [4 + numpy.sign(d) * count(d, (1, 4, 8, 22)) for d in (ne - n, n - nw, nw - w)]
            return nine[0] * 81 + nine[1] * 9 + nine[2]
        if name == "texture":
            w, n, nw, ne = (self.at(k, y, x) for k in ("W", "N", "NW", "NE"))
            return count(abs(w - nw) + abs(nw - n) + abs(n - ne), rules.TEXTURES)
        if name == "energy":
            return count(sum(abs(self.at(k, y, x, missed, 0)) for k in ("W", "N", "NW", "NE")),
                         rules.ENERGIES)
        if name[0] == "e":
            return signed(self.at(name[1:], y, x, missed, 0))
        if name[0] == "d":
            return signed(self.at(name[1:], y, x) - p)
        if name[0] == "f":
            return signed(self.at(name[1:], y, x) - p, rules.FINE)
        if name[0] == "c" and name[1].isdigit():
            if int(name[1]) > len(self.before):
                return 31
            other = self.before[-int(name[1])]
            if name[2] == "e":
                return signed(other.missed[basis][y][x])
            moved = other.here(y, x) + self.at("N", y, x) - other.at("N", y, x) - p
            return signed(min(max(moved, -255), 255))
        return {"col": x, "row": y, "j8": y % 8 * 8 + x % 8, "sc": min(x % self.strip, 63),
                "plane": len(self.before)}[name]

    def learn(self, value, y, x):
        self.value[y][x] = value
        for basis, missed in self.missed.items():
            missed[y][x] = value - getattr(self, basis)(y, x)


def picture(planes, height, width, seed=3):
    """Smooth planes that resemble each other, with some noise and a flat part, int64."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[:height, :width]
    one = 120 + 60 * numpy.sin(y / 3) + 40 * numpy.cos(x / 4 + y / 7)
    some = [one + 10 * k + random.normal(0, 6, one.shape) for k in range(planes)]
    some = numpy.clip(numpy.array(some), 0, 255).astype(numpy.int64)
    some[:, :4, :6] = 255
    return some


RULES = ("p loco texture energy eN eNE dW dN dNE dNW dNN dWW dNNE dNWW fN j8 sc col row plane c1e "
         "c2e c1d").split()


def a_plain_loop_decodes_and_finds_the_same_rules():
    """The loop knows symbols alone, in the order of a scan."""
    for strip, band, how, planes in ((0, 0, 0, 1), (5, 4, 0, 1), (0, 0, 1, 3), (4, 3, 0, 2)):
        height, width = 6, 9
        values = picture(planes, height, width)
        scan, known = rules.Scan(height, width, strip, band), []
        for x in values:
            known.append(rules.Plane(torch.from_numpy(x[None].copy()), known[:], scan))
        order = scan.order(planes, how)
        for basis in ("med", "ls") if strip == 4 else ("med",):
            naive = []
            for _ in values:
                naive.append(Naive(height, width, strip, band, naive[:]))
            columns = {r: torch.cat([p.rule(r, basis) for p in known]).flatten() for r in RULES}
            symbols = torch.cat([sets.column(p, ("symbol", basis)) for p in known]).flatten()
            for place in order.tolist():
                k, y, x = numpy.unravel_index(place, (planes, height, width))
                for r in RULES:
                    found = naive[k].rule(r, y, x, basis)
                    assert found == columns[r][place], (r, basis, strip, band, k, y, x)
                prediction = getattr(naive[k], basis)(y, x)
                naive[k].learn((symbols[place].item() + prediction) % 256, y, x)
            assert [n.value for n in naive] == values.tolist(), (basis, strip, band)


def no_rule_sees_what_comes_later():
    """Changes the last third of the places; what the others are told stays."""
    torch.manual_seed(1)
    told = RULES + ["frac", "energy2", "dblend", "dgap", "dls", "down", "c1a"]
    for strip, band, how in ((0, 0, 1), (4, 3, 0), (5, 0, 1)):
        scan = rules.Scan(7, 12, strip, band)
        order = scan.order(2, how)
        some = torch.from_numpy(picture(2, 7, 12))
        kept = len(order) * 2 // 3
        other = some.flatten().clone()
        other[order[kept:]] = torch.randint(0, 256, (len(order) - kept,))
        rank = order.argsort().view(2, -1)
        found = []
        for values in (some, other.view(2, 7, 12)):
            first = rules.Plane(values[:1], (), scan)
            found.append((first, rules.Plane(values[1:], (first,), scan)))
        for k in range(2):
            for basis in ("med", "own", "gap", "mean", "blend", "ls"):
                for r in told + ["c1E"] * (1 - how):
                    a, b = (planes[k].rule(r, basis).flatten() for planes in found)
                    assert ((a == b) | (rank[k] > kept)).all(), (r, basis, strip, band)


def page_of_lattices():
    """The names that Python blocks of docs/spec define."""
    names = {}
    for page in ("README", "sound", "lattice"):
        path = os.path.join(sys.argv[1], "..", "docs", "spec", page + ".md")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            before = text[:block.start()].count("\n") + 1  # so that errors tell the page's line
            exec(compile("\n" * before + block[1], path, "exec"), names)
    return names


def patches_that_were_jpeg_files(height=24, width=40):
    """Six of multiples of two qualities' steps with more and more noise, a smooth one and noise."""
    random = numpy.random.default_rng(7)
    cosines = numpy.array(lattice.COSINES) / 16384
    frequency = numpy.add.outer(numpy.arange(8), numpy.arange(8))
    out = []
    for k in range(6):
        steps = numpy.array(lattice.steps_of((96, 80)[k % 2])).reshape(8, 8)
        shape = (height // 8, width // 8, 8, 8)
        coefficients = random.laplace(0, 60 * 0.6 ** frequency, shape)
        pixels = cosines.T @ (numpy.rint(coefficients / steps) * steps) @ cosines
        pixels = pixels.transpose(0, 2, 1, 3).reshape(height, width)
        out.append(128 + pixels + random.normal(0, 0.01 + 0.28 * k, (height, width)))
    out.append(picture(1, height, width)[0])
    out.append(random.integers(0, 256, (height, width)))
    return numpy.clip(numpy.rint(out), 0, 255).astype(numpy.int64)


def lattices_predict_what_their_page_says():
    page, x = page_of_lattices(), patches_that_were_jpeg_files()
    lattices = [page["Lattice"](quality) for quality in rules.LATTICE_QUALITIES]
    plane = rules.Plane(torch.from_numpy(x))
    found = [t.flatten(1).tolist() for t in plane.of("lattice_look")]
    seen = set()
    for k, patch in enumerate(x):
        past = page["LatticePast"](x.shape[:0:-1], lattices)
        for place, byte in enumerate(patch.flatten().tolist()):
            told = [past.prediction(), past.certainty(), past.on_lattice()]
            assert told == [t[k][place] for t in found], (k, place, told)
            seen.add((rules.LATTICE_QUALITIES[past.lattice], past.noise))
            past.append(byte)
    assert {quality for quality, _ in seen} >= {96, 80} and {n for _, n in seen} >= {0, 1, 2, 5}
    prediction, certainty, on_lattice = plane.of("lattice_look")
    assert (plane.of("lattice") == torch.where(on_lattice, prediction, plane.of("med"))).all()
    assert (plane.rule("certainty", "lattice") == certainty).all()


def of_lattices_the_first_that_is_better_wins():
    """Costs that stay close, so that winners change within a block and among equals."""
    random = numpy.random.default_rng(8)
    costs = random.integers(-1, 2, (4, 30, 40)).cumsum(axis=2)
    found = lattice.winners(torch.from_numpy(costs))
    for n in range(costs.shape[1]):
        known, winner = costs[:, n, 0].copy(), 0
        for m in range(1, costs.shape[2]):
            for k in range(len(known)):
                known[k] = costs[k, n, m]
                if known[k] < known[winner]:
                    winner = k
            assert found[n, m] == winner, (n, m)


def sums_that_forget(x, order, shift):
    """What signal_sound.predicted defines, with the exact solution in place of LDL'."""
    G, b, w = numpy.zeros((order, order)), numpy.zeros(order), numpy.zeros(order)
    w[0] = 1
    h, out = numpy.zeros(order), []
    for t, value in enumerate(x):
        out.append(min(max(h @ w, -32768), 32767))
        G, b = G * (1 - 2.0 ** -shift) + numpy.outer(h, h), b * (1 - 2.0 ** -shift) + h * value
        h = numpy.concatenate([[value], h[:-1]])
        if t % 8 == 7:
            w = numpy.linalg.solve(G + 128 * numpy.eye(order), b)
    return numpy.array(out)


def a_recording():
    random = numpy.random.default_rng(5)
    t = numpy.arange(1500)
    x = 3000 * numpy.sin(t / 5) * numpy.sin(t / 190) + 900 * numpy.sin(t / 2.3)
    x = x + random.normal(0, 40, len(t))
    x[700:800] = 0
    return x.astype(numpy.int16)


def predictions_of_sound_are_least_squares():
    x = a_recording().astype(numpy.int64)
    predictions = sound.predicted(x, 8, 6)
    exact = sums_that_forget(x, 8, 6)
    assert numpy.abs(predictions - exact).max() < 2, numpy.abs(predictions - exact).max()
    assert numpy.abs(x - predictions)[200:].mean() < 0.3 * numpy.abs(x).mean()
    loud = numpy.where(numpy.arange(400) % 2, 32767, -32768)
    for samples in (loud, numpy.zeros(400, numpy.int64)):
        assert (numpy.abs(sound.predicted(samples, 8, 6)) <= 32768).all()


def two_bytes_a_sample_come_back():
    heard = sound.Sound(a_recording(), True, [(8, 6), (4, 8)])
    symbols = heard.column(("symbol", "p")).astype(numpy.int64).reshape(-1, 2)
    assert symbols.min() >= 0 and symbols.max() <= 255
    back = symbols[:, 0] * 256 + symbols[:, 1] - 128 + heard.p
    assert (((back + 32768) % 65536 - 32768) == a_recording()).all()
    eight = sound.Sound(a_recording(), False, [(8, 6), (4, 8)])
    symbols = eight.column(("symbol", "")).astype(numpy.int64)
    assert (symbols == (a_recording() >> 8) + 128).all()
    for one in (heard, eight):
        for rule in ("e4", "e16", "e64", "q", "d", "r1", "p") + ("phase",) * one.two:
            column = one.column((rule, "p"))
            assert column.min() >= 0 and column.max() < sound.rule_size(rule), rule
    v = numpy.arange(100)
    exact = [min(4 * ((m + 4).bit_length() - 3) + ((m + 4) >> ((m + 4).bit_length() - 3)) - 4, 71)
             for m in range(100)]
    assert sound.magnitude(v).tolist() == exact


def networks_learn_with_rules_and_without():
    """The network without rules learns what it learns in a batch of its own."""
    shape = {"width": 16, "layers": 1, "batch": 2, "windows": [64], "context": 256,
             "tokens": 2 * 256 * 20}
    photos = {source: [numpy.stack(picture(3, 40, 72, k), axis=2).astype(numpy.uint8)
                       for k in range(sets.HELD[source] + 3)] for source in sets.HELD}
    fields = [{}, {"residual": "med", "rules": "col row p dW dN dNE dNW"}]
    for name in ("patches", "colour"):
        c = [networks.completed({**shape, **f, "set": name, "held_every": 32,
                                 "rounded": int(name == "patches"),
                                 "shares": {"imagenet grid": 1, "kodak grid": 1},
                                 "interleaved": int(name == "colour")}) for f in fields]
        signals = command.made_of(name, photos, c, "cpu")
        plain, ruled = networks.SignalTraining(c, signals, "cpu").run()
        for source in sets.HELD:
            assert ruled["bpb"][source] < plain["bpb"][source] - 0.05, (name, ruled, plain)
        if name == "patches":
            alone = networks.SignalTraining(c[:1], signals, "cpu").run()
            assert abs(alone[0]["bpb"]["kodak"] - plain["bpb"]["kodak"]) < 1e-3
        assert ruled["parameters"] - plain["parameters"] == (64 + 32 + 256 + 4 * 32) * 16


if __name__ == "__main__":
    torch.set_num_threads(1)  # a thread that waits for others would spin
    for test in (a_plain_loop_decodes_and_finds_the_same_rules, no_rule_sees_what_comes_later,
                 lattices_predict_what_their_page_says, of_lattices_the_first_that_is_better_wins,
                 predictions_of_sound_are_least_squares, two_bytes_a_sample_come_back,
                 networks_learn_with_rules_and_without):
        test()
        print(f"{test.__name__}: ok", flush=True)
