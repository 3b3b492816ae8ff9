"""Published | reference run | this run: every state of a cell, and differences that compare."""

from __future__ import annotations

import re

import pytest
from executed_notebook import comparison
from html_pages import Page

from posekit.workbook.tables import ComparisonTable, Measured, Row


def test_differences_are_taken_within_a_column() -> None:
    table = comparison()
    assert table.differences("mpjpe", "published") == {"ours": pytest.approx(-0.8)}
    assert table.differences("mpjpe", "reference") == {"ours": pytest.approx(-0.7)}
    assert table.differences("mpjpe", "measured") == {}


def test_figures_that_do_not_compare_get_no_difference() -> None:
    here = {"mpjpe": Measured(50.0)}
    rows = (
        Row("base", {"mpjpe": 40.0}, measured={"mpjpe": Measured(48.0)}, input_2d="cpn"),
        Row("another detector", {"mpjpe": 39.0}, measured=here, input_2d="stacked hourglass"),
        Row("oracle", {"mpjpe": 30.0}, measured=here, oracle=True),
        Row("plain", {"mpjpe": 41.0}, measured=here),
    )
    table = ComparisonTable("Table", {"mpjpe": "mm"}, rows, baseline="base")
    assert table.differences("mpjpe", "published") == {"plain": 1.0}
    assert table.differences("mpjpe", "measured") == {"another detector": 2.0, "plain": 2.0}
    html = table._repr_html_()
    assert "No difference stands between an oracle and what is none." in html
    assert "Published figures on stacked hourglass keypoints are not set against" in html


def test_comparison_shows_every_state_of_a_cell() -> None:
    html = comparison()._repr_html_()
    words = " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).split())
    for part in (
        "40.1 [1] −0.8",
        "52.3 ± 0.4",
        "not available",
        "not run a",
        "Not run: a: oracle &lt;only&gt;.",
        "best of 20 †",
        "† oracle",
        "STAND-IN",
        "What was run: 27 frames, 2 seeds",
        "Protocol root zeroed",
        "https://example.org/paper",
    ):
        assert part in words
    found = Page(html.partition("</style>")[2])
    assert found.faults == []
    assert len(found.of("caption")) == 1
    assert all(header.get("scope") for header in found.of("th"))


def test_comparison_reads_as_text() -> None:
    lines = str(comparison()).splitlines()
    assert lines[0] == "Main table [STAND-IN]"
    assert lines[3].startswith("| ours | 40.1 | 52.3 | not run |")


def test_addresses_of_sources_are_links_and_nothing_else_is() -> None:
    rows = (
        Row("a", {"mpjpe": 1.0}, source="see https://a.org/x?y=1&z=2; Table <2>"),
        Row("b", {"mpjpe": 2.0}, source="Table 3 of the paper"),
        Row("c", {"mpjpe": None}, source="a source without figures"),
    )
    html = ComparisonTable("Table", {"mpjpe": "mm"}, rows).to_html()
    links = [link["href"] for link in Page(html).of("a")]
    assert links == ["https://a.org/x?y=1&z=2"] * 2  # beside the figure, and in the list
    items = re.findall(r"<li>(.*?)</li>", html)
    assert [re.sub(r"<[^>]+>", "", item) for item in items] == [
        "see https://a.org/x?y=1&amp;z=2; Table &lt;2&gt;",
        "Table 3 of the paper",
    ]
