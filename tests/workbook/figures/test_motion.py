"""The viewer of motion draws the poses it is given."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from plots import JOINTS, motion, plain, points_of, trace

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook import figures
from posekit.workbook.figures.motion import MOST_FRAMES, to_display
from posekit.workbook.figures.style import SIDE_COLOURS


def test_viewer_draws_the_poses_it_is_given() -> None:
    prediction, target = motion(5)
    figure = plain(figures.motion_viewer(prediction, target, HUMAN36M_17))
    names = [item.get("name") for item in figure["data"]]
    for number, frame in enumerate(figure["frames"]):
        joints = frame["data"][names.index("joints")]
        drawn = np.stack([joints[axis] for axis in "xyz"], axis=-1)
        np.testing.assert_allclose(drawn, to_display(prediction[number]), atol=0.5001e-4)
        truth = points_of(frame["data"][names.index("truth")])
        bones = np.array(HUMAN36M_17.bones)
        wanted = to_display(target[number])
        np.testing.assert_allclose(truth[:, 0], wanted[bones[:, 1]], atol=0.5001e-4)
        np.testing.assert_allclose(truth[:, 1], wanted[bones[:, 0]], atol=0.5001e-4)
        errors = 1000 * (prediction[number] - target[number]).norm(dim=-1)
        bars = frame["data"][names.index("error")]["y"]
        np.testing.assert_allclose(bars, errors, atol=0.051)
        assert f"{errors.mean():.1f} mm" in frame["name"]


def test_display_axes_are_right_away_and_up() -> None:
    camera = torch.tensor([1.0, 2.0, 3.0])  # 1 right, 2 down, 3 forward
    np.testing.assert_array_equal(to_display(camera), [1.0, 3.0, -2.0])


def test_left_and_right_limbs_keep_their_colours() -> None:
    prediction, target = motion(2)
    data = plain(figures.motion_viewer(prediction, target, HUMAN36M_17))["data"]
    for name in ("left", "right"):
        assert trace(data, name)["line"]["color"] == SIDE_COLOURS[name]
        bones = [bone for bone in HUMAN36M_17.bones if bone[0] in getattr(HUMAN36M_17, name)]
        starts = points_of(trace(data, name))[:, 0]
        wanted = to_display(prediction[0])[[parent for _, parent in bones]]
        np.testing.assert_allclose(starts, wanted, atol=0.5001e-4)


def test_long_clips_are_thinned_and_axes_hold_every_frame() -> None:
    prediction, target = motion(500)
    figure = plain(figures.motion_viewer(prediction, target, HUMAN36M_17))
    assert len(figure["frames"]) == MOST_FRAMES
    assert figure["frames"][0]["name"].startswith("0 ")
    assert figure["frames"][-1]["name"].startswith("499 ")
    everything = to_display(torch.cat([prediction, target])).reshape(-1, 3)
    scene = figure["layout"]["scene"]
    assert scene["aspectmode"] == "data"
    for axis, values in zip("xyz", everything.T, strict=True):
        low, high = scene[f"{axis}axis"]["range"]
        assert low < values.min()
        assert high > values.max()


def test_viewer_without_truth_has_no_errors() -> None:
    prediction, _ = motion(3)
    data = plain(figures.motion_viewer(prediction, None, HUMAN36M_17))["data"]
    assert {item.get("name") for item in data} == {"left", "right", "torso", "joints"}


@pytest.mark.parametrize("shape", [(3, JOINTS, 2), (3, 16, 3), (JOINTS, 3), (0, JOINTS, 3)])
def test_viewer_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidData, match=r"prediction has shape .* expected \(frames, 17, 3\)"):
        figures.motion_viewer(torch.zeros(shape), None, HUMAN36M_17)


def test_viewer_refuses_truth_of_another_length() -> None:
    with pytest.raises(InvalidData, match="differ"):
        figures.motion_viewer(motion(3)[0], motion(4)[1], HUMAN36M_17)


def test_strip_is_sound_svg_with_every_bone_inside() -> None:
    prediction, _ = motion(20)
    svg = ElementTree.fromstring(figures.pose_strip(prediction, HUMAN36M_17))
    assert svg.get("aria-label") == "5 predicted poses"
    assert svg.get("viewBox") == "0 0 500 150"
    assert len(svg) == 5 * len(HUMAN36M_17.bones)
    ends = np.array([[float(line.get(axis)) for axis in ("x1", "y1")] for line in svg])
    assert (ends > 0).all()
    assert (ends < [500, 150]).all()
    colours = [line.get("stroke") for line in svg]
    left = [child for child, _ in HUMAN36M_17.bones if child in HUMAN36M_17.left]
    assert colours.count(SIDE_COLOURS["left"]) == 5 * len(left)
