"""Clips refuse what cannot be a clip; the door to data sets names what it knows."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from posekit.datasets import load_dataset
from posekit.datasets.clips import Clip, PoseDataset, fingerprint
from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_16, HUMAN36M_17

FRAMES = 12


def make_clip(take: str = "Walking 1", frames: int = FRAMES, **changes: object) -> Clip:
    generator = torch.Generator().manual_seed(frames)
    camera = human36m_cameras("S9")["54138969"]
    pose = torch.rand(frames, 17, 3, generator=generator) + torch.tensor([-0.5, -0.5, 4.0])
    fields: dict[str, object] = {
        "subject": "S9",
        "action": take.split(" ")[0],
        "take": take,
        "camera_name": "54138969",
        "camera": camera,
        "keypoints": camera.project(pose),
        "pose": pose,
        "valid": torch.ones(frames, dtype=torch.bool),
        "fps": 50.0,
    }
    return Clip(**{**fields, **changes})


def make_dataset(*clips: Clip, **changes: object) -> PoseDataset:
    fields: dict[str, object] = {
        "name": "h36m",
        "split": "test",
        "keypoints": "gt",
        "skeleton": HUMAN36M_17,
        "clips": clips,
        "fingerprint": fingerprint(clips, {}),
        "evidence": "synthetic",
    }
    return PoseDataset(**{**fields, **changes})


def test_a_clip_is_named_by_subject_take_and_camera() -> None:
    assert make_clip().name == "S9/Walking 1/54138969"
    assert make_clip().frames == FRAMES


def test_a_clip_may_lack_the_truth() -> None:
    assert make_clip(pose=None).pose is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": torch.zeros(FRAMES, 17, 4)}, "keypoints have shape"),
        ({"keypoints": torch.zeros(0, 17, 2), "pose": None}, "no frame"),
        ({"pose": torch.zeros(FRAMES - 1, 17, 3)}, "match the keypoints"),
        ({"valid": torch.ones(FRAMES)}, "must be bool"),
        ({"keypoints": torch.full((FRAMES, 17, 2), 480.0)}, "look like pixels"),
        ({"keypoints": torch.full((FRAMES, 17, 2), float("nan"))}, "keypoints hold NaN"),
        ({"pose": torch.full((FRAMES, 17, 3), float("inf"))}, "pose hold NaN or infinity"),
        *(({"fps": rate}, "frames per second") for rate in (0.0, -50.0, math.nan, math.inf)),
    ],
)
def test_arrays_that_cannot_be_a_clip_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(InvalidData, match=message) as caught:
        make_clip(**changes)
    assert "\n" not in str(caught.value)
    assert "S9/Walking 1/54138969" in str(caught.value)


def test_nan_is_allowed_in_frames_that_are_not_valid() -> None:
    clip = make_clip()
    keypoints, valid = clip.keypoints.clone(), clip.valid.clone()
    keypoints[3], valid[3] = float("nan"), False
    assert make_clip(keypoints=keypoints, valid=valid).frames == FRAMES


def test_a_data_set_counts_frames_actions_and_subjects_in_order() -> None:
    dataset = make_dataset(make_clip("Sitting", 5), make_clip("Eating", 7), make_clip("Sitting 2"))
    assert dataset.frames == 5 + 7 + FRAMES
    assert dataset.actions == ("Sitting", "Eating")
    assert dataset.subjects == ("S9",)


@pytest.mark.parametrize(
    ("clips", "changes", "message"),
    [
        ((), {}, "holds no clip"),
        (("Walking 1", "Walking 1"), {}, "two clips are called S9/Walking 1/54138969"),
        (("Walking 1",), {"skeleton": HUMAN36M_16}, "has 17 joints, expected 16"),
        (("Walking 1",), {"evidence": "hearsay"}, "evidence 'hearsay' is unknown"),
    ],
)
def test_clips_that_cannot_be_a_data_set_are_refused(
    clips: tuple, changes: dict, message: str
) -> None:
    with pytest.raises(InvalidData, match=message):
        make_dataset(*(make_clip(take) for take in clips), **changes)


def test_the_fingerprint_follows_content_and_options() -> None:
    clip = make_clip()
    reference = fingerprint([clip], {"size": "quick"})
    keypoints = clip.keypoints.clone()
    keypoints[0, 0, 0] += 1e-6
    assert fingerprint([make_clip()], {"size": "quick"}) == reference
    assert fingerprint([clip], {"size": "smoke"}) != reference
    assert fingerprint([replace(clip, keypoints=keypoints)], {"size": "quick"}) != reference
    assert fingerprint([replace(clip, pose=None)], {"size": "quick"}) != reference
    assert fingerprint([replace(clip, action="Run")], {"size": "quick"}) != reference


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"name": "h37m"}, "choose one of: synthetic, .*cmu, h36m, "),
        ({"split": "validation"}, "train, test"),
        ({"size": "huge"}, "smoke, quick, standard, full"),
        ({"keypoints": "openpose"}, "gt, cpn, noisy, occluded"),
    ],
)
def test_unknown_names_are_answered_with_the_valid_ones(arguments: dict, named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        load_dataset(**{"name": "cmu", "split": "test", **arguments})
