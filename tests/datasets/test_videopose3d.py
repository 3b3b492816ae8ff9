"""The layout of VideoPose3D's files, whichever data set comes in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from posekit.datasets.videopose3d import (
    View,
    all_valid,
    present_subjects,
    read_keypoints,
    read_poses,
    views_of,
)
from posekit.errors import InvalidData

POSES, KEYPOINTS = Path("poses.npz"), Path("keypoints.npz")


def save(path: Path, **members: Any) -> Path:
    np.savez(path, **{key: np.array(value, dtype=object) for key, value in members.items()})
    return path


def test_a_file_says_its_layout_or_has_that_of_its_data_set(tmp_path: Path) -> None:
    tree = {"S1": {"Walking 1": np.zeros((3, 17, 3))}}
    assert read_poses(save(tmp_path / "3d.npz", positions_3d=tree)).keys() == {"S1"}
    bare = save(tmp_path / "bare.npz", positions_2d=tree)
    assert read_keypoints(bare, "h36m")[1] == "h36m"
    silent = save(tmp_path / "silent.npz", positions_2d=tree, metadata={"num_joints": 17})
    assert read_keypoints(silent, "h36m")[1] == "h36m"
    named = save(tmp_path / "named.npz", positions_2d=tree, metadata={"layout_name": "coco"})
    assert read_keypoints(named, "h36m")[1] == "coco"
    with pytest.raises(InvalidData, match="no member 'positions_2d', the archive holds pos"):
        read_keypoints(save(tmp_path / "other.npz", poses=tree), "h36m")
    with pytest.raises(InvalidData, match="expected a dictionary subject -> take -> array"):
        read_poses(save(tmp_path / "flat.npz", positions_3d={"S1": [1, 2]}))


def test_subjects_are_those_of_the_split_that_the_file_holds() -> None:
    poses = {"S11": {}, "S1": {}}
    assert present_subjects(poses, ["S9", "S11"], "test", POSES) == ["S11"]
    with pytest.raises(InvalidData, match="expected subjects S9, the file holds S11, S1"):
        present_subjects(poses, ["S9"], "test", POSES)


def test_every_camera_of_every_take_is_a_view() -> None:
    poses = {"Walking 1": "w1", "Sitting": "s"}
    detections = {"S1": {"Sitting": ["sa", "sb"], "Walking 1": ["wa", "wb"], "more": []}}
    views = views_of("S1", poses, detections, ["a", "b"], POSES, KEYPOINTS)
    assert [(view.take, view.camera_name, view.world, view.pixels) for view in views] == [
        *(("Walking 1", "a", "w1", "wa"), ("Walking 1", "b", "w1", "wb")),
        *(("Sitting", "a", "s", "sa"), ("Sitting", "b", "s", "sb")),
    ]
    assert [view.action for view in views[::2]] == ["Walking", "Sitting"]
    with pytest.raises(InvalidData, match=r"no keypoints of S1/Posing, which is in poses\.npz"):
        views_of("S1", {"Posing": "p"}, detections, ["a", "b"], POSES, KEYPOINTS)
    with pytest.raises(InvalidData, match="must hold 3 arrays, one per camera, found 2"):
        views_of("S1", poses, detections, ["a", "b", "c"], POSES, KEYPOINTS)


def test_keypoints_beyond_the_poses_are_left_out() -> None:
    world = np.random.default_rng(0).random((5, 32, 3))
    pixels = np.random.default_rng(1).random((8, 17, 2)) * 900 + 50
    size = torch.tensor([1000.0, 1002.0])
    poses, points = View("S1", "Walking 1", "a", world, pixels, POSES, KEYPOINTS).arrays(
        32, 17, size
    )
    assert (len(poses), len(points)) == (5, 5)
    np.testing.assert_array_equal(points, pixels[:5].astype(np.float32))
    with pytest.raises(InvalidData, match="has 4 frames of keypoints for 5 poses"):
        View("S1", "Walking 1", "a", world, pixels[:4], POSES, KEYPOINTS).arrays(32, 17, size)
    assert all_valid(3).tolist() == [True] * 3
