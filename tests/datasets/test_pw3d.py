"""3DPW for lifters: 24 joints before a moving camera, and what is not scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_files import check_fingerprint, copy_of, projection_mismatch, refusal
from pw3d_files import ONE, SEQUENCES, change_sequence

from posekit.datasets import load_dataset
from posekit.datasets.pw3d_sequences import TEST_SEQUENCES, read_sequence
from posekit.datasets.status import data_status
from posekit.errors import DatasetNotFound
from posekit.geometry.skeletons import SMPL_24


@pytest.fixture
def root(small_pw3d: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return copy_of(small_pw3d, tmp_path / "data")


def test_each_person_is_a_clip_in_the_cameras_frame(small_pw3d: Path) -> None:
    test = load_dataset("pw3d", "test", root=small_pw3d)
    assert test.skeleton is SMPL_24
    assert test.evidence == "STAND-IN"
    assert test.subjects == SEQUENCES["test"]
    assert test.actions == ("3DPW",)
    people = [clip for clip in test.clips if clip.subject == "downtown_bar_00"]
    sequence = read_sequence(small_pw3d / "pw3d" / ONE)
    assert len(people) == 2
    for clip, person in zip(people, sequence.people, strict=True):
        assert torch.equal(clip.pose, sequence.in_camera(person.joints).float())
        assert torch.equal(clip.valid, person.valid)
        assert projection_mismatch(clip) == 0
        assert clip.fps == 30
    train = load_dataset("pw3d", "train", root=small_pw3d)
    assert train.subjects == SEQUENCES["train"]


def test_pixels_are_those_of_the_files_intrinsics(small_pw3d: Path) -> None:
    clip = load_dataset("pw3d", "test", root=small_pw3d).clips[0]
    matrix = read_sequence(small_pw3d / "pw3d" / ONE).intrinsics
    seen = clip.pose[5].double() @ matrix.T
    pixels = clip.camera.to_pixels(clip.keypoints[5])
    np.testing.assert_allclose(pixels, seen[:, :2] / seen[:, 2:], atol=1e-2)


def test_frames_without_an_aligned_camera_are_not_scored(root: Path) -> None:
    def edit(held: dict[str, Any]) -> None:
        held["campose_valid"][0][:] = 1
        held["campose_valid"][0][4:9] = 0
        held["campose_valid"][1][:] = 0

    change_sequence(root / "pw3d" / ONE, edit)
    test = load_dataset("pw3d", "test", root=root)
    people = [clip for clip in test.clips if clip.subject == "downtown_bar_00"]
    assert len(people) == 1
    assert (~people[0].valid).nonzero()[:, 0].tolist() == [4, 5, 6, 7, 8]
    assert any("left out: 1" in note for note in test.notes)


def test_frames_behind_the_camera_are_counted(root: Path) -> None:
    def edit(held: dict[str, Any]) -> None:
        held["campose_valid"][0][:] = 1
        held["cam_poses"][:3, 2, 3] -= 20

    change_sequence(root / "pw3d" / ONE, edit)
    test = load_dataset("pw3d", "test", root=root)
    assert not bool(test.clips[0].valid[:3].any())
    assert any("not scored: " in note for note in test.notes)


def test_cameras_the_other_way_round_are_refused(root: Path) -> None:
    def edit(held: dict[str, Any]) -> None:
        held["cam_poses"] = np.linalg.inv(held["cam_poses"])
        held["cam_poses"][:, 2, 3] = -20

    change_sequence(root / "pw3d" / ONE, edit)
    assert "cam_poses must map the world to the camera" in refusal("pw3d", root)


def test_bodies_of_another_size_are_refused(root: Path) -> None:
    def edit(held: dict[str, Any]) -> None:
        held["jointPositions"][0] = 0.4 * held["jointPositions"][0]

    change_sequence(root / "pw3d" / ONE, edit)
    assert "m are due" in refusal("pw3d", root)


def test_no_aligned_camera_at_all_is_refused(root: Path) -> None:
    for path in (root / "pw3d" / "sequenceFiles" / "test").glob("*.pkl"):
        change_sequence(
            path,
            lambda held: held.update(campose_valid=[0 * valid for valid in held["campose_valid"]]),
        )
    assert "campose_valid" in refusal("pw3d", root)


def test_missing_test_sequences_are_told(small_pw3d: Path) -> None:
    test = load_dataset("pw3d", "test", root=small_pw3d)
    lacking = [name for name in TEST_SEQUENCES if name not in SEQUENCES["test"]]
    assert any("lack 21 of 24" in note and lacking[0] in note for note in test.notes)
    row = next(row for row in data_status(small_pw3d) if row.name == "pw3d")
    assert (row.state, len(row.missing)) == ("incomplete", 21)
    assert "STAND-IN, sequences: 2 train, 1 validation, 3 test; without pictures" in row.contents


def test_missing_files_are_listed_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        load_dataset("pw3d", "test", root=tmp_path)
    for part in (
        *("sequenceFiles/test/*.pkl", str(tmp_path / "pw3d"), "sequenceFiles.zip"),
        *("https://virtualhumans.mpi-inf.mpg.de/3DPW/", "posekit data standin pw3d"),
        "-p dataset synthetic",
    ):
        assert part in str(caught.value)
    row = next(row for row in data_status(tmp_path) if row.name == "pw3d")
    assert row.state == "missing"


def test_the_fingerprint_is_of_the_content(small_pw3d: Path, tmp_path: Path) -> None:
    check_fingerprint("pw3d", small_pw3d, tmp_path / "moved", "gt")
