"""Poses are of people: every loader refuses those of another unit, size or place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_files
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posekit.datasets import Clip
from posekit.datasets.bodies import LENGTHS, check_bodies
from posekit.datasets.synthetic import record
from posekit.errors import InvalidData
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_16, HUMAN36M_17, human36m_17_to_16

BRIEF = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def clip() -> Clip:
    cameras = {"54138969": human36m_cameras("S9")["54138969"]}
    (made,) = record("S9", "Walking", 1, 20, cameras, "gt")
    return made


def scaled(clip: Clip, factor: float) -> Clip:
    return replace(clip, pose=clip.pose * factor)


def refused(clip: Clip, **options: bool) -> str:
    with pytest.raises(InvalidData) as caught:
        check_bodies([clip], HUMAN36M_17, "poses.npz", **options)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"poses.npz: {clip.name}: ")
    return str(caught.value)


def test_adults_of_any_joint_set_pass(clip: Clip) -> None:
    for factor in (0.85, 1.0, 1.2):  # 1.45 to 2.05 m tall
        check_bodies([scaled(clip, factor)], HUMAN36M_17, "poses.npz")
    fewer = replace(clip, pose=human36m_17_to_16(clip.pose))
    check_bodies([fewer, replace(clip, pose=None)], HUMAN36M_16, "poses.npz")


@given(factor=st.one_of(st.floats(1e-6, 0.55), st.floats(1.8, 1e6)))
@settings(max_examples=30, deadline=None)
def test_no_other_size_passes(factor: float) -> None:
    cameras = {"54138969": human36m_cameras("S9")["54138969"]}
    (made,) = record("S9", "Walking", 1, 5, cameras, "gt")
    assert "legs are" in refused(scaled(made, factor))


def test_torn_and_far_and_lost_persons_are_refused(clip: Clip) -> None:
    torn = clip.pose.clone()
    torn[7, 13] += 4.0
    assert "in frame 7 a bone is" in refused(replace(clip, pose=torn))
    far = clip.pose + torch.tensor([0.0, 0.0, 200.0])
    assert "poses reach to" in refused(replace(clip, pose=far))
    behind = clip.pose - torch.tensor([0.0, 0.0, 20.0])
    assert "in frame" in refused(replace(clip, pose=behind))
    relative = replace(clip, pose=clip.pose - clip.pose[:, :1])
    assert "behind the camera" in refused(relative)
    check_bodies([relative], HUMAN36M_17, "poses.npz", absolute=False)


def test_frames_that_are_not_valid_are_not_looked_at(clip: Clip) -> None:
    pose, valid = clip.pose.clone(), clip.valid.clone()
    pose[3], valid[3] = float("nan"), False
    check_bodies([replace(clip, pose=pose, valid=valid)], HUMAN36M_17, "poses.npz")
    nobody = replace(clip, pose=pose * 9, valid=torch.zeros_like(valid))
    check_bodies([nobody], HUMAN36M_17, "poses.npz")


def test_image_units_count_as_what_they_are_worth(clip: Clip) -> None:
    unit = clip.pose[:, 0, 2] / clip.camera.focal[0]
    image = replace(clip, pose=clip.pose / unit[:, None, None], metres_per_unit=unit)
    check_bodies([image], HUMAN36M_17, "poses.npz")
    assert "legs are" in refused(replace(image, metres_per_unit=unit / 2))
    assert "legs are" in refused(replace(image, metres_per_unit=unit * 1000))
    untold = replace(image, metres_per_unit=torch.full_like(unit, torch.nan))
    check_bodies([untold], HUMAN36M_17, "poses.npz")
    assert "legs are" in refused(scaled(untold, 10.0))
    assert "legs are" in refused(scaled(untold, 0.1))


def test_half_and_twice_an_adult_lie_outside() -> None:
    # Human3.6M's training subjects, millimetres: thigh and shin, upper arm and forearm.
    for legs, arms in ((897, 531), (871, 513), (948, 559), (887, 523), (891, 534)):
        for limb, millimetres in (("legs", legs), ("arms", arms)):
            short, long = LENGTHS[limb]
            assert short < millimetres / 1000 < long
            assert millimetres / 2000 < short
            assert millimetres / 500 > long


@pytest.mark.parametrize("layout", small_files.LAYOUTS)
@BRIEF
@given(factor=st.sampled_from([0.1, 0.5, 10.0, 100.0, 1000.0]), data=st.data())
def test_every_loader_refuses_poses_of_another_size(
    layout: str, factor: float, data: st.DataObject, tmp_path: Path
) -> None:
    files = small_files.files(layout)
    view = files.views[data.draw(st.integers(0, len(files.views) - 1), label="view")]
    for place in view.poses:
        array = place.get()
        place.put((factor * array).astype(array.dtype))
    told = files.refusal(tmp_path)
    assert view.take.rpartition("/")[2] in told


@pytest.mark.parametrize("layout", small_files.LAYOUTS)
@BRIEF
@given(value=st.sampled_from([np.nan, np.inf, -np.inf]), data=st.data())
def test_every_loader_refuses_what_is_not_finite(
    layout: str, value: float, data: st.DataObject, tmp_path: Path
) -> None:
    files = small_files.files(layout)
    view = files.views[data.draw(st.integers(0, len(files.views) - 1), label="view")]
    places = (view.keypoints, *view.poses)
    place = places[data.draw(st.integers(0, len(places) - 1), label="array")]
    array = place.get()
    where = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
    array[where] = value
    place.put(array)
    told = files.refusal(tmp_path)
    assert view.take.rpartition("/")[2] in told
    assert "NaN or infinity" in told
