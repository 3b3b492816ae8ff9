"""The root trajectory: carried by the foot on the floor, on a course that stays in the room."""

from __future__ import annotations

import math

import numpy as np

from posekit.datasets.synthetic.motion import Motion
from posekit.datasets.synthetic.person import Person
from posekit.datasets.synthetic.signals import (
    FRAMES_PER_SECOND,
    low_pass,
    ornstein_uhlenbeck,
)

ROOM_RADIUS = 2.0
CURVATURE_DEVIATION, CURVATURE_TIME = 25.0, 2.0
"""Degrees per second and seconds of the wandering of a walker's heading."""

_LARGEST_TURN = 110.0
_FORESIGHT = 0.8
"""Seconds that a walker looks ahead."""
_PLAN_STEP = 10
_SOFTNESS = 0.005
"""Height difference of the ankles, metres, over which the lower one takes over the height."""


def heading(motion: Motion, rng: np.random.Generator) -> np.ndarray:
    """(T,) heading in radians, anticlockwise from the world's x axis.

    Where the motion wanders, the turn rate is an Ornstein-Uhlenbeck process plus a pull back
    towards the middle of the room, which grows with the distance from it.

    Args:
        motion: the whole take; its planned speed decides the course.
        rng: source of randomness.
    """
    frames = motion.frames
    drift = ornstein_uhlenbeck(frames, CURVATURE_TIME, CURVATURE_DEVIATION, rng)[:, 0]
    drift = np.deg2rad(motion["turn_rate"] + motion["wander"] * drift)
    knots = np.arange(0, frames, _PLAN_STEP)
    duration = _PLAN_STEP / FRAMES_PER_SECOND
    wander, speed = (motion[name][knots].tolist() for name in ("wander", "speed"))
    turning = (np.add.reduceat(drift, knots) / _PLAN_STEP).tolist()
    pulls = np.empty(len(knots))
    first = rng.uniform(-math.pi, math.pi)
    x, y, angle, pull = 0.0, 0.0, first, 0.0
    # The pull depends on the place and the place on the pull: a loop over a fifth of a second at
    # a time; everything per frame is vectorised below.
    for k in range(len(knots)):
        ahead = speed[k] * _FORESIGHT
        wanted = _pull(x + ahead * math.cos(angle), y + ahead * math.sin(angle), angle)
        before, pull = pull, pull + 0.6 * (wanted * wander[k] - pull)
        pulls[k] = pull
        angle += duration * ((before + pull) / 2 + turning[k])
        x += duration * speed[k] * math.cos(angle)
        y += duration * speed[k] * math.sin(angle)
    pull_rate = np.interp(np.arange(frames), knots + _PLAN_STEP, pulls, left=0.0)
    return first + np.cumsum(pull_rate + drift) / FRAMES_PER_SECOND


def trajectory(
    person: Person, motion: Motion, joints: np.ndarray, angle: np.ndarray, spot: np.ndarray
) -> np.ndarray:
    """(T, 3) pelvis in the world that keeps the supporting foot where it stands.

    Args:
        person: bone lengths.
        motion: how far the feet carry (``grounded``), else the pelvis's own velocity and height.
        joints: (T, 17, 3) joints relative to the pelvis, along the world's axes.
        angle: (T,) heading, radians.
        spot: (2,) where in the room the middle of the path lies.
    """
    ankles = joints[:, [3, 6]]
    left_share = motion["left_support"]
    share = np.stack([1 - left_share, left_share], axis=-1)
    lowest = _soft_minimum(ankles[..., 2])

    carried = -(share[1:, :, None] * np.diff(ankles[..., :2], axis=0)).sum(axis=1)
    driven = _turn_left(motion["velocity"], angle)[1:] / FRAMES_PER_SECOND
    grounded = motion["grounded"]
    steps = grounded[1:, None] * carried + (1 - grounded[1:, None]) * driven

    standing = person.foot_height - lowest
    height = grounded * standing + (1 - grounded) * motion["height"]
    path = np.zeros((len(angle), 3))
    path[1:, :2] = np.cumsum(steps, axis=0)
    path[:, :2] += spot - (path[:, :2].min(axis=0) + path[:, :2].max(axis=0)) / 2
    path[:, 2] = np.maximum(height, standing)
    return low_pass(path)


def _pull(x: float, y: float, angle: float) -> float:
    """Turn rate, radians per second, that leads back into the room."""
    beyond = min(max(1.5 * math.hypot(x, y) / ROOM_RADIUS - 0.5, 0.0), 1.0)
    towards = math.remainder(math.atan2(-y, -x) - angle, 2 * math.pi)
    return beyond * math.radians(_LARGEST_TURN) * math.tanh(towards)


def _soft_minimum(heights: np.ndarray) -> np.ndarray:
    """(T,) smooth minimum over the two ankles, at most 3.5 mm below the true one."""
    lowest = heights.min(axis=-1)
    return lowest - _SOFTNESS * np.log(np.exp((lowest[:, None] - heights) / _SOFTNESS).sum(axis=-1))


def _turn_left(plane: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(T, 2) forward and left components as world x and y."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.stack(
        [cosine * plane[:, 0] - sine * plane[:, 1], sine * plane[:, 0] + cosine * plane[:, 1]],
        axis=-1,
    )
