"""DSR's file of claims and tables: published figures, and settings that can be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.training.body_regression import method
from posekit.workbook.papers import Paper, load_paper
from posekit.workbook.studies import Study
from posekit.workbook.studies.costs import published_costs

FITS = tuple(f"table-fit/{name}" for name in ("keypoints", "silhouette", "mc", "c", "both"))


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("dsr")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study("dsr", "synthetic", "quick", runs=tmp_path_factory.mktemp("runs"), device="cpu")


def test_published_figures(paper: Paper) -> None:
    assert paper.row("table-3dpw/dsr").published == {"mpjpe": None, "pa_mpjpe": 51.7, "pve": None}
    assert paper.row("table-h36m/dsr").published == {"mpjpe": None, "pa_mpjpe": 40.3}
    spin = paper.row("table-3dpw/spin-evaluated").published
    assert spin == {"mpjpe": 102.4041, "pa_mpjpe": 60.0952, "pve": 129.1991}
    assert paper.row("table-3dpw/pare-with-3dpw").published["pve"] == 88.6
    assert paper.row("table-3dpw/cliff").published["mpjpe"] == 72.0
    assert paper.row("table-3dpw-occluded/pare").published["mpjpe"] == 90.5


def test_what_nobody_saw_stays_unknown(paper: Paper) -> None:
    for table in ("table-dsr-terms", "table-dsr-baselines", "table-rendering", "table-fit"):
        for row in paper.table(table).rows:
            assert set(row.published.values()) == {None}, row.path


def test_every_row_runs_or_says_why_not(paper: Paper) -> None:
    for row in paper.rows:
        assert (row.run is None) == bool(row.not_run), row.path
    assert len([row for row in paper.rows if row.run is not None]) > 20


def test_rows_of_the_terms_differ_in_the_terms_alone(paper: Paper) -> None:
    runs = {row.id: row.run for row in paper.table("table-dsr-terms").rows}
    terms = {"none": ("none", False), "mc": ("row_iou", False), "c": ("none", True)}
    for name, found in runs.items():
        minimal, clothed = terms.get(name, ("row_iou", True))
        assert (found.settings["minimal"], found.settings["clothed"]) == (minimal, clothed)
        rest = {key: value for key, value in found.settings.items() if key not in ("minimal",)}
        assert {**rest, "clothed": None} == {
            **{key: value for key, value in runs["none"].settings.items() if key != "minimal"},
            "clothed": None,
        }
        assert found.recipe == runs["none"].recipe


def test_all_rows_of_the_network_start_from_the_same_weights(study: Study) -> None:
    starts = set()
    for row in study.paper.table("table-dsr-terms").rows:
        configuration = study.configuration(row.run)
        starts.add(repr(configuration["start"]))
        assert configuration["start"]["options"]["minimal"] == "none"
    assert len(starts) == 1


def test_quick_fits_bodies_and_trains_no_network(study: Study) -> None:
    assert tuple(row.path for row in study.wanted_rows) == FITS
    assert all(method(row.run.model).fits for row in study.wanted_rows)


def test_larger_profiles_train_the_networks_of_the_headline_claims() -> None:
    wanted = Study("dsr", "synthetic", "standard", device="cpu").wanted
    assert {*FITS, "table-dsr-terms/none", "table-dsr-terms/both"} <= set(wanted)
    assert "table-dsr-baselines/silhouette" in wanted
    assert "table-controls/labels-for-all" in wanted


def test_what_networks_weigh_is_what_the_official_code_weighs(paper: Paper, tmp_path: Path) -> None:
    for row in paper.table("table-efficiency").rows:
        costs = published_costs(row.run, tmp_path)
        assert costs["params"] == pytest.approx(row.official["params"], abs=1e-6)
        # The official count has normalisation and activations besides.
        assert costs["macs"] == pytest.approx(row.official["macs"], rel=6e-3)
        assert costs["macs"] < row.official["macs"]
