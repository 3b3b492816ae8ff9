"""Pixels, metres and poses are told from what is mistaken for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from posekit.datasets.checks import (
    check_confidences,
    check_finite,
    check_pixels,
    converted,
    leave_out_undetected,
    read_points,
    undetected,
)
from posekit.datasets.clips import Clip
from posekit.errors import InvalidData
from posekit.geometry.skeletons import COCO_17, HUMAN36M_17, coco_to_human36m


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([[1.0]], "must be a numeric array .* found list of shape None"),
        (np.zeros((4, 34)), r".*found ndarray of shape \(4, 34\)"),
        (np.zeros((4, 17, 2)).astype(str), "must be a numeric array"),
        (np.zeros((4, 16, 2)), r"has shape \(4, 16, 2\).*17 joints are due"),
        (np.zeros((0, 17, 2)), r"has shape \(0, 17, 2\)"),
    ],
)
def test_what_is_no_array_of_joints_is_refused(array: object, message: str) -> None:
    with pytest.raises(InvalidData, match=rf"data\.npz: S1 {message}"):
        read_points(array, 17, 2, "data.npz: S1")


def test_arrays_of_joints_become_float32() -> None:
    points = read_points(np.arange(12, dtype=np.int16).reshape(2, 3, 2), 3, 2, "data.npz")
    assert points.dtype == torch.float32
    assert points.flatten().tolist() == list(range(12))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_poses_must_be_finite(value: float) -> None:
    poses = torch.zeros(3, 17, 3)
    check_finite(poses, "data.npz")
    poses[1, 2, 0] = value
    with pytest.raises(InvalidData, match=r"data\.npz holds NaN or infinity"):
        check_finite(poses, "data.npz")


def test_swapped_width_and_height_are_noticed_on_oblong_images() -> None:
    points = torch.rand(10, 17, 2) * torch.tensor([900.0, 100.0]) + torch.tensor([1000.0, 400.0])
    check_pixels(points, torch.tensor([1920.0, 1080.0]), "video")
    with pytest.raises(InvalidData, match="are width and height swapped"):
        check_pixels(points, torch.tensor([1080.0, 1920.0]), "video")


def test_a_confidence_may_follow_where_one_is_read() -> None:
    array = np.zeros((4, 17, 3))
    assert read_points(array, 17, 2, "data.npz", confidence=True).shape == (4, 17, 3)
    with pytest.raises(InvalidData, match="17 joints are due"):
        read_points(array, 17, 2, "data.npz")
    with pytest.raises(InvalidData, match="17 joints are due"):
        read_points(np.zeros((4, 17, 4)), 17, 2, "data.npz", confidence=True)


@pytest.mark.parametrize(
    ("value", "message"), [(float("nan"), "NaN"), (-0.2, "from -0.2 to 1"), (255.0, "1 to 255")]
)
def test_confidences_lie_between_0_and_1(value: float, message: str) -> None:
    scores = torch.ones(3, 17)
    check_confidences(scores, "data.npz")
    scores[1, 4] = value
    with pytest.raises(InvalidData, match=message):
        check_confidences(scores, "data.npz")


def test_undetected_joints_are_neither_normalised_nor_outside() -> None:
    points = torch.full((3, 17, 2), 400.0)
    points[:2] = 0
    check_pixels(points, torch.tensor([1000.0, 1000.0]), "video")
    with pytest.raises(InvalidData, match=r"no joint is detected, all are \(0, 0\)"):
        check_pixels(points * 0, torch.tensor([1000.0, 1000.0]), "video")


def test_a_joint_made_of_an_undetected_one_is_undetected() -> None:
    points = torch.full((2, 17, 3), 400.0)
    points[1, COCO_17.index("left hip")] = 0
    found = converted(points, coco_to_human36m)
    missing = {HUMAN36M_17.joint_names[joint] for joint in range(17) if found[1, joint, 0] == 0}
    assert missing == {"hip", "left hip", "spine"}
    torch.testing.assert_close(found[0], coco_to_human36m(points)[0])


def partly_detected() -> Clip:
    """A clip whose frames 3 and 4 lack a wrist; frame 3 is not valid anyway."""
    clip = tiny.clip(12)
    keypoints = clip.keypoints.clone()
    keypoints[3:5, 13] = clip.camera.normalise(torch.zeros(2))
    valid = clip.valid.clone()
    valid[3] = False
    return replace(clip, keypoints=keypoints, valid=valid)


def test_frames_with_undetected_joints_are_not_trained_on_but_tested() -> None:
    clip = partly_detected()
    assert undetected(clip).nonzero().tolist() == [[3, 13], [4, 13]]
    (train,), told = leave_out_undetected([clip], "train")
    assert (~train.valid).nonzero()[:, 0].tolist() == [3, 4]
    assert told == [
        "Joints that were not detected, written as (0, 0): 1 in 1 of 11 frames; these frames are "
        "left out of training."
    ]
    (test,), told = leave_out_undetected([clip], "test")
    assert torch.equal(test.valid, clip.valid)
    assert told[0].endswith("scored like all others.")
    assert leave_out_undetected([tiny.clip(12)], "train")[1] == []
