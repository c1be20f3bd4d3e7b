"""Compressing, restoring, and what each byte costs."""

from dataclasses import dataclass
from typing import Union, overload

import numpy as np
import numpy.typing as npt

from . import _core
from ._data import Data, File, Target, as_bytes, opened, size_of, written
from ._errors import UsageError
from ._model import Model, ModelSource, model_of
from ._progress import Progress, shown

MODES = ("chunked", "carried", "adaptive", "long")
# By their numbers; those with "first" and "second" are of files of before, and are not written.
_FILE_MODES = (
    "chunked",
    "carried",
    "adaptive",
    "first adaptive",
    "long",
    "second adaptive",
    "first long",
)
AnyModel = Union[Model, ModelSource]


@dataclass(frozen=True)
class Stats:
    """Sizes as they were written or read, in bytes, and segments by their method."""

    original_bytes: int
    file_bytes: int
    payload_bytes: int  # coded symbols
    model_bytes: int  # the model in the file; the rest of it is headers
    segments: int
    model_segments: int
    order2_segments: int
    stored_segments: int

    @property
    def rate(self) -> float:
        """File bytes a byte of the original."""
        return self.file_bytes / self.original_bytes if self.original_bytes else 0.0


@dataclass(frozen=True)
class FileInfo:
    """What a compressed file says of itself."""

    stats: Stats
    mode: str
    context: int  # symbols
    contract: int  # numeric contract of its model; 0: no model
    model_id: str | None  # None: it needs no model; of a short file 8 bytes, then zeros
    model: bytes  # the model that it holds, a file of its own; empty where it holds none
    dictionary_id: str | None  # of the dictionary that it needs


@dataclass(frozen=True)
class Damage:
    """Original bytes that could not be restored.

    `end` is None where nobody knows how much followed. Damage with `end == begin` cost nothing.
    """

    begin: int
    end: int | None
    why: str


def _mode_number(mode: str) -> int:
    if mode not in MODES:
        raise UsageError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    return _FILE_MODES.index(mode)


def choices_of(
    model: Model | None,
    mode: str = "chunked",
    embed: bool = False,
    threads: int = 0,
    memory: int = 0,
    dictionary: Data | None = None,
    lanes: int = 0,
) -> "_core.Choices":
    """What calls have in common, for the core."""
    if not 0 <= lanes <= 32:
        raise UsageError(f"lanes are 1 to 32, or 0 for as many as are worthwhile, not {lanes}")
    return _core.Choices(
        None if model is None else model._core,
        _mode_number(mode),
        embed,
        threads,
        memory,
        None if dictionary is None else as_bytes(dictionary),
        lanes,
    )


@overload
def compress(
    data: Data,
    output: None = None,
    *,
    model: AnyModel = None,
    mode: str = "chunked",
    embed_model: bool = False,
    dictionary: Data | None = None,
    lanes: int = 0,
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> bytes: ...


@overload
def compress(
    data: Data,
    output: File,
    *,
    model: AnyModel = None,
    mode: str = "chunked",
    embed_model: bool = False,
    dictionary: Data | None = None,
    lanes: int = 0,
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> Stats: ...


def compress(
    data: Data,
    output: Target = None,
    *,
    model: AnyModel = None,
    mode: str = "chunked",
    embed_model: bool = False,
    dictionary: Data | None = None,
    lanes: int = 0,
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> bytes | Stats:
    """Compresses bytes, an array, a file or what a path names into an .occ file.

    Parameters
    ----------
    data : bytes-like, path or binary file
        What is to be compressed. A buffer (bytes, memoryview, numpy array) is not copied; of an
        array it is the bytes as they lie in memory. A path is a pathlib.Path.
    output : path or binary file, optional
        Where the compressed file goes. A file under a path appears when it is complete.
    model : Model, str, path or bytes, optional
        The model; without it the built-in one.
    mode : {"chunked", "carried", "adaptive", "long"}
        Contexts start afresh all the time, the published setting; they go on, which is smaller; or
        they go on and are mixed with what the data itself teaches, which is smaller still, but
        slower and for models of bytes only. "long" learns from 128 MiB at a time, and takes 3 GB
        of `memory` both ways.
    embed_model : bool
        Puts the model, entropy-coded, into the file: restoring then needs nothing else.
    dictionary : bytes-like, path or binary file, optional
        Bytes like the data that whoever restores has, too: an older version, or records of the same
        kind. Its last 16 MiB are learned first. The mode is then adaptive.
    lanes : int
        Of a segment in modes adaptive and long, 1 to 32: one alone is smallest, and restored
        slowest. 0: 32, adaptive fewer where the data has less than 2 MiB.
    threads : int
        0: one a processor. The result does not depend on it.
    memory : int
        Bytes that the call may take; 0 stands for 1 GB.
    progress : None, bool or callable
        None: a bar in notebooks, for calls of more than two seconds. True: a bar, of tqdm where it
        is installed. A function is called some ten times a second with the bytes done and their
        number, or None where that is unknown; False from it raises `CancelledError`.

    Returns
    -------
    bytes or Stats
        The compressed file; where there is an output its sizes.

    Notes
    -----
    The file is that of the command `compress`, byte for byte. The interpreter lock is free while
    the library works, and Ctrl-C ends the call within two seconds, as it does for every call.

    Examples
    --------
    >>> import occam
    >>> packed = occam.compress(b"The quick brown fox jumps over the lazy dog. " * 20)
    >>> occam.decompress(packed)[:19]
    b'The quick brown fox'
    """
    choices = choices_of(model_of(model), mode, embed_model, threads, memory, dictionary, lanes)
    with opened(data) as source, written(output) as target:
        with shown(progress, size_of(data), "compressing") as tell:
            file, stats = _core.compress(source, target, choices, tell)
    return Stats(**stats) if file is None else file


@overload
def decompress(
    data: Data,
    output: None = None,
    *,
    model: AnyModel = None,
    dictionary: Data | None = None,
    offset: int = 0,
    length: int | None = None,
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> bytes: ...


@overload
def decompress(
    data: Data,
    output: File,
    *,
    model: AnyModel = None,
    dictionary: Data | None = None,
    offset: int = 0,
    length: int | None = None,
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> Stats: ...


def decompress(
    data: Data,
    output: Target = None,
    *,
    model: AnyModel = None,
    dictionary: Data | None = None,
    offset: int = 0,
    length: int | None = None,
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> bytes | Stats:
    """Restores an .occ file, or a part of its original.

    Parameters
    ----------
    data : bytes-like, path or binary file
        The compressed file.
    output : path or binary file, optional
        Where the original goes. A file under a path appears when all of it was checked.
    model : Model, str, path or bytes, optional
        The model that the file was made with; not needed where the file holds it or it is built in.
    dictionary : bytes-like, path or binary file, optional
        The dictionary that the file was made with; the file tells whether it needs one.
    offset, length : int, optional
        The part of the original to restore; without a length to its end. Other segments are not
        decoded.
    threads, memory, progress
        See `compress`.

    Returns
    -------
    bytes or Stats
        The original; where there is an output the sizes.

    Raises
    ------
    DamagedError
        The data is damaged, or no compressed file, or the model is another. Restoring gives the
        original bytes or an error, never other bytes.
    """
    given = None if model is None else model_of(model)
    choices = choices_of(given, threads=threads, memory=memory, dictionary=dictionary)
    with opened(data) as source, written(output) as target:
        with shown(progress, size_of(data), "restoring", of_file=True) as tell:
            original, stats, _ = _core.decompress(
                source, target, choices, offset, length, False, tell
            )
    return Stats(**stats) if original is None else original


def salvage(
    data: Data,
    *,
    model: AnyModel = None,
    dictionary: Data | None = None,
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> tuple[bytes, list[Damage]]:
    """Restores what is sound of a damaged .occ file.

    Parameters
    ----------
    data, model, dictionary, threads, memory, progress
        See `decompress`.

    Returns
    -------
    original : bytes
        Zeros stand for what is missing, where it is known how much that is.
    damage : list of Damage
        What is missing, and why.
    """
    given = None if model is None else model_of(model)
    choices = choices_of(given, threads=threads, memory=memory, dictionary=dictionary)
    with opened(data) as source:
        with shown(progress, size_of(data), "restoring", of_file=True) as tell:
            original, _, damage = _core.decompress(source, None, choices, 0, None, True, tell)
    assert original is not None  # there was no target
    return original, [Damage(*one) for one in damage]


def inspect(data: Data) -> FileInfo:
    """What an .occ file says of itself. Everything but the payloads' content is checked.

    Parameters
    ----------
    data : bytes-like, path or binary file
        The compressed file.
    """
    with opened(data) as source:
        info, model = _core.list_file(source)
    mode = _FILE_MODES[info.pop("mode")]
    context, contract = info.pop("context"), info.pop("contract")
    model_id, dictionary_id = info.pop("model_id"), info.pop("dictionary_id")
    return FileInfo(
        Stats(**info),
        mode,
        context,
        contract,
        None if model_id is None else model_id.hex(),
        model,
        dictionary_id.hex() if any(dictionary_id) else None,
    )


def costs(
    data: Data,
    *,
    model: AnyModel = None,
    mode: str = "chunked",
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> npt.NDArray[np.float32]:
    """The bits that each byte costs when the model compresses these bytes.

    Parameters
    ----------
    data : bytes-like, path or binary file
        The bytes.
    model, mode, threads, memory, progress
        See `compress`.

    Returns
    -------
    ndarray of float32, shape (number of bytes,)
        Bits: -log2 of the probability of each byte. Where a symbol stands for several bytes, each
        has an equal share. Their sum is the length of the model's payload, but for the rounding of
        the coder. A file is smaller where `compress` finds that order 2 or the bytes as they are
        take less.

    Examples
    --------
    >>> import occam
    >>> bits = occam.costs(b"hello hello hello hello", mode="adaptive")
    >>> bits.shape
    (23,)
    """
    choices = choices_of(model_of(model), mode, False, threads, memory)
    whole = as_bytes(data)
    with shown(progress, memoryview(whole).nbytes, "measuring") as tell:
        bits, _ = _core.costs(whole, choices, tell)
    return bits
