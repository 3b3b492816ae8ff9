"""HumanEva-I from VideoPose3D's files: both 2D sources, fitted cameras, and every way to err."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_files import (
    change_archive,
    check_fingerprint,
    copy_of,
    nan_at_start,
    projection_mismatch,
    refusal,
)

from posekit.datasets import load_dataset
from posekit.datasets.archives import load_archive
from posekit.datasets.humaneva import KEYPOINTS, POSES_FILE
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.humaneva import write_layout
from posekit.datasets.status import data_status
from posekit.errors import DatasetNotFound, InvalidParameter
from posekit.geometry.skeletons import HUMANEVA_15

TRUTH, DETECTIONS = KEYPOINTS.values()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a stand-in of very short recordings."""
    root = tmp_path_factory.mktemp("data")
    write_layout(root / "humaneva", synthetic_takes("seed"), (40, 50), "seed")
    return root


@pytest.fixture
def root(data: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return copy_of(data, tmp_path / "data")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_holds_walking_jogging_and_boxing_by_cell(data: Path, split: str) -> None:
    dataset = load_dataset("humaneva", split, root=data, keypoints="gt")
    assert dataset.skeleton is HUMANEVA_15
    assert dataset.subjects == ("S1", "S2", "S3")
    actions = ("Walking", "Jog", "Box")
    cells = tuple(f"{action} {subject}" for subject in dataset.subjects for action in actions)
    assert dataset.actions == cells
    assert len(dataset.clips) == 9 * 2 * 3  # cells, chunks, cameras
    assert {clip.camera_name for clip in dataset.clips} == {"C1", "C2", "C3"}
    assert {clip.fps for clip in dataset.clips} == {60.0}
    assert dataset.evidence == "STAND-IN"
    assert dataset.notes[0].startswith("STAND-IN")


def test_detections_stand_for_the_detector_of_a_table(data: Path) -> None:
    dataset = load_dataset("humaneva", "test", root=data)
    assert dataset.keypoints == "mrcnn"
    assert dataset.clips[0].keypoints.shape[1:] == (15, 2)
    assert any("COCO" in note for note in dataset.notes)
    assert 0.5 < np.mean([projection_mismatch(clip) for clip in dataset.clips]) < 8.0
    with pytest.raises(InvalidParameter, match="choose one of: gt, mrcnn"):
        load_dataset("humaneva", "test", root=data, keypoints="cpn")


def test_fitted_cameras_project_poses_onto_their_keypoints(data: Path) -> None:
    dataset = load_dataset("humaneva", "test", root=data, keypoints="gt")
    for clip in dataset.clips:
        assert projection_mismatch(clip) < 0.01
        focal = clip.camera.focal * clip.camera.resolution[0] / 2
        torch.testing.assert_close(focal, torch.tensor([620.0, 620.0]), atol=0.5, rtol=0)


def test_poses_are_those_of_the_file(data: Path) -> None:
    world = load_archive(data / "humaneva" / POSES_FILE)["positions_3d"]["Validate/S2"]
    dataset = load_dataset("humaneva", "test", root=data)
    clip = next(clip for clip in dataset.clips if clip.name == "S2/Jog 1 chunk2/C3")
    restored = clip.camera.camera_to_world(clip.pose).numpy()
    np.testing.assert_allclose(restored, world["Jog 1 chunk2"], atol=1e-5)


def test_the_fingerprint_is_of_the_content(data: Path, tmp_path: Path) -> None:
    check_fingerprint("humaneva", data, tmp_path / "moved", "gt")


def test_missing_files_are_listed_with_what_to_do(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        load_dataset("humaneva", "test", root=tmp_path / "empty")
    message = str(caught.value)
    for part in (
        *(POSES_FILE, DETECTIONS, str(tmp_path / "empty" / "humaneva"), "humaneva.is.tue.mpg.de"),
        *("-p dataset synthetic", "posekit data standin humaneva", "POSEKIT_DATA"),
    ):
        assert part in message
    assert "\n" not in message
    (root / "humaneva" / TRUTH).unlink()
    with pytest.raises(DatasetNotFound, match=TRUTH):
        load_dataset("humaneva", "test", root=root, keypoints="gt")
    row = next(row for row in data_status(root) if row.name == "humaneva")
    assert (row.state, row.missing, row.contents) == ("incomplete", (TRUTH,), "STAND-IN, 2D: mrcnn")


def of_take(edit: Callable[[Any], Any]) -> Callable[[dict], None]:
    """Change the pose, or the views, of one take."""

    def change(members: dict[str, Any]) -> None:
        tree = members.get("positions_3d") or members["positions_2d"]
        takes = tree["Validate/S1"]
        takes["Jog 1 chunk0"] = edit(takes["Jog 1 chunk0"])

    return change


def of_views(edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    """Change every view of one take."""
    return of_take(lambda views: [edit(view) for view in views])


def pop(*keys: str) -> Callable[[dict], None]:
    """Take an entry out of the nested dictionaries."""

    def change(members: dict[str, Any]) -> None:
        for key in keys[:-1]:
            members = members[key]
        members.pop(keys[-1])

    return change


def swap_subjects(members: dict[str, Any]) -> None:
    """Give S1 the keypoints of its own other takes, backwards."""
    takes = members["positions_2d"]["Validate/S1"]
    for name, views in takes.items():
        takes[name] = [view[::-1] + np.float32(150) * (k - 1) for k, view in enumerate(views)]
    names = [name for name in takes if name.split()[0] in ("Walking", "Jog", "Box")]
    held = [takes[name] for name in names]
    for name, views in zip(names, held[1:] + held[:1], strict=True):
        takes[name] = [np.concatenate([view] * 6) for view in views]


BROKEN = {
    "no poses": (POSES_FILE, pop("positions_3d"), "no member 'positions_3d'"),
    "no keypoints": (TRUTH, pop("positions_2d"), "no member 'positions_2d'"),
    "no dictionary": (POSES_FILE, lambda m: m.update(positions_3d=[1]), "expected a dictionary"),
    "unknown layout": (
        TRUTH,
        lambda m: m["metadata"].update(layout_name="mpii"),
        "layout 'mpii' is none of humaneva15, coco",
    ),
    "other subjects": (TRUTH, pop("positions_2d", "Validate/S2"), "no keypoints of Validate/S2"),
    "other takes": (
        TRUTH,
        pop("positions_2d", "Validate/S2", "Box 1 chunk0"),
        "different subjects or takes",
    ),
    "two cameras": (TRUTH, of_take(lambda views: views[:2]), "must hold 3 arrays"),
    "32 joints": (POSES_FILE, of_take(lambda a: np.tile(a, (1, 2, 1))), "15 joints are due"),
    "17 joints": (
        TRUTH,
        of_views(lambda a: np.concatenate([a, a[:, :2]], 1)),
        "15 joints are due",
    ),
    "short 2D": (TRUTH, of_views(lambda a: a[:5]), "has 5 frames of keypoints"),
    "NaN in 2D": (TRUTH, of_views(nan_at_start), "NaN or infinity, first in frame 0"),
    "NaN in 3D": (POSES_FILE, of_take(nan_at_start), "holds NaN or infinity"),
    "normalised 2D": (TRUTH, of_views(lambda a: a / 320 - 1), "look normalised"),
    "other image": (TRUTH, of_views(lambda a: a * 4), "outside the 640 x 480 image"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_in_one_line(root: Path, name: str) -> None:
    file, edit, message = BROKEN[name]
    path = root / "humaneva" / file
    change_archive(path, edit)
    told = refusal("humaneva", root, keypoints="gt")
    assert message in told
    assert str(path) in told


def test_keypoints_of_other_takes_are_noticed(root: Path) -> None:
    change_archive(root / "humaneva" / TRUTH, swap_subjects)
    told = refusal("humaneva", root, keypoints="gt")
    assert "different subjects, takes or cameras" in told


def test_an_empty_split_says_which_subjects_there_are(root: Path) -> None:
    def no_validation(members: dict[str, Any]) -> None:
        for subject in ("S1", "S2", "S3"):
            members["positions_3d"].pop(f"Validate/{subject}")

    change_archive(root / "humaneva" / POSES_FILE, no_validation)
    told = refusal("humaneva", root)
    assert "test split is empty" in told
    assert "Train/S1" in told


def test_a_truncated_file_is_named(root: Path) -> None:
    path = root / "humaneva" / POSES_FILE
    path.write_bytes(path.read_bytes()[:5000])
    assert str(path) in refusal("humaneva", root)
