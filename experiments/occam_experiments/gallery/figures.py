"""The pictures and sounds of a gallery, on light and on dark paper."""

import io
import math
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..figures import plotting
from .items import Item, Kind

EDGE = "#D55E00"  # where the given part ends; Okabe and Ito (2008)
LIGHT, DARK = "light", "dark"  # papers
DARK_PAPER, DARK_INK = "#191919", "#e2e4e6"  # those of templates/page.html.j2

Made = Sequence[tuple[str, bytes]]  # (label, what follows), the original first


def samples(values: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(values, dtype=np.uint8)


def plotting_on(paper: str) -> Any:
    """matplotlib.pyplot for a paper. Pictures are photographs: a page cannot invert them."""
    plot = plotting()
    if paper == DARK:
        inks = ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor",
                "xtick.color", "ytick.color")
        papers = ("figure.facecolor", "savefig.facecolor", "axes.facecolor")
        plot.rcParams.update({name: DARK_INK for name in inks}
                             | {name: DARK_PAPER for name in papers})
    return plot


def png(plot: Any, figure: Any, dpi: int) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi)
    plot.close(figure)
    return out.getvalue()


def image_picture(kind: Kind, rows: Sequence[tuple[Item, Made]], paper: str) -> bytes:
    """A line an item; columns are what is given, the original, and who went on."""
    plot = plotting_on(paper)
    height, width = kind.shape
    columns = ["given"] + [name for name, _ in rows[0][1]]
    size = (1.9 * len(columns), 1.9 * height / width * len(rows) + 0.3)
    figure, axes = plot.subplots(len(rows), len(columns), squeeze=False, figsize=size,
                                 constrained_layout=True)
    for line, (item, made) in zip(axes, rows):
        line[0].set_ylabel(f"patch {item.place // (height * width)}", fontsize=8)
        for ax, below in zip(line, [b""] + [piece for _, piece in made]):
            draw_patch(ax, kind, item, below, "#d6e6f2" if paper == LIGHT else "#24394a")
    for ax, name in zip(axes[0], columns):
        ax.set_title(name, fontsize=9)
    return png(plot, figure, 200)


def draw_patch(ax: Any, kind: Kind, item: Item, below: bytes, nothing: str) -> None:
    """A patch, with marks where the given part ends. `nothing`: the colour of what is missing."""
    height, width = kind.shape
    pixels = np.full(height * width, np.nan)
    values = samples(item.given + below)
    pixels[:len(values)] = values
    ax.imshow(pixels.reshape(height, width), cmap="gray", vmin=0, vmax=255,
              interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_facecolor(nothing)  # unlike any gray
    edge = len(item.given) // width - 0.5
    # Beside the picture, so that it hides no seam.
    for x, out in ((-0.5, -2), (width - 0.5, 2)):
        ax.plot([x, x + out], [edge] * 2, color=EDGE, linewidth=1.5, clip_on=False, scalex=False,
                scaley=False)


def spectrum(values: bytes, size: int = 256, step: int = 64) -> NDArray[np.float64]:
    """Decibels below full scale [frequencies, times] of windows of `size` samples."""
    x = (samples(values).astype(np.float64) - 128) / 128
    window = np.hanning(size)
    pieces = np.stack([x[i:i + size] * window for i in range(0, len(x) - size + 1, step)])
    magnitude = np.abs(np.fft.rfft(pieces, axis=1)) / (window.sum() / 2)
    return np.asarray(20 * np.log10(np.maximum(magnitude, 1e-6)).T, np.float64)


def peak_of(item: Item, made: Made) -> int:
    return max(8, max(int(np.max(np.abs(samples(item.given + piece).astype(int) - 128)))
                      for _, piece in made))


def sound_picture(kind: Kind, item: Item, made: Made, paper: str) -> bytes:
    """A panel a continuation: the wave above, its spectrogram below, a line where it begins."""
    plot = plotting_on(paper)
    columns = 2 if len(made) > 3 else len(made)
    lines, peak = math.ceil(len(made) / columns), peak_of(item, made)
    figure, axes = plot.subplots(
        2 * lines, columns, squeeze=False, sharex=True, figsize=(4.2 * columns, 3.2 * lines),
        constrained_layout=True, gridspec_kw={"height_ratios": [1, 1.3] * lines})
    for i, (name, piece) in enumerate(made):
        line, column = 2 * (i // columns), i % columns
        wave_ax, spectrum_ax = axes[line][column], axes[line + 1][column]
        wave_ax.set_title(name, fontsize=9)
        wave_ax.set_ylim(-peak, peak)
        picture = draw_sound(wave_ax, spectrum_ax, kind, item, piece)
        if column == 0:
            wave_ax.set_ylabel("sample")
            spectrum_ax.set_ylabel("kHz")
    for ax in axes.flat:
        if not ax.has_data():
            ax.axis("off")
    figure.colorbar(picture, ax=axes[1::2].ravel().tolist(), label="dB of full scale", shrink=0.9)
    return png(plot, figure, 150)


def draw_sound(wave_ax: Any, spectrum_ax: Any, kind: Kind, item: Item, piece: bytes) -> Any:
    """Wave and spectrogram of one continuation. Returns the spectrogram."""
    rate, whole = kind.rate_hz, item.given + piece
    edge, end = len(item.given) / rate, (len(item.given) + len(item.original)) / rate
    values = samples(whole).astype(int) - 128
    wave_ax.plot(np.arange(len(values)) / rate, values, linewidth=0.3, color="#56B4E9")
    picture = spectrum_ax.imshow(
        spectrum(whole), origin="lower", aspect="auto", extent=(0, end, 0, rate / 2000),
        cmap="magma", vmin=-90, vmax=-20, interpolation="nearest")
    wave_ax.axvline(edge, color=EDGE, linewidth=1, linestyle="--")
    spectrum_ax.axvline(edge, color="#56B4E9", linewidth=1, linestyle="--")
    spectrum_ax.set_xlabel("seconds")
    return picture


def wav(values: bytes, rate_hz: int) -> bytes:
    """8-bit samples as they are: a WAV of 8 bits has its zero at 128, too."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate_hz)
        file.writeframes(values)
    return out.getvalue()
