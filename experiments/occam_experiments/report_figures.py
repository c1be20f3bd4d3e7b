"""Figures and tables of report.py: what it shows of each kind of study."""

import math
import statistics

import law
from occam_runs import bytes_text, parse_bytes
from pages import STYLES, Section, plotting, save

ENWIK = {"enwik8": 10**8, "enwik9": 10**9}
RATE = "held-out bits per byte"


class Group:
    """Rows that differ in their seed alone."""

    def __init__(self, rows):
        self.rows, self.first = rows, rows[0]

    def __getitem__(self, name):
        return self.first.get(name)

    def values(self, what):
        return [v for v in ((what(r) if callable(what) else r.get(what)) for r in self.rows) if v is not None]

    def mean(self, what):
        values = self.values(what)
        return sum(values) / len(values) if values else None

    def bars(self, what):
        """Down to the smallest, up to the largest."""
        values, mean = self.values(what), self.mean(what)
        return mean - min(values), max(values) - mean

    def text(self, what, form):
        """The mean, with half the range where there are seeds."""
        values = self.values(what)
        if not values:
            return ""
        return form.format(self.mean(what)) + (" ± " + form.format((max(values) - min(values)) / 2) if len(values) > 1 else "")


def groups_of(rows):
    settings = [name for name in rows[0] if "." in name or name in ("label", "train_bytes", "batch_bytes")]
    found = {}
    for row in rows:
        found.setdefault(tuple(row.get(name) for name in settings), []).append(row)
    return [Group(same) for same in found.values()]


def of_others(row):
    """Segments of the row's files that the model did not code."""
    return (row.get("held_out_segments_of_others") or 0) + (row.get("in_sample_segments_of_others") or 0)


def about(rows):
    seen = sorted({round(r["bytes_seen"] / 1e6, 1) for r in rows})
    span = f"{seen[0]:g}" if seen[0] == seen[-1] else f"{seen[0]:g} to {seen[-1]:g}"
    seeds = max(len(g.rows) for g in groups_of(rows))
    mixed = {r["id"] for r in rows if of_others(r)}
    return (f"Every rate is of a file that was restored and compared; held-out bytes were never trained on. {span} million bytes seen in training, repeats "
            "included. " + (f"Models whose files have segments by other methods, order 2 for one, where those take fewer bytes: {len(mixed)}. "
                            if mixed else "")
            + (f"Where there are several seeds (up to {seeds}), means and their ranges." if seeds > 1 else "One seed."))


def line(ax, groups, x, what, style, label, **more):
    """Groups as a line with marks, sorted by x, bars where seeds differ."""
    groups = sorted((g for g in groups if g.values(what)), key=lambda g: g[x])
    if not groups:
        return
    colour, dashes, mark = style
    bars = list(zip(*(g.bars(what) for g in groups)))
    settings = {"color": colour, "linestyle": dashes, "marker": mark, "markersize": 5, "linewidth": 1.3, "capsize": 3, "label": label} | more
    ax.errorbar([g[x] for g in groups], [g.mean(what) for g in groups], yerr=bars if any(map(any, bars)) else None, **settings)


def finish(ax, xlabel, ylabel, ticks=None, legend=True):
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(True, linewidth=0.4, color="#cccccc")
    ax.set_axisbelow(True)
    if ticks is not None:
        ax.set_xscale("log", base=2)
        ax.set_xticks(ticks, [f"{t:,}".replace(",", " ") for t in ticks], rotation=45 if len(ticks) > 6 else 0)
        ax.minorticks_off()
    if legend:
        ax.legend(fontsize=8)


def parameters_axis(ax):
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
    ax.xaxis.set_minor_formatter(NullFormatter())


def rates_axis(ax, rates, marks, lowest):
    """Logarithmic, so that what is small is seen; from a part of the lowest to what all but reaches the highest."""
    from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(FixedLocator(marks))
    ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(lowest * min(rates, default=marks[0]), 1.2 * max(rates, default=marks[-1]))


def percent(rate):
    return f"{100 * rate:.2f}"


# Tokenizers.

def size_classes(groups):
    """What each group is compared as: the parameters that its network has with bytes for symbols; of --params, the nearest of these."""
    def with_bytes(group):
        return group["parameters"] - 2 * (group["vocabulary"] - 256) * group["width"]

    networks = {with_bytes(g) for g in groups if not g["train.params"]} or {parse_bytes(g["train.params"]) for g in groups}

    def of(group):
        if not group["train.params"]:
            return with_bytes(group)
        asked = parse_bytes(group["train.params"])
        return min(sorted(networks), key=lambda n: abs(math.log(asked / n)))
    return {id(g): of(g) for g in groups}


def parameters_text(count):
    return f"{count / 1e6:.2f}M" if count >= 10**6 else f"{count / 1000:.0f}K"


def tokenizer_kind(group):
    return (group["train.tokenizer"] or "bytes").partition(":")[0]


def charged(row):
    return 100 * row["adjusted_rate"] if row.get("adjusted_rate") is not None else None


def uncharged(row):
    """Neither tokenizer, embedding nor head."""
    return charged(row) and charged(row) - 100 * row["vocabulary_bytes"] / row["train_bytes"]


def tokenizers(rows, _, out):
    groups = groups_of(rows)
    classes = size_classes(groups)
    networks = sorted(set(classes.values()))
    labels = list(dict.fromkeys(g["label"] for g in groups))
    ticks = sorted({g["vocabulary"] for g in groups})
    data = bytes_text(rows[0]["train_bytes"])
    figures = [("rate", RATE, [(lambda r: r["held_out_bpb"], "", {})]),
               ("adjusted", f"file with its model, % of {data}", [(charged, "vocabulary charged", {}),
                                                                  (uncharged, "not charged", {"markerfacecolor": "white", "alpha": 0.6})])]
    for name, ylabel, whats in figures:
        plot = plotting()
        figure, axes = plot.subplots(1, len(labels), figsize=(3 + 3 * len(labels), 4.4), sharex=True, sharey=True, squeeze=False,
                                     layout="constrained")
        for ax, label in zip(axes[0], labels):
            for i, size in enumerate(networks):
                same = [g for g in groups if g["label"] == label and classes[id(g)] == size]
                for what, suffix, more in whats:
                    text = f"{parameters_text(size)} parameters" + (f", {suffix}" if suffix else "")
                    line(ax, [g for g in same if tokenizer_kind(g) in ("bytes", "bpe")], "vocabulary", what, STYLES[i % len(STYLES)], text, **more)
                    others = set() if more else {tokenizer_kind(g) for g in same} - {"bytes", "bpe"}
                    for kind in sorted(others):
                        line(ax, [g for g in same if tokenizer_kind(g) == kind], "vocabulary", what, STYLES[i % len(STYLES)], None, linestyle="none",
                             marker="x" if kind == "bpe-plain" else "+", markersize=9)
            ax.set_title(label, fontsize=9)
            finish(ax, "vocabulary, tokens (256: bytes)", ylabel if ax is axes[0][0] else "", ticks, legend=False)
        handles, texts = axes[0][0].get_legend_handles_labels()
        for kind, mark in (("bpe-plain", "x"), ("ascii7", "+")):
            if any(tokenizer_kind(g) == kind for g in groups):
                handles.append(plot.Line2D([], [], color="black", linestyle="none", marker=mark, markersize=9))
                texts.append(kind)
        axes[0][-1].legend(handles, texts, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8, frameon=False)
        save(figure, out, name)
        plot.close(figure)
    table = [["", "parameters with bytes", "tokenizer", "parameters", "bytes a token", "context", RATE, "in-sample bpb", "model bytes",
              "of them vocabulary", f"adjusted, % of {data}", "vocabulary not charged"]]
    for g in sorted(groups, key=lambda g: (labels.index(g["label"]), classes[id(g)], g["vocabulary"])):
        table.append([g["label"], parameters_text(classes[id(g)]), g["train.tokenizer"] or "bytes", f"{g['parameters']:,}", f"{g.mean('bytes_a_token'):.3f}",
                      str(g["context"]), g.text("held_out_bpb", "{:.4f}"), g.text("in_sample_bpb", "{:.4f}"),
                      f"{g.mean('model_bytes'):,.0f}", f"{g.mean('vocabulary_bytes'):,.0f}", g.text(charged, "{:.2f}"), g.text(uncharged, "{:.2f}")])
    return [Section("Rates", "Bits per original byte, by vocabulary. Equal network: the same width and depth, so that a larger vocabulary brings a larger "
                    "embedding and head. Equal parameters: narrower networks for larger vocabularies. Contexts are as many tokens, or as many bytes.",
                    ("rate", "held-out bits per byte against vocabulary")),
            Section("The model charged", f"A file of the {data} trained on, with its model in it" + sampled(rows) + ". The vocabulary is "
                    "the tokenizer, the embedding and the head; leaving their bytes out, as is often done, flatters large ones.",
                    ("adjusted", "adjusted rate against vocabulary, vocabulary charged and not")),
            Section("Table", table=table)]


def sampled(rows):
    return ", by the rate of a sample of it" if any(r.get("adjusted_is") == "by a sample" for r in rows) else ""


# Context.

def context(rows, curves, out):
    groups = groups_of(rows)
    ticks = sorted({g["context"] for g in groups})
    sizes = sorted({g["parameters"] for g in groups})
    modes = sorted({g["compress.mode"] for g in groups}, reverse=True)
    plot = plotting()
    figure, ax = plot.subplots(figsize=(7, 4.6), layout="constrained")
    for i, size in enumerate(sizes):
        for mode in modes:
            more = {} if mode == "chunked" else {"markerfacecolor": "white", "linestyle": (0, (1, 1.5))}
            line(ax, [g for g in groups if (g["parameters"], g["compress.mode"]) == (size, mode)], "context", "held_out_bpb", STYLES[i % len(STYLES)],
                 f"{size:,} parameters, contexts {'fresh' if mode == 'chunked' else mode}", **more)
    finish(ax, "context trained and coded with, symbols", RATE, ticks)
    save(figure, out, "context")
    plot.close(figure)
    table = [["parameters", "context", "contexts", RATE, "%", "in-sample bpb", "threads", "compress KB/s", "restore KB/s", "hours of training"]]
    for g in sorted(groups, key=lambda g: (g["parameters"], g["context"], g["compress.mode"])):
        speed = lambda what: f"{g['held_out_original_bytes'] / 1e3 / g.mean('held_out_' + what):.0f}"
        table.append([f"{g['parameters']:,}", str(g["context"]), "fresh" if g["compress.mode"] == "chunked" else g["compress.mode"],
                      g.text("held_out_bpb", "{:.4f}"), percent(g.mean("held_out_bpb") / 8), g.text("in_sample_bpb", "{:.4f}"), str(g["threads"]),
                      speed("compress_s"), speed("restore_s"), f"{g.mean('train_s') / 3600:.2f}"])
    found = [Section("One model for each context", "Fresh: every context starts with nothing. Carried: contexts go on from one to the next.",
                     ("context", "held-out bits per byte against context"), table)]
    return found + (in_context(curves, out) if curves else [])


def in_context(curves, out):
    plot = plotting()
    names = list(dict.fromkeys((c["kind"], c["name"]) for c in curves))
    found = []
    for what, title, ylabel in (("first n", "The first n bytes", "bits per byte of the first n bytes of a chunk"),
                                ("nth", "The n-th byte", "mean bits of the n-th byte of a chunk")):
        shown = [(kind, name) for kind, name in names if kind == f"model, {what}" or (what == "first n" and kind == "codec")]
        if not shown:
            continue
        figure, ax = plot.subplots(figsize=(7.5, 5), layout="constrained")
        for i, (kind, name) in enumerate(shown):
            colour, dashes, mark = STYLES[i % len(STYLES)]
            points = [c for c in curves if (c["kind"], c["name"]) == (kind, name)]
            xs = [(c["first"] * c["last"]) ** 0.5 if what == "nth" else c["last"] for c in points]
            bars = [0 if math.isnan(c["error_bits"]) else c["error_bits"] for c in points]
            ax.errorbar(xs, [c["bits"] for c in points], yerr=bars if any(bars) else None, color=colour, linestyle=dashes, marker=mark, markersize=4,
                        linewidth=1.2, capsize=2, markerfacecolor="white" if kind == "codec" else colour, label=name)
        finish(ax, "n, bytes from the begin of a fresh chunk", ylabel, [2**k for k in range(0, int(math.log2(max(c["last"] for c in curves))) + 1)])
        ax.set_ylim(0, min(12, ax.get_ylim()[1]))
        name = "in_context_" + what.replace(" ", "_")
        save(figure, out, name)
        plot.close(figure)
        if what == "first n":
            lengths = [n for n in (16, 64, 256, 1024, 2048, 4096, 8192) if any(c["last"] == n for c in curves)]
            table = [["", *(f"{n}" for n in lengths)]]
            for kind, name_of in shown:
                at = {c["last"]: c["bits"] for c in curves if (c["kind"], c["name"]) == (kind, name_of)}
                table.append([name_of, *(f"{at[n]:.3f}" if n in at else "" for n in lengths)])
            text = ("Bits per byte of the first n bytes of chunks with no memory of each other. Models: what the exact network's frequencies cost. Codecs: their "
                    "files of just these bytes, without headers, restored and compared; some marks lie above the figure.")
            found.append(Section(f"In context: {title.lower()}", text, (name, "rate on the first n bytes"), table))
        else:
            found.append(Section(f"In context: {title.lower()}", "Bytes whose places lie between two marks are one mean, with its standard error.",
                                 (name, "mean bits by place in a chunk")))
    return found


# Sizes.

def usual(rows):
    """The rows of networks that saw as many bytes in training as most."""
    most = statistics.mode(r["bytes_seen"] for r in rows)
    return [r for r in rows if abs(r["bytes_seen"] / most - 1) < 0.02]


def fits(rows):
    """Laws of held-out and in-sample rates, where there are cells enough of the usual bytes seen."""
    found = {}
    for part in ("held_out", "in_sample"):
        cells = [r for r in usual(rows) if r.get(f"{part}_bpb") is not None]
        rates = [r.get(f"{part}_model_alone_bpb") or r[f"{part}_bpb"] for r in cells]
        if len(cells) >= 8 and len({r["parameters"] for r in cells}) >= 3 and len({r["train_bytes"] for r in cells}) >= 2:
            found[part] = law.FittedLaw([r["parameters"] for r in cells], [r["train_bytes"] for r in cells], rates, part == "in_sample")
    return found


def alone(row):
    """The model's own held-out rate where it is not the file's."""
    return row.get("held_out_model_alone_bpb") if row.get("held_out_segments_of_others") else None


def sizes(rows, _, out):
    import numpy

    groups, laws = groups_of(rows), fits(rows)
    data = sorted({r["train_bytes"] for r in rows})
    per_parameter = sum(r["model_bytes"] / r["parameters"] for r in rows) / len(rows)
    least, most = min(r["parameters"] for r in rows), max(r["parameters"] for r in rows)
    grid = numpy.geomspace(least / 1.3, most * 1.3, 60)
    plot = plotting()

    def band(ax, fit, value, style, xs, **more):
        middle, low, high = fit.interval(value)
        ax.fill_between(xs, low, high, color=style[0], alpha=0.15, linewidth=0)
        ax.plot(xs, middle, color=style[0], linestyle=style[1], linewidth=1.2, **more)

    figure, ax = plot.subplots(figsize=(7, 4.8), layout="constrained")
    for i, size in enumerate(data):
        style, own = STYLES[i % len(STYLES)], [g for g in groups if g["train_bytes"] == size]
        line(ax, own, "parameters", "held_out_bpb", style, f"trained on {bytes_text(size)}", linestyle="none" if "held_out" in laws else style[1])
        line(ax, own, "parameters", alone, style, None, linestyle="none", markerfacecolor="none")
        if "held_out" in laws:
            band(ax, laws["held_out"], lambda f, s=size: f.bits(grid, numpy.full_like(grid, s)), style, grid, label=f"law, {bytes_text(size)}")
    parameters_axis(ax)
    rates_axis(ax, [g.mean(what) for g in groups for what in ("held_out_bpb", alone) if g.values(what)], (0.5, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 8), 0.95)
    finish(ax, "parameters", RATE)
    save(figure, out, "sizes")
    plot.close(figure)

    figure, ax = plot.subplots(figsize=(7.5, 5.2), layout="constrained")
    best = {}
    for i, size in enumerate(data):
        style = STYLES[i % len(STYLES)]
        own = [g for g in groups if g["train_bytes"] == size and g.values(charged)]
        if not own:
            continue
        line(ax, own, "parameters", charged, style, f"{bytes_text(size)}: measured", linestyle="none" if "in_sample" in laws else style[1])
        best[size] = min(own, key=lambda g: g.mean(charged))
        ax.plot(best[size]["parameters"], best[size].mean(charged), marker="*", markersize=14, color=style[0], markeredgecolor="black", linestyle="none",
                zorder=4, label=f"{bytes_text(size)}: smallest, {best[size]['parameters']:,} parameters")
        if "in_sample" in laws:
            band(ax, laws["in_sample"], lambda f, s=size: 100 * law.adjusted_rate(f, grid, s, per_parameter), style, grid)
    if "in_sample" in laws:
        wide = numpy.geomspace(least, max(most, 3e7), 80)
        for (name, size), style in zip(ENWIK.items(), STYLES[len(data):]):
            band(ax, laws["in_sample"], lambda f, s=size: 100 * law.adjusted_rate(f, wide, s, per_parameter), style, wide, label=f"{name}: prediction")
    parameters_axis(ax)
    rates_axis(ax, [g.mean(charged) for g in groups if g.values(charged)], (5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500), 0.75)
    finish(ax, "parameters", "file with its model, % of the text trained on", legend=False)
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: ([bytes_text(s) for s in data] + list(ENWIK)).index(labels[i].split(":")[0]))
    ax.legend([handles[i] for i in order], [labels[i] for i in order], fontsize=8)
    save(figure, out, "optimum")
    plot.close(figure)
    return size_sections(groups, rows, laws, data, best, per_parameter)


def size_sections(groups, rows, laws, data, best, per_parameter):
    table = [["trained on", "parameters", "width x layers", "times seen", RATE, "%", "in-sample bpb", "model bytes", "adjusted, %"]]
    for g in sorted(groups, key=lambda g: (g["train_bytes"], g["parameters"])):
        table.append([bytes_text(g["train_bytes"]), f"{g['parameters']:,}", f"{g['width']} x {g['layers']}", f"{g['bytes_seen'] / g['train_bytes']:.2g}",
                      g.text("held_out_bpb", "{:.4f}"), percent(g.mean("held_out_bpb") / 8), g.text("in_sample_bpb", "{:.4f}"),
                      f"{g.mean('model_bytes'):,.0f}", g.text(charged, "{:.2f}")])
    lines = "Points: measured. Lines: the law, with the 5th to 95th percentile of bootstrap samples." if laws else ""
    if any(alone(r) for r in rows):
        lines += " Hollow points, as the law: the model alone, where segments by other methods make the file smaller."
    found = [Section("Held out", lines, ("sizes", "held-out bits per byte against parameters")),
             Section("The size that makes a file smallest", "The file holds the text and the model that was trained on it" + sampled(rows) + "; in-sample, on "
                     "purpose: nothing else is claimed. Stars: the smallest measured.", ("optimum", "adjusted rate against parameters"), table)]
    if laws:
        found.append(law_section(laws, rows))
    if "in_sample" in laws:
        found.append(optimum_section(laws["in_sample"], data, best, per_parameter))
    return found


def law_section(laws, rows):
    table = [["", *law.NAMES, "error of a cell, median and largest"]]
    for part, fit in laws.items():
        errors = sorted(abs(e) for e in fit.best.errors)
        table.append([part.replace("_", " "), *("{:.3f} ({:.3f} to {:.3f})".format(*number) for number in fit.numbers().values()),
                      f"{100 * statistics.median(errors):.1f} %, {100 * errors[-1]:.1f} %"])
    others = len(rows) - len(usual(rows))
    return Section("The law", "Bits a byte, P million parameters, D million bytes trained on; held out E + A / P^a + B P^c / D^b (that of Hoffmann et al., 2022, is "
                   "c = 0, for text seen once), in-sample (E + A / P^a) exp(-B P^c / D^b). In brackets the 5th to 95th percentile of 200 bootstrap samples of the "
                   "cells; that the true form may be another is not in them. Errors are parts of the rate, or of one bit where it is less. Fitted to rates of the "
                   "model alone; it holds for this many bytes seen, of this text." + (f" Cells of other bytes seen, left out: {others}." if others else ""),
                   table=table)


def optimum_section(fit, data, best, per_parameter):
    table = [["text", "smallest measured", "adjusted, %", "by the law", "adjusted, %", ""]]
    for name, size in [(bytes_text(size), size) for size in data] + list(ENWIK.items()):
        value = lambda f, s=size: law.optimum(f, s, per_parameter)
        middle, low, high = fit.interval(value)
        own = best.get(size) if name not in ENWIK else None
        table.append([name, f"{own['parameters']:,}" if own else "", f"{own.mean(charged):.2f}" if own else "",
                      f"{middle[0]:,.0f} ({low[0]:,.0f} to {high[0]:,.0f})", f"{100 * middle[1]:.2f} ({100 * low[1]:.2f} to {100 * high[1]:.2f})",
                      "prediction" if name in ENWIK else ""])
    return Section("Optimum", f"The smallest file by size of text; the law's with {per_parameter:.3f} bytes a parameter, as measured. Predictions for enwik8 and enwik9 "
                   "are the law beyond all that was measured, as if they were more of this text, seen for as many bytes in training: no file of them was made.",
                   table=table)


def generic(rows, _, out):
    groups = groups_of(rows)
    plot = plotting()
    figure, ax = plot.subplots(figsize=(7, 4.6), layout="constrained")
    labels = list(dict.fromkeys(g["label"] for g in groups))
    for i, label in enumerate(labels):
        line(ax, [g for g in groups if g["label"] == label], "parameters", "held_out_bpb", STYLES[i % len(STYLES)], label or None, linestyle="none")
    parameters_axis(ax)
    finish(ax, "parameters", RATE, legend=any(labels))
    save(figure, out, "rate")
    plot.close(figure)
    settings = [name for name in rows[0] if "." in name or name in ("train_bytes", "batch_bytes")]
    settings = [name for name in settings if len({r.get(name) for r in rows}) > 1]
    table = [["", *settings, "parameters", RATE, "in-sample bpb", "model bytes", "adjusted, %"]]
    for g in groups:
        table.append([g["label"], *(str(g[name] if g[name] is not None else "") for name in settings), f"{g['parameters']:,}", g.text("held_out_bpb", "{:.4f}"),
                      g.text("in_sample_bpb", "{:.4f}"), f"{g.mean('model_bytes'):,.0f}", g.text(charged, "{:.2f}")])
    return [Section("Rates", figure=("rate", "held-out bits per byte against parameters"), table=table)]


KINDS = {"tokenizers": tokenizers, "context": context, "sizes": sizes, "": generic}


def sections(kind, rows, curves, out):
    return KINDS.get(kind, generic)(rows, curves, out)
