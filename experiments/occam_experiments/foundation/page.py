"""The tables, as Markdown."""

from .data import CHUNK, Column
from .measure import Measurements, Model

# Rows that are named and empty until somebody with a network has fetched the model.
WANTED = {"smollm2-135m": "SmolLM2-135M", "gpt2": "GPT-2", "qwen3-0.6b": "Qwen3-0.6B",
          "tinyllama-1.1b": "TinyLlama-1.1B"}
GIGABYTE = 10**9


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*cells: str) -> list[str]:
    return [row(*cells), "|---" * len(cells) + "|"]


def percent(rate: float) -> str:
    return f"{100 * rate:.2f}"


def speed(byte_count: int, seconds: float) -> str:
    return f"{byte_count / 1000 / seconds:.2f}" if seconds > 0 else ""


def missing(models: list[Model]) -> list[str]:
    given = {model.name for model in models}
    return [title for name, title in WANTED.items() if name not in given]


def rates(found: Measurements, models: list[Model], columns: list[Column]) -> list[str]:
    names = [title for c in columns for title in (c.name, f"{c.name}, the model alone")]
    lines = head("model", "parameters", *names)
    for model in models:
        cells = []
        for column in columns:
            cells.append(percent(column.rate(found.chunks(model, column)["bytes"])))
            cells.append(percent(column.rate(found.alone(model, column))))
        lines.append(row(model.name, f"{model.parameters:,}", *cells))
    return lines + [row(title, "", *[""] * len(names)) for title in missing(models)]


def pays_from(model: Model, rate: float, other: float) -> str:
    """The length of text from which model and coded text together are smaller."""
    if rate >= other:
        return "never"
    return f"{model.bytes / (other - rate) / 1e6:,.1f} MB"


def charged(found: Measurements, models: list[Model], text: Column) -> list[str]:
    xz = found.xz(text) / text.bytes
    lines = head("model", "its coded bytes", "rate", "with the model, at this size",
                 "with the model, at 1 GB", "pays against xz from")
    for model in models:
        rate = text.rate(found.whole(model, text)["bytes"])
        lines.append(row(model.name, f"{model.bytes:,}", percent(rate),
                         percent(rate + model.bytes / text.bytes),
                         percent(rate + model.bytes / GIGABYTE), pays_from(model, rate, xz)))
    lines += [row(title, *[""] * 5) for title in missing(models)]
    return lines + [row("xz -9e", 0, *[percent(xz)] * 3, "")]


def speeds(found: Measurements, models: list[Model], text: Column) -> list[str]:
    lines = head("model", "context", "compress", "restore", "compress, a processor's second",
                 "restore, a processor's second", "peak memory, MB")
    for model in models:
        cell = found.whole(model, text)
        lines.append(row(model.name, model.context, *(
            speed(text.bytes, cell[name]) for name in
            ("compress_wall_s", "restore_wall_s", "compress_s", "restore_s")), cell["peak_mb"]))
    return lines + [row(title, *[""] * 6) for title in missing(models)]


def page(found: Measurements, models: list[Model], columns: list[Column]) -> str:
    about = "; ".join(f"{c.name}: {c.bytes:,} bytes of {c.of}" for c in columns)
    lines = [
        "# What do pretrained language models make of text, photographs and speech?", "",
        f"The data are {about}. Numbers are compressed / original bytes in percent.", "",
        "## In chunks", "",
        f"Chunks of {CHUNK} bytes know nothing of each other. Each is a bare frame, restored and "
        "compared; a chunk that a model makes longer is stored.",
        "Photographs and speech are shifted to seven bits, and the bits that are lost are stored: "
        "12.5 points.",
        "The model alone: what it makes of the data in chunks of its context, if nothing is "
        "stored.", "",
        *rates(found, models, columns), ""]
    text = next((column for column in columns if column.name == "text"), None)
    if text is not None:
        lines += ["## The text, the model charged", "",
                  "The text is one archive, contexts carried, restored and compared.", "",
                  *charged(found, models, text), "",
                  "## Speed", "",
                  "Kilobytes a second of the archive, the program's start included. A text that "
                  "another method makes smaller is not coded by the model. A peak below 100 MB is "
                  "that of this script.", "",
                  *speeds(found, models, text), ""]
    return "\n".join(lines)
