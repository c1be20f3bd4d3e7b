"""Rules for photographs: small integers that the known bytes of a plane give, and predictions.

results/signals/README.md defines each in words; here they are for whole planes at once, [N, H, W]
of int32, so that a GPU makes them for all places of many photographs. A place sees only places
before it in order of rows, and of earlier planes its own place too.
"""

import torch

MIDDLE = 128
LEVELS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 37, 50, 70, 100, 150)  # from here on the next level
TEXTURES = (2, 5, 9, 15, 25, 40, 64, 110)
ENERGIES = (1, 3, 5, 8, 12, 16, 21, 27, 35, 45, 60, 80, 110, 160, 240)
FARTHER = {"W": (0, -1), "WW": (0, -2), "N": (1, 0), "NW": (1, -1), "NE": (1, 1), "NN": (2, 0),
           "NNE": (2, 1), "NEE": (1, 2), "NWW": (1, -2), "NNW": (2, -1)}
LS_OWN = ("W", "NW", "NE", "WW", "NN", "NNE")
LS_BEFORE = ("", "W", "NE")  # of an earlier plane, beside its N
LS_RADIUS, LS_INNER, LS_RIDGE = 6, 2, 16
LS_PRIOR = {"W": 0.7, "NW": -0.4, "NE": 0.25}


def levels(value, thresholds):
    """Number of thresholds that the value reaches."""
    bounds = torch.tensor(thresholds, dtype=value.dtype, device=value.device)
    return torch.bucketize(value.contiguous(), bounds, right=True).int()


def signed_level(d):
    """0 .. 30, with 15 for 0."""
    return levels(d.abs(), LEVELS) * d.sign() + len(LEVELS)


def median(w, n, nw):
    """The median edge prediction of LOCO-I (Weinberger, Seroussi, Sapiro, 2000, section III)."""
    low, high = torch.minimum(w, n), torch.maximum(w, n)
    return torch.where(nw >= high, low, torch.where(nw <= low, high, w + n - nw))


def neighbour(x, name, middle=MIDDLE):
    """The value that lies there for each place, as far as known."""
    down, right = FARTHER[name]
    H, W = x.shape[1:]
    rows, columns = torch.arange(H, device=x.device), torch.arange(W, device=x.device)
    if down == 0:
        out = x[:, :, (columns + right).clamp_min(0)]
        before = x[:, (rows - 1).clamp_min(0), 0]
        out[:, :, 0] = before
        if right < -1:
            out[:, :, 1] = x[:, :, 0]
    else:
        out = x[:, (rows - down).clamp_min(0)][:, :, (columns + right).clamp(0, W - 1)]
        out[:, 0, 1:] = x[:, 0, :-1]
    out[:, 0, 0] = middle
    return out


class Plane:
    """The rules of one plane; before: the planes that are known at each place, the nearest last."""

    def __init__(self, x, before=()):
        self.x, self.before, self.kept = x.int(), before, {}

    def of(self, name):
        """A neighbour, a prediction or a rule, made once."""
        if name not in self.kept:
            if name in FARTHER:
                self.kept[name] = neighbour(self.x, name)
            else:
                self.kept[name] = getattr(self, "_" + name)()
        return self.kept[name]

    # Predictions, 0 .. 255.

    def _own(self):
        return median(self.of("W"), self.of("N"), self.of("NW"))

    def _nearest(self):
        """The value of the plane before, and its neighbours by name."""
        return self.before[-1]

    def _med(self):
        if not self.before:
            return self.of("own")
        p = self._nearest()
        w, n, nw = (self.of(k) - p.of(k) for k in ("W", "N", "NW"))
        return (median(w, n, nw) + p.x).clamp(0, 255)

    def _gap(self):
        """The gradient adjusted prediction of CALIC (Wu, Memon, 1997, section III)."""
        w, n, ne, nw, ww, nn, nne = (self.of(k) for k in ("W", "N", "NE", "NW", "WW", "NN", "NNE"))
        if self.before:
            p = self._nearest()
            w, n, ne, nw, ww, nn, nne = (v - p.of(k) for v, k in zip(
                (w, n, ne, nw, ww, nn, nne), ("W", "N", "NE", "NW", "WW", "NN", "NNE")))
        dh = (w - ww).abs() + (n - nw).abs() + (n - ne).abs()
        dv = (w - nw).abs() + (n - nn).abs() + (ne - nne).abs()
        d = dv - dh
        g = 4 * ((w + n) >> 1) + ne - nw  # four times the prediction
        g = torch.where(d > 80, 4 * w, torch.where(d < -80, 4 * n, torch.where(
            d > 32, (g + 4 * w) >> 1, torch.where(d < -32, (g + 4 * n) >> 1, torch.where(
                d > 8, (3 * g + 4 * w) >> 2, torch.where(d < -8, (3 * g + 4 * n) >> 2, g))))))
        g = (g + 2) >> 2
        return (g + self._nearest().x if self.before else g).clamp(0, 255)

    def _mean(self):
        return (self.of("med") + self.of("gap") + 1) >> 1

    def _several(self):
        """Plain predictions that `blend` weighs."""
        w, n, ne, nw, ww, nn, nne = (self.of(k) for k in ("W", "N", "NE", "NW", "WW", "NN", "NNE"))
        out = [w, n, w + n - nw, n + ne - nne, w + ne - n, 2 * w - ww, 2 * n - nn, self.of("med")]
        if self.before:
            p = self._nearest()
            out += [w + p.x - p.of("W"), n + p.x - p.of("N"), self.of("own"), self.of("gap")]
        else:
            out += [self.of("gap")]
        return [y.clamp(0, 255) for y in out]

    def _blend(self):
        """The mean of plain predictions, weighed by how far each was off at six places."""
        total = weights = 0
        for p in self.of("several"):
            error = (self.x - p).abs()
            sums = sum(neighbour(error, k, 0) for k in ("W", "N", "NW", "NE", "WW", "NN"))
            weight = (1 << 20) // (sums * sums + 8)
            weights = weights + weight
            total = total + weight * p
        return (total + (weights >> 1)) // weights.clamp_min(1)

    def _ls_exact(self):
        """Least squares over the places around, as float32; see results/signals/README.md."""
        x, n = self.x, self.of("N")
        u, prior = [self.of(k) - n for k in LS_OWN], [LS_PRIOR.get(k, 0.0) for k in LS_OWN]
        for p in self.before:
            pn = p.of("N")
            last = p is self.before[-1]
            for k in LS_BEFORE:
                u.append((p.of(k) if k else p.x) - pn)
                prior.append((1.0 if not k else -LS_PRIOR.get(k, 0.0)) if last else 0.0)
        K = len(u)
        v = x - n
        pairs = [(i, j) for i in range(K) for j in range(i + 1)]
        G = {(i, j): box(u[i] * u[j]).float() for i, j in pairs}
        b = [box(u[i] * v).float() + LS_RIDGE * prior[i] for i in range(K)]
        for i in range(K):
            G[i, i] = G[i, i] + LS_RIDGE
        w = solved(G, b, K)
        total = w[0] * u[0].float()
        for i in range(1, K):
            total = total + w[i] * u[i].float()
        return n.float() + total

    def _ls(self):
        return (self.of("ls_exact") + 0.5).floor().int().clamp(0, 255)

    # Rules that do not depend on what is predicted.

    def _loco(self):
        def nine(d):
            return levels(d.abs(), (1, 4, 8, 22)) * d.sign() + 4
        n, nw = self.of("N"), self.of("NW")
        return (nine(self.of("NE") - n) * 9 + nine(n - nw)) * 9 + nine(nw - self.of("W"))

    def _texture(self):
        w, n, nw, ne = (self.of(k) for k in ("W", "N", "NW", "NE"))
        return levels((w - nw).abs() + (nw - n).abs() + (n - ne).abs(), TEXTURES)

    def _col(self):
        return torch.arange(self.x.shape[2], device=self.x.device).int().expand(self.x.shape)

    def _row(self):
        return torch.arange(self.x.shape[1], device=self.x.device).int()[:, None].expand(
            self.x.shape)

    def _j8(self):
        return (self.of("row") % 8) * 8 + self.of("col") % 8

    def _plane(self):
        return torch.full_like(self.x, len(self.before))

    def error(self, basis):
        """Value less prediction."""
        return self.x - self.of(basis)

    def rule(self, name, basis):
        """A rule; `basis` is the prediction that it is told against."""
        key = name, basis
        if key not in self.kept:
            self.kept[key] = self._rule(name, basis)
        return self.kept[key]

    def _rule(self, name, basis):
        if name == "p":
            return self.of(basis)
        if name == "frac":
            return ((self.of("ls_exact") - self.of("ls").float()) * 8 + 4).floor().int().clamp(0, 7)
        if name[0] == "d":  # a neighbour or another prediction, from the basis
            return signed_level(self.of(name[1:]) - self.of(basis))
        if name[0] == "e" and name[1:] in FARTHER:  # what the basis missed there
            return signed_level(neighbour(self.error(basis), name[1:], 0))
        if name == "energy":
            e = self.error(basis).abs()
            return levels(sum(neighbour(e, k, 0) for k in ("W", "N", "NW", "NE")), ENERGIES)
        if name == "energy2":
            e = self.error(basis).abs()
            return levels(sum(neighbour(e, k, 0) for k in ("WW", "NN", "NWW", "NEE", "NNE")),
                          ENERGIES)
        if name[0] == "c" and name[1].isdigit():  # of the plane before: "c" + which + what
            k = int(name[1])
            if k > len(self.before):
                return torch.full_like(self.x, 31)
            p, what = self.before[-k], name[2:]
            if what == "e":
                return signed_level(p.error(basis))
            if what == "E":  # to the right, which rows of planes know
                W = self.x.shape[2]
                error = p.error(basis)[:, :, (torch.arange(W) + 1).clamp_max(W - 1)]
                return signed_level(error)
            if what == "d":  # its value, moved by the difference at N, from the basis
                moved = p.x + self.of("N") - p.of("N")
                return signed_level((moved - self.of(basis)).clamp(-255, 255))
            if what == "a":
                return levels(sum((p.error(basis)).abs() for p in self.before[-k:]), ENERGIES)
        return self.of(name)


def rule_size(name):
    """Number of rows of a rule's table."""
    sizes = {"p": 256, "frac": 8, "loco": 729, "texture": 9, "col": 64, "row": 32, "j8": 64,
             "plane": 3, "energy": 16, "energy2": 16}
    return sizes.get(name, 32)


def box(z):
    """Sums around each place: the LS_RADIUS rows above, as wide on both sides, and what is left of
    it in its row, with those within LS_INNER four times."""
    def sums(radius):
        rows, columns = z.shape[1:]
        total = z.long().cumsum(2).cumsum(1)
        total = torch.nn.functional.pad(total, (1, 0, 1, 0))  # [.., y, x]: of all above and left
        y, x = torch.arange(rows, device=z.device), torch.arange(columns, device=z.device)
        left, right = (x - radius).clamp_min(0), (x + radius + 1).clamp_max(columns)
        top = (y - radius).clamp_min(0)
        strip = total[:, y] - total[:, top]
        own = total[:, y + 1] - total[:, y]
        return strip[:, :, right] - strip[:, :, left] + own[:, :, x] - own[:, :, left]
    return sums(LS_RADIUS) + 3 * sums(LS_INNER)


def solved(G, b, K):
    """w of G w = b by LDL' in a written order; G holds the lower triangle and is overwritten."""
    for j in range(K):
        for k in range(j):
            G[j, j] = G[j, j] - G[j, k] * G[j, k] * G[k, k]
        for i in range(j + 1, K):
            for k in range(j):
                G[i, j] = G[i, j] - G[i, k] * G[j, k] * G[k, k]
            G[i, j] = G[i, j] / G[j, j]
    w = list(b)
    for i in range(K):
        for k in range(i):
            w[i] = w[i] - G[i, k] * w[k]
    for i in range(K):
        w[i] = w[i] / G[i, i]
    for i in reversed(range(K)):
        for k in range(i + 1, K):
            w[i] = w[i] - G[k, i] * w[k]
    return w
