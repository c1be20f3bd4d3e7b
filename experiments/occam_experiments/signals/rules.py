"""Rules for photographs: small integers that the known bytes of a plane give, and predictions.

results/signals/README.md defines each in words; here they are for whole planes at once, [N, H, W]
of int32, so that a GPU makes them for all places of many photographs. A place sees only places
before it in order of rows, and of earlier planes its own place too.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import lattice

MIDDLE = 128
LEVELS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 37, 50, 70, 100, 150)  # from here on the next level
FINE = (*range(1, 17), 19, 22, 26, 31, 37, 44, 53, 64, 78, 95, 120, 150)
TEXTURES = (2, 5, 9, 15, 25, 40, 64, 110)
ENERGIES = (1, 3, 5, 8, 12, 16, 21, 27, 35, 45, 60, 80, 110, 160, 240)
FARTHER = {"W": (0, -1), "WW": (0, -2), "N": (1, 0), "NW": (1, -1), "NE": (1, 1), "NN": (2, 0),
           "NNE": (2, 1), "NEE": (1, 2), "NWW": (1, -2), "NNW": (2, -1)}
LATTICE_QUALITIES = (96, 80, 75, 94, 90, 85)  # of JPEG files, the likeliest first
ENERGY = {"energy": ("W", "N", "NW", "NE"), "energy2": ("WW", "NN", "NWW", "NEE", "NNE")}
LS_OWN = ("W", "NW", "NE", "WW", "NN", "NNE")
LS_BEFORE = ("", "W", "NE")  # of an earlier plane, beside its N
LS_RADIUS, LS_INNER, LS_RIDGE = 6, 2, 16
LS_PRIOR = {"W": 0.7, "NW": -0.4, "NE": 0.25}


def levels(value: Tensor, thresholds: Sequence[int]) -> Tensor:
    """Number of thresholds that the value reaches."""
    bounds = torch.tensor(thresholds, dtype=value.dtype, device=value.device)
    return torch.bucketize(value.contiguous(), bounds, right=True).int()


def signed_level(d: Tensor, thresholds: Sequence[int] = LEVELS) -> Tensor:
    """With the number of thresholds for 0."""
    return levels(d.abs(), thresholds) * d.sign() + len(thresholds)


def median(w: Tensor, n: Tensor, nw: Tensor) -> Tensor:
    """The median edge prediction of LOCO-I (Weinberger, Seroussi, Sapiro, 2000, section III)."""
    low, high = torch.minimum(w, n), torch.maximum(w, n)
    return torch.where(nw >= high, low, torch.where(nw <= low, high, w + n - nw))


class Scan:
    """The order in which places are known.

    Bands of rows go from the top, in a band strips of columns from the left, in a strip rows. 0:
    one strip as wide, one band as high as the plane.
    """

    def __init__(self, height: int, width: int, strip: int = 0, band: int = 0,
                 device: str = "cpu") -> None:
        self.height, self.width = height, width
        self.y = torch.arange(height, device=device)[:, None].expand(height, width)
        self.x = torch.arange(width, device=device).expand(height, width)
        self.strip, self.band = strip or width, band or height
        self.top = self.y // self.band * self.band
        self.last = (self.x // self.strip * self.strip + self.strip - 1).clamp_max(width - 1)
        self.maps: dict[str, Tensor] = {}

    def map(self, name: str) -> Tensor:
        """Which place's value a neighbour is, [H * W]."""
        if name not in self.maps:
            (down, right), x, y = FARTHER[name], self.x, self.y
            if down == 0:
                out = torch.where(x == 0, (y - 1) * self.width,
                                  y * self.width + (x + right).clamp_min(0))
            else:
                row, column = (y - down).clamp_min(0), (x + right).clamp(0, self.width - 1)
                column = torch.where(row >= self.top, torch.minimum(column, self.last), column)
                out = torch.where(y == 0, x - 1, row * self.width + column)
            self.maps[name] = out.clamp_min(0).flatten()
        return self.maps[name]

    def neighbour(self, x: Tensor, name: str, middle: int = MIDDLE) -> Tensor:
        """The value that lies there for each place of x [N, H, W], as far as known."""
        out = x.flatten(1)[:, self.map(name)].view(x.shape)
        out[:, 0, 0] = middle
        return out

    def order(self, planes: int, interleaved: int) -> Tensor:
        """Places of [planes, H, W] as they are coded.

        Interleaved: all planes of a pixel together, else those of a strip's row, one plane after
        the other.
        """
        key = (self.top * self.width + self.x // self.strip) * self.height + self.y
        plane = torch.arange(planes, device=key.device)[:, None, None]
        key = key * (self.width * planes)
        key = key + (self.x * planes + plane if interleaved else plane * self.width + self.x)
        return key.flatten().argsort()

    def box(self, z: Tensor) -> Tensor:
        """Sums of z [N, H, W] around each place.

        The LS_RADIUS rows above count, as wide on both sides as the strip allows, and what is left
        of it in its row. Those within LS_INNER count four times.
        """
        total = torch.nn.functional.pad(z.long().cumsum(2).cumsum(1), (1, 0, 1, 0)).flatten(1)
        across = self.width + 1

        def upto(y: Tensor, x: Tensor) -> Tensor:
            return total[:, (y * across + x).flatten()]

        def sums(radius: int) -> Tensor:
            left = (self.x - radius).clamp_min(0)
            right = torch.minimum(self.x + radius, self.last) + 1
            top = (self.y - radius).clamp_min(0)
            above = upto(self.y, right) - upto(top, right) - upto(self.y, left) + upto(top, left)
            row = upto(self.y + 1, self.x) - upto(self.y, self.x)
            return above + row - upto(self.y + 1, left) + upto(self.y, left)
        return (sums(LS_RADIUS) + 3 * sums(LS_INNER)).view(z.shape)


class Plane:
    """The rules of one plane; before: the planes that are known at each place, the nearest last."""

    def __init__(self, x: Tensor, before: "Sequence[Plane]" = (),
                 scan: Scan | None = None) -> None:
        self.x, self.before = x.int(), before
        self.kept: dict[Any, Any] = {}
        self.scan = scan or Scan(x.shape[1], x.shape[2], device=x.device)

    def of(self, name: str) -> Any:
        """A neighbour, a prediction or a rule, made once."""
        if name not in self.kept:
            if name in FARTHER:
                self.kept[name] = self.scan.neighbour(self.x, name)
            else:
                self.kept[name] = getattr(self, "_" + name)()
        return self.kept[name]

    # Predictions, 0 .. 255.

    def _own(self) -> Tensor:
        return median(self.of("W"), self.of("N"), self.of("NW"))

    def _nearest(self) -> "Plane":
        """The value of the plane before, and its neighbours by name."""
        return self.before[-1]

    def _med(self) -> Tensor:
        if not self.before:
            return self.of("own")
        p = self._nearest()
        w, n, nw = (self.of(k) - p.of(k) for k in ("W", "N", "NW"))
        return (median(w, n, nw) + p.x).clamp(0, 255)

    def _gap(self) -> Tensor:
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

    def _mean(self) -> Tensor:
        return (self.of("med") + self.of("gap") + 1) >> 1

    def _several(self) -> list[Tensor]:
        """Plain predictions that `blend` weighs."""
        w, n, ne, nw, ww, nn, nne = (self.of(k) for k in ("W", "N", "NE", "NW", "WW", "NN", "NNE"))
        out = [w, n, w + n - nw, n + ne - nne, w + ne - n, 2 * w - ww, 2 * n - nn, self.of("med")]
        if self.before:
            p = self._nearest()
            out += [w + p.x - p.of("W"), n + p.x - p.of("N"), self.of("own"), self.of("gap")]
        else:
            out += [self.of("gap")]
        return [y.clamp(0, 255) for y in out]

    def _blend(self) -> Tensor:
        """The mean of plain predictions, weighed by how far each was off at six places."""
        total = weights = torch.zeros_like(self.x)
        for p in self.of("several"):
            error = (self.x - p).abs()
            sums = sum(self.scan.neighbour(error, k, 0) for k in ("W", "N", "NW", "NE", "WW", "NN"))
            weight = (1 << 20) // (sums * sums + 8)
            weights = weights + weight
            total = total + weight * p
        return (total + (weights >> 1)) // weights.clamp_min(1)

    def _ls_exact(self) -> Tensor:
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
        sums = self._boxes([u[i] * u[j] for i, j in pairs] + [y * v for y in u])
        G = dict(zip(pairs, sums))
        b = [y + LS_RIDGE * prior[i] for i, y in enumerate(sums[len(pairs):])]
        for i in range(K):
            G[i, i] = G[i, i] + LS_RIDGE
        w = solved(G, b, K)
        total = w[0] * u[0].float()
        for i in range(1, K):
            total = total + w[i] * u[i].float()
        return n.float() + total

    def _boxes(self, products: list[Tensor]) -> list[Tensor]:
        count = max(1, (1 << 25) // products[0].numel())  # so many at a time, for memory's sake
        sums = []
        for k in range(0, len(products), count):
            part = torch.stack(products[k:k + count])
            sums += self.scan.box(part.flatten(0, 1)).float().view(part.shape).unbind()
        return sums

    def _ls(self) -> Tensor:
        return (self.of("ls_exact") + 0.5).floor().int().clamp(0, 255)

    def _lattice_look(self) -> tuple[Tensor, Tensor, Tensor]:
        """What docs/spec/lattice.md tells: predictions, certainties, and where they hold."""
        assert not self.before, "lattices are for the first plane alone"
        assert self.scan.strip == self.scan.width, "lattices are for rows as wide as a plane"
        return lattice.look(self.x, LATTICE_QUALITIES)

    def _lattice(self) -> Tensor:
        prediction, _, on_lattice = self.of("lattice_look")
        return torch.where(on_lattice, prediction.int(), self.of("med"))

    # Rules that do not depend on what is predicted.

    def _certainty(self) -> Tensor:
        return self.of("lattice_look")[1].int()

    def _loco(self) -> Tensor:
        def nine(d: Tensor) -> Tensor:
            return levels(d.abs(), (1, 4, 8, 22)) * d.sign() + 4
        n, nw = self.of("N"), self.of("NW")
        return (nine(self.of("NE") - n) * 9 + nine(n - nw)) * 9 + nine(nw - self.of("W"))

    def _texture(self) -> Tensor:
        w, n, nw, ne = (self.of(k) for k in ("W", "N", "NW", "NE"))
        return levels((w - nw).abs() + (nw - n).abs() + (n - ne).abs(), TEXTURES)

    def _col(self) -> Tensor:
        return self.scan.x.int().expand(self.x.shape)

    def _row(self) -> Tensor:
        return self.scan.y.int().expand(self.x.shape)

    def _sc(self) -> Tensor:
        return (self.scan.x % self.scan.strip).clamp_max(63).int().expand(self.x.shape)

    def _j8(self) -> Tensor:
        return (self.of("row") % 8) * 8 + self.of("col") % 8

    def _plane(self) -> Tensor:
        return torch.full_like(self.x, len(self.before))

    def error(self, basis: str) -> Tensor:
        """Value less prediction."""
        return self.x - self.of(basis)

    def rule(self, name: str, basis: str) -> Tensor:
        """A rule; `basis` is the prediction that it is told against."""
        key = name, basis
        if key not in self.kept:
            self.kept[key] = self._rule(name, basis)
        return self.kept[key]

    def _rule(self, name: str, basis: str) -> Tensor:
        if name == "p":
            return self.of(basis)
        if name == "frac":
            return ((self.of("ls_exact") - self.of("ls").float()) * 8 + 4).floor().int().clamp(0, 7)
        if name[0] == "d":  # a neighbour or another prediction, from the basis
            return signed_level(self.of(name[1:]) - self.of(basis))
        if name[0] == "f":  # the same by finer levels
            return signed_level(self.of(name[1:]) - self.of(basis), FINE)
        if name[0] == "e" and name[1:] in FARTHER:  # what the basis missed there
            return signed_level(self.scan.neighbour(self.error(basis), name[1:], 0))
        if name in ENERGY:
            e = self.error(basis).abs()
            return levels(sum(self.scan.neighbour(e, k, 0) for k in ENERGY[name]), ENERGIES)
        if name[0] == "c" and name[1].isdigit():  # of the plane before: "c" + which + what
            k = int(name[1])
            if k > len(self.before):
                return torch.full_like(self.x, 31)
            p, what = self.before[-k], name[2:]
            if what == "e":
                return signed_level(p.error(basis))
            if what == "E":  # to the right, which rows of planes know
                right = torch.minimum(self.scan.x + 1, self.scan.last)
                error = p.error(basis).flatten(1)[:, self.scan.y * self.scan.width + right]
                return signed_level(error)
            if what == "d":  # its value, moved by the difference at N, from the basis
                moved = p.x + self.of("N") - p.of("N")
                return signed_level((moved - self.of(basis)).clamp(-255, 255))
            if what == "a":
                return levels(sum((p.error(basis)).abs() for p in self.before[-k:]), ENERGIES)
        return self.of(name)


def rule_size(name: str) -> int:
    """Number of rows of a rule's table."""
    sizes = {"p": 256, "frac": 8, "loco": 729, "texture": 9, "col": 64, "row": 32, "j8": 64,
             "plane": 3, "energy": 16, "energy2": 16, "sc": 64, "certainty": 32}
    return sizes.get(name, 57 if name[0] == "f" else 32)


def solved(G: dict[tuple[int, int], Tensor], b: list[Tensor], K: int) -> list[Tensor]:
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
