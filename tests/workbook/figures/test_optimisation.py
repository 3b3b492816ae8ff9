"""The viewer of test-time optimisation draws the poses, errors and terms that it is given."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from posekit.errors import InvalidData
from posekit.evaluation.optimisation import Optimisation, optimise
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.workbook import figures
from posekit.workbook.figures.motion import to_display


@pytest.fixture(scope="module")
def optimised():
    torch.manual_seed(0)
    target = 0.3 * torch.randn(1, 1, 17, 3)
    target -= target[..., :1, :].clone()
    camera, root = human36m_cameras("S1")["54138969"], torch.tensor([[[[0.1, 0.1, 4.0]]]])
    lifter = build("gumlp", skeleton=HUMAN36M_17, embed_dim=16, depth=1)
    settings = Optimisation(iterations=3)
    keypoints = camera.project(target + root)
    return optimise(lifter, keypoints, camera, root, settings, keep_poses=True), target[0, 0]


def plain(figure):
    return json.loads(figure.to_json())


def test_frames_hold_the_poses_and_their_errors(optimised):
    result, target = optimised
    poses = result.poses[:, 0, 0]
    figure = plain(figures.optimisation_viewer(poses, result.trace, target, HUMAN36M_17))
    names = [item.get("name") for item in figure["data"]]
    assert len(figure["frames"]) == 4
    for pose, frame in zip(poses, figure["frames"], strict=True):
        joints = frame["data"][names.index("joints")]
        drawn = np.stack([joints[axis] for axis in "xyz"], axis=-1)
        np.testing.assert_allclose(drawn, to_display(pose), atol=0.5001e-4)
        errors = 1000 * (pose - target).norm(dim=-1)
        bars = frame["data"][names.index("error")]
        np.testing.assert_allclose(bars["y"], errors, atol=0.051)
        assert f"{errors.mean():.1f} mm" in frame["name"]
    assert [step["label"] for step in figure["layout"]["sliders"][0]["steps"]] == [
        frame["name"] for frame in figure["frames"]
    ]
    assert figure["layout"]["sliders"][0]["currentvalue"]["prefix"] == "iteration "


def test_charts_hold_the_terms_and_mark_the_iteration(optimised):
    result, target = optimised
    trace = result.trace.numpy()
    figure = plain(figures.optimisation_viewer(result.poses[:, 0, 0], trace, target, HUMAN36M_17))
    lines = [item for item in figure["data"] if item.get("mode") == "lines" and "yaxis" in item]
    assert [line["yaxis"] for line in lines] == ["y2", "y2", "y3", "y3"]
    for line, column in zip(lines, (2, 3, 0, 1), strict=True):
        np.testing.assert_allclose(line["y"], trace[:, column], atol=1e-6)
    names = [item.get("name") for item in figure["data"]]
    place = names.index("now, projection (screen units)")
    for number, frame in enumerate(figure["frames"]):
        assert frame["traces"] == list(range(len(frame["data"])))
        marks = frame["data"][place]
        assert marks["x"] == [number, number][: len(marks["y"])]
        expected = trace[number, 2:4] if number < 3 else []
        np.testing.assert_allclose(marks["y"], expected, atol=1e-6)


def test_without_truth_there_are_no_errors(optimised):
    result, _ = optimised
    poses = result.poses[:, 0, 0]
    figure = plain(figures.optimisation_viewer(poses, result.trace, None, HUMAN36M_17))
    assert not {"truth", "error"} & {item.get("name") for item in figure["data"]}
    assert [frame["name"] for frame in figure["frames"]] == ["0", "1", "2", "3"]


def test_what_does_not_fit_is_refused(optimised):
    result, target = optimised
    poses, trace = result.poses[:, 0, 0], result.trace
    with pytest.raises(InvalidData, match=r"expected \(3, 5\), one row less than the 4 poses"):
        figures.optimisation_viewer(poses, trace[:2], target, HUMAN36M_17)
    with pytest.raises(InvalidData, match=r"target has shape \(16, 3\)"):
        figures.optimisation_viewer(poses, trace, target[1:], HUMAN36M_17)
    with pytest.raises(InvalidData, match=r"poses has shape .* expected \(frames, 17, 3\)"):
        figures.optimisation_viewer(result.poses, trace, target, HUMAN36M_17)
