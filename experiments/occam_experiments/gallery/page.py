"""The page of a gallery, with its pictures and sounds in it."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..files import write_whole
from ..pages import data_url, html
from .figures import DARK, LIGHT, Made, image_picture, sound_picture, wav
from .items import Item, Kind

Rows = Sequence[tuple[Item, Made]]


@dataclass
class Picture:
    """A picture on both papers, as URLs within the page."""

    light: str
    dark: str
    alt: str
    caption: str


@dataclass
class Shown:
    """What a page shows of an item: texts (label, given, made), or a picture, or with players."""

    heading: str = ""
    texts: list[tuple[str, str, str]] = field(default_factory=list)
    picture: Picture | None = None
    players: list[tuple[str, str]] = field(default_factory=list)  # (label, URL of the sound)


@dataclass
class Part:
    """What a page shows of a kind."""

    heading: str
    text: str
    shown: list[Shown]


def text_of(values: bytes) -> str:
    """Bytes as text: what is no character, or none that is seen, stands by its code."""
    text = values.decode("utf-8", "backslashreplace")
    return "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def picture(draw: Callable[[str], bytes], path: str, alt: str, caption: str) -> Picture:
    """A picture on both papers; the light one is written to a file, too."""
    light = draw(LIGHT)
    write_whole(path, light)
    return Picture(data_url(light, "image/png"), data_url(draw(DARK), "image/png"), alt, caption)


def text_part(kind: Kind, rows: Rows, _: str) -> Part:
    shown = [Shown(f"Text {number}, from byte {item.place}",
                   [(name, text_of(item.given[-300:]), text_of(piece)) for name, piece in made])
             for number, (item, made) in enumerate(rows, 1)]
    return Part("Text", f"{kind.title}. The end of the given text is gray, what follows it is "
                        "marked.", shown)


def image_part(kind: Kind, rows: Rows, folder: str) -> Part:
    height, width = kind.shape
    caption = (f"{kind.title}: patches of {height} rows of {width} gray pixels, the upper half "
               "given (the marks beside show where it ends), the lower half generated pixel by "
               "pixel, row after row.")
    found = picture(lambda paper: image_picture(kind, rows, paper),
                    os.path.join(folder, "image.png"),
                    "image patches, their lower halves continued", caption)
    return Part("Images", "", [Shown(picture=found)])


def sound_item(kind: Kind, number: int, item: Item, made: Made, folder: str) -> Shown:
    """A sound's picture, and a player of each continuation."""
    path = os.path.join(folder, f"audio-{number}")
    players = []
    for name, piece in made:
        content = wav(item.given + piece, kind.rate_hz)
        write_whole(f"{path}-{name}.wav", content)
        players.append((name, data_url(content, "audio/wav")))
    found = picture(lambda paper: sound_picture(kind, item, made, paper), path + ".png",
                    f"sound {number}, continued", "Wave and spectrogram.")
    return Shown(f"Sound {number}, from sample {item.place}", picture=found, players=players)


def sound_part(kind: Kind, rows: Rows, folder: str) -> Part:
    first = rows[0][0]
    text = (f"{kind.title}: 8-bit samples at {kind.rate_hz} Hz. {len(first.given)} samples are "
            f"given, {len(first.original)} follow after the dashed line.")
    return Part("Sound", text, [sound_item(kind, number, item, made, folder)
                                for number, (item, made) in enumerate(rows, 1)])


PARTS = {"text": text_part, "image": image_part, "audio": sound_part}


def command_text(kinds: Sequence[Kind], args: argparse.Namespace) -> str:
    """The command that makes the page again."""
    shown_kinds = " ".join(f"--{kind.name} {getattr(args, kind.name)}" for kind in kinds)
    pairs = [f"--{name}-bytes {given}:{made}" for name, (given, made) in
             (("text", args.text_bytes), ("audio", args.audio_bytes))]
    return (f"experiments/gallery.py {shown_kinds} --codec '{args.codec}' --items {args.items} "
            f"{' '.join(pairs)} --seed {args.seed} --temperature {args.temperature} --out DIR")


def write(folder: str, kinds: Sequence[Kind], rows_of: Callable[[Kind], Rows],
          facts: Mapping[str, str], version: str, args: argparse.Namespace) -> None:
    """Writes gallery.html, its pictures and its sounds."""
    parts = [PARTS[kind.name](kind, rows_of(kind), folder) for kind in kinds]
    write_whole(os.path.join(folder, "gallery.html"), html(
        "gallery.html.j2", title="The other half", parts=parts, facts=facts, version=version,
        seed=args.seed, temperature=args.temperature, command=command_text(kinds, args)))
