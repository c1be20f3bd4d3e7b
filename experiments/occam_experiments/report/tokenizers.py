"""The report of a study of tokenizers."""

import math
from typing import Any

import pandas as pd

from ..figures import finish, plotting, save
from ..pages import Figure, Section, Table
from ..units import bytes_text, parse_bytes
from .groups import RATE, groups_of, line, sampled, spread

OTHER_KINDS = {"bpe-plain": "x", "ascii7": "+"}  # marks of what is no line of vocabularies


def nearest(networks: list[int], size: int) -> int:
    return min(networks, key=lambda network: abs(math.log(size / network)))


def with_classes(groups: pd.DataFrame) -> pd.DataFrame:
    """The groups with `network`, what each is compared as.

    It is the number of parameters that the group's network has with bytes for symbols. Of a
    network that was asked for by --params it is the nearest of these.
    """
    groups = groups.copy()
    for name in ("train.params", "train.tokenizer"):
        groups[name] = groups[name] if name in groups else ""
    own = groups["parameters"] - 2 * (groups["vocabulary"] - 256) * groups["width"]
    asked = [parse_bytes(text) if text else 0 for text in groups["train.params"]]
    networks = sorted({size for size, text in zip(own, groups["train.params"]) if not text}
                      or set(asked))
    groups["network"] = [nearest(networks, size) if size else with_bytes
                         for size, with_bytes in zip(asked, own)]
    groups["kind"] = [(text or "bytes").partition(":")[0] for text in groups["train.tokenizer"]]
    return groups


def parameters_text(count: int) -> str:
    return f"{count / 1e6:.2f}M" if count >= 10**6 else f"{count / 1000:.0f}K"


def draw_network(ax: Any, same: pd.DataFrame, number: int, what: str, suffix: str,
                 more: dict[str, Any]) -> None:
    """One quantity of the groups of one network by vocabulary, as line `number`."""
    if same.empty:
        return
    text = parameters_text(same["network"].iloc[0]) + " parameters"
    text += f", {suffix}" if suffix else ""
    line(ax, same[same["kind"].isin(["bytes", "bpe"])], "vocabulary", what, number, text, **more)
    for kind in [] if more else sorted(set(same["kind"]) - {"bytes", "bpe"}):
        line(ax, same[same["kind"] == kind], "vocabulary", what, number, None, linestyle="none",
             marker=OTHER_KINDS.get(kind, "+"), markersize=9)


def draw(groups: pd.DataFrame, name: str, ylabel: str,
         whats: list[tuple[str, str, dict[str, Any]]], out: str) -> None:
    """A figure with a panel for each label. `whats`: (column, remark, look) of its lines."""
    plot = plotting()
    labels = list(dict.fromkeys(groups["label"]))
    networks = sorted(set(groups["network"]))
    ticks = sorted(set(groups["vocabulary"]))
    figure, axes = plot.subplots(1, len(labels), figsize=(3 + 3 * len(labels), 4.4), sharex=True,
                                 sharey=True, squeeze=False, layout="constrained")
    for ax, label in zip(axes[0], labels):
        own = groups[groups["label"] == label]
        for i, size in enumerate(networks):
            for what, suffix, more in whats:
                draw_network(ax, own[own["network"] == size], i, what, suffix, more)
        ax.set_title(label, fontsize=9)
        finish(ax, "vocabulary, tokens (256: bytes)", ylabel if ax is axes[0][0] else "", ticks,
               legend=False)
    handles, texts = axes[0][0].get_legend_handles_labels()
    for kind, mark in OTHER_KINDS.items():
        if kind in set(groups["kind"]):
            handles.append(plot.Line2D([], [], color="black", linestyle="none", marker=mark,
                                       markersize=9))
            texts.append(kind)
    axes[0][-1].legend(handles, texts, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8,
                       frameon=False)
    save(figure, out, name)


def table_of(groups: pd.DataFrame, data: str) -> Table:
    labels = list(dict.fromkeys(groups["label"]))
    ordered = groups.assign(place=groups["label"].map(labels.index)).sort_values(
        ["place", "network", "vocabulary"], kind="stable")
    table = [["", "parameters with bytes", "tokenizer", "parameters", "bytes a token", "context",
              RATE, "in-sample bpb", "model bytes", "of them vocabulary", f"adjusted, % of {data}",
              "vocabulary not charged"]]
    for _, group in ordered.iterrows():
        table.append([
            group["label"], parameters_text(group["network"]),
            group["train.tokenizer"] or "bytes", f"{group['parameters']:,}",
            f"{group['bytes_a_token']:.3f}", str(group["context"]),
            spread(group, "held_out_bpb", "{:.4f}"), spread(group, "in_sample_bpb", "{:.4f}"),
            f"{group['model_bytes']:,.0f}", f"{group['vocabulary_bytes']:,.0f}",
            spread(group, "charged", "{:.2f}"), spread(group, "uncharged", "{:.2f}")])
    return table


def tokenizers(rows: pd.DataFrame, _: pd.DataFrame | None, out: str) -> list[Section]:
    groups = with_classes(groups_of(rows))
    data = bytes_text(rows["train_bytes"].iloc[0])
    draw(groups, "rate", RATE, [("held_out_bpb", "", {})], out)
    draw(groups, "adjusted", f"file with its model, % of {data}",
         [("charged", "vocabulary charged", {}),
          ("uncharged", "not charged", {"markerfacecolor": "white", "alpha": 0.6})], out)
    return [
        Section("Rates", "Bits per original byte, by vocabulary. Equal network: the same width "
                "and depth, so that a larger vocabulary brings a larger embedding and head. Equal "
                "parameters: narrower networks for larger vocabularies. Contexts are as many "
                "tokens, or as many bytes.",
                Figure("rate", "held-out bits per byte against vocabulary", wide=True)),
        Section("The model charged", f"A file of the {data} trained on, with its model in it"
                + sampled(rows) + ". The vocabulary is the tokenizer, the embedding and the head; "
                "leaving their bytes out, as is often done, flatters large ones.",
                Figure("adjusted", "adjusted rate against vocabulary, vocabulary charged and not",
                       wide=True)),
        Section("Table", table=table_of(groups, data))]
