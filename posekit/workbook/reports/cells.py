"""Cells and their outputs -> HTML fragments."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape
from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from posekit.errors import InvalidData
from posekit.workbook.figures.style import PLOTLY_MIME, SVG_MIME
from posekit.workbook.reports.formulas import formulas_to_mathml
from posekit.workbook.tables.answer import PLACE
from posekit.workbook.templates import macros

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
HIDE_INPUT, SHOW_INPUT = "hide-input", "show-input"
_IMAGES = ("image/png", "image/jpeg", "image/gif")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# As nbconvert writes them.
_ANCHOR = re.compile(r'<a class="anchor-link" href="[^"]*">.*?</a>')
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_FORMATTER = HtmlFormatter(nowrap=True)
_LEXER = PythonLexer()
_HTML = macros("reports/cells.html.j2")


def cell_html(cell: NotebookNode) -> Markup:
    """One cell: prose, or folded code followed by what it showed.

    Raises:
        InvalidData: an output that has no representation for a page.
    """
    if cell.cell_type == "markdown":
        return _HTML.prose(prose_html(cell.source))
    if cell.cell_type != "code":
        return Markup()
    outputs = (
        _output_html(output, cell.id, n)
        for n, output in enumerate(_joined(cell))
        if not _below_title(output)
    )
    return Markup().join([_code_html(cell), *outputs])


def answer_html(cell: NotebookNode) -> Markup:
    """The outputs of a cell that belong below the page's title."""
    outputs = (output for output in cell.get("outputs", []) if _below_title(output))
    return Markup().join(_output_html(output, cell.id, n) for n, output in enumerate(outputs))


def _below_title(output: NotebookNode) -> bool:
    said = output.get("metadata", {}).get("text/html", {})
    return said.get("place") == PLACE


def prose_html(source: str) -> Markup:
    """Markdown with formulas -> HTML with MathML."""
    rendered = _ANCHOR.sub("", markdown2html(source))
    wrapped = _TABLE.sub(lambda table: _HTML.scroll(Markup(table[0])), rendered)
    return Markup(formulas_to_mathml(wrapped))


def _code_html(cell: NotebookNode) -> Markup:
    tags = cell.metadata.get("tags", [])
    if HIDE_INPUT in tags or not cell.source.strip():
        return Markup()
    return _HTML.code(Markup(highlight(cell.source, _LEXER, _FORMATTER)), SHOW_INPUT in tags)


def _joined(cell: NotebookNode) -> list[NotebookNode]:
    """The outputs with neighbouring pieces of one stream put together."""
    joined: list[NotebookNode] = []
    for output in cell.outputs:
        last = joined[-1] if joined else None
        same_stream = output.output_type == "stream" and last and last.output_type == "stream"
        if same_stream and last.name == output.name:
            last.text += output.text
        else:
            joined.append(NotebookNode(output))
    return joined


def _output_html(output: NotebookNode, cell_id: str, number: int) -> Markup:
    if output.output_type == "stream":
        text = _last_of_each_line(_ANSI.sub("", output.text)).strip("\n")
        return _HTML.stream(text) if text else Markup()
    if output.output_type == "error":
        return _HTML.error(_ANSI.sub("", "\n".join(output.traceback)))
    return _data_html(output.data, output.metadata, f"figure-{cell_id}-{number}", cell_id)


def _last_of_each_line(text: str) -> str:
    """What a terminal would show of text with carriage returns."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _data_html(
    data: Mapping[str, Any], metadata: Mapping[str, Any], plot_id: str, cell_id: str
) -> Markup:
    """The richest representation; HTML and drawings are what the notebook's own code made."""

    def alt(kind: str) -> str:
        return metadata.get(kind, {}).get("alt", "")

    if PLOTLY_MIME in data:
        return _plot_html(data[PLOTLY_MIME], alt(PLOTLY_MIME), plot_id)
    if "text/html" in data:
        return _HTML.output(Markup(data["text/html"]))
    if SVG_MIME in data:
        return _HTML.drawing(Markup(data[SVG_MIME]), alt(SVG_MIME))
    for kind in _IMAGES:
        if kind in data:
            return _HTML.image(kind, data[kind].replace("\n", ""), alt(kind))
    if "text/markdown" in data:
        return _HTML.output(prose_html(data["text/markdown"]), "prose")
    if "text/latex" in data:
        return _HTML.output(Markup(formulas_to_mathml(escape(data["text/latex"]))))
    if WIDGET_MIME in data:
        return _HTML.widget()
    if "text/plain" in data:
        return _HTML.stream(data["text/plain"])
    raise InvalidData(f"cell {cell_id}: nothing to show for a page among {sorted(data)}.")


def _plot_html(plot: Mapping[str, Any], alt: str, plot_id: str) -> Markup:
    """An empty box and the plot as JSON; the page's script draws it when it comes into view."""
    height = plot.get("layout", {}).get("height", 450)
    return _HTML.plot(plot_id, height, alt, embedded_json(plot))


def embedded_json(content: Any) -> Markup:
    """Content as JSON inside a script element, which no text in it can end or prolong.

    "</script" ends the element, and behind "<!--<script" even its own end tag counts no more.
    """
    text = json.dumps(content, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))
