"""Scores of bodies: by picture, by bin of pictures, by the name of a joint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pictures import pictures_folder, smoke_pictures

from posekit.bodies import open_body
from posekit.datasets.rendered import BINS
from posekit.errors import InvalidParameter
from posekit.metrics.body_errors import Surface
from posekit.training.body_regression import BodyEstimate
from posekit.workbook.studies import Study
from posekit.workbook.tasks.image_to_body_runs import (
    options_at_test,
    scored_pictures,
    scores_of,
    surface_of,
    true_surface,
)

HEAD = 10  # of Human3.6M's joints


def test_scores_are_by_bin_and_by_joint_name() -> None:
    images, body = smoke_pictures("test"), open_body()
    true = true_surface(images, body)
    loose = torch.from_numpy(images.bins["looseness"] == BINS["looseness"][2])
    joints = true.joints.clone()
    joints[loose, HEAD] += 0.14
    scores = scores_of(Surface(joints), images, body, "looseness")
    off = 1000 * 0.14 * 3**0.5 / 14
    assert scores.per_action["looseness 3 to 6 cm"]["mpjpe"] == pytest.approx(off, rel=1e-3)
    assert scores.per_action["looseness 0 to 1 cm"]["mpjpe"] < 1e-3
    assert scores.per_joint["head top"] > 10
    assert scores.per_joint["left ankle"] < 1e-3
    assert scores.metrics["mpjpe"] == pytest.approx(off * float(loose.double().mean()), rel=1e-3)
    assert set(scores.clip_actions) == set(BINS["looseness"])
    assert len(set(scores.clips)) == len(images)


def test_a_method_of_joints_alone_is_scored_by_its_joints() -> None:
    images, body = smoke_pictures("test"), open_body()
    true = true_surface(images, body)
    found = surface_of(BodyEstimate(None, None, None, true.joints + 3.0), body)
    scores = scores_of(found, images, body, "off_axis")
    assert set(scores.metrics) == {"mpjpe", "pa_mpjpe"}
    assert scores.metrics["mpjpe"] < 1e-2
    assert set(scores.clip_actions) <= set(BINS["off_axis"])


def test_a_row_may_be_scored_on_one_bin_and_with_other_options_at_test(tmp_path: Path) -> None:
    folder = pictures_folder()
    study = Study("perspose", "synthetic", "smoke", runs=tmp_path, data=folder, device="cpu")
    configs = {
        path: study.setting.job(study.paper.row(path), 0).config
        for path in ("table-keypoints/both", "table-outermost/both", "table-focal-error/half")
    }
    every, outermost, half = configs.values()
    people = scored_pictures(every, folder)
    outer = scored_pictures(outermost, folder)
    assert people.crop_px == 0  # nothing was rendered
    assert set(outer.bins["off_axis"].tolist()) == {"30 to 45°"}
    assert len(outer) == (people.bins["off_axis"] == "30 to 45°").sum()
    assert options_at_test(every)["focal"] == every["options"]["focal"] == 1.0
    assert options_at_test(half)["focal"] == 0.5
    trained = [{**config, "evaluation": None} for config in configs.values()]
    assert trained[0] == trained[1] == trained[2]
    run = study.paper.row("table-outermost/both").run
    unknown = run.model_copy(update={"settings": {**run.settings, "within": "45 to 90°"}})
    with pytest.raises(InvalidParameter, match="unknown bin of off_axis '45 to 90°'"):
        study.configuration(unknown)
