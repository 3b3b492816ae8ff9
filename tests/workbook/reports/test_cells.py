"""Cells and their outputs: each kind has its fragment, and what is no markup is escaped."""

from __future__ import annotations

import json
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from posekit.errors import InvalidData
from posekit.workbook.reports.cells import (
    SHOW_INPUT,
    WIDGET_MIME,
    answer_html,
    cell_html,
    embedded_json,
)
from posekit.workbook.tables.answer import PLACE


def shown(**data: str) -> str:
    """The HTML of one output with the given representations; "_" stands for "/"."""
    kinds = {kind.replace("_", "/"): content for kind, content in data.items()}
    return cell_html(cell_of(new_output("display_data", kinds)))


def cell_of(output: NotebookNode, **options: object) -> NotebookNode:
    return new_code_cell("", id="demo-cell", outputs=[output], **options)


def test_text_is_escaped_and_html_is_kept() -> None:
    assert "<pre" in shown(text_plain="a < b & c")
    assert "a &lt; b &amp; c" in shown(text_plain="a < b & c")
    assert "<b>bold</b>" in shown(text_plain="bold", text_html="<b>bold</b>")
    assert "<math" in shown(text_latex="$a < b$")
    assert "<em>so</em>" in shown(text_markdown="*so*")


def test_alternative_texts_cannot_leave_their_attribute() -> None:
    svg = {"image/svg+xml": "<svg></svg>"}
    said = {"image/svg+xml": {"alt": 'a "quoted" <text>'}}
    html = cell_html(cell_of(new_output("display_data", svg, metadata=said)))
    assert 'aria-label="a &#34;quoted&#34; &lt;text&gt;"' in html
    assert "<svg></svg></div><figcaption>" in html


def test_a_widget_without_static_twin_says_where_it_lives() -> None:
    output = new_output("display_data", {WIDGET_MIME: {}, "text/plain": "VBox()"})
    assert "open the notebook in JupyterLab" in cell_html(cell_of(output))


def test_an_error_keeps_its_lines_without_colours() -> None:
    error = new_output("error", ename="E", evalue="v", traceback=["\x1b[31m<a>", "b\x1b[0m"])
    assert "&lt;a&gt;\nb</pre>" in cell_html(cell_of(error))


@given(
    st.recursive(
        st.text(alphabet='<!-/script>&\\"\u2028a'), lambda kind: st.lists(kind, max_size=3)
    )
)
def test_no_text_in_embedded_json_is_markup(content: object) -> None:
    text = embedded_json(content)
    assert "<" not in text
    assert json.loads(text) == content


def test_what_belongs_below_the_title_is_not_shown_with_its_cell() -> None:
    said = {"text/html": {"place": PLACE}}
    cell = cell_of(new_output("display_data", {"text/html": "<p>box</p>"}, metadata=said))
    assert "box" not in cell_html(cell)
    assert "<p>box</p>" in answer_html(cell)


def test_code_keeps_its_white_space() -> None:
    cell = new_code_cell("if x:\n    y()", id="demo-cell", metadata={"tags": [SHOW_INPUT]})
    html = cell_html(cell)
    assert "\n    " in html
    assert " open data-always" in html


def test_wide_tables_of_prose_scroll_and_headings_have_no_anchor_links() -> None:
    html = cell_html(new_markdown_cell("# Head ¶\n\n| a |\n|---|\n| 1 |\n"))
    assert html.count('<div class="scroll" tabindex="0"><table>') == 1
    assert "anchor-link" not in html
    assert "Head ¶<" in unescape(html)


def test_an_output_without_representation_is_an_error() -> None:
    output = new_output("display_data", {"application/x-unknown": "1"})
    cell = new_code_cell("x", id="demo-cell", outputs=[output])
    with pytest.raises(InvalidData, match="demo-cell: nothing to show"):
        cell_html(cell)
