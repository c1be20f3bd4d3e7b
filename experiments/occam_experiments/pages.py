"""What pages and figures of experiments share: tables as Markdown and HTML, a page that needs no other file, and the look of figures."""

import base64
import html
import os
import re

from occam_runs import Failure, IO

# Lines differ in dashes and marks, not in colour alone; the colours are those of Okabe and Ito (2008, "Color universal design").
STYLES = [
    ("#0072B2", "-", "o"),
    ("#D55E00", (0, (5, 2)), "s"),
    ("#009E73", (0, (5, 2, 1, 2)), "^"),
    ("#CC79A7", (0, (1, 1.5)), "D"),
    ("#000000", (0, (10, 3)), "v"),
    ("#56B4E9", (0, (5, 2, 1, 2, 1, 2)), "X"),
    ("#E69F00", (0, (3, 1)), "P"),
]

NUMBER = re.compile(r"[-+~<]?[0-9].*")  # how a cell with a number, its unit, range or remark begins
BOLD = re.compile(r"\*\*(.+?)\*\*", re.S)
SHORT = 40  # characters of a cell that is not broken into lines

PAGE_STYLE = ("body{font:15px/1.45 system-ui,sans-serif;max-width:78em;margin:2em auto;padding:0 1em}p{max-width:62em}"
              "table{border-collapse:collapse;margin:1em 0;font-size:.87em;line-height:1.35}div.table{overflow-x:auto}"
              "td,th{padding:.15em .6em;border-bottom:1px solid #ddd;text-align:left}th{vertical-align:bottom}"
              ".short{white-space:nowrap}th.right{text-align:right}.number{white-space:nowrap;text-align:right;font-variant-numeric:tabular-nums}"
              "tr.model{background:#e8f3ec}tr.quoted{color:#777}svg,img{max-width:100%;height:auto}pre{background:#f4f4f4;padding:.7em;overflow:auto}")


def plotting():
    """matplotlib.pyplot, set up so that the same numbers give the same file."""
    try:
        import matplotlib
    except ImportError:
        raise Failure(IO, "needs matplotlib: install python3-matplotlib") from None
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"font.size": 9, "svg.hashsalt": "occam"})
    import matplotlib.pyplot
    return matplotlib.pyplot


def save(figure, folder, name):
    """NAME.svg and NAME.png."""
    figure.savefig(os.path.join(folder, name + ".svg"), metadata={"Date": None})
    figure.savefig(os.path.join(folder, name + ".png"), dpi=150)


def markdown_table(table):
    """Lines of a table whose first line is the heading."""
    return ["| " + " | ".join(table[0]) + " |", "|" + "---|" * len(table[0]), *("| " + " | ".join(line) + " |" for line in table[1:])]


def html_table(table, kind=lambda line: ""):
    """`kind` names a line's class."""
    def cells(line, tag, classes):
        return "".join(f"<{tag} class=\"{name}\">{html.escape(cell)}</{tag}>" for cell, name in zip(line, classes))

    columns = [[line[i] for line in table[1:]] for i in range(len(table[0]))]
    heading = ["number" if any(column) and all(NUMBER.fullmatch(cell) for cell in column if cell) else "" for column in columns]
    rows = ["<div class=\"table\"><table><tr>" + cells(table[0], "th", ["right" if name else "" for name in heading]) + "</tr>"]
    for line in table[1:]:
        names = [heading[i] or ("short" if len(cell) <= SHORT else "") for i, cell in enumerate(line)]
        rows.append(f"<tr class=\"{kind(line)}\">" + cells(line, "td", names) + "</tr>")
    return "\n".join([*rows, "</table></div>"])


def html_page(title, body):
    return (f"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{html.escape(title)}</title><style>{PAGE_STYLE}</style><body>\n"
            + "\n".join(body) + "\n</body></html>\n")


def html_image(folder, name, text):
    """A figure within the page."""
    with open(os.path.join(folder, name + ".svg"), "rb") as file:
        data = base64.b64encode(file.read()).decode()
    return f"<img src=\"data:image/svg+xml;base64,{data}\" alt=\"{html.escape(text)}\">"


class Section:
    """Of a page: a heading, paragraphs with **bold** words, a figure (its name and what it shows), a table, something quoted as it is."""

    def __init__(self, heading, text="", figure=None, table=None, quoted=""):
        self.heading, self.text, self.figure, self.table, self.quoted = heading, text, figure, table, quoted

    def markdown(self):
        lines = [f"## {self.heading}", ""]
        if self.text:
            lines += [self.text, ""]
        if self.figure:
            lines += [f"![{self.figure[1]}]({self.figure[0]}.png)", ""]
        if self.table:
            lines += [*markdown_table(self.table), ""]
        if self.quoted:
            lines += ["```", self.quoted.rstrip(), "```", ""]
        return lines

    def html(self, folder):
        lines = [f"<h2>{html.escape(self.heading)}</h2>"]
        lines += ["<p>" + BOLD.sub(r"<b>\1</b>", html.escape(paragraph)) + "</p>" for paragraph in self.text.split("\n\n") if paragraph]
        if self.figure:
            lines.append(html_image(folder, *self.figure))
        if self.table:
            lines.append(html_table(self.table))
        if self.quoted:
            lines.append(f"<pre>{html.escape(self.quoted.rstrip())}</pre>")
        return lines
