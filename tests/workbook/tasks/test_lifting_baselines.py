"""Baselines of a lifting row: the data and scoring that they share with it, and their memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.datasets import PoseDataset
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.humaneva import write_layout
from posekit.errors import DataChanged
from posekit.evaluation import Evaluation, Protocol
from posekit.evaluation.baselines import BASELINES, evaluate_baselines
from posekit.evaluation.protocols import D3DP_PROTOCOL, MIXSTE
from posekit.workbook.studies import Study
from posekit.workbook.tasks import lifting_baselines as module
from posekit.workbook.tasks.lifting_baselines import stored_baselines

Config = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs in which baselines of every row below are soon remembered."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def config_of(folder: Path) -> Callable[..., Config]:
    def find(path: str, paper: str = "ktpformer", profile: str = "smoke") -> Config:
        study = Study(paper, profile=profile, seeds=1, runs=folder, device="cpu")
        return study.job(study.paper.row(path), 0).config

    return find


@pytest.fixture(scope="module")
def stored(folder: Path, config_of: Callable[..., Config]) -> Path:
    """The one file of a row's baselines, in a folder of its own."""
    stored_baselines(config_of("kpa-tpa/both"), folder, folder / "one")
    (path,) = (folder / "one" / ".baselines").iterdir()
    return path


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where baselines are computed."""

    def refuse(*_arguments: Any) -> None:
        raise AssertionError("baselines were computed again")

    monkeypatch.setattr(module, "evaluate_baselines", refuse)


def test_they_have_the_form_of_a_runs_estimate_and_all_its_metrics(tmp_path: Path) -> None:
    study = Study("ktpformer", profile="smoke", seeds=1, runs=tmp_path, device="cpu")
    row = study.paper.row("kpa-tpa/both")
    (run,) = study.run(row.path)
    found = study.task.baselines(run.config, study.data, tmp_path)
    assert list(found) == ["mean pose", "linear", "neighbours"]
    estimate = run.metrics["estimates"]["prediction"]
    for scores in found.values():
        assert set(scores) == set(estimate)
        for part in scores:
            assert set(scores[part]) == set(estimate[part])
        assert set(scores["per_joint"]["mpjpe"]) == set(estimate["per_joint"]["mpjpe"])
        figures = study.task.figures(scores)
        assert set(figures) == set(study.task.figures(estimate))
    errors = {name: scores["aggregate"]["mpjpe"] for name, scores in found.items()}
    assert errors["mean pose"] > 2 * errors["linear"]
    assert errors["linear"] > errors["neighbours"]


def test_rows_of_the_same_input_share_them(
    folder: Path, config_of: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = folder / "shared"
    first = stored_baselines(config_of("kpa-tpa/both"), folder, runs)
    forbid(monkeypatch)
    for path in ("kpa-tpa/neither", "h36m-cpn/mixste-27"):
        assert stored_baselines(config_of(path), folder, runs) == first
    other_seed = {**config_of("kpa-tpa/both"), "seed": 7, "code": "another"}
    assert stored_baselines(other_seed, folder, runs) == first


def test_rows_that_differ_in_test_time_optimisation_share_them(
    folder: Path, config_of: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = folder / "optimised"
    first = stored_baselines(config_of("table-h36m-readme/gumlp", "uao"), folder, runs)
    forbid(monkeypatch)
    optimised = config_of("table-h36m-readme/gumlp-uao", "uao")
    assert stored_baselines(optimised, folder, runs) == first


@pytest.mark.parametrize(
    ("entry", "value"),
    [("keypoints", "gt"), ("one_frame_in", 4), ("protocol", "MHFormer"), ("cameras", None)],
)
def test_what_decides_them_keeps_them_apart(
    entry: str, value: Any, folder: Path, config_of: Callable[..., Config]
) -> None:
    config, runs = config_of("kpa-tpa/both"), folder / "apart"
    first = stored_baselines(config, folder, runs)
    before = set((runs / ".baselines").iterdir())
    changed = {**config, "evaluation": dict(config["evaluation"])}
    of_evaluation = entry in config["evaluation"]
    (changed["evaluation"] if of_evaluation else changed)[entry] = value
    if entry == "keypoints":
        changed["data"] = config_of("h36m-gt/ktpformer")["data"]
    found = stored_baselines(changed, folder, runs)
    assert len(set((runs / ".baselines").iterdir()) - before) == 1
    # At this size each take has one view, and both protocols score every frame alike.
    assert (found == first) == of_evaluation


def test_hypotheses_are_scored_by_the_release_of_their_network(
    folder: Path, config_of: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    def record(train: PoseDataset, test: PoseDataset, protocol: Protocol) -> dict[str, Evaluation]:
        used.append(protocol)
        return evaluate_baselines(train, test, protocol)

    monkeypatch.setattr(module, "evaluate_baselines", record)
    for path in ("h36m-gt-diffusion/ktpformer-in-d3dp", "h36m-gt/ktpformer"):
        stored_baselines(config_of(path), folder, folder / "diffusion")
    assert used == [D3DP_PROTOCOL, MIXSTE]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_made_anew(
    data: st.DataObject, stored: Path, folder: Path, config_of: Callable[..., Config]
) -> None:
    sound = stored.read_bytes()
    place = data.draw(st.integers(0, len(sound) - 1))
    kind = data.draw(st.sampled_from(["cut", "changed", "removed"]))
    damaged = {
        "cut": sound[:place],
        "changed": sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :],
        "removed": sound[:place] + sound[place + 40 :],
    }[kind]
    stored.write_bytes(damaged)
    try:
        found = stored_baselines(config_of("kpa-tpa/both"), folder, stored.parents[1])
        assert found == json.loads(sound)["baselines"]
        assert json.loads(stored.read_bytes()) == json.loads(sound)
    finally:
        stored.write_bytes(sound)


@pytest.mark.parametrize("content", ["[]", "null", "3", "{}", "[" * 5000, '{"baselines": {}}'])
def test_a_file_of_something_else_is_made_anew(
    content: str, stored: Path, folder: Path, config_of: Callable[..., Config]
) -> None:
    sound = stored.read_bytes()
    stored.write_text(content)
    found = stored_baselines(config_of("kpa-tpa/both"), folder, stored.parents[1])
    assert list(found) == list(BASELINES)
    assert stored.read_bytes() == sound


def test_data_that_changed_are_refused(folder: Path, config_of: Callable[..., Config]) -> None:
    config = config_of("kpa-tpa/both")
    changed = {**config, "data": {**config["data"], "train": "another"}}
    with pytest.raises(DataChanged, match="the train split of synthetic changed"):
        stored_baselines(changed, folder, folder / "changed")
    assert not list((folder / "changed").glob("**/*.json"))


def test_humaneva_has_its_own_joints_and_columns(tmp_path: Path) -> None:
    write_layout(tmp_path / "humaneva", synthetic_takes("seed"), (45, 55), "seed")
    study = Study("gla_gcn", "humaneva", "smoke", data=tmp_path, runs=tmp_path / "runs", seeds=1)
    config = study.job(study.paper.row("table-humaneva/mask-rcnn"), 0).config
    found = study.task.baselines(config, tmp_path, tmp_path / "runs")
    figures = {name: study.task.figures(scores) for name, scores in found.items()}
    assert len(found["linear"]["per_joint"]["mpjpe"]) == 15
    assert figures["linear"]["walk_s1"] < figures["mean pose"]["walk_s1"]
