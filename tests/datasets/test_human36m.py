"""Human3.6M from the community's files: the golden miniature, and every way to be broken."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import projection_mismatch

from posekit.datasets import load_dataset
from posekit.datasets.archives import load_archive
from posekit.datasets.checks import undetected
from posekit.datasets.windows import ClipBank
from posekit.errors import DatasetNotFound, InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17

GOLDENS = Path(__file__).parents[1] / "goldens"
FILES = {
    "protocol-h36m-mini-3d.npz": "data_3d_h36m.npz",
    "protocol-h36m-mini-2d-gt.npz": "data_2d_h36m_gt.npz",
    "protocol-h36m-mini-2d-cpn.npz": "data_2d_h36m_cpn_ft_h36m_dbb.npz",
}
POSES, TRUTH, DETECTIONS = FILES.values()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data folder with the golden miniature in ``h36m``."""
    (tmp_path / "h36m").mkdir()
    for source, target in FILES.items():
        shutil.copy(GOLDENS / source, tmp_path / "h36m" / target)
    return tmp_path


def change(root: Path, name: str, edit: Callable[[dict], None]) -> None:
    """Rewrite one of the files after ``edit`` has changed its members."""
    path = root / "h36m" / name
    members = load_archive(path)
    edit(members)
    np.savez(path, **{key: np.array(value, dtype=object) for key, value in members.items()})


def refusal(root: Path, keypoints: str = "cpn", split: str = "test") -> str:
    with pytest.raises(InvalidData) as caught:
        load_dataset("h36m", split, root=root, keypoints=keypoints)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_miniature_has_the_clips_that_the_golden_lists(root: Path) -> None:
    dataset = load_dataset("h36m", "test", root=root)
    frames = {f"{clip.subject}/{clip.take}": clip.frames for clip in dataset.clips}
    assert frames == {
        "S9/Walking": 31,
        "S9/Walking 1": 18,
        "S9/Sitting": 23,
        "S9/SittingDown 2": 12,
        "S11/Walking 1": 27,
        "S11/Sitting 1": 14,
    }
    assert len(dataset.clips) == 4 * 6
    assert dataset.actions == ("Walking", "Sitting", "SittingDown")
    assert dataset.evidence == "licensed"
    assert dataset.skeleton is HUMAN36M_17
    assert {clip.camera_name for clip in dataset.clips} == {
        *("54138969", "55011271", "58860488", "60457274"),
    }


def test_true_keypoints_are_the_projected_poses(root: Path) -> None:
    dataset = load_dataset("h36m", "test", root=root, keypoints="gt")
    assert max(projection_mismatch(clip) for clip in dataset.clips) < 0.01


def test_poses_and_keypoints_are_those_of_the_files(root: Path) -> None:
    world = load_archive(root / "h36m" / POSES)["positions_3d"]["S11"]["Sitting 1"]
    pixels = load_archive(root / "h36m" / DETECTIONS)["positions_2d"]["S11"]["Sitting 1"][2]
    dataset = load_dataset("h36m", "test", root=root)
    clip = next(clip for clip in dataset.clips if clip.name == "S11/Sitting 1/58860488")
    restored = clip.camera.camera_to_world(clip.pose).numpy()
    # Left wrist: joint 13 of 17, joint 19 of 32.
    np.testing.assert_allclose(restored[:, 13], world[:, 19], atol=1e-5)
    restored = clip.camera.to_pixels(clip.keypoints).numpy()
    np.testing.assert_allclose(restored, pixels[: clip.frames], atol=1e-3)
    assert len(pixels) == clip.frames + 3


def test_files_may_lie_in_the_data_folder_itself(root: Path) -> None:
    inside = load_dataset("h36m", "test", root=root)
    directly = load_dataset("h36m", "test", root=root / "h36m")
    assert directly.fingerprint == inside.fingerprint


def test_the_fingerprint_tells_2d_sources_and_sizes_apart(root: Path) -> None:
    options = [("cpn", "standard"), ("gt", "standard"), ("gt", "quick"), ("gt", "smoke")]
    found = {
        load_dataset("h36m", "test", root=root, keypoints=keypoints, size=size).fingerprint
        for keypoints, size in options
    }
    assert len(found) == len(options)


def test_quick_keeps_every_subject_and_action(root: Path) -> None:
    dataset = load_dataset("h36m", "test", root=root, size="quick")
    assert [(clip.subject, clip.action) for clip in dataset.clips] == [
        *(("S9", "Walking"), ("S9", "Sitting"), ("S9", "SittingDown")),
        *(("S11", "Walking"), ("S11", "Sitting")),
    ]


def test_any_2d_file_is_found_by_its_suffix(root: Path) -> None:
    shutil.copy(root / "h36m" / TRUTH, root / "h36m" / "data_2d_h36m_mine_v2.npz")
    mine = load_dataset("h36m", "test", root=root, keypoints="mine_v2")
    truth = load_dataset("h36m", "test", root=root, keypoints="gt")
    assert torch.equal(mine.clips[5].keypoints, truth.clips[5].keypoints)


def test_missing_files_are_listed_with_what_to_do(tmp_path: Path, root: Path) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        load_dataset("h36m", "test", root=tmp_path / "empty")
    message = str(caught.value)
    for part in (
        *(POSES, DETECTIONS, str(tmp_path / "empty" / "h36m"), "http://vision.imar.ro/human3.6m/"),
        *("-p dataset synthetic", "posekit data standin h36m", "POSEKIT_DATA"),
    ):
        assert part in message
    assert "\n" not in message
    (root / "h36m" / DETECTIONS).unlink()
    with pytest.raises(DatasetNotFound) as caught:
        load_dataset("h36m", "test", root=root)
    assert DETECTIONS in str(caught.value)
    assert POSES not in str(caught.value)


@pytest.mark.parametrize("keypoints", ["openpose", "../h36m/gt", ""])
def test_unknown_2d_sources_are_answered_with_the_known_ones(root: Path, keypoints: str) -> None:
    with pytest.raises(InvalidParameter, match=r"cpn.*gt|gt, cpn"):
        load_dataset("h36m", "test", root=root, keypoints=keypoints)


def test_an_empty_split_says_which_subjects_there_are(root: Path) -> None:
    message = refusal(root, split="train")
    assert "train split is empty" in message
    assert "S9, S11" in message


def test_missing_subjects_of_a_split_are_noted(root: Path) -> None:
    change(root, POSES, lambda members: members["positions_3d"].pop("S11"))
    dataset = load_dataset("h36m", "test", root=root)
    assert dataset.subjects == ("S9",)
    assert "The file lacks S11 of the test split." in dataset.notes


def test_a_truncated_file_is_named(root: Path) -> None:
    path = root / "h36m" / POSES
    path.write_bytes(path.read_bytes()[:20_000])
    assert str(path) in refusal(root)


class Attack:
    """Pickles as a call of ``os.system``."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


def test_a_file_that_would_run_code_is_refused_unrun(root: Path, tmp_path: Path) -> None:
    witness = tmp_path / "it-was-run"
    attack = Attack(f"touch {witness}")
    change(root, POSES, lambda members: takes(members).update({"Walking": attack}))
    assert "refused" in refusal(root)
    assert not witness.exists()


def takes(members: dict) -> dict:
    tree = members.get("positions_3d") or members["positions_2d"]
    return tree["S9"]


def edit_array(edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    """Change the 3D array of S9/Walking, or the second camera's 2D array of it."""

    def change_members(members: dict) -> None:
        held = takes(members)["Walking"]
        if isinstance(held, list):
            held[1] = edit(held[1].copy())
        else:
            takes(members)["Walking"] = edit(held.copy())

    return change_members


def with_nan(array: np.ndarray) -> np.ndarray:
    array[4, 2, 1] = np.nan
    return array


def swap_subjects(members: dict) -> None:
    tree = members["positions_2d"]
    tree["S9"]["Walking 1"] = [array[::-1] + 120 for array in tree["S9"]["Walking 1"]]
    tree["S9"]["Walking"] = [array[:, ::-1] - 90 for array in tree["S9"]["Walking"]]
    tree["S9"]["Sitting"] = tree["S9"]["Sitting"][::-1]


BROKEN = {
    "wrong key": (POSES, lambda m: m.update(poses=m.pop("positions_3d")), "positions_3d"),
    "wrong key in 2D": (DETECTIONS, lambda m: m.update(p=m.pop("positions_2d")), "positions_2d"),
    "not nested": (POSES, lambda m: m.update(positions_3d=[1, 2]), "dictionary subject -> take"),
    "17 joints in 3D": (POSES, edit_array(lambda a: a[:, :17]), "expected (frames, 32, 3)"),
    "16 joints in 2D": (DETECTIONS, edit_array(lambda a: a[:, :16]), "17 joints are due"),
    "flattened": (POSES, edit_array(lambda a: a.reshape(len(a), -1)), "array (frames, 32, 3)"),
    "text": (POSES, edit_array(lambda a: a.astype(str)), "must be a numeric array"),
    "no frame": (POSES, edit_array(lambda a: a[:0]), "has shape (0, 32, 3)"),
    "2D shorter": (DETECTIONS, edit_array(lambda a: a[:20]), "20 frames of keypoints for 31"),
    "no such take": (DETECTIONS, lambda m: takes(m).pop("Sitting"), "different subjects or takes"),
    "three cameras": (DETECTIONS, lambda m: takes(m)["Walking"].pop(), "4 arrays, one per camera"),
    "NaN in 2D": (DETECTIONS, edit_array(with_nan), "NaN or infinity, first in frame 4"),
    "NaN in 3D": (POSES, edit_array(with_nan), "holds NaN or infinity"),
    "normalised 2D": (DETECTIONS, edit_array(lambda a: a / 500 - 1), "look normalised"),
    "other image": (DETECTIONS, edit_array(lambda a: a * 4), "outside the 1000 x 1000 image"),
    "other layout": (
        DETECTIONS,
        lambda m: m["metadata"].update(layout_name="halpe26"),
        "joint layout 'halpe26' is none of h36m, coco",
    ),
    "other sides": (
        DETECTIONS,
        lambda m: m["metadata"].update(
            keypoints_symmetry=m["metadata"]["keypoints_symmetry"][::-1]
        ),
        "keypoints_symmetry contradicts layout h36m",
    ),
    "other takes": (DETECTIONS, swap_subjects, "keypoints of S9/Walking"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_in_one_line(root: Path, name: str) -> None:
    file, edit, message = BROKEN[name]
    change(root, file, edit)
    refused = refusal(root)
    assert message in refused
    assert str(root / "h36m" / file) in refused


def test_coco_keypoints_are_converted_and_noted(root: Path) -> None:
    def to_coco(members: dict) -> None:
        members["metadata"] = {"layout_name": "coco", "num_joints": 17}
        for subject in members["positions_2d"].values():
            for take, views in subject.items():
                subject[take] = [human36m_to_coco(view) for view in views]

    change(root, TRUTH, to_coco)
    dataset = load_dataset("h36m", "test", root=root, keypoints="gt")
    clip = dataset.clips[0]
    projected = clip.camera.project(clip.pose)
    for joint in ("left wrist", "right knee", "left hip"):
        index = HUMAN36M_17.index(joint)
        torch.testing.assert_close(clip.keypoints[:, index], projected[:, index])
    assert any("COCO" in note for note in dataset.notes)


def test_coco_joints_that_were_not_detected_spoil_what_is_made_of_them(root: Path) -> None:
    def to_coco(members: dict) -> None:
        members["metadata"] = {"layout_name": "coco", "num_joints": 17}
        for subject in members["positions_2d"].values():
            for take, views in subject.items():
                subject[take] = [human36m_to_coco(view) for view in views]
        takes(members)["Walking"][0][7, 11] = 0  # left hip

    change(root, TRUTH, to_coco)
    dataset = load_dataset("h36m", "test", root=root, keypoints="gt")
    missing = undetected(dataset.clips[0])[7].nonzero()[:, 0].tolist()
    assert [HUMAN36M_17.joint_names[joint] for joint in missing] == ["hip", "left hip", "spine"]


def test_views_as_one_array_and_confidences_are_read(root: Path) -> None:
    before = load_dataset("h36m", "test", root=root)

    def stack(members: dict) -> None:
        for subject, held in members["positions_2d"].items():
            for take, views in held.items():
                frames = min(map(len, views))
                views = np.stack([view[:frames] for view in views])
                scores = np.full_like(views[..., :1], 0.5 + 0.01 * len(subject + take))
                held[take] = np.concatenate([views, scores], axis=-1)

    change(root, DETECTIONS, stack)
    after = load_dataset("h36m", "test", root=root)
    for one, other in zip(before.clips, after.clips, strict=True):
        assert other.keypoints.shape == (one.frames, 17, 3)
        assert torch.equal(one.keypoints, other.keypoints[..., :2])
        score = 0.5 + 0.01 * len(other.subject + other.take)
        assert bool((other.keypoints[..., 2] - score).abs().max() < 1e-6)
    bank = ClipBank(after, torch.device("cpu"), 3)
    assert bank.keypoints.shape[-1] == 3


def undetect(members: dict) -> None:
    """Two wrists of the second camera's S9/Walking, one of them twice."""
    view = takes(members)["Walking"][1].copy()
    view[4, 13] = view[9, 13] = view[9, 16] = 0
    takes(members)["Walking"][1] = view


def test_undetected_joints_are_counted_and_tested_all_the_same(root: Path) -> None:
    change(root, DETECTIONS, undetect)
    dataset = load_dataset("h36m", "test", root=root)
    frames = dataset.frames
    assert dataset.notes[-1] == (
        f"Joints that were not detected, written as (0, 0): 3 in 2 of {frames} frames; these "
        "frames are scored like all others."
    )
    assert all(bool(clip.valid.all()) for clip in dataset.clips)


def human36m_to_coco(points: np.ndarray) -> np.ndarray:
    return points[:, [9, 10, 10, 10, 10, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]]
