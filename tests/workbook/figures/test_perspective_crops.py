"""Pictures of crops and their rays."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook.figures.perspective_crops import (
    SeenPerson,
    focal_error_curve,
    perspective_idea,
    perspective_viewer,
)


def seen(joints: int = 17) -> SeenPerson:
    points = np.arange(2.0 * joints).reshape(joints, 2)
    rays = np.linspace(0, 50, 16).reshape(4, 4)
    box = np.array([1.0, 2.0, 30.0, 40.0])
    return SeenPerson(points, box, (128, 72), points, points, rays, rays, 64)


def test_each_person_is_a_frame_with_all_that_the_first_has() -> None:
    figure = perspective_viewer({"here": seen(), "there": seen()}, HUMAN36M_17)
    assert [frame.name for frame in figure.frames] == ["here", "there"]
    assert {len(frame.data) for frame in figure.frames} == {len(figure.data)}
    assert [step.label for step in figure.layout.sliders[0].steps] == ["here", "there"]
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    assert [trace.showscale for trace in maps] == [False, True]
    assert not perspective_viewer({"": seen()}, HUMAN36M_17).layout.sliders


def test_nobody_and_joints_of_another_skeleton_are_refused() -> None:
    with pytest.raises(InvalidData, match="nobody to show"):
        perspective_viewer({}, HUMAN36M_17)
    with pytest.raises(InvalidData, match=r"here: joints has shape \(16, 2\)"):
        perspective_viewer({"here": seen(16)}, HUMAN36M_17)


def test_every_crop_stands_above_its_rays() -> None:
    crop, rays = np.zeros((8, 8, 3), dtype=np.uint8), np.zeros((4, 4))
    figure = perspective_idea({"one": crop, "two": crop}, {"one": rays, "two": rays})
    assert [axis.get_title() for axis in figure.axes[:2]] == ["one", "two"]
    with pytest.raises(InvalidData, match="differ; give both of each"):
        perspective_idea({"one": crop}, {"two": rays})


def test_the_curve_of_focal_lengths_has_its_points_at_the_multiples() -> None:
    line = {0.5: 80.0, 1.0: 42.0, 2.0: 71.0}
    figure = focal_error_curve({"reference run": line, "this run": {1.0: 50.0, 2.0: 90.0}})
    assert [trace.name for trace in figure.data] == ["reference run", "this run"]
    assert dict(zip(figure.data[0].x, figure.data[0].y, strict=True)) == line
    assert list(figure.layout.xaxis.ticktext) == ["0.5", "1", "2"]
    for nothing in ({}, {"this run": {0.0: 1.0}}):
        with pytest.raises(InvalidData, match="multiples above zero"):
            focal_error_curve(nothing)
