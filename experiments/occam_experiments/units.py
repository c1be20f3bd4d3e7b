"""Numbers of bytes and lists as options write them, and as tables show them."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from .errors import USAGE, Failure

Number = TypeVar("Number", int, float)


def split_pair(text: str, what: str, value_name: str) -> tuple[str, str]:
    """Splits NAME=VALUE, which was given to the option `what`."""
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise Failure(USAGE, f"{what} is NAME={value_name}, not {text}")
    return name, value


def parse_bytes(text: str) -> int:
    """Reads "62M" as 62000000; units are decimal, as those of Occam's options."""
    factor = {"K": 10**3, "M": 10**6, "G": 10**9}.get(text[-1:].upper(), 1)
    digits = text[:-1] if factor > 1 else text
    try:
        count = float(digits) * factor
    except ValueError:
        raise Failure(USAGE, f"{text} is no number of bytes") from None
    if count != int(count) or count < 1:
        raise Failure(USAGE, f"{text} is no number of bytes")
    return int(count)


def bytes_text(count: float) -> str:
    """Writes 62000000 as "62 MB"."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if count >= factor:
            return f"{count / factor:g} {unit}"
    return f"{count:g} B"


def parse_range(text: str, what: str) -> tuple[int, int]:
    """Reads "62M:64M" as (62000000, 64000000)."""
    begin, colon, end = text.partition(":")
    if not colon:
        raise Failure(USAGE, f"{what} is BEGIN:END, not {text}")
    return int(begin) if begin == "0" else parse_bytes(begin), parse_bytes(end)


def names(text: str) -> list[str]:
    """Reads a list with commas, for argparse."""
    return text.split(",")


def numbers(kind: Callable[[str], Number]) -> Callable[[str], list[Number]]:
    """A reader of lists of numbers with commas, for argparse."""
    def parse(text: str) -> list[Number]:
        try:
            return [kind(item) for item in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text} is no list of numbers") from None
    return parse
