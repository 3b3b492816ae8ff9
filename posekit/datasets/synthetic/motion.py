"""``Motion``, the joint angles of a body over time, with their limits and their blending.

Angles are degrees. Columns with two entries hold the right side first, then the left.

Thigh and upper arm: with flexion f and abduction a the direction is
``cos a (sin f forward - cos f up) + sin a outward``. For small angles this is the description of
``walk_cycle.json``; unlike that one it has no singularity at 90 degrees, where people sit.
Shank and forearm bend in the plane of flexion, turned about the upper segment by its rotation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posekit.datasets.synthetic.signals import (
    FRAMES_PER_SECOND,
    minimum_jerk,
    soft_clamp,
    sway,
)

_LAYOUT = {
    "hip_flexion": 2,
    "hip_abduction": 2,
    "hip_rotation": 2,  # outward; a bent leg's foot moves inward
    "knee_flexion": 2,
    "shoulder_flexion": 2,
    "shoulder_abduction": 2,
    "shoulder_rotation": 2,  # inward; a bent arm's hand moves inward
    "elbow_flexion": 2,
    "pelvis_yaw": 1,  # to the right, against the heading
    "pelvis_roll": 1,  # right hip higher
    "shoulder_yaw": 1,  # to the right, against the heading
    "trunk_pitch": 1,  # forward; the lower trunk takes 0.6 of it
    "trunk_roll": 1,  # to the right
    "neck_pitch": 1,  # forward, against the trunk
    "neck_yaw": 1,  # to the right, against the shoulders
    "turn_rate": 1,  # degrees per second, to the left
    "wander": 1,  # share of the course that the room decides, see pelvis.py
    "speed": 1,  # planned forward speed, metres per second, for the course
    "grounded": 1,  # 1: the feet carry the pelvis; 0: it follows velocity and height below
    "left_support": 1,  # share of the left foot in carrying; the right foot has the rest
    "velocity": 2,  # of the pelvis, forward and left, metres per second
    "height": 1,  # of the pelvis, metres
}


def _columns() -> dict[str, int | slice]:
    columns: dict[str, int | slice] = {}
    start = 0
    for name, width in _LAYOUT.items():
        columns[name] = start if width == 1 else slice(start, start + width)
        start += width
    return columns


_COLUMNS = _columns()
_WIDTH = sum(_LAYOUT.values())

LIMITS: dict[str, tuple[float, float]] = {
    "hip_flexion": (-25, 120),
    "hip_abduction": (-25, 45),
    "hip_rotation": (-60, 80),
    "knee_flexion": (0, 150),
    "shoulder_flexion": (-60, 175),
    "shoulder_abduction": (-20, 170),
    "elbow_flexion": (0, 150),
    "trunk_pitch": (-25, 90),
    "trunk_roll": (-35, 35),
    "neck_pitch": (-40, 50),
    "neck_yaw": (-70, 70),
}
LARGEST_TWIST = 45.0
"""Limit of the yaw of the shoulders against the hips."""

_RESTLESS = (
    "shoulder_flexion",
    "shoulder_abduction",
    "shoulder_rotation",
    "elbow_flexion",
    "shoulder_yaw",
    "trunk_pitch",
    "trunk_roll",
    "neck_pitch",
    "neck_yaw",
)


class Motion:
    """Angles and pelvis drive over T frames; columns are read and written by name."""

    def __init__(self, frames: int, values: np.ndarray | None = None) -> None:
        self.values = np.zeros((frames, _WIDTH)) if values is None else values

    def __getitem__(self, name: str) -> np.ndarray:
        """(T,) or (T, 2) view of a column."""
        return self.values[:, _COLUMNS[name]]

    def __setitem__(self, name: str, value: np.ndarray | float | Sequence[float]) -> None:
        self.values[:, _COLUMNS[name]] = value

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.values)

    def add_restlessness(self, time: np.ndarray, rng: np.random.Generator) -> None:
        """Small slow sinusoids on every angle above the pelvis (0.3 to 1 degree each).

        Legs get theirs from whoever moves them, since a foot on the floor must stay there.
        """
        widths = [_LAYOUT[name] for name in _RESTLESS]
        noise = sway(time, sum(widths), rng, amplitude=(0.3, 1.0))
        start = 0
        for name, width in zip(_RESTLESS, widths, strict=True):
            self[name] += noise[:, start] if width == 1 else noise[:, start : start + width]
            start += width

    def clamp(self) -> None:
        """Bring every angle inside its limits, smoothly."""
        for name, (low, high) in LIMITS.items():
            self[name] = soft_clamp(self[name], low, high)
        twist = soft_clamp(self["shoulder_yaw"] - self["pelvis_yaw"], -LARGEST_TWIST, LARGEST_TWIST)
        self["shoulder_yaw"] = self["pelvis_yaw"] + twist


def join(parts: Sequence[tuple[Motion, int, int]], frames: int) -> Motion:
    """One motion out of parts that overlap, cross-faded with minimum-jerk weights.

    Args:
        parts: (motion, start frame, frames over which it fades in over its predecessor), in order
            of time; each part lasts at least until its successor has faded in.
        frames: length of the result.
    """
    result = Motion(frames)
    for motion, start, fade in parts:
        stop = min(start + motion.frames, frames)
        weight = np.ones(stop - start)
        if fade:
            ramp = minimum_jerk((np.arange(fade) + 0.5) / fade)
            weight[:fade] = ramp[: len(weight)]
        before = result.values[start:stop]
        after = motion.values[: stop - start]
        result.values[start:stop] = before + weight[:, None] * (after - before)
    return result


def seconds(frames: int) -> np.ndarray:
    """(T,) times of that many frames."""
    return np.arange(frames) / FRAMES_PER_SECOND
