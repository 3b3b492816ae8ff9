"""Cameras see the persons that they are asked to see."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from posekit.bodies.open_body import open_body
from posekit.datasets.rendered.cameras import (
    CENTRE,
    DISTANCE,
    HEIGHT,
    LENS,
    WIDTH,
    draw_turn,
    place,
)
from posekit.errors import InvalidParameter
from posekit.geometry.perspective import project

STANDING = open_body().v_template.double()
ANY = (0.0, math.pi / 4), (0.0, 2.0)


def test_turned_bodies_stay_upright_and_face_every_way() -> None:
    rng = np.random.default_rng(0)
    turns = torch.stack([draw_turn(rng) for _ in range(400)])
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(400).double())
    up = turns[:, :, 1]  # of the body, in the camera, whose y points down
    tilt = torch.rad2deg((-up[:, 1]).acos())
    assert tilt.max() < 34
    assert 8 < tilt.mean() < 20
    forward = turns[:, :, 2]
    quarters = torch.atan2(forward[:, 0], forward[:, 2]).div(math.pi / 2).floor()
    assert all(70 < int((quarters == quarter).sum()) < 130 for quarter in (-2, -1, 0, 1))


@pytest.mark.parametrize(
    ("off_axis", "field_of_view"),
    [(low, view) for low in ((0, 10), (30, 45)) for view in ((0, 20), (20, 35), (35, 120))],
)
def test_a_shot_meets_its_conditions(
    off_axis: tuple[int, int], field_of_view: tuple[int, int]
) -> None:
    rng = np.random.default_rng(1)
    vertices = STANDING @ draw_turn(rng).T
    ranges = [tuple(map(math.radians, values)) for values in (off_axis, field_of_view)]
    shot = place(vertices, *ranges, rng)
    placed = vertices + shot.translation
    pixels = project(placed[None], shot.intrinsics[None])[0]
    inside = ((pixels > 0) & (pixels < torch.tensor([WIDTH, HEIGHT]))).all(-1).double().mean()
    assert shot.inside == pytest.approx(float(inside))
    assert inside >= 0.8
    box = torch.cat([pixels.amin(0), pixels.amax(0) - pixels.amin(0)])
    torch.testing.assert_close(shot.box, box)
    middle = shot.box[:2] + shot.box[2:] / 2 - torch.tensor(CENTRE)
    angle = math.atan(float(middle.norm() / shot.intrinsics[0, 0]))
    assert shot.off_axis == pytest.approx(angle)
    for value, (low, high) in zip((shot.off_axis, shot.field_of_view), ranges, strict=True):
        assert low <= value < high
    lens = 2 * math.atan(WIDTH / 2 / float(shot.intrinsics[0, 0]))
    assert LENS[0] <= lens <= LENS[1]
    depth = (placed[:, 2].amin() + placed[:, 2].amax()) / 2
    assert DISTANCE[0] - 1e-6 <= depth <= DISTANCE[1] + 1e-6


def test_distances_lenses_and_places_vary() -> None:
    rng = np.random.default_rng(2)
    vertices = STANDING @ draw_turn(rng).T
    shots = [place(vertices, *ANY, rng) for _ in range(60)]
    focal = torch.stack([shot.intrinsics[0, 0] for shot in shots])
    depth = torch.stack([shot.translation[2] for shot in shots])
    middles = torch.stack([shot.box[:2] + shot.box[2:] / 2 for shot in shots])
    assert focal.max() > 2.5 * focal.min()
    assert depth.max() > 2.5 * depth.min()
    assert (middles.std(0) > torch.tensor([150.0, 60.0])).all()
    assert all(shot.inside >= 0.8 for shot in shots)


def test_conditions_that_nothing_meets_are_told() -> None:
    with pytest.raises(InvalidParameter, match=r"80 to 85 degrees off its axis.*widen") as caught:
        place(STANDING, (1.4, 1.48), (0.0, 2.0), np.random.default_rng(0))
    assert "\n" not in str(caught.value)
