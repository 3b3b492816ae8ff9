"""What the notebook on adaptation looks into, of runs of a few steps."""

from __future__ import annotations

import pytest
import torch

from posekit.evaluation import predict, score
from posekit.geometry import bones
from posekit.workbook.notebooks import (
    adapted_lifter,
    adversarial_runs,
    generated_poses,
    health_of_runs,
)
from posekit.workbook.studies import Study

VARIED, ALIGNED = "table-components/gpa-lpa", "table-components/gpa"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    made = Study("poseda", profile="smoke", runs=tmp_path_factory.mktemp("runs"), device="cpu")
    for path in (VARIED, ALIGNED):
        made.run(path)
    return made


def test_the_lifter_gives_the_figure_of_its_run(study: Study) -> None:
    lifter, protocol, test = adapted_lifter(study, None, ALIGNED)
    found = score(predict(lifter, test, protocol=protocol, device="cpu"), protocol)
    (stored,) = study.measured.scores(study.paper.row(ALIGNED))
    assert found.metrics["mpjpe"] == pytest.approx(stored["aggregate"]["mpjpe"])


def test_logs_are_of_the_steps_in_which_the_adversaries_train(study: Study) -> None:
    found = adversarial_runs(study, VARIED)
    assert list(found) == list(health_of_runs(study, VARIED)) == ["seed 0"]
    log = found["seed 0"]
    assert set(log["phase"]) == {2.0}
    assert len(log["step"]) > 1
    assert min(log["norm_generator"]) > 0
    assert adversarial_runs(study, ALIGNED)["seed 0"]["step"] == ()


def test_generated_poses_are_drawn_as_the_generator_may(study: Study) -> None:
    found = generated_poses(study, VARIED)
    torch.manual_seed(5)
    again = generated_poses(study, VARIED)
    for name, poses in found.items():
        recorded, *drawn = poses.values()
        lengths = bones.bone_lengths(recorded)
        for pose in drawn:
            assert not torch.allclose(pose, recorded, atol=1e-2)
            assert ((bones.bone_lengths(pose) / lengths - 1).abs() <= 0.2 + 1e-4).all()
        assert all(torch.equal(again[name][key], pose) for key, pose in poses.items())


def test_without_a_run_there_is_nothing(study: Study) -> None:
    missing = "table-components/lpa"
    assert generated_poses(study, missing) == adversarial_runs(study, missing) == {}
    assert health_of_runs(study, missing) == {}
