"""A matrix's table, heat maps, page and JSON hold what its cells hold."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from html_pages import Page
from plots import plain

from posekit.workbook.reports.matrix import heat_maps, matrix_json, matrix_table, write_matrix
from posekit.workbook.studies.matrix import Cell, Matrix
from posekit.workbook.studies.measured import Figure

SETS = ("synthetic", "cmu")
ERRORS = {
    ("synthetic", "synthetic", False): (40.0, 44.0),
    ("synthetic", "cmu", False): (90.0, 92.0),
    ("cmu", "synthetic", False): (70.0, 71.0),
    ("cmu", "cmu", False): (50.0, 52.0),
    ("synthetic", "synthetic", True): (41.0, 43.0),
    ("synthetic", "cmu", True): (60.0, 62.0),
    ("cmu", "synthetic", True): (55.0, 57.0),
    ("cmu", "cmu", True): (51.0, 53.0),
}
UNLEARNED = ("synthetic", "cmu", False)


def cell(source: str, target: str, matched: bool) -> Cell:
    errors = ERRORS[source, target, matched]
    return Cell(
        source=source,
        target=target,
        matched=matched,
        figures={"mpjpe": Figure.of(errors), "auc": Figure.of([math.nan, 50.0])},
        baselines={"linear": {"mpjpe": 88.0, "acceleration": math.nan}},
        learned=(source, target, matched) != UNLEARNED,
        remarks=("1 of 3 seeds collapsed",) if (source, matched) == ("cmu", True) else (),
        ran="1 frame, width 64",
        protocol={"Protocol": "plain", "Data set": target},
        evidence="synthetic" if target == "synthetic" else "motion capture",
        runs=(f"{source}-{target}-s0", f"{source}-{target}-s1"),
    )


@pytest.fixture
def matrix() -> Matrix:
    return Matrix(
        network="mixste",
        datasets=SETS,
        matchings=(False, True),
        keypoints="gt",
        profile="quick",
        measures=True,
        seeds=(0, 1),
        cells={key: cell(*key) for key in ERRORS},
    )


def test_the_table_holds_every_cell_with_its_linear_map(matrix: Matrix) -> None:
    table = matrix_table(matrix)
    parts = dict(zip((False, True), table.parts.values(), strict=True))
    for source, target, matched in ERRORS:
        shown = parts[matched][source, target]
        assert shown.error == pytest.approx(sum(ERRORS[source, target, matched]) / 2)
        assert shown.linear == 88.0
        assert shown.spread is not None
        # The lifter has learned its own data set and does not carry it over.
        assert "has not learned" not in shown.notes
        assert ("does not beat linear" in shown.notes) == ((source, target, matched) == UNLEARNED)
    assert "1 of 3 seeds collapsed" in parts[True]["cmu", "cmu"].notes
    assert table.label == "synthetic, motion capture"
    assert table.common == {"Protocol": "plain", "Run": "1 frame, width 64"}
    assert any("over 2 seeds" in line for line in table.legend)


def test_heat_maps_share_a_scale_that_unlearned_cells_do_not_stretch(matrix: Matrix) -> None:
    drawn = heat_maps(matrix)
    assert len(drawn) == 2
    maps = [plain(one.figure)["data"][1] for one in drawn]
    assert {(one["zmin"], one["zmax"]) for one in maps} == {(42.0, 70.5)}
    assert maps[0]["z"] == [[42.0, None], [70.5, 51.0]]
    assert maps[1]["z"] == [[42.0, 61.0], [56.0, 52.0]]
    assert "Within a data set 42.0 to 51.0 mm. Across data sets 70.5 mm." in drawn[0].alt
    assert "1 of 4 cells" in drawn[0].alt
    assert "linear 88.0" in maps[0]["customdata"][1][0]


def test_a_lifter_that_has_not_learned_its_own_data_set_has_learned_nowhere(
    matrix: Matrix,
) -> None:
    cells = {
        key: replace(one, learned=False) if key[0] == "cmu" and not key[2] else one
        for key, one in matrix.cells.items()
    }
    unlearned = replace(matrix, cells=cells)
    table = matrix_table(unlearned)
    plainly = table.parts["as it is"]
    assert all("has not learned" in plainly["cmu", target].notes for target in SETS)
    assert plainly["synthetic", "cmu"].notes == ("does not beat linear",)
    texts = {
        (note["y"], note["x"]): note["text"]
        for note in plain(heat_maps(unlearned)[0].figure)["layout"]["annotations"]
    }
    assert texts["cmu", "synthetic"] == "has not<br>learned"
    assert texts["synthetic", "cmu"] == "91.0<br>does not<br>beat linear"


def test_a_cell_whose_seeds_all_collapsed_has_no_figure(matrix: Matrix, tmp_path: Path) -> None:
    key = ("synthetic", "cmu", True)
    told = ("2 of 2 seeds collapsed",)
    gone = replace(matrix.cells[key], figures={}, learned=None, remarks=told)
    collapsed = replace(matrix, cells={**matrix.cells, key: gone})
    shown = matrix_table(collapsed).parts["matched to the target"]["synthetic", "cmu"]
    assert (shown.text, shown.notes) == ("no figure", told)
    assert "1 of 4 cells have no figure to compare" in heat_maps(collapsed)[1].alt
    write_matrix(collapsed, tmp_path)


def test_page_and_json_are_written_whole(matrix: Matrix, tmp_path: Path) -> None:
    page, data = write_matrix(matrix, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "matrix-mixste.html",
        "matrix-mixste.json",
    ]
    assert (page.parent, data.parent) == (tmp_path, tmp_path)
    text = page.read_text("utf-8")
    assert Page(text).faults == []
    assert "mixste across data sets" in text
    assert 'id="code-switch"' not in text
    assert text.count('json" data-figure="') == 2
    content = json.loads(data.read_text())
    assert content["cells"] == matrix_json(matrix)["cells"]
    assert content["environment"]["packages"]["torch"]


def test_json_names_every_figure_and_has_null_where_there_is_none(matrix: Matrix) -> None:
    content = json.loads(json.dumps(matrix_json(matrix), allow_nan=False))
    found = {(one["trained_on"], one["tested_on"], one["matched"]): one for one in content["cells"]}
    assert set(found) == set(ERRORS)
    one = found["cmu", "synthetic", True]
    assert one["figures"]["mpjpe"] == {"mean": 56.0, "spread": 2**0.5, "seeds": [55.0, 57.0]}
    assert one["figures"]["auc"] == {"mean": None, "spread": None, "seeds": [None, 50.0]}
    assert one["baselines"]["linear"] == {"mpjpe": 88.0, "acceleration": None}
    assert one["protocol"]["Data set"] == "synthetic"
    assert found[UNLEARNED]["learned"] is False


def test_a_profile_that_measures_nothing_prints_no_figure(matrix: Matrix, tmp_path: Path) -> None:
    smoke = replace(matrix, profile="smoke", measures=False)
    text = matrix_table(smoke).to_text()
    assert not any(f"{value:.1f}" in text for value in (42.0, 91.0, 88.0))
    assert "at profile smoke networks take so few steps" in text
    alts = [drawn.alt for drawn in heat_maps(smoke)]
    assert all("No cell has a figure to compare." in alt for alt in alts)
    write_matrix(smoke, tmp_path)


@pytest.mark.parametrize("order", list(itertools.permutations(SETS)))
def test_the_table_follows_the_order_asked_for(matrix: Matrix, order: tuple[str, ...]) -> None:
    permuted = replace(matrix, datasets=order)
    rows = [line.split(" | ") for line in matrix_table(permuted).to_text().splitlines()[3:7]]
    assert [row[0].strip("| ") for row in rows] == [*order, *order]
    for number, row in enumerate(rows):
        for target, shown in zip(order, row[2:], strict=True):
            mean = sum(ERRORS[order[number % 2], target, number >= 2]) / 2
            assert shown.startswith(f"{mean:.1f} ")
