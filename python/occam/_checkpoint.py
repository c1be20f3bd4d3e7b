"""Checkpoints of training, which are HDF5 files: their tensors as arrays."""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import DamagedError, UsageError

_MAGIC = b"OCCAMCKP"
_BLOCK = 512  # bytes before the HDF5 data: magic, version, length, SHA-256


class Checkpoint(Mapping[str, npt.NDArray[np.float32]]):
    """The float weights of a checkpoint (.h5), a mapping from names to arrays.

    Parameters
    ----------
    path : str or path
        A file that `train` wrote. It needs h5py (Debian: python3-h5py).

    Attributes
    ----------
    config : dict
        Shape of the network: vocabulary V, width D, layers, heads, context, windows, ...
    provenance : dict of str to str
        Command line, version, name and digest of the data.

    Notes
    -----
    Matrices are [rows, columns], each row what one output is made of: the embedding is [V + 1, D],
    the head [V, D], `layers.0.wq` [D, D]; convolutions are [taps, D] and gains [D]. An array is
    read when it is asked for.

    Examples
    --------
    >>> import occam
    >>> for name, tensor in occam.Checkpoint("mine.h5").items():  # doctest: +SKIP
    ...     print(name, tensor.shape, tensor.std())
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import h5py
        except ImportError as error:
            raise UsageError("checkpoints are read by h5py, which is not installed") from error
        self.path = os.fspath(path)
        with open(path, "rb") as file:
            data = file.read()
        _check(data, self.path)
        self._file = h5py.File(io.BytesIO(data), "r")
        self.config: dict[str, Any] = {
            name: value.tolist() for name, value in self._file["config"].attrs.items()
        }
        self.provenance: dict[str, str] = {
            name: _text(value)
            for name, value in self._file["provenance"].attrs.items()
            if name in ("command_line", "code_version", "data_name", "data_sha256")
        }

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        weights = self._file["weights"]
        if name not in weights:
            raise KeyError(name)
        array: npt.NDArray[np.float32] = weights[name][()]
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._file["weights"])

    def __len__(self) -> int:
        return len(self._file["weights"])

    def __repr__(self) -> str:
        count = sum(self._file["weights"][name].size for name in self)
        return (
            f"<occam.Checkpoint {self.path}: {count:,} parameters in {len(self)} tensors, "
            f"width {self.config['width']}, {self.config['layers']} layers>"
        )


def _check(data: bytes, name: str) -> None:
    """Requires the digest: HDF5's library may crash on a damaged file."""
    if data[:8] != _MAGIC:
        raise DamagedError(f"{name} is no checkpoint of Occam")
    length = int.from_bytes(data[16:24], "little")
    body = memoryview(data)[_BLOCK:]
    if len(body) != length or hashlib.sha256(body).digest() != data[24:56]:
        raise DamagedError(f"{name} is damaged: its digest is not that of what was written")


def _text(value: Any) -> str:
    """Strings of fixed length; texts that hold a NUL are arrays of bytes."""
    return bytes(value).decode("utf-8", "replace")
