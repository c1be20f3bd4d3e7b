"""Where a model spends its bits: a page to look at."""

import bz2
import html
import lzma
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._codec import AnyModel, choices_of
from ._data import Buffer, Data, as_bytes, written
from ._model import Model, model_of
from ._progress import Progress, shown

DECIDERS = ("network", "match", "words", "orders", "nobody")

_CODECS: dict[str, Callable[[Buffer], bytes]] = {
    "gzip": lambda data: zlib.compress(data, 9, wbits=31),
    "bzip2": lambda data: bz2.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
}
_STRETCHES = 32


@dataclass(frozen=True)
class Explanation:
    """What each byte of some data costs, and a page that shows it.

    In a notebook it shows itself. `save` writes the page, which needs no other file.

    Attributes
    ----------
    html : str
        The page.
    bits : ndarray of float32, shape (number of bytes,)
        The bits of each byte, as `costs` tells them.
    decided_by : ndarray of uint8, shape (number of bytes,)
        Who decided each byte: 0 the network, 1 a match, 2 words, 3 orders, 4 nobody: it costs 8
        bits or more. Others than the network decide where they save half a bit. Always 0 where
        nothing is mixed.
    beside_bits : ndarray of float32 or None
        The bits by the other model or codec.
    """

    html: str = field(repr=False)
    bits: npt.NDArray[np.float32]
    decided_by: npt.NDArray[np.uint8]
    beside_bits: npt.NDArray[np.float32] | None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the page to a file."""
        with written(path) as file:
            file.write(self.html.encode())

    def _repr_html_(self) -> str:
        page = html.escape(self.html)
        return f'<iframe srcdoc="{page}" style="width:100%;height:40rem;border:0"></iframe>'


def explain(
    data: Data,
    *,
    model: AnyModel = None,
    mode: str | None = None,
    beside: Union[None, str, AnyModel] = None,
    name: str | None = None,
    threads: int = 0,
    memory: int = 0,
    progress: Progress = None,
) -> Explanation:
    """Shows where a model spends its bits.

    Parameters
    ----------
    data : bytes-like, path or binary file
        The bytes.
    model : Model, str, path or bytes, optional
        The model; without it the built-in one.
    mode : {"chunked", "carried", "adaptive", "long"}, optional
        Without it adaptive for models of bytes, which also tells who decided each byte, and carried
        for others.
    beside : {"gzip", "bzip2", "xz"} or model, optional
        A codec or another model to compare with. Of a codec lengths alone are known: what it adds
        for each of 32 stretches is shared among their bytes.
    name : str, optional
        What the page calls the data.
    threads, memory, progress
        See `compress`.

    Returns
    -------
    Explanation
        The page, and the arrays that it is made of.

    Examples
    --------
    >>> import occam
    >>> shown = occam.explain(b"Some English text, and then: xqzjv!")
    >>> chr(b"Some English text, and then: xqzjv!"[shown.bits.argmax()]) in "xqzjv"
    True
    """
    whole = as_bytes(data)
    own = model_of(model)
    chosen = mode or ("adaptive" if own.vocabulary == 256 else "carried")

    def measured(by: Model) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        with shown(progress, memoryview(whole).nbytes, f"measuring {by.name}") as tell:
            return _core.costs(whole, choices_of(by, chosen, False, threads, memory), tell)

    bits, decided_by = measured(own)
    other, other_bits, stretches = "", None, 0
    if isinstance(beside, str) and beside in _CODECS:
        other, stretches = beside, min(_STRETCHES, memoryview(whole).nbytes)
        other_bits = _spread(whole, _CODECS[beside])
    elif beside is not None:
        compared = model_of(beside)
        other = f"{compared.name}, {chosen}"
        other_bits, _ = measured(compared)
    if name is None:
        name = os.fspath(data) if isinstance(data, os.PathLike) else "data"
    page = _core.page(
        name,
        f"{own.name}, {chosen}",
        whole,
        bits,
        decided_by if chosen == "adaptive" else None,
        other,
        other_bits,
        stretches,
    )
    return Explanation(page, bits, decided_by, other_bits)


def _spread(data: Buffer, compressed: Callable[[Buffer], bytes]) -> npt.NDArray[np.float32]:
    """What each stretch adds to a codec's length, shared among its bytes."""
    view = memoryview(data).cast("B")
    ends = [len(view) * (i + 1) // _STRETCHES for i in range(_STRETCHES)] if len(view) else []
    bits, begin, length = np.zeros(len(view), np.float32), 0, 0
    for end in sorted(set(ends) - {0}):
        longer = max(length, len(compressed(view[:end])))
        bits[begin:end] = 8 * (longer - length) / (end - begin)
        begin, length = end, longer
    return bits
