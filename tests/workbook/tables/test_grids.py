"""Plain tables, cards and the figures in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.workbook.tables import Card, Grid, format_value
from posekit.workbook.tables.grids import ratio, signed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not available"),
        (40.06, "40.1"),
        (1.348856, "1.35"),
        (-2.3, "−2.3"),
        (-0.8, "−0.8"),
        (0.65, "0.65"),
        (0.0123, "0.012"),
        (35_200_000, "35,200,000"),
        (1.4e11, "140,000,000,000"),
        (-0.0, "0.0"),
        (-0.0004, "0.0"),
        (2.0, "2.0"),
        (100.0, "100.0"),
        (float("-inf"), "−inf"),
        ("word", "word"),
    ],
)
def test_values_read_well(value: float | str | None, text: str) -> None:
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.84, "+0.8"), (-0.84, "−0.8"), (-0.04, "0.0"), (0.0, "0.0")]
)
def test_differences_carry_their_sign(value: float, text: str) -> None:
    assert signed(value) == text


@given(st.floats(-1e6, 1e6) | st.integers(-9, 9))
def test_no_figure_is_a_minus_zero(value: float) -> None:
    for text in (format_value(value), signed(value)):
        assert not re.fullmatch(r"[−+-][0.,]+", text)


@pytest.mark.parametrize(
    ("value", "than", "text"),
    [
        (35.0, 33.65, "1.04"),
        (1, 1, "1.00"),
        (1.0004, 1, "1.00"),
        (1.003, 1, "1.003"),
        (1.05, 1, "1.05"),
        (1, 4, "0.25"),
    ],
)
def test_ratios_tell_two_figures_apart(value: float, than: float, text: str) -> None:
    assert ratio(value, than) == f"{text}\N{NO-BREAK SPACE}×"


def test_grid_and_card_escape_their_content() -> None:
    grid = Grid("A & B", ("name", "value"), (("<x>", 1.5), ("y", None)), note="n < m")
    assert "&lt;x&gt;" in grid.to_html()
    assert "A &amp; B" in grid.to_html()
    assert "| y | not available |" in grid.to_text()
    card = Card("Data", {"a": "<b>"}, label="synthetic", folded=True)
    assert "<dd>&lt;b&gt;</dd>" in card.to_html()
    assert str(card) == "Data [synthetic]\na: <b>"


def test_columns_of_numbers_are_aligned_and_long_texts_wrap() -> None:
    html = Grid("Grid", ("name", "n", "text"), (("a", 1, "x" * 41), ("b", None, "y"))).to_html()
    assert html.count('class="pk-n"') == 3  # the heading, the number, the cell without one
    assert html.count('class="pk-text"') == 1
    assert '<span class="pk-none">not available</span>' in html


def test_only_what_is_not_licensed_is_labelled() -> None:
    assert "pk-label" not in Card("Data", {}, label="licensed").to_html()
    assert 'class="pk-label">synthetic<' in Card("Data", {}, label="synthetic").to_html()
    assert 'class="pk-label pk-stand-in">STAND-IN<' in Card("Data", {}, label="STAND-IN").to_html()


def test_what_is_shown_brings_its_style() -> None:
    html = Card("Data", {})._repr_html_()
    assert html.startswith("<style>")
    assert ".pk table{" in html
