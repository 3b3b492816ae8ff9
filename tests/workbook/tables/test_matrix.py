"""Transfer tables: every cell stands where its data sets meet, as HTML and as text."""

from __future__ import annotations

import re

import pytest
from html_pages import Page

from posekit.workbook.tables import MatrixCell, MatrixTable

SETS = ("a_b", "c")


def cell(error: float | str, **more: object) -> MatrixCell:
    protocol = {"Joints": "16", "Clips": f"of {error}"}
    return MatrixCell(error, protocol=protocol, **more)


@pytest.fixture
def table() -> MatrixTable:
    plain = {
        ("a_b", "a_b"): cell(40.04, spread=1.26, linear=80.0),
        ("a_b", "c"): cell(95.0, linear=90.0, notes=("has not learned",)),
        ("c", "a_b"): cell(61.0, linear=99.0),
        ("c", "c"): cell("no figure", notes=("2 of 2 seeds collapsed",)),
    }
    matched = {pair: cell(70.0 + number) for number, pair in enumerate(plain)}
    parts = {"as it is": plain, "matched": matched}
    return MatrixTable("Lifter", SETS, parts, label="synthetic", legend=("a < b",))


def test_text_has_rows_of_sources_and_columns_of_targets(table: MatrixTable) -> None:
    lines = [line.strip("| ").split(" | ") for line in table.to_text().splitlines()]
    assert lines[0] == ["Lifter [synthetic]"]
    assert lines[1] == ["trained on", "2D of the training", *SETS]
    assert lines[3] == [
        "a_b",
        "as it is",
        "40.0 ± 1.26 (linear 80.0)",
        "95.0 (linear 90.0; has not learned)",
    ]
    assert lines[4][2:] == ["61.0 (linear 99.0)", "no figure (2 of 2 seeds collapsed)"]
    assert lines[6] == ["c", "matched", "72.0", "73.0"]
    assert lines[-1] == ["Protocol of all cells. Joints: 16."]


def test_html_is_whole_and_every_cell_names_its_place(table: MatrixTable) -> None:
    html = str(table.to_html())
    page = Page(html)
    assert page.faults == []
    places = [each["data-label"] for each in page.of("td") if "data-label" in each]
    assert places == [
        *("as it is, on a_b", "as it is, on c", "matched, on a_b", "matched, on c") * 2
    ]
    assert page.of("td")[1]["title"] == "Clips: of 95.0"
    assert "a &lt; b" in html
    # Within a data set: bold.
    assert re.findall(r"<b>(.+?)</b>", html) == ["40.0 ± 1.26", "70.0", "no figure", "73.0"]


def test_protocols_are_told_once_where_alike_and_by_cell_where_not(table: MatrixTable) -> None:
    assert table.common == {"Joints": "16"}
    grid = table.differences
    assert grid is not None
    assert grid.columns == ("trained and tested on", "Clips")
    assert grid.rows[2] == ("c → a_b, as it is", "of 61.0")
    assert len(grid.rows) == 8
    alike = {(one, other): MatrixCell(1.0) for one in SETS for other in SETS}
    same = MatrixTable("Lifter", SETS, {"as it is": alike})
    assert same.differences is None
    assert "Protocol" not in same.to_text()
