"""Cells and their outputs -> HTML fragments."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from posekit.errors import InvalidData
from posekit.workbook.figures.style import PLOTLY_MIME, SVG_MIME
from posekit.workbook.reports.formulas import formulas_to_mathml

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
HIDE_INPUT, SHOW_INPUT = "hide-input", "show-input"
_IMAGES = ("image/png", "image/jpeg", "image/gif")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FORMATTER = HtmlFormatter(nowrap=True)
_LEXER = PythonLexer()


def cell_html(cell: NotebookNode) -> str:
    """One cell: prose, or folded code followed by what it showed.

    Raises:
        InvalidData: an output that has no representation for a page.
    """
    if cell.cell_type == "markdown":
        return f'<div class="prose">{prose_html(cell.source)}</div>'
    if cell.cell_type != "code":
        return ""
    outputs = "".join(_output_html(output, cell.id, n) for n, output in enumerate(_joined(cell)))
    return _code_html(cell) + outputs


def prose_html(source: str) -> str:
    """Markdown with formulas -> HTML with MathML."""
    rendered = markdown2html(source).replace("¶", "#")
    rendered = re.sub(r'<a class="anchor-link" href="[^"]*">.*?</a>', "", rendered)
    rendered = rendered.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    return formulas_to_mathml(rendered.replace("</table>", "</table></div>"))


def _code_html(cell: NotebookNode) -> str:
    tags = cell.metadata.get("tags", [])
    if HIDE_INPUT in tags or not cell.source.strip():
        return ""
    code = highlight(cell.source, _LEXER, _FORMATTER)
    opened = " open data-always" if SHOW_INPUT in tags else ""
    return (
        f'<details class="code"{opened}><summary>Code</summary>'
        f'<pre class="source" tabindex="0"><code>{code}</code></pre></details>'
    )


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


def _output_html(output: NotebookNode, cell_id: str, number: int) -> str:
    if output.output_type == "stream":
        text = _last_of_each_line(_ANSI.sub("", output.text)).strip("\n")
        return f'<pre class="stream" tabindex="0">{escape(text)}</pre>' if text else ""
    if output.output_type == "error":
        text = _ANSI.sub("", "\n".join(output.traceback))
        return f'<pre class="error" tabindex="0">{escape(text)}</pre>'
    return _data_html(output.data, output.metadata, f"figure-{cell_id}-{number}", cell_id)


def _last_of_each_line(text: str) -> str:
    """What a terminal would show of text with carriage returns."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _data_html(
    data: Mapping[str, Any], metadata: Mapping[str, Any], figure_id: str, cell_id: str
) -> str:
    if PLOTLY_MIME in data:
        return _figure_html(data[PLOTLY_MIME], metadata.get(PLOTLY_MIME, {}), figure_id)
    if "text/html" in data:
        return f'<div class="output">{data["text/html"]}</div>'
    if SVG_MIME in data:
        return _drawing_html(data[SVG_MIME], metadata.get(SVG_MIME, {}).get("alt", ""))
    for kind in _IMAGES:
        if kind in data:
            alt = escape(metadata.get(kind, {}).get("alt", ""), quote=True)
            content = data[kind].replace("\n", "")
            return f'<div class="output"><img alt="{alt}" src="data:{kind};base64,{content}"></div>'
    if "text/markdown" in data:
        return f'<div class="output prose">{prose_html(data["text/markdown"])}</div>'
    if "text/latex" in data:
        return f'<div class="output">{formulas_to_mathml(escape(data["text/latex"]))}</div>'
    if WIDGET_MIME in data:
        return '<p class="note">Interactive view: open the notebook in JupyterLab.</p>'
    if "text/plain" in data:
        return f'<pre class="stream" tabindex="0">{escape(data["text/plain"])}</pre>'
    raise InvalidData(f"cell {cell_id}: nothing to show for a page among {sorted(data)}.")


def _drawing_html(drawing: str, alt: str) -> str:
    """An SVG in the page with its text below."""
    caption = f"<figcaption>{escape(alt)}</figcaption>" if alt else ""
    label = escape(alt, quote=True)
    return f'<figure class="plot" role="img" aria-label="{label}">{drawing}{caption}</figure>'


def _figure_html(figure: Mapping[str, Any], metadata: Mapping[str, Any], figure_id: str) -> str:
    """An empty box and the figure as JSON; the page's script draws it when it comes into view."""
    alt = metadata.get("alt", "")
    # "</" would end the script element early; JSON reads "<\/" as the same text.
    content = json.dumps(figure, separators=(",", ":")).replace("</", "<\\/")
    height = figure.get("layout", {}).get("height", 450)
    caption = f"<figcaption>{escape(alt)}</figcaption>" if alt else ""
    return (
        f'<figure class="plot"><div id="{figure_id}" class="canvas" style="height:{height}px" '
        f'role="img" aria-label="{escape(alt, quote=True)}"></div>'
        f'<script type="application/json" data-figure="{figure_id}">{content}</script>'
        f"{caption}</figure>"
    )
