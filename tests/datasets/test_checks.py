"""Pixels, metres and poses are told from what is mistaken for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from posekit.datasets.checks import (
    check_pairing,
    check_pixels,
    check_poses,
    projection_mismatch,
    read_points,
)
from posekit.errors import InvalidData


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
    check_poses(poses, "data.npz")
    poses[1, 2, 0] = value
    with pytest.raises(InvalidData, match=r"data\.npz holds NaN or infinity"):
        check_poses(poses, "data.npz")


def test_swapped_width_and_height_are_noticed_on_oblong_images() -> None:
    points = torch.rand(10, 17, 2) * torch.tensor([900.0, 100.0]) + torch.tensor([1000.0, 400.0])
    check_pixels(points, torch.tensor([1920.0, 1080.0]), "video")
    with pytest.raises(InvalidData, match="are width and height swapped"):
        check_pixels(points, torch.tensor([1080.0, 1920.0]), "video")


def test_keypoints_of_other_frames_are_far_from_the_projected_poses() -> None:
    clip = tiny.clip(30)
    assert projection_mismatch(clip) < 0.01
    shifted = replace(clip, keypoints=clip.keypoints + 0.2)
    width = float(clip.camera.resolution[0])
    expected = 0.2 * 2**0.5 * width / 2
    assert projection_mismatch(shifted) == pytest.approx(expected, rel=1e-3)
    assert projection_mismatch(shifted, root=0) < 0.01
    unknown = replace(shifted, valid=torch.zeros(30, dtype=torch.bool))
    assert projection_mismatch(unknown) == 0.0


def test_the_median_of_a_subjects_clips_decides() -> None:
    takes = [tiny.clip(30, take=f"Walking {number}") for number in (1, 2, 3)]
    check_pairing([replace(takes[0], keypoints=takes[0].keypoints + 0.2), *takes[1:]], Path("f"))
    shifted = [replace(clip, keypoints=clip.keypoints + 0.2) for clip in takes[:2]]
    with pytest.raises(InvalidData, match=r"f: keypoints of S9 lie \d+ px"):
        check_pairing([*shifted, takes[2]], Path("f"))
