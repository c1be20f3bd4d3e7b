"""Photographs as sequences for twin_signals.py: a table with a line for each place.

A line holds what the networks may code there and what rules choose there: a column for each key.
A key is ("symbol", basis) or (rule, basis); the basis is the prediction that a symbol is told
against, "" for plain bytes.
"""

import glob
import os

import numpy
import torch

from signal_rules import Plane, Scan, rule_size

HELD = {"imagenet": 15, "kodak": 4}  # photographs, the last by name


def photographs(folder):
    """-> {source: [RGB, uint8 [H, W, 3]]}, of folders imagenet/ and kodak/."""
    from PIL import Image
    return {source: [numpy.array(Image.open(name).convert("RGB"))
                     for name in sorted(glob.glob(os.path.join(folder, source, "*")))]
            for source in HELD}


def gray(photograph):
    """As `prepare` makes it."""
    return (photograph.astype(numpy.int32).sum(axis=2) // 3).astype(numpy.uint8)


def halved(a):
    """Half as wide and high: means of four."""
    a = a[:a.shape[0] // 2 * 2, :a.shape[1] // 2 * 2].astype(numpy.int32)
    a = a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]
    return ((a + 2) >> 2).astype(numpy.uint8)


def patches(a):
    """[N, 32, 64] of the grid from the top left."""
    h, w = a.shape[0] // 32, a.shape[1] // 64
    return a[:h * 32, :w * 64].reshape(h, 32, w, 64).transpose(0, 2, 1, 3).reshape(-1, 32, 64)


# Copies of a gray photograph, or of all its patches.
SHIFTS = {"grid": [(0, 0)], "shift": [(8, 16), (16, 32), (24, 48)],
          "odd": [(5, 11), (13, 27), (21, 43)]}
PATCH_COPIES = {
    **{name: lambda a, s=shifts: [patches(a[y:, x:]) for y, x in s]
       for name, shifts in SHIFTS.items()},
    "mirror": lambda a: [patches(a[y:, x:])[:, :, ::-1] for y, x in
                         SHIFTS["grid"] + SHIFTS["shift"]],
    "flip": lambda a: [patches(a)[:, ::-1]],
    "turn": lambda a: [patches(a.T)],
    "half": lambda a: [patches(halved(a)[y:, x:]) for y, x in SHIFTS["grid"] + SHIFTS["odd"]],
    "gain": lambda a: [patches((a.astype(numpy.int32) * 13 // 16 + 24).astype(numpy.uint8))],
}
WHOLE_COPIES = {"grid": lambda a: a, "mirror": lambda a: a[:, ::-1], "flip": lambda a: a[::-1],
                "turn": lambda a: a.swapaxes(0, 1), "half": halved}


def column(plane, key):
    """int16 [N, H, W] of a key."""
    what, basis = key
    if what != "symbol":
        return plane.rule(what, basis).short()
    return (plane.error(basis) & 255 if basis else plane.x).short()


class Signals:
    """data [places, columns] int16; columns: key -> number; pools and held: order -> name ->
    ranges of places that sequences lie in; records: whether each sequence is a record of its own,
    at a multiple of its length. An order is (strip, band, interleaved), see Scan."""

    def __init__(self, keys, orders, records, device):
        self.columns = {key: i for i, key in enumerate(keys)}
        self.orders, self.records, self.device = orders, records, device
        self.parts, self.size = [], 0
        self.pools, self.held = ({order: {} for order in orders} for _ in range(2))

    def add(self, pools, name, planes):
        """Appends planes, uint8 [N, H, W] of each."""
        made = {}
        for order in self.orders:
            strip, band, interleaved = order
            if (strip, band) not in made:
                scan, known = Scan(*planes[0].shape[1:], strip, band, self.device), []
                for x in planes:
                    known.append(Plane(torch.from_numpy(x).to(self.device), known[:], scan))
                made[strip, band] = [torch.stack([column(p, key) for p in known], dim=1).flatten(1)
                                     for key in self.columns], scan
            columns, scan = made[strip, band]
            places = scan.order(len(planes), interleaved)
            part = torch.stack([c[:, places].flatten() for c in columns], dim=1)
            self.parts.append(part)
            pools[order].setdefault(name, []).append((self.size, self.size + len(part)))
            self.size += len(part)

    def size_of(self, rule):
        return rule_size(rule)

    def finish(self):
        self.data = torch.cat(self.parts)
        self.parts = []
        return self


def patch_signals(photos, keys, orders, copies, device, at_a_time=4096):
    """Gray patches of 32 x 64 pixels."""
    signals = Signals(keys, orders, True, device)

    def add(pools, name, parts):
        whole = numpy.ascontiguousarray(numpy.concatenate(parts))
        for begin in range(0, len(whole), at_a_time):
            signals.add(pools, name, [whole[begin:begin + at_a_time]])

    for source, all_of_it in photos.items():
        known, held = all_of_it[:-HELD[source]], all_of_it[-HELD[source]:]
        for copy in copies:
            add(signals.pools, f"{source} {copy}",
                [p for a in known for p in PATCH_COPIES[copy](gray(a))])
        add(signals.held, source, [patches(gray(a)) for a in held])
    return signals.finish()


def whole_signals(photos, keys, orders, copies, device, colour):
    """Whole photographs; of colour the planes green, red, blue."""
    signals = Signals(keys, orders, False, device)

    def add(pools, name, a):
        planes = [a[:, :, c] for c in (1, 0, 2)] if colour else [gray(a)]
        signals.add(pools, name, [numpy.ascontiguousarray(x)[None] for x in planes])

    for source, all_of_it in photos.items():
        for copy in copies:
            for a in all_of_it[:-HELD[source]]:
                add(signals.pools, f"{source} {copy}", WHOLE_COPIES[copy](a))
        for a in all_of_it[-HELD[source]:]:
            add(signals.held, source, a)
    return signals.finish()
