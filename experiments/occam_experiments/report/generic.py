"""The report of a study of any other kind: rate against parameters, and a table of what varies."""

import pandas as pd

from ..figures import finish, parameters_axis, plotting, save
from ..pages import Figure, Section
from .groups import RATE, groups_of, line, setting_names, setting_text, spread


def generic(rows: pd.DataFrame, _: pd.DataFrame | None, out: str) -> list[Section]:
    groups = groups_of(rows)
    figure, ax = plotting().subplots(figsize=(7, 4.6), layout="constrained")
    labels = list(dict.fromkeys(groups["label"]))
    for i, label in enumerate(labels):
        line(ax, groups[groups["label"] == label], "parameters", "held_out_bpb", i, label or None,
             linestyle="none")
    parameters_axis(ax)
    finish(ax, "parameters", RATE, legend=any(labels))
    save(figure, out, "rate")
    settings = [name for name in setting_names(rows)
                if name != "label" and rows[name].nunique(dropna=False) > 1]
    table = [["", *settings, "parameters", RATE, "in-sample bpb", "model bytes", "adjusted, %"]]
    for _, group in groups.iterrows():
        table.append([group["label"], *(setting_text(group[name]) for name in settings),
                      f"{group['parameters']:,}", spread(group, "held_out_bpb", "{:.4f}"),
                      spread(group, "in_sample_bpb", "{:.4f}"), f"{group['model_bytes']:,.0f}",
                      spread(group, "charged", "{:.2f}")])
    return [Section("Rates", figure=Figure("rate", "held-out bits per byte against parameters"),
                    table=table)]
