"""2D and 3D belong together view by view: whatever is mixed up is refused, and named."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import small_files
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_files import FRAMES, Files, View

from posekit.datasets import Clip, human36m
from posekit.datasets.pairing import DETECTED, EXACT, Fit, check_pairing
from posekit.datasets.synthetic import record
from posekit.errors import InvalidData
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17

BRIEF = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LAYOUTS = tuple(small_files.LAYOUTS)
SEVERAL_VIEWS = tuple(name for name in LAYOUTS if name not in ("mpi_inf_3dhp test", "poseaug_3dhp"))


def drawn(files: Files, data: st.DataObject) -> View:
    return files.views[data.draw(st.integers(0, len(files.views) - 1), label="view")]


def mirror(files: Files, view: View) -> None:
    """Exchange left and right in the keypoints of one view."""
    view.keypoints.put(view.keypoints.get()[:, list(files.layout.skeleton.mirror)])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_intact_files_are_read(layout: str, tmp_path: Path) -> None:
    files = small_files.files(layout)
    read = files.load(tmp_path)
    assert {clip.name for clip in read.clips} == {view.name for view in files.views}


@pytest.mark.parametrize("layout", SEVERAL_VIEWS)
@BRIEF
@given(data=st.data())
def test_two_exchanged_views_of_a_take_are_refused(
    layout: str, data: st.DataObject, tmp_path: Path
) -> None:
    files = small_files.files(layout)
    one = drawn(files, data)
    rest = [view for view in files.views if view.take == one.take and view.name != one.name]
    other = rest[data.draw(st.integers(0, len(rest) - 1), label="other")]
    pixels = one.keypoints.get(), other.keypoints.get()
    one.keypoints.put(pixels[1])
    other.keypoints.put(pixels[0])
    told = files.refusal(tmp_path)
    first, second = (view.name for view in files.views if view.name in (one.name, other.name))
    assert f"keypoints of {first} lie " in told
    assert f"from those seen by camera {second.rpartition('/')[2]};" in told


@pytest.mark.parametrize("layout", LAYOUTS)
@BRIEF
@given(data=st.data())
def test_a_view_with_left_and_right_exchanged_is_refused(
    layout: str, data: st.DataObject, tmp_path: Path
) -> None:
    files = small_files.files(layout)
    view = drawn(files, data)
    mirror(files, view)
    told = files.refusal(tmp_path)
    assert f"keypoints of {view.name} lie " in told
    assert "from the same poses with left and right exchanged;" in told


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_with_left_and_right_exchanged_is_refused(layout: str, tmp_path: Path) -> None:
    files = small_files.files(layout)
    for view in files.views:
        mirror(files, view)
    assert "from the same poses with left and right exchanged;" in files.refusal(tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
@BRIEF
@given(shift=st.one_of(st.integers(25, 100), st.integers(-100, -25)), data=st.data())
def test_a_view_shifted_in_time_is_refused(
    layout: str, shift: int, data: st.DataObject, tmp_path: Path
) -> None:
    files = small_files.files(layout)
    view = drawn(files, data)
    pixels = view.keypoints.get()
    if len(pixels) <= 2 * abs(shift):  # a chunk
        shift = int(np.copysign(min(abs(shift), max(25, len(pixels) // 2)), shift))
    view.keypoints.put(np.roll(pixels, shift, axis=0))
    assert f"keypoints of {view.name} lie " in files.refusal(tmp_path)


@pytest.mark.parametrize("layout", ["h36m gt", "h36m cpn", "humaneva gt", "humaneva mrcnn"])
@BRIEF
@given(data=st.data())
def test_exchanged_takes_are_refused(layout: str, data: st.DataObject, tmp_path: Path) -> None:
    files = small_files.files(layout)
    one = drawn(files, data)
    camera = one.name.rpartition("/")[2]
    rest = [view for view in files.views if view.take != one.take and view.name.endswith(camera)]
    pixels = rest[data.draw(st.integers(0, len(rest) - 1), label="other")].keypoints.get()
    frames = len(one.keypoints.get())
    one.keypoints.put(np.concatenate([pixels] * 9)[:frames])
    assert f"keypoints of {one.name} lie " in files.refusal(tmp_path)


@cache
def takes() -> tuple[Clip, ...]:
    """Three takes in four cameras, with keypoints as a detector finds them."""
    cameras = human36m_cameras("S9")
    return tuple(
        clip
        for action, number in (("Walking", 1), ("Greeting", 1), ("Greeting", 2))
        for clip in record("S9", action, number, FRAMES, cameras, "cpn")
    )


def moved(clip: Clip, pixels: tuple[float, float]) -> Clip:
    """The clip with keypoints shifted by so many pixels."""
    shift = 2 * torch.tensor(pixels) / clip.camera.resolution[0]
    points = torch.cat([clip.keypoints[..., :2] + shift, clip.keypoints[..., 2:]], dim=-1)
    return replace(clip, keypoints=points)


def refused(clips: list[Clip], fit: Fit = DETECTED, **options: object) -> str:
    with pytest.raises(InvalidData) as caught:
        check_pairing(clips, HUMAN36M_17, "2d.npz", fit, **options)
    return str(caught.value)


def test_one_view_is_enough_to_refuse() -> None:
    clips = list(takes())
    assert check_pairing(clips, HUMAN36M_17, "2d.npz", DETECTED) == []
    clips[2] = moved(clips[2], (80.0, 0.0))
    told = refused(clips)
    assert f"2d.npz: keypoints of {clips[2].name} lie 80." in told
    assert "50.0 px are due" in told


def test_true_keypoints_are_due_to_a_pixel() -> None:
    clip = replace(takes()[0], keypoints=takes()[0].camera.project(takes()[0].pose))
    check_pairing([clip], HUMAN36M_17, "2d.npz", EXACT)
    assert "lie 2.0 px" in refused([moved(clip, (2.0, 0.0))], EXACT)
    part = clip.keypoints.clone()
    part[-30:] = part[:30].clone()  # a fifth of the frames is of another time
    assert "keypoints of S9/Walking 1/54138969 lie" in refused(
        [replace(clip, keypoints=part)], EXACT
    )


def test_detections_as_bad_as_real_ones_are_read() -> None:
    rng = np.random.default_rng(0)
    for clip in takes():
        points = clip.keypoints[..., :2].clone()
        width = float(clip.camera.resolution[0]) / 2
        points += torch.from_numpy(rng.normal(0, 8 / width, points.shape).astype(np.float32))
        points[:, [1, 4]] += 15 / width  # hips are elsewhere for this detector
        points[20:45, [11, 12, 13, 9]] += 90 / width  # an arm is hidden
        points[60:76, [1, 2, 3, 4, 5, 6]] = points[60:76, [4, 5, 6, 1, 2, 3]]  # legs confused
        points[torch.rand(points.shape[:2]) < 0.05] = clip.camera.normalise(torch.zeros(2))
        worse = replace(clip, keypoints=points)
        assert check_pairing([worse], HUMAN36M_17, "2d.npz", DETECTED) == []


def test_undetected_joints_do_not_count_and_none_at_all_is_refused() -> None:
    clip = takes()[0]
    points = clip.keypoints.clone()
    points[:, :10, :2] = clip.camera.normalise(torch.zeros(2))
    check_pairing([replace(clip, keypoints=points)], HUMAN36M_17, "2d.npz", DETECTED)
    points[..., :2] = clip.camera.normalise(torch.zeros(2))
    told = refused([replace(clip, keypoints=points)])
    assert told == f"2d.npz: {clip.name}: no joint is detected in any valid frame; detect it again."


def test_nothing_valid_is_nothing_to_compare() -> None:
    clip = takes()[0]
    nobody = replace(moved(clip, (300.0, 0.0)), valid=torch.zeros_like(clip.valid))
    assert check_pairing([nobody], HUMAN36M_17, "2d.npz", DETECTED) == []


def test_takes_known_to_be_shifted_are_read_and_told() -> None:
    known = ("S9/Greeting 2",)
    clips = [
        replace(clip, pose=clip.pose + torch.tensor([0.3, 0.1, 0.2]))
        if clip.take == "Greeting 2"
        else clip
        for clip in takes()
    ]
    assert "keypoints of S9/Greeting 2/54138969 lie" in refused(clips)
    (told,) = check_pairing(clips, HUMAN36M_17, "2d.npz", DETECTED, displaced=known)
    assert told.startswith(
        "Poses shifted against the pictures in the data set itself: S9/Greeting 2"
    )
    assert check_pairing(list(takes()), HUMAN36M_17, "2d.npz", DETECTED, displaced=known) == []
    mirrored = clips[-1].keypoints[:, list(HUMAN36M_17.mirror)]
    clips[-1] = replace(clips[-1], keypoints=mirrored)
    assert "left and right exchanged" in refused(clips, displaced=known)


def test_the_cameras_of_a_room_are_tried_though_one_view_is_read() -> None:
    one, other = takes()[:2]
    exchanged = replace(one, keypoints=other.keypoints)
    rigs = {"S9": human36m_cameras("S9")}
    assert f"from those seen by camera {other.camera_name};" in refused([exchanged], rigs=rigs)


def test_damaged_takes_of_human36m_are_read_whole(tmp_path: Path) -> None:
    files = small_files.files("h36m cpn")
    poses, detections = (members for members in files.contents.values())
    for members, key in ((poses, "positions_3d"), (detections, "positions_2d")):
        members[key]["S9"]["Greeting"] = members[key]["S9"].pop("Walking")
    take = poses["positions_3d"]["S9"]
    take["Greeting"] = take["Greeting"] + np.float32([0.2, -0.2, 0.05])
    assert "S9/Greeting" in human36m.DAMAGED_TAKES
    read = files.load(tmp_path)
    assert any("S9/Greeting by up to" in note for note in read.notes)
    take["Posing"] = take["Posing"] + np.float32([0.3, -0.3, 0.05])
    assert "keypoints of S9/Posing" in files.refusal(tmp_path)
