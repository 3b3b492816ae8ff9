"""What notebooks do with their runs: source, curves, bars, speeds, and the end of the notebook."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
from plots import motion, plain

from posekit.evaluation import MIXSTE, evaluate, predict, protocol_effects
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.metrics.losses import joint_weights, scaled_distance
from posekit.profiling import Measurement
from posekit.workbook.notebooks import examining
from posekit.workbook.notebooks.settings import PARAMETERS, parameters
from posekit.workbook.studies import Study


def run(error: float) -> SimpleNamespace:
    """A stored run with one error for all joints and a log of two steps."""
    joints = dict.fromkeys(HUMAN36M_17.joint_names, error)
    log = {"step": [1, 2], "position": [error, error / 2]}
    return SimpleNamespace(
        metrics={"estimates": {"prediction": {"per_joint": {"mpjpe": joints}}}},
        log=log,
    )


def test_source_is_printed_with_and_without_docstrings(capsys: pytest.CaptureFixture[str]) -> None:
    examining.show_source(joint_weights, scaled_distance)
    whole = capsys.readouterr().out
    assert whole.startswith("def joint_weights(")
    assert "def scaled_distance(" in whole
    assert "Returns:" in whole
    examining.show_source(scaled_distance, docstrings=False)
    short = capsys.readouterr().out
    assert '"""..."""' in short
    assert "return distance * torch.exp(-log_scale) + log_scale" in short
    assert "Returns:" not in short


def test_curves_are_those_of_the_logs() -> None:
    (axes,) = examining.learning_curves({"a": run(8.0), "b": run(6.0)}, label="error (m)").axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert drawn == {"a": [[1, 8], [2, 4]], "b": [[1, 6], [2, 3]]}
    assert axes.get_ylabel() == "error (m)"


def test_bars_of_joints_stand_under_their_names_whatever_the_order_of_a_stored_run(
    tmp_path: Path,
) -> None:
    found = Study("ktpformer", profile="smoke", runs=tmp_path, device="cpu").run("kpa-tpa/neither")
    stored = found[0].metrics["estimates"]["prediction"]["per_joint"]["mpjpe"]
    # A file sorts its names, which is not the order of the skeleton.
    assert list(stored) == sorted(stored) != list(HUMAN36M_17.joint_names)
    assert len(set(stored.values())) == HUMAN36M_17.joints
    (bars,) = plain(examining.error_per_joint({"neither": found[0]}, HUMAN36M_17))["data"]
    assert dict(zip(bars["x"], bars["y"], strict=True)) == {
        joint: round(error, 2) for joint, error in stored.items()
    }
    assert tuple(bars["x"]) == HUMAN36M_17.joint_names


def test_bars_of_joints_are_grouped_by_run() -> None:
    figure = plain(examining.error_per_joint({"a": run(8.0), "b": run(6.0)}, HUMAN36M_17))
    assert {bars["name"]: set(bars["y"]) for bars in figure["data"]} == {"a": {8.0}, "b": {6.0}}


def test_without_runs_there_is_nothing_to_draw() -> None:
    assert examining.learning_curves({}) is None
    assert examining.error_per_joint({}, HUMAN36M_17) is None


def test_effects_hold_choices_of_protocol_other_data_and_known_errors() -> None:
    lifter, data, others = tiny.TinyLifter().eval(), tiny.dataset(), tiny.dataset(tiny.clip(30))
    predictions = predict(lifter, data, protocol=MIXSTE, device="cpu")
    figure = examining.effects_of_choices(
        SimpleNamespace(device="cpu"),
        lifter,
        predictions,
        MIXSTE,
        others={"other clips": others, "known": 50.0},
    )
    expected = dict(protocol_effects(predictions, MIXSTE))
    scored = evaluate(lifter, others, protocol=MIXSTE, device="cpu").metrics["mpjpe"]
    expected |= {"other clips": scored, "known": 50.0}
    (bars,) = plain(figure)["data"]
    drawn = dict(zip(bars["y"], bars["x"], strict=True))
    assert drawn == {name: round(value, 2) for name, value in expected.items()}


def test_speeds_stand_under_the_names_that_were_given() -> None:
    measured = Measurement(
        *("mixste", 27, 1, "inference", "float32", False, "cpu"),
        frames_per_second=100.0,
        latency=0.27,
        share=0.5,
        peak_rate=2e9,
        memory=2**21,
    )
    (row,) = examining.show_speeds(SimpleNamespace(device="cpu"), {"the host": measured}).rows
    assert row[0] == "the host, 27 frames, batch 1, float32"
    assert row[1:] == (100.0, 0.27, "50% of 2 GFLOP/s", 2.0)


def test_a_notebook_ends_with_its_results_and_its_provenance(tmp_path: Path) -> None:
    values = {name: default for name, (_, default) in PARAMETERS.items()}
    cell = {**values, "output_dir": str(tmp_path), "profile": "smoke"}
    settings = parameters(cell, "uao")
    study = Study("uao", profile="smoke", runs=tmp_path, device="cpu")
    clips = {"clip": motion(3)}
    card = examining.finish(settings, study, clips, HUMAN36M_17, finding="Know this.")
    assert card.title == "Provenance"
    assert card.entries["runs"] == "0"
    written = json.loads(settings.results_file.read_text())
    assert (written["paper"], written["title"]) == ("uao", study.paper.title)
    assert written["picture"].startswith("<svg")
    assert written["answer"]["finding"] == "Know this."
