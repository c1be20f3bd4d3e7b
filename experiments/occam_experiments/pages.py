"""Pages of experiments: tables and sections as Markdown, and as HTML that needs no other file."""

import base64
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
from markupsafe import Markup, escape

Table = list[list[str]]  # of texts, line by line; the first line is the heading

# How a cell with a number, its unit, range or remark begins.
NUMBER = re.compile(r"[-+~<]?[0-9].*")
BOLD = re.compile(r"\*\*(.+?)\*\*", re.S)
SHORT = 40  # characters of a cell that is not broken into lines


def markdown_table(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose first line is the heading."""
    return ["| " + " | ".join(table[0]) + " |", "|" + "---|" * len(table[0]),
            *("| " + " | ".join(line) + " |" for line in table[1:])]


def number_columns(table: Table) -> list[bool]:
    """Whether each column holds numbers alone, which stand to the right."""
    columns = [[line[i] for line in table[1:] if line[i]] for i in range(len(table[0]))]
    return [bool(column) and all(map(NUMBER.fullmatch, column)) for column in columns]


def bold(text: str) -> Markup:
    """A paragraph with its **bold** words; no line begins with a per cent sign."""
    return Markup(BOLD.sub(r"<b>\1</b>", str(escape(text))).replace(" %", "&nbsp;%"))


def paragraphs(text: str) -> list[str]:
    return [paragraph for paragraph in text.split("\n\n") if paragraph]


def data_url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def figure_url(folder: str, name: str) -> str:
    """A figure's drawing as a URL within the page."""
    with open(os.path.join(folder, name + ".svg"), "rb") as file:
        return data_url(file.read(), "image/svg+xml")


@dataclass
class Figure:
    """A figure NAME.svg, beside which NAME.png stands."""

    name: str
    shows: str           # its description for those who do not see it
    wide: bool = False   # whether it needs more than the width of the text
    markdown: str = "png"  # the file that Markdown shows

    def markdown_line(self) -> str:
        return f"![{self.shows}]({self.name}.{self.markdown})"


@dataclass
class Section:
    """A part of a page: heading, paragraphs with **bold** words, figure, table, quoted text."""

    heading: str
    text: str = ""
    figure: Figure | None = None
    table: Table | None = None
    quoted: str = ""
    after: str = ""  # a paragraph below the table
    row_class: Callable[[list[str]], str] = field(default=lambda line: "")

    def markdown(self) -> list[str]:
        lines = [f"## {self.heading}", ""]
        if self.text:
            lines += [self.text, ""]
        if self.figure and not self.after:
            lines += [self.figure.markdown_line(), ""]
        if self.table:
            lines += [*markdown_table(self.table), ""]
        if self.after:
            lines += [self.after, ""]
            if self.figure:
                lines += [self.figure.markdown_line(), ""]
        if self.quoted:
            lines += ["```", self.quoted.rstrip(), "```", ""]
        return lines


def environment() -> jinja2.Environment:
    """The templates of pages, in which what is inserted is escaped."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("occam_experiments"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    found.filters.update(bold=bold, paragraphs=paragraphs, number_columns=number_columns)
    found.globals.update(SHORT=SHORT, figure_url=figure_url)
    return found


def html(template: str, **values: Any) -> str:
    """A page from a template."""
    return environment().get_template(template).render(**values)


def markdown_page(title: str, about: str, sections: Sequence[Section]) -> str:
    lines = [f"# {title}", ""] + ([about, ""] if about else [])
    return "\n".join(lines + [line for section in sections for line in section.markdown()])


def sections_page(title: str, about: str, sections: Sequence[Section], folder: str) -> str:
    """The HTML of sections, whose figures are in a folder."""
    return html("sections.html.j2", title=title, about=about, sections=sections, folder=folder)
