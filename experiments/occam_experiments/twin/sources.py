"""What a mixture is trained on: plain text, and sets that `prepare` made.

    NAME=FILE          plain text, of the configuration's train_bytes and validation_bytes
    NAME=FILE.set      a set (data/prepared_set.h), of its own parts
    NAME=FILE+COPY     with a copy behind the training part: "mirrored" records of images, their
                       columns turned round; "inverted" bytes, 255 - byte
"""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DAMAGED, USAGE, Failure
from ..files import read_text
from .configuration import Configuration

Bytes = npt.NDArray[np.uint8]
QUOTAS = 1024  # shares are multiples of one in so many, as data/mixture.h has them


class Source(NamedTuple):
    """A source of training data. Ranges are of its file; a copy is not in them."""

    name: str
    file: str
    train: Bytes  # with the copy
    validation: Bytes  # may be empty
    record: int  # bytes that must not be cut; 1: one stream
    train_range: tuple[int, int]
    validation_range: tuple[int, int]
    train_sha256: str  # of the range


def copied(copy: str, train: Bytes, shape: Sequence[int] | None) -> Bytes:
    """The copy of a training part; shape: rows and columns of a record of an image."""
    if copy == "inverted":
        return np.bitwise_not(train)
    if copy == "mirrored" and shape:
        return train.reshape(-1, *shape)[:, :, ::-1].reshape(-1)
    raise Failure(USAGE, f"no copy '{copy}' of this: mirrored images, inverted bytes")


def described(path: str, size: int, c: Configuration) -> dict[str, Any]:
    """The description of a set, or what stands for it where the file is plain."""
    if not path.endswith(".set"):
        held = min(c["validation_bytes"], size - c["train_bytes"])
        if held < 0:
            raise Failure(USAGE, f"{path} has {size} bytes, not {c['train_bytes']} to train on")
        return {"record_bytes": 1, "train_bytes": c["train_bytes"], "validation_bytes": held}
    try:
        told: dict[str, Any] = json.loads(read_text(path + ".json"))
        whole = told["train_bytes"] + told["validation_bytes"]
        told["record_bytes"]
    except (ValueError, KeyError) as error:
        raise Failure(DAMAGED, f"{path}.json: {error}") from None
    if whole != size:
        raise Failure(DAMAGED, f"{path} has {size} bytes, its description {whole}")
    return told


def read_source(text: str, c: Configuration) -> Source:
    """Reads what a text names, see above."""
    name, _, rest = text.partition("=")
    path, _, copy = rest.partition("+")
    data = np.fromfile(path, dtype=np.uint8)
    found = described(path, len(data), c)
    end, held = found["train_bytes"], found["validation_bytes"]
    train = data[:end]
    digest = hashlib.sha256(train.tobytes()).hexdigest()
    if digest != found.get("train_sha256", digest):
        raise Failure(DAMAGED, f"{path} is not the set of its description")
    if copy:
        train = np.concatenate([train, copied(copy, train, found.get("shape"))])
    return Source(name, os.path.basename(path), train, data[len(data) - held:],
                  found["record_bytes"], (0, end), (len(data) - held, len(data)), digest)


def quotas(shares: Sequence[float]) -> list[int]:
    """Parts of QUOTAS by largest remainders, for shares in any proportion."""
    exact = [share / sum(shares) * QUOTAS for share in shares]
    whole = [int(x) for x in exact]
    order = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for i in order[:QUOTAS - sum(whole)]:
        whole[i] += 1
    if 0 in whole:
        raise Failure(USAGE, f"a source has less than one part in {QUOTAS} of the shares")
    return whole


def turns(parts: Sequence[int]) -> npt.NDArray[np.int64]:
    """Which source each of QUOTAS sequences is of: the one furthest behind its share."""
    given, order = np.zeros(len(parts), np.int64), []
    for turn in range(QUOTAS):
        behind = np.array(parts) * (turn + 1) - QUOTAS * given
        order.append(int(behind.argmax()))
        given[order[-1]] += 1
    return np.array(order)


def starts_within(source: Source, need: int, length: int,
                  random: np.random.Generator) -> npt.NDArray[np.int64]:
    """[need] begins of sequences: passes over the training part in random order.

    A stream is cut at another offset in each pass, records where they begin, or at multiples of the
    length within.
    """
    record, size = source.record, len(source.train)
    if record > 1 and record % length and length % record:
        raise Failure(USAGE, f"{source.name}: records of {record} do not fit contexts of {length}")
    if size < 2 * length + 1:
        raise Failure(USAGE, f"{source.name}: {size} bytes are too few to train on")
    starts: list[npt.NDArray[np.int64]] = []
    while sum(map(len, starts)) < need:
        if record == 1:
            windows = (size - 1) // length - 1
            offset = 1 + int(random.integers(0, length))
        else:
            offset = 0 if record >= length else int(random.integers(length // record)) * record
            windows = (size - offset) // length
        starts.append(random.permutation(windows) * length + offset)
    return np.concatenate(starts)[:need]
