"""Files: digests, slices and samples of texts, which may be packed with xz, and whole writes."""

import hashlib
import json
import lzma
import os
import threading
from typing import Any, BinaryIO, cast

from .errors import DAMAGED, USAGE, Failure

SAMPLE_PIECES = 16
BLOCK = 1 << 20


def open_text(path: str) -> BinaryIO:
    """Opens a file to read its bytes, unpacked where its name ends with .xz."""
    if path.endswith(".xz"):
        return cast(BinaryIO, lzma.open(path, "rb"))
    return open(path, "rb")


def sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(BLOCK):
            digest.update(piece)
    return digest.hexdigest()


def digest_of_range(text: str, begin: int, end: int) -> str | None:
    """SHA-256 of bytes [begin, end) of a text; None where the text is shorter."""
    digest = hashlib.sha256()
    with open_text(text) as file:
        file.seek(begin)
        for left in range(end - begin, 0, -BLOCK):
            piece = file.read(min(left, BLOCK))
            if len(piece) < min(left, BLOCK):
                return None
            digest.update(piece)
    return digest.hexdigest()


def read_text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_json_lines(path: str) -> list[dict[str, Any]]:
    """The lines of a list of configurations or of results, without its comments."""
    with open(path, encoding="utf-8") as file:
        try:
            return [json.loads(line) for line in file if line.strip() and not line.startswith("#")]
        except ValueError as error:
            raise Failure(DAMAGED, f"{path}: {error}") from None


def write_whole(path: str, content: bytes | str) -> str:
    """Writes a file that appears whole, even if others write the same one. Returns its path."""
    own = f"{path}.{os.getpid()}-{threading.get_ident()}.new"
    with open(own, "wb") as sink:
        sink.write(content.encode() if isinstance(content, str) else content)
    os.replace(own, path)
    return path


def write_slice(text: str, begin: int, end: int, path: str) -> str:
    """Writes bytes [begin, end) of a text; a file of that size that is there is kept."""
    if os.path.exists(path) and os.path.getsize(path) == end - begin:
        return path
    with open_text(text) as source:
        source.seek(begin)
        piece = source.read(end - begin)
    if len(piece) < end - begin:
        raise Failure(USAGE, f"{text} has no bytes {begin}:{end}")
    return write_whole(path, piece)


def write_sample(text: str, size: int, sample: int, path: str) -> str:
    """Writes the first `size` bytes of a text, or a sample of them.

    Where `size` is more than `sample`, the sample is about as many bytes, in pieces that lie
    evenly through the first `size`.
    """
    if size <= sample:
        return write_slice(text, 0, size, path)
    piece = sample // SAMPLE_PIECES
    if os.path.exists(path) and os.path.getsize(path) == piece * SAMPLE_PIECES:
        return path
    with open_text(text) as source:
        data = source.read(size)
    if len(data) < size:
        raise Failure(USAGE, f"{text} has no bytes 0:{size}")
    begins = [(size - piece) * i // (SAMPLE_PIECES - 1) for i in range(SAMPLE_PIECES)]
    return write_whole(path, b"".join(data[begin:begin + piece] for begin in begins))
