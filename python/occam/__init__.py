"""Occam: tiny transformers as lossless compressors.

A model predicts each next byte, and a range coder turns predictions into bytes. The file that comes
out names its model, and the same model restores it, bit for bit, on every machine. One model, which
knows English text, is built in:

>>> import occam
>>> packed = occam.compress(b"It was the best of times, it was the worst of times. " * 9)
>>> occam.decompress(packed)[:24]
b'It was the best of times'

What there is
-------------
compress, decompress
    Bytes, arrays and files, byte for byte as the commands do it.
salvage, inspect
    What is sound of a damaged file, and what a file says of itself.
Model
    A model: built in, a file, or bytes.
train
    Makes a model of your own data.
costs, explain
    The bits that each byte costs, as an array and as a page to look at.
next_distribution, generate
    What comes next, and drawing from it.
RecordCodec
    Small records, each alone in a frame with at most 4 bytes around its payload.
Checkpoint
    The tensors of a checkpoint, as arrays.

Data are bytes, bytearrays, memoryviews, numpy arrays, `pathlib.Path` or binary files. Sizes are
bytes and costs are bits. Every call can be interrupted by Ctrl-C; long ones leave the interpreter
to other threads, and show their progress (see `compress`). Failures raise `Error`, by kind.
"""

from ._cards import Card
from ._checkpoint import Checkpoint
from ._codec import Damage, FileInfo, Stats, compress, costs, decompress, inspect, salvage
from ._core import version as _version
from ._explain import Explanation, explain
from ._errors import (
    CancelledError,
    DamagedError,
    Error,
    FileError,
    InternalError,
    OutOfMemoryError,
    UsageError,
)
from ._model import Model, built_in_models, generate, next_distribution
from ._records import FRAME_MAX, RECORD_MAX, RecordCodec
from ._train import Training, train

__version__ = _version()

__all__ = [
    "FRAME_MAX",
    "RECORD_MAX",
    "CancelledError",
    "Card",
    "Checkpoint",
    "Damage",
    "DamagedError",
    "Error",
    "Explanation",
    "FileError",
    "FileInfo",
    "InternalError",
    "Model",
    "OutOfMemoryError",
    "RecordCodec",
    "Stats",
    "Training",
    "UsageError",
    "built_in_models",
    "compress",
    "costs",
    "decompress",
    "explain",
    "generate",
    "inspect",
    "next_distribution",
    "salvage",
    "train",
]
