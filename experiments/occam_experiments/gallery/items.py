"""What a gallery shows: the data of a kind, and the items that are chosen of it."""

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from ..errors import DAMAGED, USAGE, Failure
from ..files import read_text


@dataclass(frozen=True)
class Item:
    """What is given, what really follows, and where in the data that is."""

    place: int
    given: bytes
    original: bytes


class Kind:
    """Text, images or sound: the data, the models that go on with it, and what is shown of it."""

    def __init__(self, name: str, request: str) -> None:
        self.name = name
        path, equals, models = request.rpartition("=")
        if not equals or not path or not models:
            raise Failure(USAGE, f"--{name} is DATA=MODEL or DATA=MODEL,MODEL, not {request}")
        self.models = models.split(",")
        self.title = os.path.basename(path)
        self.bytes, about = self.load(path)
        for needed, kind in (("shape", "image"), ("sample_rate_hz", "audio")):
            if name == kind and needed not in about:
                raise Failure(USAGE, f"--{name}: {path} is no prepared set of that kind")
        rows, columns = about.get("shape", (0, 0))
        self.shape: tuple[int, int] = (rows, columns)
        self.rate_hz: int = about.get("sample_rate_hz", 0)
        self.items: list[Item] = []

    def load(self, path: str) -> tuple[bytes, dict[str, Any]]:
        """The bytes to choose from, and a set's description."""
        with open(path, "rb") as file:
            content = file.read()
        if not path.endswith(".set"):
            return content, {}
        self.title += ", validation part"
        try:
            about = json.loads(read_text(path + ".json"))
            part = content[about["train_bytes"]:about["train_bytes"] + about["validation_bytes"]]
            sound = hashlib.sha256(part).hexdigest() == about["validation_sha256"]
        except (ValueError, KeyError, TypeError):
            raise Failure(DAMAGED, f"{path}.json describes no prepared set") from None
        if not sound:
            raise Failure(DAMAGED, f"{path} is not what {path}.json describes")
        return part, about

    def choose(self, count: int, given: int, generated: int) -> None:
        """Chooses items that lie evenly through the data, of sound in its loudest places."""
        if self.name == "image":
            rows, columns = self.shape
            given, generated = rows // 2 * columns, (rows - rows // 2) * columns
        size = given + generated
        units = len(self.bytes) // size
        if units < count:
            raise Failure(USAGE, f"{self.title}: {len(self.bytes)} bytes are too few for {count} "
                                 f"items of {size}")
        for i in range(count):
            first, end = units * i // count, units * (i + 1) // count
            unit = (first + end) // 2
            if self.name == "audio":
                unit = max(range(first, end), key=lambda u: self.loudness(u * size, given, size))
            place, middle = unit * size, unit * size + given
            self.items.append(Item(place, self.bytes[place:middle],
                                   self.bytes[middle:middle + generated]))

    def loudness(self, place: int, given: int, size: int) -> float:
        """The power of the more silent part: what is given and what follows are to be heard."""
        def power(begin: int, length: int) -> float:
            return sum((b - 128) ** 2 for b in self.bytes[begin:begin + length:4]) / length
        parts = ((place, given), (place + given, size - given))
        return min(power(begin, length) for begin, length in parts if length > 0)
