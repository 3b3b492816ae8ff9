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
from posekit.geometry.skeletons import COCO_17, HUMAN36M_17

LAYOUTS = {"h36m": HUMAN36M_17, "coco": COCO_17}
POSES, KEYPOINTS = Path("poses.npz"), Path("keypoints.npz")


def save(path: Path, **members: Any) -> Path:
    np.savez(path, **{key: np.array(value, dtype=object) for key, value in members.items()})
    return path


def test_a_file_says_its_layout_or_has_that_of_its_data_set(tmp_path: Path) -> None:
    tree = {"S1": {"Walking 1": np.zeros((3, 17, 3))}}
    assert read_poses(save(tmp_path / "3d.npz", positions_3d=tree)).keys() == {"S1"}
    bare = save(tmp_path / "bare.npz", positions_2d=tree)
    assert read_keypoints(bare, LAYOUTS)[1] == "h36m"
    silent = save(tmp_path / "silent.npz", positions_2d=tree, metadata={"num_joints": 17})
    assert read_keypoints(silent, LAYOUTS)[1] == "h36m"
    named = save(tmp_path / "named.npz", positions_2d=tree, metadata={"layout_name": "coco"})
    assert read_keypoints(named, LAYOUTS)[1] == "coco"
    with pytest.raises(InvalidData, match="no member 'positions_2d', the archive holds pos"):
        read_keypoints(save(tmp_path / "other.npz", poses=tree), LAYOUTS)
    for odd in ({"S1": [1, 2]}, {"S1": {3: np.zeros((3, 17, 3))}}, {1: {"Walking": 2}}):
        with pytest.raises(InvalidData, match="expected a dictionary subject -> take -> array"):
            read_poses(save(tmp_path / "odd.npz", positions_3d=odd))


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


def test_views_of_equal_length_come_as_one_array_too() -> None:
    pixels = np.random.default_rng(0).random((2, 5, 17, 2))

    def views(held: object) -> list[View]:
        takes = {"S1": {"Sitting": held}}
        return views_of("S1", {"Sitting": "s"}, takes, ["a", "b"], POSES, KEYPOINTS)

    for view, expected in zip(views(pixels), pixels, strict=True):
        np.testing.assert_array_equal(view.pixels, expected)
    for odd in (pixels[0], np.array(3.0), "ab", np.zeros((3, 5, 17, 2))):
        with pytest.raises(InvalidData, match="must hold 2 arrays, one per camera, found"):
            views(odd)


def test_a_third_column_is_a_confidence() -> None:
    world = np.random.default_rng(0).random((5, 32, 3))
    pixels = np.random.default_rng(1).random((5, 17, 3))
    pixels[..., :2] = 900 * pixels[..., :2] + 50
    size = torch.tensor([1000.0, 1002.0])
    _, points = View("S1", "Sitting", "a", world, pixels, POSES, KEYPOINTS).arrays(32, 17, size)
    np.testing.assert_array_equal(points, pixels.astype(np.float32))
    pixels[2, 3, 2] = 700
    with pytest.raises(InvalidData, match=r"S1/Sitting/a: confidences range from .* to 700"):
        View("S1", "Sitting", "a", world, pixels, POSES, KEYPOINTS).arrays(32, 17, size)


SIDES = [list(HUMAN36M_17.left), list(HUMAN36M_17.right)]
DECLARED = {
    "another layout": ({"layout_name": "mpii"}, "joint layout 'mpii' is none of h36m, coco"),
    "a layout of 17 joints": ({"layout_name": "halpe26", "num_joints": 17}, "layout 'halpe26'"),
    "no name": ({"layout_name": ["h36m"]}, "joint layout '<list>' is none"),
    "other joints": ({"num_joints": 16}, "num_joints 16, 17 are due"),
    "no number": ({"num_joints": None}, "num_joints None"),
    "sides exchanged": ({"keypoints_symmetry": SIDES[::-1]}, "contradicts layout h36m"),
    "sides of COCO": (
        {"layout_name": "h36m", "keypoints_symmetry": [[1, 3, 5], [2, 4, 6]]},
        "contradicts layout h36m",
    ),
    "sides of Human3.6M": (
        {"layout_name": "coco", "keypoints_symmetry": SIDES},
        "contradicts layout coco",
    ),
    "no sides": ({"keypoints_symmetry": 3}, "contradicts layout h36m"),
    "uneven sides": ({"keypoints_symmetry": [[4, 5], [1]]}, "contradicts layout h36m"),
    "no dictionary": (["h36m"], "metadata must be a dictionary, found list"),
}


@pytest.mark.parametrize("name", DECLARED)
def test_metadata_that_tell_other_joints_are_refused(tmp_path: Path, name: str) -> None:
    metadata, message = DECLARED[name]
    tree = {"S1": {"Walking 1": np.zeros((3, 17, 3))}}
    path = save(tmp_path / "2d.npz", positions_2d=tree, metadata=None)
    held = np.array(None, dtype=object)
    held[()] = metadata
    np.savez(path, positions_2d=np.array(tree, dtype=object), metadata=held)
    with pytest.raises(InvalidData, match=message) as caught:
        read_keypoints(path, LAYOUTS)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_pairs_of_sides_may_be_declared_in_any_order(tmp_path: Path) -> None:
    order = [3, 1, 0, 2, 5, 4]
    sides = [[np.int64(side[k]) for k in order] for side in SIDES]
    tree = {"S1": {"Walking 1": np.zeros((3, 17, 3))}}
    path = save(tmp_path / "2d.npz", positions_2d=tree, metadata={"keypoints_symmetry": sides})
    assert read_keypoints(path, LAYOUTS)[1] == "h36m"
