"""The pages of table1.py: Markdown, CSV, HTML and a figure, of measured rows beside the paper's."""

import csv
import html
import math
import os
import sys

from pages import html_page as page_of, html_table, markdown_table

QUESTION = "What do codecs and models make of text, images, audio and random bytes?"
GB = 10**9

# Deletang et al., 2024, table 1: raw rates in percent, and the adjusted rate of the text. Quoted, never measured here.
PAPER_COLUMNS = ("text", "image", "audio", "random")
PAPER = [
    ("whole", "gzip", 32.3, 70.7, 36.4, 100.0, None),
    ("whole", "LZMA2", 23.0, 57.9, 29.9, 100.0, None),
    ("whole", "PNG", 42.9, 58.5, 32.2, 100.0, None),
    ("whole", "FLAC", 89.5, 61.9, 30.9, 107.8, None),
    ("2048", "gzip", 48.1, 68.6, 38.5, 100.1, None),
    ("2048", "LZMA2", 50.0, 62.4, 38.2, 100.0, None),
    ("2048", "PNG", 80.6, 61.7, 37.6, 103.2, None),
    ("2048", "FLAC", 88.9, 60.9, 30.3, 107.2, None),
    ("2048", "Transformer 200K", 30.9, 194.0, 146.6, 195.5, 30.9),
    ("2048", "Transformer 800K", 21.7, 185.1, 131.1, 200.1, 21.9),
    ("2048", "Transformer 3.2M", 17.0, 215.8, 228.2, 224.0, 17.7),
    ("2048", "Llama 2 7B", 8.9, 53.4, 23.1, 103.2, 1408.9),
    ("2048", "Chinchilla 1B", 11.3, 62.2, 24.9, 108.8, 211.3),
    ("2048", "Chinchilla 7B", 10.2, 54.7, 23.6, 101.6, 1410.2),
    ("2048", "Chinchilla 70B", 8.3, 48.0, 21.0, 100.8, 14008.3),
]
PAPER_NOTE = ("Quoted from Deletang et al. (ICLR 2024), table 1: enwik9, patches of ImageNet photographs, LibriSpeech, random bytes; their data, not "
              "ours. Chinchilla 70B: 48.0 % of images and 21.0 % of speech are of the version of ICLR; the first version, which the press quotes, had "
              "43.4 and 16.4. JPEG is no row here: it is lossy, so what it makes of a photograph cannot be restored and compared.")

ADJUSTED = [("adjusted_own", "with its coded model, at this size"), ("adjusted_gb", "with its coded model, at 1 GB"),
            ("adjusted_gb_2_bytes", "with 2 bytes a parameter, at 1 GB")]


def add_rates(row):
    row["raw_rate"] = row["bytes"] / row["original_bytes"]
    if row["kind"] == "model":
        row["alone_rate"] = row["alone_bytes"] / row["original_bytes"]
        row["adjusted_own"] = (row["bytes"] + row["model_bytes"]) / row["original_bytes"]
        row["adjusted_gb"] = row["raw_rate"] + row["model_bytes"] / GB
        row["adjusted_gb_2_bytes"] = row["raw_rate"] + 2 * row["parameters"] / GB


def percent(rate):
    return "" if rate is None else f"{100 * rate:.2f}"


class Rows:
    """Measured cells by name, chunk, form and column."""

    def __init__(self, rows):
        self.cells = {(r["kind"], r["name"], r["chunk"], r["form"], r["data"]): r for r in rows if r["bytes"] is not None}
        self.models = list(dict.fromkeys((r["name"], r["chunk"]) for r in rows if r["kind"] == "model"))
        self.about = {r["name"]: r for r in rows if r["kind"] == "model"}

    def rate(self, kind, name, chunk, form, column, what="raw_rate"):
        cell = self.cells.get((kind, name, chunk, form, column))
        return cell and cell[what]

    def best(self, codec, column):
        """The smallest of a codec's cells: whole or in chunks, with headers or without."""
        rates = [r["raw_rate"] for (kind, name, _, _, data), r in self.cells.items() if (kind, name, data) == ("codec", codec, column)]
        return min(rates, default=None)


def raw_table(columns, codecs, rows):
    """Lines of cells; the first is the heading."""
    lines = [["contexts", "", *(name for name, _ in columns)]]
    for chunk in ("whole", "2048"):
        for codec in codecs:
            line = [chunk, codec["codec"]]
            for column, _ in columns:
                file, bare = (rows.rate("codec", codec["codec"], chunk, form, column) for form in ("file", "bare"))
                shown = [percent(r) for r in ((file,) if chunk == "whole" else (bare, file)) if r is not None]
                line.append(codec["missing"] or (f"{shown[0]} ({shown[1]})" if len(shown) == 2 else "".join(shown) or "-"))
            lines.append(line)
    for name, mode in rows.models:
        lines.append([mode, f"Occam, {name}", *(percent(rows.rate("model", name, mode, "file", c)) for c, _ in columns)])
        alone = [rows.rate("model", name, mode, "file", c, "alone_rate") for c, _ in columns]
        lines.append([mode, f"Occam, {name}: the model alone", *map(percent, alone)])
    for chunk, name, *rates in PAPER:
        quoted = dict(zip(PAPER_COLUMNS, rates))
        lines.append([chunk, f"quoted: {name}", *("" if quoted.get(c) is None else f"{quoted[c]:.1f}" for c, _ in columns)])
    return lines


def adjusted_table(columns, rows):
    lines = [["contexts", "model", "parameters", "model bytes", "", *(name for name, _ in columns)]]
    for name, mode in rows.models:
        about = rows.about[name]
        for what, text in [("raw_rate", "raw"), *ADJUSTED]:
            lines.append([mode, name, f"{about['parameters']:,}", f"{about['model_bytes']:,}", text,
                          *(percent(rows.rate("model", name, mode, "file", c, what)) for c, _ in columns)])
    for _, name, *_, adjusted in PAPER:
        if adjusted is not None:
            lines.append(["2048", f"quoted: {name}", "", "", "with 2 bytes a parameter, at 1 GB",
                          *(f"{adjusted:.1f}" if c == "text" else "" for c, _ in columns)])
    return lines


def size_text(count):
    if count is None:
        return ""
    if math.isinf(count):
        return "never"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB"


def break_even(model_bytes, rate, other):
    """From which size of data on file and model are smaller than what a codec of rate `other` makes; None where that is unknown."""
    if rate is None or other is None:
        return None
    return model_bytes / (other - rate) if other > rate else math.inf


def break_even_table(columns, codecs, rows):
    lines = [["contexts", "model", "column", *(c["codec"] for c in codecs)]]
    for name, mode in rows.models:
        for column, _ in columns:
            rate = rows.rate("model", name, mode, "file", column)
            lines.append([mode, name, column, *(size_text(break_even(rows.about[name]["model_bytes"], rate, rows.best(c["codec"], column)))
                                                for c in codecs)])
    return lines


def codec_table(codecs):
    return [["codec", "", "setting", "sees", "without headers means without"],
            *([c["codec"], c["maker"], c["missing"] or c["setting"], c["sees"], c["removed"] or ("" if c["missing"] else "(no such form)")] for c in codecs)]


def parts(columns, codecs, rows, notes):
    """(heading, text, table) of a page."""
    found = Rows(rows)
    about = "; ".join(f"{name} is {of}" for name, of in columns)
    result = [("Raw rates", f"Compressed / original bytes in percent; {about}. Whole: the data as one file. 2048: chunks with no memory of each other, their "
               "streams without headers, and in brackets the files with them. Every cell of a codec or of Occam was decoded and compared. The model "
               "alone: what its segments would take if none were coded by another method, without headers. " + " ".join(notes),
               raw_table(columns, codecs, found))]
    if found.models:
        result.append(("Adjusted rates", "In percent. A model's own bytes are added: entropy-coded as they travel in a file; or 2 bytes a parameter, as the paper "
                       "charges. At 1 GB: this data's raw rate, and the model over 10^9 bytes.", adjusted_table(columns, found)))
        result.append(("When a model pays for itself", "The size of data of this kind from which file and coded model are smaller than what a codec makes, in the "
                       "smallest of its forms (whole or chunks, with headers or without), if the rates stay.", break_even_table(columns, codecs, found)))
    result.append(("Codecs", "", codec_table(codecs)))
    return result


def markdown(sections):
    lines = [f"# {QUESTION}", ""]
    for heading, text, table in sections:
        lines += [f"## {heading}", ""] + ([text.strip(), ""] if text else [])
        lines += [*markdown_table(table), ""]
        if heading == "Raw rates":
            lines += [PAPER_NOTE, "", "![rates](table.svg)", ""]
    return "\n".join(lines)


def html_page(sections, svg):
    out = [f"<h1>{html.escape(QUESTION)}</h1>"]
    for heading, text, table in sections:
        def kind(line, raw=heading == "Raw rates"):
            return "quoted" if line[1].startswith("quoted") else "model" if raw and line[1].startswith("Occam") else ""
        out.append(f"<h2>{html.escape(heading)}</h2><p>{html.escape(text)}</p>" + html_table(table, kind))
        if heading == "Raw rates":
            out.append(f"<p>{html.escape(PAPER_NOTE)}</p>{svg}")
    return page_of(QUESTION, out)


def write_csv(path, rows):
    fields = ["kind", "name", "chunk", "form", "data", "original_bytes", "bytes", "raw_rate", "alone_bytes", "alone_rate", "parameters", "model_bytes",
              *(what for what, _ in ADJUSTED), "missing"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, fields, extrasaction="ignore")
        out.writeheader()
        out.writerows(r for r in rows if r["bytes"] is not None or r["missing"])
        for chunk, name, *rates, adjusted in PAPER:
            for column, rate in zip(PAPER_COLUMNS, rates):
                out.writerow({"kind": "quoted", "name": name, "chunk": chunk, "data": column, "raw_rate": f"{rate / 100:.4f}",
                              "adjusted_gb_2_bytes": f"{adjusted / 100:.4f}" if adjusted and column == "text" else ""})


def figure_rows(columns, codecs, rows):
    """(label, kind, {column: (whole or carried, chunks, the model alone in chunks)}), top to bottom."""
    found = Rows(rows)
    lines = []
    for codec in codecs:
        if not codec["missing"]:
            name = codec["codec"]
            lines.append((name, "codec", {c: (found.rate("codec", name, "whole", "file", c), found.rate("codec", name, "2048", "bare", c), None) for c, _ in columns}))
    for name in found.about:
        lines.append((f"Occam, {name}", "model", {c: (found.rate("model", name, "carried", "file", c), found.rate("model", name, "chunked", "file", c),
                                                      found.rate("model", name, "chunked", "file", c, "alone_rate")) for c, _ in columns}))
    for chunk, name, *rates, _ in PAPER:
        if chunk == "2048":
            whole = next((r[2:6] for r in PAPER if r[:2] == ("whole", name)), [None] * 4)
            lines.append((f"quoted: {name}", "quoted", {c: (w and w / 100, r / 100, None) for c, w, r in zip(PAPER_COLUMNS, whole, rates)}))
    return lines


def draw(folder, columns, codecs, rows):
    """table.svg and table.png. Returns the figure's text for a page, "" without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        print("table1.py: no figure, matplotlib is missing (Debian: python3-matplotlib)", file=sys.stderr)
        return ""
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "occam"
    import matplotlib.pyplot as plt
    # The colours of Okabe and Ito (2008, "Color universal design").
    colours = {"codec": "#0072B2", "model": "#D55E00", "quoted": "#777777"}
    lines = figure_rows(columns, codecs, rows)
    figure, axes = plt.subplots(1, len(columns), figsize=(1.8 + 3 * len(columns), 1.4 + 0.24 * len(lines)), sharey=True, layout="constrained",
                                squeeze=False)
    for ax, (column, _) in zip(axes[0], columns):
        for y, (_, kind, rates) in enumerate(lines):
            for rate, mark, fill in zip(rates.get(column, (None,) * 3), "oox", ("none", colours[kind], colours[kind])):
                if rate is not None:
                    ax.plot(100 * rate, y, mark, mfc=fill, color=colours[kind], markersize=6)
        ax.axvline(100, color="#999999", linestyle=(0, (4, 3)), linewidth=1)
        ax.set(title=column, xlabel="rate, %")
        ax.set_xlim(left=0)
        ax.grid(axis="both", alpha=0.3)
    axes[0][0].set_yticks(range(len(lines)), [label for label, _, _ in lines])
    axes[0][0].invert_yaxis()
    figure.suptitle("filled: chunks of 2048 bytes; open: the whole file, of models with contexts carried;\n"
                    "crosses: the model alone, without other methods for what is foreign to it", fontsize=8)
    figure.savefig(os.path.join(folder, "table.svg"), metadata={"Date": None})
    figure.savefig(os.path.join(folder, "table.png"), dpi=130)
    with open(os.path.join(folder, "table.svg"), encoding="utf-8") as file:
        svg = file.read()
    return svg[svg.index("<svg"):]


def write(folder, columns, codecs, rows, notes):
    sections = parts(columns, codecs, rows, notes)
    write_csv(os.path.join(folder, "table.csv"), rows)
    svg = draw(folder, columns, codecs, rows)
    text = markdown(sections)
    for name, content in (("table.md", text), ("table.html", html_page(sections, svg))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(content)
    print(text)
