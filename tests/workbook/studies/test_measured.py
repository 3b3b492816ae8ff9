"""What stored runs say: figures, tables, protocol cards."""

import pytest

from posekit.workbook.studies import Study
from posekit.workbook.studies.measured import merged


def test_a_table_shows_what_the_runs_hold(study):
    result = study.results("kpa-tpa")
    both = next(row for row in result.rows if row.row.id == "both")
    stored = study.run("kpa-tpa/both")
    values = [run.metrics["estimates"]["prediction"]["aggregate"]["mpjpe"] for run in stored]
    assert both.measured["mpjpe"].values == tuple(values)
    assert both.measured["mpjpe"].value == pytest.approx(sum(values) / 2)
    assert both.measured["mpjpe"].spread > 0
    assert both.measured["params"].value == pytest.approx(35.21343)
    assert both.row.published["mpjpe"] == 40.1
    assert "9 frames" in both.ran
    assert result.evidence == "synthetic"


def test_the_figure_is_the_mean_over_clips_that_verdicts_use(study):
    row = study.paper.row("kpa-tpa/neither")
    evidence = study.measured.evidence(row)
    paired = evidence.paired("mpjpe")
    assert paired.values @ paired.weights == pytest.approx(study.figures(row)["mpjpe"].values)
    assert evidence.mean("mpjpe") == pytest.approx(study.figures(row)["mpjpe"].value)
    assert paired.seeds == study.seeds


def test_the_protocol_card_says_what_was_scored(study):
    card = study.results("kpa-tpa").protocol
    assert card["Frames per window"] == "9"
    assert card["2D input"] == "cpn"
    assert card["Flip averaging"] == "yes"
    assert "none is chosen on test data" in card["Checkpoint choice"]


def test_a_card_of_several_protocols_names_them_all():
    found = merged([{"Flip": "yes", "Root": "free"}, {"Flip": "no", "Root": "free", "K": "2"}])
    assert found == {"Flip": "yes; no", "Root": "free", "K": "2"}


def test_hypotheses_are_read_at_their_iteration(study, tmp_path):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    path = "d3dp-3dhp-aggregation/j-agg-iteration-1"
    (run,) = again.run(path)
    estimates = run.metrics["estimates"]
    assert set(estimates) == {
        f"{name}@{step}" for name in ("j_best", "p_best", "p_agg", "j_agg") for step in (1, 2)
    }
    row = again.paper.row(path)
    assert again.figures(row)["mpjpe"].value == estimates["j_agg@1"]["aggregate"]["mpjpe"]
    card = again.results("d3dp-3dhp-aggregation").protocol
    assert (card["Sampling iterations"], card["Frames"]) == ("2", "one in 3")
    assert card["Predicted root"] == "set to the origin before scoring"
    assert estimates["j_best@2"]["aggregate"]["mpjpe"] <= min(
        estimates[f"{name}@2"]["aggregate"]["mpjpe"] for name in ("p_best", "p_agg", "j_agg")
    )
