"""The columns: text as it is, photographs and speech as characters of ASCII."""

import json
import os
from dataclasses import dataclass

from ..errors import DAMAGED, IO, USAGE, Failure
from ..files import read_text, sha256_of, write_slice, write_whole

CHUNK = 2048
HALVES = bytes(byte >> 1 for byte in range(256))


@dataclass(frozen=True)
class Column:
    """A file with the bytes that models see, in whole chunks but for the last of a text."""

    name: str
    of: str  # the name of what it was taken from
    path: str
    bytes: int
    sha256: str
    lost_bytes: int  # of bits that models do not see, eight a byte

    def rate(self, coded_bytes: int) -> float:
        return (coded_bytes + self.lost_bytes) / self.bytes


def begin_of(path: str) -> tuple[int, int]:
    """The range of a file that is measured: of a prepared set its validation part."""
    if not os.path.isfile(path):
        raise Failure(IO, f"{path} is missing")
    if not path.endswith(".set"):
        return 0, os.path.getsize(path)
    about = json.loads(read_text(path + ".json"))
    try:
        begin = int(about["train_bytes"])
        return begin, begin + int(about["validation_bytes"])
    except KeyError as missing:
        raise Failure(DAMAGED, f"{path}.json describes no prepared set: it lacks {missing}"
                      ) from None


def text_column(path: str, limit: int, folder: str) -> Column:
    begin, end = begin_of(path)
    return make_column("text", path, (begin, min(end, begin + limit)), folder, shifted=False)


def signal_column(name: str, path: str, limit: int, folder: str) -> Column:
    """Photographs or speech: bytes without their last bit, which is stored beside them."""
    begin, end = begin_of(path)
    size = min(end - begin, limit) // CHUNK * CHUNK
    return make_column(name, path, (begin, begin + size), folder, shifted=True)


def make_column(name: str, path: str, span: tuple[int, int], folder: str, shifted: bool) -> Column:
    begin, end = span
    if end == begin:
        raise Failure(USAGE, f"{path} has no bytes to compress")
    data = os.path.join(folder, f"data-{name}")
    if os.path.exists(data):
        os.remove(data)
    write_slice(path, begin, end, data)
    if shifted:
        with open(data, "rb") as file:
            write_whole(data, file.read().translate(HALVES))
    size = end - begin
    return Column(name, os.path.basename(path), data, size, sha256_of(data),
                  (size + 7) // 8 if shifted else 0)


def write_chunks(column: Column, folder: str) -> list[str]:
    """Writes each chunk as a file of its own."""
    names: list[str] = []
    with open(column.path, "rb") as file:
        while chunk := file.read(CHUNK):
            name = os.path.join(folder, f"{len(names):06d}")
            with open(name, "wb") as out:
                out.write(chunk)
            names.append(name)
    return names
