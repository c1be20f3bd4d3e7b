"""Models that code."""

import os
import threading
from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._cards import Card, card_of
from ._data import Buffer, as_bytes
from ._errors import UsageError
from ._progress import Progress, shown

ModelSource = Union[None, str, "os.PathLike[str]", Buffer]


class Model:
    """A model that predicts each next byte, and so compresses. Immutable.

    Parameters
    ----------
    source : str, path or bytes, optional
        The name of a built-in model, the path of a model file (.occm), or its bytes. Without it the
        default built-in model, which knows English text.
    memory : int, optional
        Bytes that reading it may take at most; 0 stands for 1 GB.

    Attributes
    ----------
    id : str
        SHA-256 of the model, in hexadecimal digits. Equal ids code alike.
    name : str
        What it is called: of a file the name without its suffix.
    parameters : int
        Numbers that training chose.
    width, layers : int
        Channels and blocks of the network.
    context : int
        Symbols that a prediction looks back over at most.
    vocabulary : int
        Number of symbols; 256 where a symbol is a byte.
    tokenizer : str
        What a symbol is: "bytes", ...
    contract : int
        Version of the numeric contract that it follows.
    kernels : str
        Instructions that compute it here. They never show in a result.
    card : Card or None
        Training data and rates, where the file NAME.md stands beside the model.

    Notes
    -----
    Any number of threads may use one model at once. A model can be pickled: a built-in one by its
    name, any other with all its bytes.

    Examples
    --------
    >>> import occam
    >>> model = occam.Model()
    >>> model.name, model.parameters, model.context
    ('broad-800K', 6354336, 2048)
    """

    def __init__(self, source: ModelSource = None, *, memory: int = 0) -> None:
        path: Path | None = None
        names = _core.built_in_names()
        if source is None or (isinstance(source, str) and source in names):
            self.name: str = names[0] if source is None else source
            self._core = _core.Model.built_in(self.name)
            self._built_in = True
        else:
            self._built_in = False
            if isinstance(source, (str, os.PathLike)):
                path = Path(source)
                self.name = path.name.removesuffix(".occm")
                self._core = _read(path, memory)
            else:
                self.name = "model"
                self._core = _core.read_model(as_bytes(source), memory)
        info = self._core.info()
        self.id: str = info["id"].hex()
        self.contract: int = info["contract"]
        self.vocabulary: int = info["vocabulary"]
        self.context: int = info["context"]
        self.width: int = info["width"]
        self.layers: int = info["layers"]
        self.parameters: int = info["parameters"]
        self.tokenizer: str = info["tokenizer"]
        self.kernels: str = info["kernels"]
        self.card: Card | None = card_of(self.name, path) if self._built_in or path else None

    def __repr__(self) -> str:
        text = (
            f"<occam.Model {self.name}: {self.parameters:,} parameters, width {self.width}, "
            f"{self.layers} layers, context {self.context} {self.tokenizer}"
        )
        if self.card is not None:
            rates = [f"{rate:g} % by {what}" for what, rate in self.card.rates.items()]
            own = [text for text in rates if "Occam" in text]
            others = [text for text in rates if text.endswith((" xz", " gzip"))]
            text += "; held-out data " + ", ".join(own[:1] + others[-1:])
        return text + ">"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._built_in:
            return Model, (self.name,)
        return _restore, (self.serialise(), self.name, self.card)

    def serialise(self, coded: bool = False) -> bytes:
        """The model as a file (.occm).

        Parameters
        ----------
        coded : bool
            Entropy-coded, which is a fifth smaller. A flat file loads at once.
        """
        return self._core.serialise(coded)

    def save(self, path: str | os.PathLike[str], coded: bool = False) -> None:
        """Writes the model to a file (.occm)."""
        from ._data import written

        with written(path) as file:
            file.write(self.serialise(coded))


def _read(path: Path, memory: int) -> "_core.Model":
    if path.suffix == ".h5":
        raise UsageError(
            f"{path} is a checkpoint; a model that codes is made of it by "
            f"'occam inspect {path} --export {path.with_suffix('.occm')}'"
        )
    with open(path, "rb") as file:
        return _core.read_model(file, memory)


def _restore(file: bytes, name: str, card: Card | None) -> Model:
    model = Model(file)
    model.name, model.card = name, card
    return model


_default_lock = threading.Lock()
_default: list[Model] = []


def model_of(model: Union[Model, ModelSource]) -> Model:
    """The model that an argument stands for. The default one is made once."""
    if isinstance(model, Model):
        return model
    if model is not None:
        return Model(model)
    with _default_lock:
        if not _default:
            _default.append(Model())
        return _default[0]


def built_in_models() -> list[str]:
    """The names of the models that are part of the library, the default first."""
    return _core.built_in_names()


def next_distribution(
    context: Buffer = b"", *, model: Union[Model, ModelSource] = None, progress: Progress = None
) -> npt.NDArray[np.float64]:
    """The probability of each next byte.

    Parameters
    ----------
    context : bytes-like
        What came before; nothing: the model begins afresh.
    model : Model, str, path or bytes, optional
        The model; without it the built-in one.
    progress : None, bool or callable
        See `compress`.

    Returns
    -------
    ndarray of float64, shape (256,)
        Multiples of 2**-24 that sum to exactly 1. For models of byte pairs it is the distribution
        of the next symbol's first byte.

    Examples
    --------
    >>> import occam
    >>> p = occam.next_distribution(b"The capital of Franc")
    >>> chr(p.argmax()), float(p.sum())
    ('e', 1.0)
    """
    reader = _core.Context(model_of(model)._core)
    data = as_bytes(context)
    with shown(progress, memoryview(data).nbytes, "reading") as tell:
        reader.feed(data, tell)
    frequencies: npt.NDArray[np.uint32] = reader.next()
    return frequencies / np.float64(1 << 24)


def generate(
    prompt: Buffer = b"",
    size: int = 500,
    *,
    model: Union[Model, ModelSource] = None,
    temperature: float = 1.0,
    top_k: int = 0,
    seed: int = 1,
    progress: Progress = None,
) -> bytes:
    """Continues a prompt with bytes that the model draws.

    Parameters
    ----------
    prompt : bytes-like
        What is to be continued; nothing: the model begins afresh.
    size : int
        Number of bytes to draw.
    model : Model, str, path or bytes, optional
        The model; without it the built-in one.
    temperature : float
        From 0 to 100, in thousandths. Below 1 what is probable becomes more so; 0 takes the most
        probable symbol alone.
    top_k : int
        Draws from the k most probable symbols only; 0: from all.
    seed : int
        The same seed draws the same bytes on every machine.
    progress : None, bool or callable
        See `compress`.

    Returns
    -------
    bytes
        The `size` bytes that follow the prompt: those of the command `generate`.
    """
    if not 0 <= temperature <= 100:
        raise UsageError(f"a temperature is from 0 to 100, not {temperature}")
    if size < 0 or top_k < 0:
        raise UsageError("size and top_k are at least 0")
    reader = _core.Context(model_of(model)._core)
    reader.feed(as_bytes(prompt), None)
    with shown(progress, size, "generating") as tell:
        return reader.generate(size, round(1000 * temperature), top_k, seed, tell)
