"""Figures of a study as notebooks show them and as results files keep them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from posekit.workbook.notebooks import paper_tables
from posekit.workbook.papers import load_paper
from posekit.workbook.studies import Study
from posekit.workbook.studies.measured import RowResult, TableResult
from posekit.workbook.tables import Answer


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of which one row was run."""
    study = Study("uao", profile="smoke", runs=tmp_path_factory.mktemp("runs"), device="cpu")
    study.run("table-h36m-readme/gumlp")
    return study


def error(study: Study) -> float:
    (run,) = study.stored(study.paper.row("table-h36m-readme/gumlp"))
    return run.metrics["estimates"]["prediction"]["aggregate"]["mpjpe"]


def test_a_comparison_holds_published_and_measured_figures(study: Study) -> None:
    table = paper_tables.comparison_table(study, "table-h36m-readme")
    rows = {row.name: row for row in table.rows}
    names = paper_tables.row_names(study.paper.table("table-h36m-readme"))
    row = rows[names["gumlp"]]
    assert row.published["mpjpe"] == 49.4
    assert row.measured["mpjpe"].value == error(study)
    assert table.baseline == row.name
    assert table.evidence == "synthetic"
    assert "compare the differences between rows" in table.note


@pytest.mark.parametrize("paper", ["ktpformer", "hot", "gla_gcn", "uao", "poseda"])
def test_names_of_rows_are_unique_in_their_table(paper: str, tmp_path: Path) -> None:
    for table in Study(paper, profile="smoke", runs=tmp_path, device="cpu").paper.tables:
        names = paper_tables.row_names(table)
        assert len(set(names.values())) == len(table.rows), table.id


def meaningful(study: Study, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The same study as if its steps were enough for errors to mean something."""
    profile = replace(study.setting.profile, measures=True)
    monkeypatch.setattr(study, "setting", replace(study.setting, profile=profile))
    return study


def test_smoke_says_that_rows_ran_instead_of_their_errors(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoke = paper_tables.comparison_table(study, "table-h36m-readme")
    printed = f"{error(study):.1f}"
    assert "49.4" in smoke.to_text()
    assert printed not in smoke.to_text()
    assert "networks take so few steps" in smoke.to_text()
    assert (
        printed
        in paper_tables.comparison_table(
            meaningful(study, monkeypatch), "table-h36m-readme"
        ).to_text()
    )


def test_actions_are_measured_where_the_row_has_run(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoke = paper_tables.action_table(study, "table-h36m-readme/gumlp", "mpjpe")
    assert {row[2] for row in smoke.rows} == {"ran"}
    assert "networks take so few steps" in smoke.note
    missing = paper_tables.action_table(study, "table-h36m-readme/gumlp-uao", "mpjpe")
    assert [row[2] for row in missing.rows] == [None] * 15
    made = meaningful(study, monkeypatch)
    table = paper_tables.action_table(made, "table-h36m-readme/gumlp", "mpjpe")
    (run,) = study.stored(study.paper.row("table-h36m-readme/gumlp"))
    stored = run.metrics["estimates"]["prediction"]["per_action"]
    assert {row[0]: row[2] for row in table.rows} == {
        action: figures["mpjpe"] for action, figures in stored.items()
    }
    assert table.label == "synthetic"


def test_provenance_counts_runs_and_names_what_they_read(study: Study) -> None:
    card = paper_tables.provenance_card(study)
    assert card.entries["runs"] == "1"
    assert card.entries["profile and seeds"] == "smoke, 0"
    for split in ("train", "test"):
        assert f" {split} " in card.entries["data fingerprints"]


def test_what_is_handed_over_is_plain_and_whole(study: Study) -> None:
    content = paper_tables.study_content(study, picture="<svg/>", finding="Know this.")
    json.dumps(content, allow_nan=False)
    assert json.loads(json.dumps(content["tables"])) == content["tables"]
    assert list(content["tables"]) == [table.id for table in study.paper.tables]
    (row,) = (row for row in content["tables"]["table-h36m-readme"] if row["row"] == "gumlp")
    assert row["measured"]["mpjpe"] == [error(study)]
    assert content["scale"] == {"profile": "smoke", "seeds": [0]}
    assert len(content["verdicts"]) == len(study.paper.claims)
    box = Answer.from_json(content["answer"])
    assert (box.claim, box.finding) == (study.paper.sentence, "Know this.")


def test_a_table_says_whether_the_paper_has_it_and_what_input_stands_for_its_own(
    counted: Path,
) -> None:
    made = Study("uao", profile="smoke", runs=counted, device="cpu")
    assert (
        "paper has this table: not verified"
        in paper_tables.comparison_table(made, "table-iterations").note
    )
    hosts = Study("hot", profile="smoke", runs=counted, device="cpu")
    assert (
        "2D input of this run: cpn" in paper_tables.comparison_table(hosts, "table-main-h36m").note
    )


def test_trivial_baselines_stand_in_the_column_whose_data_they_are_of() -> None:
    table = load_paper("ktpformer").table("kpa-tpa")
    kept = {"linear": {"mpjpe": 72.0}, "mean pose": {"mpjpe": 204.0}}
    rows = tuple(
        RowResult(
            row=row,
            reference={},
            measured={},
            reference_ran="",
            ran="",
            not_run="",
            baselines={"linear": {"mpjpe": 80.0}} if row.id == "both" else {},
            reference_baselines=kept,
            learned=None,
            reference_learned=None,
            same_as="",
        )
        for row in table.rows
    )
    result = TableResult(table, rows, "synthetic", {}, {row.id: "cpn" for row in table.rows})
    foot = {row.name: row for row in paper_tables._trivial(result)}
    assert list(foot) == ["Mean pose", "Linear least squares"]  # not as the file sorts them
    linear = foot["Linear least squares"]
    assert (linear.reference["mpjpe"].value, linear.measured["mpjpe"].value) == (72.0, 80.0)
    assert foot["Mean pose"].measured == {}
    assert foot["Mean pose"].input_2d == ""  # all rows have one input
