"""Published | reference run | this run: every state of a cell, and differences that compare."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from executed_notebook import comparison
from html_pages import Page

from posekit.workbook.tables import ComparisonTable, Measured, Row


def test_differences_are_taken_within_a_column() -> None:
    table = comparison()
    assert table.differences("mpjpe", "published") == pytest.approx(
        {"ours": -0.8, "twin": 0.1, "guesses": 2.1}
    )
    # What is the baseline's own run, or has not learned, is not set against it.
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
    words = words_of(html)
    for part in (
        "40.1 [1] −0.8 about",
        "52.3 ± 0.4",
        "53.0 same run as base",
        "199.0 not learned",
        "not learned: not clearly better than a linear map",
        "linear (cpn)",
        "official code, run here",
        "35.0 [1] 1.04 ×",
        "35.0 1.03 ×",
        "Of MPJVE no figure is known.",
        "not available",
        "not run a",
        "Not run: a: oracle &lt;only&gt;.",
        "best of 20 †",
        "† oracle",
        "STAND-IN",
        "What was run (reference run): 27 frames, 2 seeds.",
        "base; twin; guesses width 8",
        "Protocol root zeroed",
        "https://example.org/paper",
    ):
        assert part in words
    found = Page(html.partition("</style>")[2])
    assert found.faults == []
    assert len(found.of("caption")) == 1
    assert all(header.get("scope") for header in found.of("th"))


def words_of(html: str) -> str:
    """What a reader sees."""
    plain = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return " ".join(plain.replace("\N{NO-BREAK SPACE}", " ").split())


def test_comparison_reads_as_text() -> None:
    lines = str(comparison()).splitlines()
    assert lines[0] == "Main table [STAND-IN]"
    assert lines[3].startswith("| ours | 40.1, about | 52.3 ± 0.4 | not run |")
    assert "| linear (cpn) | - | 73.1 | - | - | - | - | - | - | - | - |" in lines


def test_columns_are_those_that_hold_a_figure() -> None:
    table = comparison()
    assert table.metrics == ["mpjpe", "p_mpjpe", "params"]
    assert table.columns("mpjpe") == ["published", "reference", "measured"]
    assert table.columns("params") == ["published", "official", "reference", "measured"]
    published = ComparisonTable("Table", {"mpjpe": "mm"}, (Row("a", {"mpjpe": 40.0}),))
    assert published.columns("mpjpe") == ["published"]
    # Few columns fit beside each other on any page.
    assert "pk-stack" in table.to_html()
    assert "pk-stack" not in published.to_html()


def test_a_table_of_which_nothing_is_known_is_one_sentence() -> None:
    rows = (Row("a", {"mpjpe": None}, not_run="no code"), Row("b", {}))
    table = ComparisonTable("Table 7 & 8", {"mpjpe": "mm"}, rows, baseline="a", note="A note.")
    said = "no published figure is known, and none of its rows has run here."
    assert str(table) == f"Table 7 & 8: {said}"
    assert Page(table.to_html()).elements == [("p", {"class": "pk-nothing"})]
    assert words_of(table.to_html()) == f"Table 7 &amp; 8: {said}"
    alike = replace(table, rows=(rows[0], replace(rows[0], name="b")))
    assert str(alike).endswith("none of its rows has run here (no code).")


def test_errors_that_say_nothing_are_not_printed_and_costs_are() -> None:
    here = {"mpjpe": Measured(151.7, ran="16 steps", learned=False), "params": Measured(35.0)}
    base = {"mpjpe": Measured(171.3, ran="16 steps"), "params": Measured(33.65)}
    rows = (
        Row("base", {"mpjpe": 40.0}, {"mpjpe": Measured(52.0)}, base),
        Row("ours", {"mpjpe": 39.0}, {"mpjpe": Measured(51.0)}, here),
    )
    table = ComparisonTable(
        "Table",
        {"mpjpe": "mm", "params": "M"},
        rows,
        baseline="base",
        trivial=(Row("linear", {}, {"mpjpe": Measured(73.1)}, {"mpjpe": Measured(91.9)}),),
        counted=("params",),
        unprinted="a run of 16 steps says nothing",
    )
    for said in (words_of(table._repr_html_()), str(table)):
        assert not any(error in said for error in ("151.7", "171.3", "91.9", "not learned"))
        assert said.count("ran: a run of 16 steps says nothing.") == 1
        assert all(shown in said for shown in ("52.0", "73.1", "33.6", "35.0"))
    assert table.differences("mpjpe", "measured") == {}
    assert table.differences("mpjpe", "reference") == {"ours": -1.0}
    assert "35.0 1.04 ×" in words_of(table.to_html())


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


def test_a_row_whose_seeds_have_all_collapsed_says_so_and_not_that_it_was_not_run() -> None:
    gone = Row(
        "gone",
        {"mpjpe": 40.0},
        not_run="a long reason",
        collapsed={"reference": "3 of 3 seeds collapsed"},
    )
    other = Row("other", {"mpjpe": 41.0}, reference={"mpjpe": Measured(50.0)})
    text = ComparisonTable("Table", {"mpjpe": "mm"}, (gone, other)).to_text()
    line = next(line for line in text.splitlines() if "gone" in line)
    reference = next(cell for cell in line.split("|") if "collapsed" in cell)
    assert reference.strip() == "3 of 3 seeds collapsed"
