"""Small records as bare frames."""

from . import _core
from ._codec import AnyModel
from ._data import Buffer, Data, as_bytes
from ._model import Model, model_of

RECORD_MAX: int = _core.RECORD_MAX
FRAME_MAX: int = _core.FRAME_MAX


class RecordCodec:
    """Codes records of a few hundred bytes, each alone into a bare frame.

    A frame has at most 4 bytes around its payload: a length and a check. It does not name its
    model, so whoever decodes must know model and `check`.

    Parameters
    ----------
    model : Model, str, path or bytes, optional
        A model that was trained on such records (`occam.train`); without it the built-in one.
    check : {0, 1, 2}
        Bytes of a hash in each frame. A wrong model, or a cut or damaged frame, passes for another
        record once in 256 times with 1, once in 65536 with 2, and often with 0.
    dictionary : bytes-like, path or binary file, optional
        Records like those to come, one after the other; 100 KB are enough. The first call learns
        them, which takes a second, and frames are much smaller. Whoever decodes needs it, too.

    Notes
    -----
    It keeps its memory from record to record and serves one thread at a time. It can be pickled.

    Examples
    --------
    >>> import occam
    >>> codec = occam.RecordCodec()
    >>> frame = codec.encode(b'{"level":"info","msg":"a small record of some log"}')
    >>> codec.decode(frame)
    b'{"level":"info","msg":"a small record of some log"}'
    >>> occam.RecordCodec.size(frame)
    51
    """

    def __init__(
        self, model: AnyModel = None, check: int = 1, dictionary: Data | None = None
    ) -> None:
        self.model: Model = model_of(model)
        self.check = check
        self.dictionary = None if dictionary is None else bytes(as_bytes(dictionary))
        self._core = _core.RecordCodec(self.model._core, check, self.dictionary)

    def encode(self, record: Buffer) -> bytes:
        """The frame of a record, at most 4 bytes longer than it."""
        return self._core.encode(record)

    def decode(self, frame: Buffer) -> bytes:
        """The record of a frame; `DamagedError` where it is seen that it is none of this model."""
        return self._core.decode(frame)

    @staticmethod
    def size(frame: Buffer) -> int:
        """The record's length as its frame tells it, unchecked."""
        return _core.record_size(frame)

    def __repr__(self) -> str:
        return f"occam.RecordCodec({self.model.name}, check={self.check})"

    def __reduce__(self) -> tuple[type["RecordCodec"], tuple[Model, int, bytes | None]]:
        return RecordCodec, (self.model, self.check, self.dictionary)
