"""PersPose's file of claims and tables: published figures, and settings that can be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.workbook.papers import Paper, load_paper
from posekit.workbook.studies import Study
from posekit.workbook.studies.costs import published_costs

SWITCHES = {
    "neither": (False, False),
    "pe": (True, False),
    "pr": (False, True),
    "both": (True, True),
}


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("perspose")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    runs = tmp_path_factory.mktemp("runs")
    return Study("perspose", "synthetic", "standard", runs=runs, device="cpu")


def test_published_figures(paper: Paper) -> None:
    found = paper.row("table-3dpw/perspose").published
    assert found == {"mpjpe": 60.1, "pa_mpjpe": 39.1, "pve": 72.4}
    assert paper.row("table-3dpw/cliff-with-3dpw").published["mpjpe"] == 69.0
    assert paper.row("table-3dpw/hybrik").published["pa_mpjpe"] == 50.3
    assert paper.row("table-h36m/perspose").published["pve"] == 52.7
    assert paper.row("table-3dhp/perspose").published["pck"] is None


def test_what_nobody_saw_stays_unknown(paper: Paper) -> None:
    for table in paper.tables:
        if table.kind in ("ablation", "control"):
            for row in table.rows:
                assert set(row.published.values()) == {None}, row.path


def test_every_row_runs_or_says_why_not(paper: Paper) -> None:
    for row in paper.rows:
        assert (row.run is None) == bool(row.not_run), row.path


@pytest.mark.parametrize("table", ["table-keypoints", "table-pe-pr", "table-outermost"])
def test_rows_differ_in_the_two_parts_alone(paper: Paper, table: str) -> None:
    rows = {row.id: row.run for row in paper.table(table).rows}
    assert set(rows) == set(SWITCHES)
    for name, run in rows.items():
        assert (run.settings["encoding"], run.settings["rotation"]) == SWITCHES[name]
        same = {key: run.settings[key] for key in run.settings if key not in PARTS}
        first = rows["neither"].settings
        assert same == {key: first[key] for key in first if key not in PARTS}
        assert (run.model, run.recipe) == (rows["neither"].model, rows["neither"].recipe)


PARTS = ("encoding", "rotation")


def test_scores_of_a_bin_and_wrong_focal_lengths_need_no_training_of_their_own(
    paper: Paper, study: Study
) -> None:
    def trained(path: str) -> dict:
        config = study.configuration(paper.row(path).run)
        return {name: value for name, value in config.items() if name != "evaluation"}

    both = trained("table-keypoints/both")
    for row in paper.table("table-focal-error").rows:
        assert trained(row.path) == both, row.path
    for table in ("table-outermost", "table-widest"):
        for name in SWITCHES:
            assert trained(f"{table}/{name}") == trained(f"table-keypoints/{name}")


def test_headline_claims_need_no_pictures(paper: Paper, study: Study) -> None:
    models = {paper.row(path).run.model for path in study.wanted}
    assert models == {"perspose_keypoints"}
    assert {"table-controls/noisy", "table-controls/narrow"} <= set(study.wanted)


def test_size_is_that_of_the_release_but_for_a_component_of_the_shape(
    paper: Paper, tmp_path: Path
) -> None:
    row = paper.row("table-efficiency/perspose")
    counted = published_costs(row.run, tmp_path)
    assert counted["params"] == pytest.approx(row.official["params"], abs=2049e-6)
    assert counted["macs"] == pytest.approx(row.official["macs"], rel=0.01)
