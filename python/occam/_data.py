"""Data as calls take it: bytes, arrays, paths and files."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import IO, Any, Protocol, Union, runtime_checkable


@runtime_checkable
class Readable(Protocol):
    """A binary file, open for reading."""

    def read(self, size: int = ..., /) -> Any: ...


@runtime_checkable
class Writable(Protocol):
    """A binary file, open for writing."""

    def write(self, data: Any, /) -> Any: ...


# bytes, bytearray, memoryview, numpy arrays: anything with a buffer whose bytes follow each other.
Buffer = Any
Data = Union[Buffer, "os.PathLike[str]", Readable]
File = Union[str, "os.PathLike[str]", Writable]
Target = Union[None, File]


def refuse_text(data: object) -> None:
    """A str may be meant as text or as a path. Neither is guessed."""
    if isinstance(data, str):
        raise TypeError("a str is neither bytes nor a path: give text.encode() or Path(name)")


@contextlib.contextmanager
def opened(data: Data) -> Iterator[Any]:
    """What the core reads: an object with a buffer, or an open file."""
    refuse_text(data)
    if isinstance(data, os.PathLike):
        with open(data, "rb") as file:
            yield file
    else:
        yield data


@contextlib.contextmanager
def written(target: Target) -> Iterator[Any]:
    """What the core writes to: None for bytes in memory, or an open file.

    A path gets its file when all of it is written: a call that fails leaves nothing behind.
    """
    if not isinstance(target, (str, os.PathLike)):
        yield target
        return
    path = os.fspath(target)
    folder = os.path.dirname(path) or "."
    file: IO[bytes]
    with tempfile.NamedTemporaryFile(
        dir=folder, prefix=os.path.basename(path) + ".partial-", delete=False
    ) as file:
        try:
            yield file
            file.flush()
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(file.name, 0o666 & ~mask)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def as_bytes(data: Data) -> Buffer:
    """All bytes at once: what is read as a whole anyway. Buffers are not copied."""
    refuse_text(data)
    if isinstance(data, os.PathLike):
        with open(data, "rb") as file:
            return file.read()
    if isinstance(data, Readable):
        return data.read()
    return data


def size_of(data: Data) -> int | None:
    """How many bytes there are to read, where that is known."""
    if isinstance(data, os.PathLike):
        return os.stat(data).st_size
    if isinstance(data, Readable):
        try:
            file: Any = data
            return max(0, os.fstat(file.fileno()).st_size - int(file.tell()))
        except (AttributeError, OSError, ValueError):
            return None
    return memoryview(data).nbytes
