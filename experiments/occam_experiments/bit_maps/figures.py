"""The pictures of bits, on light and on dark paper."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gallery.figures import LIGHT, plotting_on, png

Bits = dict[str, NDArray[np.float32]]  # of each byte, by the model's name

MOST_BITS = 12.0  # the end of the scale
COLOURS = ("#0072B2", "#D55E00")  # Okabe and Ito (2008)
MEAN_S = 0.002
MIDDLE = 128  # of a byte; before the first pixel, and the zero of a sound


def residual(gray: NDArray[np.uint8], patch: tuple[int, int]) -> NDArray[np.int32]:
    """What the median edge prediction leaves, patch by patch (docs/spec/signals.md, section 2)."""
    x = gray.astype(np.int32)
    out = np.zeros_like(x)
    rows, columns = patch
    for top in range(0, x.shape[0], rows):
        for left in range(0, x.shape[1], columns):
            a = x[top:top + rows, left:left + columns]
            before = np.concatenate([[MIDDLE], a[0, :-1]])
            west, north, corner = np.empty_like(a), np.empty_like(a), np.empty_like(a)
            north[0], north[1:] = before, a[:-1]
            west[:, 1:], west[0, 0], west[1:, 0] = a[:, :-1], MIDDLE, a[:-1, 0]
            corner[0], corner[1:, 1:], corner[1:, 0] = before, a[:-1, :-1], a[:-1, 0]
            low, high = np.minimum(west, north), np.maximum(west, north)
            told = np.where(corner >= high, low, np.where(corner <= low, high,
                                                          west + north - corner))
            out[top:top + rows, left:left + columns] = a - told
    return out


def image_picture(gray: NDArray[np.uint8], patch: tuple[int, int], bits: Bits,
                  paper: str) -> bytes:
    """Photograph, residual, bits by each model, and what the second of two saves."""
    plot = plotting_on(paper)
    panels: list[tuple[str, Any, dict[str, Any], str]] = [
        ("photograph", gray, {"cmap": "gray", "vmin": 0, "vmax": 255}, ""),
        ("less the prediction", residual(gray, patch),
         {"cmap": "gray", "vmin": -48, "vmax": 48}, "")]
    for name, b in bits.items():
        panels.append((name, b, {"cmap": "inferno", "vmin": 0, "vmax": MOST_BITS},
                       "bits a pixel"))
    if len(bits) == 2:
        first, second = bits.values()
        panels.append(("what the second saves", first - second,
                       {"cmap": "RdBu" if paper == LIGHT else "RdBu_r", "vmin": -3, "vmax": 3},
                       "bits a pixel"))
    across = 2 if gray.shape[1] > gray.shape[0] else 3
    lines = -(-len(panels) // across)
    size = (4.2 * across, lines * (3.5 * gray.shape[0] / gray.shape[1] + 0.4))
    figure, axes = plot.subplots(lines, across, squeeze=False, figsize=size,
                                 constrained_layout=True)
    for ax in axes.flat:
        ax.axis("off")
    for ax, (title, values, look, unit) in zip(axes.flat, panels):
        shown = ax.imshow(values, interpolation="nearest", **look)
        ax.set_title(title, fontsize=9)
        if unit:
            figure.colorbar(shown, ax=ax, label=unit, shrink=0.8)
    return png(plot, figure, 110)


def second_of(content: bytes, length: int) -> tuple[int, int]:
    """The loudest stretch of so many samples, or all where there are fewer."""
    power = (np.frombuffer(content, dtype=np.uint8).astype(np.float64) - MIDDLE) ** 2
    if len(power) <= length:
        return 0, len(power)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    begin = int(np.argmax(sums[length:] - sums[:-length]))
    return begin, begin + length


def sound_picture(content: bytes, rate_hz: int, bits: Bits, paper: str) -> bytes:
    """The wave above, the bits of its samples by each model below."""
    plot = plotting_on(paper)
    figure, (wave, costs) = plot.subplots(2, 1, sharex=True, figsize=(9, 4.4),
                                          constrained_layout=True)
    samples = np.frombuffer(content, dtype=np.uint8).astype(int) - MIDDLE
    wave.plot(np.arange(len(samples)) / rate_hz, samples, linewidth=0.4, color="#56B4E9")
    wave.set_ylabel("sample")
    step = max(1, round(MEAN_S * rate_hz))
    for (name, b), colour in zip(bits.items(), COLOURS):
        means = b[:len(b) // step * step].reshape(-1, step).mean(axis=1)
        costs.plot((np.arange(len(means)) + 0.5) * step / rate_hz, means, linewidth=0.9,
                   color=colour, label=f"{name}: {b.mean():.3f}")
    costs.set_ylabel("bits a sample")
    costs.set_xlabel("seconds")
    costs.set_ylim(bottom=0)
    costs.legend(fontsize=8, frameon=False)
    return png(plot, figure, 110)
