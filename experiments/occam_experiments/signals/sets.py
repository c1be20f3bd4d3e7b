"""Photographs as sequences for twin_signals.py: a table with a line for each place.

A line holds what the networks may code there and what rules choose there: a column for each key.
A key is ("symbol", basis) or (rule, basis); the basis is the prediction that a symbol is told
against, "" for plain bytes.
"""

import glob
import hashlib
import io
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy
import numpy.typing as npt
import torch
from torch import Tensor

from . import sound
from .rules import Plane, Scan, rule_size
from .sound import Key, Samples

Pixels = npt.NDArray[numpy.uint8]
Order = tuple[int, int, int]
Pools = dict[Order, dict[str, list[tuple[int, int]]]]

HELD = {"imagenet": 15, "kodak": 4}  # photographs, the last by name


def photographs(folder: str) -> dict[str, list[Pixels]]:
    """Photographs, uint8 [H, W, 3], of the folders imagenet/ and kodak/."""
    from PIL import Image
    return {source: [numpy.array(Image.open(name).convert("RGB"))
                     for name in sorted(glob.glob(os.path.join(folder, source, "*")))]
            for source in HELD}


def gray(photograph: Pixels) -> Pixels:
    """As `prepare` makes it."""
    return (photograph.astype(numpy.int32).sum(axis=2) // 3).astype(numpy.uint8)


def halved(a: Pixels) -> Pixels:
    """Half as wide and high: means of four."""
    a = a[:a.shape[0] // 2 * 2, :a.shape[1] // 2 * 2].astype(numpy.int32)
    a = a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]
    return ((a + 2) >> 2).astype(numpy.uint8)


def patches(a: Pixels) -> Pixels:
    """[N, 32, 64] of the grid from the top left."""
    h, w = a.shape[0] // 32, a.shape[1] // 64
    return a[:h * 32, :w * 64].reshape(h, 32, w, 64).transpose(0, 2, 1, 3).reshape(-1, 32, 64)


# Copies of a gray photograph, or of all its patches.
SHIFTS = {"grid": [(0, 0)], "shift": [(8, 16), (16, 32), (24, 48)],
          "odd": [(5, 11), (13, 27), (21, 43)]}
PATCH_COPIES: dict[str, Any] = {
    **{name: lambda a, s=shifts: [patches(a[y:, x:]) for y, x in s]
       for name, shifts in SHIFTS.items()},
    "mirror": lambda a: [patches(a[y:, x:])[:, :, ::-1] for y, x in
                         SHIFTS["grid"] + SHIFTS["shift"]],
    "flip": lambda a: [patches(a)[:, ::-1]],
    "turn": lambda a: [patches(a.T)],
    "half": lambda a: [patches(halved(a)[y:, x:]) for y, x in SHIFTS["grid"] + SHIFTS["odd"]],
    "gain": lambda a: [patches((a.astype(numpy.int32) * 13 // 16 + 24).astype(numpy.uint8))],
}
JPEG_SHARES = (0.5, 0.625, 0.75, 0.875)  # of the width and height


def jpeg_copies(photograph: Pixels) -> list[Pixels]:
    """Patches of a photograph in colour, made smaller, as JPEG files of quality 96 give it back.

    So a lattice lies below other contents than those of the photographs that had one.
    """
    from PIL import Image
    out = []
    height, width = photograph.shape[:2]
    for share in JPEG_SHARES:
        small = Image.fromarray(photograph).resize((int(width * share), int(height * share)))
        file = io.BytesIO()
        small.save(file, "JPEG", quality=96, subsampling=0)
        a = gray(numpy.array(Image.open(file).convert("RGB")))
        for y, x in SHIFTS["grid"] + SHIFTS["shift"]:
            out += [patches(a[y:, x:]), patches(a[y:, x:])[:, :, ::-1]]
    return out


WHOLE_COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "grid": lambda a: a, "mirror": lambda a: a[:, ::-1], "flip": lambda a: a[::-1],
    "turn": lambda a: a.swapaxes(0, 1), "half": halved}


def column(plane: Plane, key: Key) -> Tensor:
    """int16 [N, H, W] of a key."""
    what, basis = key
    if what != "symbol":
        return plane.rule(what, basis).short()
    return (plane.error(basis) & 255 if basis else plane.x).short()


class Signals:
    """Sequences of one set: data [places, columns], int16.

    columns: the number of a key. pools and held: by order and name, the ranges of places that
    sequences lie in. records: whether each sequence is a record of its own, at a multiple of its
    length. An order is strip, band and how: + 1 with planes interleaved, + 2 with red before green.
    """

    def __init__(self, keys: Sequence[Key], orders: Sequence[Order], records: bool,
                 device: str) -> None:
        self.columns = {key: i for i, key in enumerate(keys)}
        self.orders, self.records, self.device = orders, records, device
        self.alone = records  # whether a held-out chunk begins anew
        # Bytes that networks are trained on, and their SHA-256, where it is known.
        self.trained_on = (0, "")
        self.parts: list[Tensor] = []
        self.size, self.sizes = 0, rule_size
        self.pools: Pools = {order: {} for order in orders}
        self.held: Pools = {order: {} for order in orders}

    def add(self, pools: Pools, name: str, planes: list[Pixels]) -> None:
        """Appends planes, uint8 [N, H, W] of each."""
        made: dict[Order, Any] = {}
        for order in self.orders:
            strip, band, how = order
            key = strip, band, how & 2
            if key not in made:
                height, width = planes[0].shape[1:]
                scan = Scan(height, width, strip, band, self.device)
                known: list[Plane] = []
                for x in planes[1::-1] + planes[2:] if how & 2 else planes:
                    known.append(Plane(torch.from_numpy(x).to(self.device), known[:], scan))
                made[key] = [torch.stack([column(p, k) for p in known], dim=1).flatten(1)
                             for k in self.columns], scan
            columns, scan = made[key]
            places = scan.order(len(planes), how & 1)
            part = torch.stack([c[:, places].flatten() for c in columns], dim=1)
            self.parts.append(part)
            pools[order].setdefault(name, []).append((self.size, self.size + len(part)))
            self.size += len(part)

    def add_columns(self, pools: Pools, name: str, columns: list[Samples]) -> None:
        """Appends a sequence, [symbols] of each column, in the only order."""
        part = torch.from_numpy(numpy.stack(columns, axis=1)).to(self.device)
        self.parts.append(part)
        pools[self.orders[0]].setdefault(name, []).append((self.size, self.size + len(part)))
        self.size += len(part)

    def size_of(self, rule: str) -> int:
        return self.sizes(rule)

    def finish(self) -> "Signals":
        self.data = torch.empty(self.size, len(self.columns), dtype=torch.int16,
                                device=self.device)
        while self.parts:  # the last first, each freed when it is copied
            part = self.parts.pop()
            begin = sum(map(len, self.parts))
            self.data[begin:begin + len(part)] = part
        return self


def patch_signals(photos: dict[str, list[Pixels]], keys: Sequence[Key], orders: Sequence[Order],
                  copies: Sequence[str], device: str, at_a_time: int = 4096) -> Signals:
    """Gray patches of 32 x 64 pixels; the digest is that of whole gray photographs."""
    signals = Signals(keys, orders, True, device)
    trained_on, trained_bytes = hashlib.sha256(), 0

    def add(pools: Pools, name: str, parts: list[Pixels]) -> None:
        whole = numpy.ascontiguousarray(numpy.concatenate(parts))
        for begin in range(0, len(whole), at_a_time):
            signals.add(pools, name, [whole[begin:begin + at_a_time]])

    for source, all_of_it in photos.items():
        known, held = all_of_it[:-HELD[source]], all_of_it[-HELD[source]:]
        for copy in copies:
            add(signals.pools, f"{source} {copy}",
                [p for a in known for p in (jpeg_copies(a) if copy == "jpeg" else
                                            PATCH_COPIES[copy](gray(a)))])
        add(signals.held, source, [patches(gray(a)) for a in held])
        for a in known:
            trained_on.update(gray(a).tobytes())
            trained_bytes += gray(a).size
    signals.trained_on = trained_bytes, trained_on.hexdigest()
    return signals.finish()


# Copies of a recording.
SOUND_COPIES: dict[str, Callable[[Samples], Samples]] = {
    "plain": lambda x: x, "inverted": lambda x: ~x,
    "softer": lambda x: (x.astype(numpy.int32) * 11 // 16).astype(numpy.int16),
    "louder": lambda x: numpy.clip(x.astype(numpy.int32) * 23 // 16, -32768,
                                   32767).astype(numpy.int16)}
SPEAKERS_HELD = 20


def recordings(file: str) -> list[Samples]:
    """The arrays of an npz file in order of their names, a recording each."""
    with numpy.load(file) as arrays:
        return [arrays[name] for name in sorted(arrays.files)]


def sound_signals(heard: list[Samples], keys: Sequence[Key], copies: Sequence[str], device: str,
                  two: bool, predictions: Sequence[Sequence[int]]) -> Signals:
    """Speech: of `two` bytes a sample whole recordings, else chunks of one byte a sample alone."""
    signals = Signals(keys, [(0, 0, 0)], False, device)
    signals.sizes, signals.alone = sound.rule_size, not two
    for copy in copies:
        x = [SOUND_COPIES[copy](a) for a in heard[:-SPEAKERS_HELD]]
        for one in sound.made(x, two, predictions):
            signals.add_columns(signals.pools, f"speech {copy}", [one.column(k) for k in keys])
    for one in sound.made(heard[-SPEAKERS_HELD:], two, predictions):
        signals.add_columns(signals.held, "speech", [one.column(k) for k in keys])
    return signals.finish()


def whole_signals(photos: dict[str, list[Pixels]], keys: Sequence[Key], orders: Sequence[Order],
                  copies: Sequence[str], device: str, colour: bool) -> Signals:
    """Whole photographs; of colour the planes green, red, blue."""
    signals = Signals(keys, orders, False, device)

    def add(pools: Pools, name: str, a: Pixels) -> None:
        planes = [a[:, :, c] for c in (1, 0, 2)] if colour else [gray(a)]
        signals.add(pools, name, [numpy.ascontiguousarray(x)[None] for x in planes])

    for source, all_of_it in photos.items():
        for copy in copies:
            for a in all_of_it[:-HELD[source]]:
                add(signals.pools, f"{source} {copy}", WHOLE_COPIES[copy](a))
        for a in all_of_it[-HELD[source]:]:
            add(signals.held, source, a)
    return signals.finish()
