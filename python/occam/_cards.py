"""The cards of models: what they were trained on, and what rates they reached."""

import re
from dataclasses import dataclass, field
from pathlib import Path

_FOLDER = Path(__file__).parent
_ROW = re.compile(r"^ {4}(\S.*?)  +(\d+) +([\d.]+) % +([\d.]+) ", re.MULTILINE)


@dataclass(frozen=True)
class Card:
    """A model's card, the file NAME.md beside NAME.occm.

    Attributes
    ----------
    text : str
        The whole card, in Markdown.
    trained_on : str
        The training data, with the shares of its parts where it has several.
    rates : dict of str to float
        Size after compression in percent of the original, of held-out data: by Occam in chunks, and
        by other codecs.
    """

    text: str = field(repr=False)
    trained_on: str
    rates: dict[str, float]


def card_of(name: str, path: Path | None) -> Card | None:
    """The card of a model file, or of a built-in model."""
    place = _FOLDER / f"{name}.md" if path is None else path.with_suffix(".md")
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    trained = re.findall(r"^ {4}on +(.*)$", text, re.MULTILINE)
    rates = {what.strip(): float(rate) for what, _, rate, _ in _ROW.findall(text)}
    if not trained or not rates:
        return None  # some other file of this name
    return Card(text, "; ".join(part.split(", SHA-256")[0] for part in trained), rates)
