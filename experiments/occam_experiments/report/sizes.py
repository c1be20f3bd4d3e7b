"""The report of a study of sizes: rates, the smallest file, and the law fitted to them."""

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..figures import finish, parameters_axis, plotting, rates_axis, save, style
from ..pages import Figure, Section, Table
from ..units import bytes_text
from .groups import RATE, groups_of, line, percent, sampled, spread
from .law import NAMES, FittedLaw, Law, Numbers, adjusted_rate, optimum

ENWIK = {"enwik8": 10**8, "enwik9": 10**9}
BIT_MARKS = (0.5, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 8)
PERCENT_MARKS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500)
Laws = dict[str, FittedLaw]


def is_usual(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a row's network saw as many bytes in training as those of most rows."""
    most = statistics.mode(rows["bytes_seen"])
    return (rows["bytes_seen"] / most - 1).abs() < 0.02


def fits(rows: pd.DataFrame) -> Laws:
    """Laws of held-out and in-sample rates, where there are cells enough of the usual kind."""
    found = {}
    for part in ("held_out", "in_sample"):
        cells = rows[is_usual(rows) & rows[f"{part}_bpb"].notna()]
        rates = cells[f"{part}_model_alone_bpb"].fillna(cells[f"{part}_bpb"])
        enough = cells["parameters"].nunique() >= 3 and cells["train_bytes"].nunique() >= 2
        if len(cells) >= 8 and enough:
            found[part] = FittedLaw(cells["parameters"], cells["train_bytes"], rates,
                                    part == "in_sample")
    return found


def rounded(values: Any) -> Numbers:
    """Values to draw: five digits, so that a last bit of another processor draws the same."""
    numbers = np.asarray(values, float)
    scale = 10.0 ** (4 - np.floor(np.log10(np.abs(numbers))))
    return np.round(numbers * scale) / scale


def band(ax: Any, fit: FittedLaw, value: Callable[[Law], Any], number: int, xs: Numbers,
         **more: Any) -> None:
    """A law's curve, with its uncertainty, in the look of line `number`."""
    colour, dashes, _ = style(number)
    middle, low, high = map(rounded, fit.interval(value))
    ax.fill_between(xs, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.plot(xs, middle, color=colour, linestyle=dashes, linewidth=1.2, **more)


def bits_of(size: int, grid: Numbers) -> Callable[[Law], Any]:
    return lambda law: law.bits(grid, np.full_like(grid, size))


class SizesReport:
    """What the figures and tables of a study of sizes share."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows, self.groups, self.laws = rows, groups_of(rows), fits(rows)
        self.data = sorted(set(rows["train_bytes"]))
        self.per_parameter = float((rows["model_bytes"] / rows["parameters"]).mean())
        self.least, self.most = rows["parameters"].min(), rows["parameters"].max()
        self.grid = np.geomspace(self.least / 1.3, self.most * 1.3, 60)
        # The smallest file of each text.
        charged = self.groups[self.groups["charged_count"] > 0]
        self.best = {size: own.loc[own["charged"].idxmin()]
                     for size, own in charged.groupby("train_bytes")}

    def of_text(self, size: int) -> pd.DataFrame:
        return self.groups[self.groups["train_bytes"] == size]

    def rates(self, *names: str) -> list[float]:
        return [float(rate) for name in names for rate in self.groups[name].dropna()]

    def charged_at(self, size: int, xs: Numbers) -> Callable[[Law], Any]:
        """The adjusted rate of a text in percent, by a law."""
        return lambda law: 100 * adjusted_rate(law, xs, size, self.per_parameter)

    def optimum_of(self, size: int) -> Callable[[Law], Any]:
        return lambda law: optimum(law, size, self.per_parameter)

    def draw_rates(self, out: str) -> None:
        figure, ax = plotting().subplots(figsize=(7, 4.8), layout="constrained")
        law = self.laws.get("held_out")
        for i, size in enumerate(self.data):
            own, look = self.of_text(size), "none" if law else style(i)[1]
            line(ax, own, "parameters", "held_out_bpb", i, f"trained on {bytes_text(size)}",
                 linestyle=look)
            line(ax, own, "parameters", "alone", i, None, linestyle="none", markerfacecolor="none")
            if law:
                band(ax, law, bits_of(size, self.grid), i, self.grid,
                     label=f"law, {bytes_text(size)}")
        parameters_axis(ax)
        rates_axis(ax, self.rates("held_out_bpb", "alone"), BIT_MARKS, 0.95)
        finish(ax, "parameters", RATE)
        save(figure, out, "sizes")

    def draw_optimum(self, out: str) -> None:
        figure, ax = plotting().subplots(figsize=(7.5, 5.2), layout="constrained")
        law = self.laws.get("in_sample")
        for i, size in enumerate(self.data):
            if size in self.best:
                self.draw_text(ax, i, size, law)
        if law:
            wide = np.geomspace(self.least, max(self.most, 3e7), 80)
            for i, (name, size) in enumerate(ENWIK.items(), len(self.data)):
                band(ax, law, self.charged_at(size, wide), i, wide, label=f"{name}: prediction")
        parameters_axis(ax)
        rates_axis(ax, self.rates("charged"), PERCENT_MARKS, 0.75)
        finish(ax, "parameters", "file with its model, % of the text trained on", legend=False)
        self.order_legend(ax)
        save(figure, out, "optimum")

    def draw_text(self, ax: Any, number: int, size: int, law: FittedLaw | None) -> None:
        """The adjusted rates of one text, the smallest with a star."""
        (colour, dashes, _), best, name = style(number), self.best[size], bytes_text(size)
        line(ax, self.of_text(size), "parameters", "charged", number, f"{name}: measured",
             linestyle="none" if law else dashes)
        ax.plot(best["parameters"], best["charged"], marker="*", markersize=14, color=colour,
                markeredgecolor="black", linestyle="none", zorder=4,
                label=f"{name}: smallest, {best['parameters']:,} parameters")
        if law:
            band(ax, law, self.charged_at(size, self.grid), number, self.grid)

    def order_legend(self, ax: Any) -> None:
        """The legend, text by text."""
        handles, labels = ax.get_legend_handles_labels()
        texts = [bytes_text(size) for size in self.data] + list(ENWIK)
        order = sorted(range(len(labels)), key=lambda i: texts.index(labels[i].split(":")[0]))
        ax.legend([handles[i] for i in order], [labels[i] for i in order], fontsize=8)

    def table(self) -> Table:
        table = [["trained on", "parameters", "width x layers", "times seen", RATE, "%",
                  "in-sample bpb", "model bytes", "adjusted, %"]]
        ordered = self.groups.sort_values(["train_bytes", "parameters"], kind="stable")
        for _, group in ordered.iterrows():
            table.append([
                bytes_text(group["train_bytes"]), f"{group['parameters']:,}",
                f"{group['width']} x {group['layers']}",
                f"{group['bytes_seen'] / group['train_bytes']:.2g}",
                spread(group, "held_out_bpb", "{:.4f}"), percent(group["held_out_bpb"] / 8),
                spread(group, "in_sample_bpb", "{:.4f}"), f"{group['model_bytes']:,.0f}",
                spread(group, "charged", "{:.2f}")])
        return table

    def sections(self) -> list[Section]:
        about = ""
        if self.laws:
            about = ("Points: measured. Lines: the law, with the 5th to 95th percentile of "
                     "bootstrap samples.")
        if self.rows["alone"].notna().any():
            about += (" Hollow points, as the law: the model alone, where segments by other "
                      "methods make the file smaller.")
        found = [
            Section("Held out", about,
                    Figure("sizes", "held-out bits per byte against parameters")),
            Section("The size that makes a file smallest", "The file holds the text and the model "
                    "that was trained on it" + sampled(self.rows) + "; in-sample, on purpose: "
                    "nothing else is claimed. Stars: the smallest measured.",
                    Figure("optimum", "adjusted rate against parameters"), self.table())]
        if self.laws:
            found.append(self.law_section())
        if "in_sample" in self.laws:
            found.append(self.optimum_section(self.laws["in_sample"]))
        return found

    def law_section(self) -> Section:
        table = [["", *NAMES, "error of a cell, median and largest"]]
        for part, fit in self.laws.items():
            errors = sorted(abs(error) for error in fit.best.errors)
            numbers = [f"{middle:.3f} ({low:.3f} to {high:.3f})"
                       for middle, low, high in fit.numbers().values()]
            table.append([part.replace("_", " "), *numbers,
                          f"{100 * statistics.median(errors):.1f} %, {100 * errors[-1]:.1f} %"])
        others = int((~is_usual(self.rows)).sum())
        return Section(
            "The law", "Bits a byte, for P million parameters and D million bytes trained on. "
            "Held out they are E + A / P^a + B P^c / D^b; for text seen once, Hoffmann et al. "
            "(2022) have c = 0. In-sample they are (E + A / P^a) exp(-B P^c / D^b). In brackets is "
            "the 5th to 95th percentile of 200 bootstrap samples of the cells. They do not say "
            "whether the true form is another. Errors are parts of the rate, or of one bit where "
            "it is less. The law is fitted to rates of the model alone. It holds for this many "
            "bytes seen, of this text."
            + (f" Cells of other bytes seen, left out: {others}." if others else ""), table=table)

    def optimum_section(self, fit: FittedLaw) -> Section:
        table = [["text", "smallest measured", "adjusted, %", "by the law", "adjusted, %", ""]]
        texts = [(bytes_text(size), size, self.best.get(size)) for size in self.data]
        for name, size, best in texts + [(name, size, None) for name, size in ENWIK.items()]:
            middle, low, high = fit.interval(self.optimum_of(size))
            table.append([
                name, "" if best is None else f"{best['parameters']:,}",
                "" if best is None else f"{best['charged']:.2f}",
                f"{middle[0]:,.0f} ({low[0]:,.0f} to {high[0]:,.0f})",
                f"{percent(middle[1])} ({percent(low[1])} to {percent(high[1])})",
                "prediction" if name in ENWIK else ""])
        return Section(
            "Optimum", f"The smallest file by size of text. The law's has "
            f"{self.per_parameter:.3f} bytes a parameter, as measured. Predictions for enwik8 and "
            "enwik9 are the law beyond all that was measured. They take both for more of this "
            "text, seen for as many bytes in training. No file of them was made.", table=table)


def sizes(rows: pd.DataFrame, _: pd.DataFrame | None, out: str) -> list[Section]:
    report = SizesReport(rows)
    report.draw_rates(out)
    report.draw_optimum(out)
    return report.sections()
