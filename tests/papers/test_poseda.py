"""PoseDA's file of claims and tables: published figures, and settings that can be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.geometry.skeletons import HUMAN36M_16
from posekit.models import build
from posekit.workbook.papers import Paper, load_paper
from posekit.workbook.studies import Study
from posekit.workbook.studies.costs import published_costs
from posekit.workbook.tasks.adaptation_settings import Settings

LIFTERS = ("semgcn", "simplebaseline", "st-gcn", "videopose3d")
LABELS_OF_THE_TARGET = "table-controls"


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("poseda")


def test_published_figures(paper: Paper) -> None:
    aligned = paper.row("table-gpa-lifters/videopose3d-gpa")
    assert aligned.published == {"mpjpe": 66.07, "pck": 90.87, "auc": 60.07}
    full = paper.row("table-cross-3dhp/poseda")
    assert full.published == {"mpjpe": 61.3, "pck": 92.0, "auc": 62.5}
    assert paper.row("table-poseaug-h36m/st-gcn-poseaug-gt").published == {"mpjpe": 36.4}
    assert paper.row("table-components/lpa").published["mpjpe"] is None


def test_what_was_chosen_on_the_test_set_says_so(paper: Paper) -> None:
    for table in ("table-poseaug-3dhp", "table-poseaug-h36m"):
        for row in paper.table(table).rows:
            assert "best epoch" in row.remarks["mpjpe"], row.path


def test_every_row_runs_or_says_why_not(paper: Paper) -> None:
    for row in paper.rows:
        assert (row.run is None) == bool(row.not_run), row.path
        if row.run is not None:
            options = {**Settings.of(row.run).options, "embed_dim": 16}
            assert build(row.run.model, skeleton=HUMAN36M_16, **options).frames in (1, 27)


def test_both_rows_of_a_lifter_differ_in_the_alignment_alone(paper: Paper) -> None:
    for lifter in LIFTERS:
        plain, aligned = (
            paper.row(f"table-gpa-lifters/{lifter}{done}").run for done in ("", "-gpa")
        )
        assert (plain.model, plain.recipe) == (aligned.model, aligned.recipe)
        assert {**plain.settings, "gpa": "full"} == aligned.settings
        assert plain.settings["gpa"] == "none"


def test_poseda_has_no_feedback_and_poseaug_no_2d_of_the_target(paper: Paper) -> None:
    ours = Settings.of(paper.row("table-cross-3dhp/poseda").run)
    assert (ours.gpa, ours.lpa, ours.feedback) == ("full", True, False)
    assert "translation" not in ours.operations
    theirs = Settings.of(paper.row("table-cross-3dhp/videopose3d-poseaug").run)
    assert (theirs.gpa, theirs.anchor_2d, theirs.feedback) == ("none", "source", True)
    assert "translation" in theirs.operations


def test_labels_of_the_target_are_used_in_controls_alone(paper: Paper) -> None:
    for row in paper.rows:
        if row.run is not None and Settings.of(row.run).source == "target":
            assert row.table == LABELS_OF_THE_TARGET
    judged = {path for claim in paper.claims for path in claim.rows}
    assert not [path for path in judged if path.startswith(LABELS_OF_THE_TARGET)]


def test_sources_of_one_gap_each_have_every_combination(paper: Paper) -> None:
    found = {
        (run.source, run.gpa, run.lpa)
        for run in (Settings.of(row.run) for row in paper.table("table-gaps").rows)
    }
    sources = {source for source, _, _ in found}
    assert found == {(s, gpa, lpa) for s in sources for gpa in ("none", "full") for lpa in (0, 1)}
    assert len(sources) == 3


@pytest.mark.parametrize("lifter", LIFTERS)
def test_sizes_are_those_of_the_released_states(lifter: str, paper: Paper, tmp_path: Path) -> None:
    row = paper.row(f"table-efficiency/{lifter}")
    assert published_costs(row.run, tmp_path)["params"] == pytest.approx(row.official["params"])


def test_headline_claims_need_no_other_data(tmp_path: Path) -> None:
    study = Study("poseda", "synthetic", "quick", runs=tmp_path, device="cpu")
    sources = {study.configuration(row.run)["source"]["dataset"] for row in study.wanted_rows}
    assert all(source.startswith("synthetic") for source in sources)
    assert "table-controls/labels-of-the-target" in study.wanted
