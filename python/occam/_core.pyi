"""The extension: the library's door, with arguments that the package has made ready.

A `source` has a buffer or a method read, a `target` is None or has a method write, and `tell` is
None or takes bytes done (original, file). A `memory` of 0 stands for 1 GB.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Tell = Callable[[int, int], None] | None

RECORD_MAX: int
FRAME_MAX: int

class Model:
    @staticmethod
    def built_in(name: str) -> Model: ...
    def info(self) -> dict[str, Any]: ...
    def serialise(self, coded: bool) -> bytes: ...

class Choices:
    def __init__(
        self,
        model: Model | None,
        mode: int,
        embed_model: bool,
        threads: int,
        memory: int,
        dictionary: Any,
        lanes: int,
    ) -> None: ...

class Context:
    def __init__(self, model: Model) -> None: ...
    def feed(self, data: Any, tell: Tell) -> float: ...
    def next(self) -> npt.NDArray[np.uint32]: ...
    def generate(
        self, size: int, thousandths: int, top_k: int, seed: int, tell: Tell
    ) -> bytes: ...

class RecordCodec:
    def __init__(self, model: Model, check_bytes: int, dictionary: Any) -> None: ...
    def encode(self, record: Any) -> bytes: ...
    def decode(self, frame: Any) -> bytes: ...

def read_model(source: Any, memory: int) -> Model: ...
def built_in_names() -> list[str]: ...
def version() -> str: ...
def compress(
    source: Any, target: Any, choices: Choices, tell: Tell
) -> tuple[bytes | None, dict[str, int]]: ...
def decompress(
    source: Any,
    target: Any,
    choices: Choices,
    offset: int,
    length: int | None,
    keep_going: bool,
    tell: Tell,
) -> tuple[bytes | None, dict[str, int], list[tuple[int, int | None, str]]]: ...
def list_file(source: Any) -> tuple[dict[str, Any], bytes]: ...
def costs(
    data: Any, choices: Choices, tell: Tell
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]: ...
def page(
    name: str,
    method: str,
    data: Any,
    bits: npt.NDArray[np.float32],
    deciders: npt.NDArray[np.uint8] | None,
    beside: str,
    beside_bits: npt.NDArray[np.float32] | None,
    beside_stretches: int,
) -> str: ...
def record_size(frame: Any) -> int: ...
