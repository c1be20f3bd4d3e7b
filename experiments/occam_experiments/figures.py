"""What figures share: how lines and axes look, and files that are the same for the same numbers."""

import os
from collections.abc import Sequence
from typing import Any

# Lines differ in dashes and marks, not in colour alone; the colours are those of Okabe and Ito
# (2008, "Color universal design").
STYLES: list[tuple[str, Any, str]] = [
    ("#0072B2", "-", "o"),
    ("#D55E00", (0, (5, 2)), "s"),
    ("#009E73", (0, (5, 2, 1, 2)), "^"),
    ("#CC79A7", (0, (1, 1.5)), "D"),
    ("#000000", (0, (10, 3)), "v"),
    ("#56B4E9", (0, (5, 2, 1, 2, 1, 2)), "X"),
    ("#E69F00", (0, (3, 1)), "P"),
]


def style(number: int) -> tuple[str, Any, str]:
    """(colour, dashes, mark) of a figure's line."""
    return STYLES[number % len(STYLES)]


def plotting(font_size: float = 9) -> Any:
    """matplotlib.pyplot, set up so that the same numbers give the same file."""
    import matplotlib
    matplotlib.rcdefaults()  # whatever a matplotlibrc says
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"font.size": font_size, "svg.hashsalt": "occam"})
    import matplotlib.pyplot
    return matplotlib.pyplot


def save_as(figure: Any, path: str, dpi: int = 150) -> None:
    """Writes a figure in the format that its name ends with, without the date."""
    dated = {".svg": "Date", ".pdf": "CreationDate"}.get(os.path.splitext(path)[1])
    figure.savefig(path, dpi=dpi, metadata={dated: None} if dated else None)


def save(figure: Any, folder: str, name: str, dpi: int = 150) -> None:
    """Writes NAME.svg and NAME.png, and closes the figure."""
    import matplotlib.pyplot

    for ending in ("svg", "png"):
        save_as(figure, os.path.join(folder, f"{name}.{ending}"), dpi)
    matplotlib.pyplot.close(figure)


def grid(ax: Any) -> None:
    ax.grid(True, linewidth=0.4, color="#cccccc")
    ax.set_axisbelow(True)


def finish(ax: Any, xlabel: str, ylabel: str, ticks: Sequence[int] | None = None,
           legend: bool = True) -> None:
    """Labels, grid and legend. `ticks` are those of a horizontal axis of powers of two."""
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    grid(ax)
    if ticks is not None:
        ax.set_xscale("log", base=2)
        ax.set_xticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks],
                      rotation=45 if len(ticks) > 6 else 0)
        ax.minorticks_off()
    if legend:
        ax.legend(fontsize=8)


def parameters_axis(ax: Any) -> None:
    """A logarithmic horizontal axis of numbers of parameters."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
    ax.xaxis.set_minor_formatter(NullFormatter())


def rates_axis(ax: Any, rates: Sequence[float], marks: Sequence[float], lowest: float) -> None:
    """A logarithmic vertical axis, so that what is small is seen.

    It reaches from a part of the lowest rate to a little above the highest.
    """
    from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(FixedLocator(marks))
    ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(lowest * min(rates, default=marks[0]), 1.2 * max(rates, default=marks[-1]))
