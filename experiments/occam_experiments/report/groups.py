"""Groups of rows that differ in their seed alone, their means and ranges, and lines of them."""

from typing import Any

import pandas as pd

from ..figures import style

RATE = "held-out bits per byte"
GROUPED = ("label", "train_bytes", "batch_bytes")  # beside the flags of train and compress
MEASURED = ("held_out_bpb", "in_sample_bpb", "alone", "charged", "uncharged", "model_bytes",
            "vocabulary_bytes", "bytes_a_token", "train_s", "held_out_compress_s",
            "held_out_restore_s")


def setting_names(rows: pd.DataFrame) -> list[str]:
    """The columns that say what a cell is, but for its seed."""
    return [name for name in rows.columns if "." in name or name in GROUPED]


def setting_text(value: Any) -> str:
    """A setting as a table shows it."""
    if pd.isna(value):
        return ""
    if isinstance(value, float) and value == int(value):
        return str(int(value))  # an integer, in a column with gaps
    return str(value)


def group_numbers(rows: pd.DataFrame) -> pd.Series:
    """The group of each row, numbered in the order of their first rows."""
    keys = rows[setting_names(rows)].astype(str).agg("\n".join, axis=1)
    return pd.Series(pd.factorize(keys)[0], index=rows.index)


def groups_of(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a group: its first row, but means of what was measured.

    Beside each mean NAME stand NAME_least, NAME_most and NAME_count.
    """
    by_group = rows.groupby(group_numbers(rows), sort=True)
    groups = by_group.head(1).reset_index(drop=True)
    groups["runs"] = by_group.size().to_numpy()
    for name in MEASURED:
        if name in rows:
            found = by_group[name].agg(["mean", "min", "max", "count"])
            groups[name] = found["mean"].to_numpy()
            for ending, what in (("least", "min"), ("most", "max"), ("count", "count")):
                groups[f"{name}_{ending}"] = found[what].to_numpy()
    return groups


def spread(group: Any, name: str, form: str) -> str:
    """A group's mean, with half the range where there are several seeds."""
    if not group[f"{name}_count"]:
        return ""
    text = form.format(group[name])
    if group[f"{name}_count"] > 1:
        half = (group[f"{name}_most"] - group[f"{name}_least"]) / 2
        text += " ± " + form.format(half)
    return text


def percent(rate: float) -> str:
    return f"{100 * rate:.2f}"


def sampled(rows: pd.DataFrame) -> str:
    by_sample = "adjusted_is" in rows and (rows["adjusted_is"] == "by a sample").any()
    return ", by the rate of a sample of it" if by_sample else ""


def line(ax: Any, groups: pd.DataFrame, x: str, what: str, number: int, label: str | None,
         **more: Any) -> None:
    """Draws groups as line `number` of a figure, with bars where seeds differ."""
    groups = groups[groups[f"{what}_count"] > 0].sort_values(x, kind="stable")
    if groups.empty:
        return
    colour, dashes, mark = style(number)
    down = (groups[what] - groups[f"{what}_least"]).to_numpy()
    up = (groups[f"{what}_most"] - groups[what]).to_numpy()
    bars = [down, up] if down.any() or up.any() else None
    settings: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": mark,
                                "markersize": 5, "linewidth": 1.3, "capsize": 3, "label": label}
    ax.errorbar(groups[x].to_numpy(), groups[what].to_numpy(), yerr=bars, **(settings | more))
