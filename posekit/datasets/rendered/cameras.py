"""Cameras of the benchmark: wide and narrow lenses, persons near and far, central or aside."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posekit.errors import InvalidParameter
from posekit.geometry.perspective import project
from posekit.geometry.rotations import axis_angle_to_matrix, shortest_rotation

WIDTH, HEIGHT = 1280, 720
CENTRE = (WIDTH / 2, HEIGHT / 2)
LENS = (math.radians(35), math.radians(110))  # horizontal field of view
DISTANCE = (1.5, 8.0)  # metres along the optical axis
TILT, ROLL = math.radians(20), math.radians(5)
SHARE_INSIDE = 0.8  # of the body's vertices
NEAREST = 0.3  # metres, of any vertex
MARGIN = 1.1  # side of a crop over that of what it must hold

_PROPOSALS, _ROUNDS = 512, 400
_TRIED = 8  # placements of a round that are looked at closely

Range = tuple[float, float]


class Shot(NamedTuple):
    """Where a camera stands to a person.

    Attributes:
        intrinsics: (3, 3), pixels.
        translation: (3,) metres, to be added to the body.
        box: (4,) x, y, width, height of the body, pixels.
        off_axis: radians between the optical axis and the box's centre.
        field_of_view: radians of the crop behind the perspective rotation.
        inside: share of the vertices within the picture.
    """

    intrinsics: Tensor
    translation: Tensor
    box: Tensor
    off_axis: float
    field_of_view: float
    inside: float


def draw_turn(rng: np.random.Generator) -> Tensor:
    """(3, 3) from a body that stands y up to the camera's axes: any yaw, tilts of 20 degrees.

    Pitch and roll are within +-20 degrees each, and the camera rolls by +-5 degrees.
    """
    yaw = rng.uniform(-math.pi, math.pi)
    pitch, roll = rng.uniform(-TILT, TILT, 2)
    camera = rng.uniform(-ROLL, ROLL)
    facing = _about(0, math.pi)  # y up, towards +z, becomes y down, towards the camera
    return _about(2, roll + camera) @ _about(0, pitch) @ facing @ _about(1, yaw)


def place(
    vertices: Tensor, off_axis: Range, field_of_view: Range, rng: np.random.Generator
) -> Shot:
    """A camera for a posed body, its lens, distance and place drawn until all conditions hold.

    Lenses are even in their angle, distances in their logarithm, places over the picture's area.
    At least 80 % of the vertices lie inside of the picture, none nearer than 0.3 m.

    Args:
        vertices: (V, 3) of the turned body, about where it wants.
        off_axis, field_of_view: radians, from (inclusive) and to (exclusive).
        rng: the only source of chance.

    Raises:
        InvalidParameter: no place was found in a great many.
    """
    middle = (vertices.amax(0) + vertices.amin(0)) / 2
    size = float((vertices - middle).norm(dim=-1).max())
    for _ in range(_ROUNDS):
        focal, distance, centre = _propose(rng)
        slope = np.linalg.norm(centre - CENTRE, axis=1) / focal
        # Rough bounds, so that few placements need all vertices.
        angle = np.arctan(slope)
        likely = (angle > off_axis[0] - 0.15) & (angle < off_axis[1] + 0.15)
        range_ = distance * np.sqrt(1 + slope**2)
        likely &= 2 * np.arctan(1.5 * size / range_) > field_of_view[0]
        likely &= 2 * np.arctan(0.4 * size / range_) < field_of_view[1]
        for chosen in np.flatnonzero(likely)[:_TRIED]:
            shot = _shot(vertices - middle, focal[chosen], distance[chosen], centre[chosen])
            if shot is None or shot.inside < SHARE_INSIDE:
                continue
            if not off_axis[0] <= shot.off_axis < off_axis[1]:
                continue
            if field_of_view[0] <= shot.field_of_view < field_of_view[1]:
                return shot._replace(translation=shot.translation - middle)
    raise InvalidParameter(
        f"no camera sees this body {_degrees(off_axis)} off its axis with a crop of "
        f"{_degrees(field_of_view)}; widen the ranges."
    )


def _propose(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    focal = WIDTH / 2 / np.tan(rng.uniform(*LENS, _PROPOSALS) / 2)
    distance = np.exp(rng.uniform(*np.log(DISTANCE), _PROPOSALS))
    return focal, distance, rng.uniform(0, (WIDTH, HEIGHT), (_PROPOSALS, 2))


def _shot(vertices: Tensor, focal: float, distance: float, centre: np.ndarray) -> Shot | None:
    """The shot of a body about the origin, or None if it comes too near."""
    intrinsics = vertices.new_tensor([[focal, 0, CENTRE[0]], [0, focal, CENTRE[1]], [0, 0, 1]])
    ray = torch.linalg.inv(intrinsics) @ vertices.new_tensor([*centre, 1.0])
    translation = distance * ray
    placed = vertices + translation
    if float(placed[:, 2].min()) < NEAREST:
        return None
    pixels = project(placed[None], intrinsics[None])[0]
    low, high = pixels.amin(0), pixels.amax(0)
    within = (pixels > 0) & (pixels < pixels.new_tensor([WIDTH, HEIGHT]))
    aside = ((low + high) / 2 - pixels.new_tensor(CENTRE)) / focal
    return Shot(
        intrinsics=intrinsics,
        translation=translation,
        box=torch.cat([low, high - low]),
        off_axis=math.atan(float(aside.norm())),
        field_of_view=field_of_view(placed, aside),
        inside=float(within.all(-1).double().mean()),
    )


def field_of_view(vertices: Tensor, aside: Tensor) -> float:
    """Radians of the square crop around vertices once the camera is turned towards a ray.

    Args:
        vertices: (V, 3) in the camera.
        aside: (2,) the ray's x/z and y/z.
    """
    ray = torch.cat([aside, aside.new_ones(1)])
    turn = shortest_rotation(ray, ray.new_tensor([0, 0, 1]))
    turned = vertices @ turn.T
    slopes = turned[:, :2] / turned[:, 2:]
    return 2 * math.atan(MARGIN * float(slopes.abs().max()))


def _about(axis: int, angle: float) -> Tensor:
    vector = torch.zeros(3, dtype=torch.float64)
    vector[axis] = angle
    return axis_angle_to_matrix(vector)


def _degrees(angles: Range) -> str:
    return f"{math.degrees(angles[0]):.0f} to {math.degrees(angles[1]):.0f} degrees"
