"""The generator: from a subject, an action and a take number to joint positions in the world."""

from __future__ import annotations

import numpy as np

from posekit.datasets.synthetic.actions import ACTIONS, write_script
from posekit.datasets.synthetic.arms import apply_reaches
from posekit.datasets.synthetic.kinematics import (
    Directions,
    directions,
    positions,
    smooth,
    turn_right,
)
from posekit.datasets.synthetic.motion import Motion, join, seconds
from posekit.datasets.synthetic.pelvis import heading, trajectory
from posekit.datasets.synthetic.person import draw_person, keyed_generator
from posekit.datasets.synthetic.scripts import Script
from posekit.datasets.synthetic.signals import FRAMES_PER_SECOND
from posekit.errors import InvalidParameter

_FADE = (0.4, 0.8)
_SPOT_DEVIATION = 0.2


def generate_take(
    subject: str, action: str, take: int, frames: int, seed: str = "posekit"
) -> np.ndarray:
    """One take of synthetic motion.

    The same arguments give the same bytes on processors of one kind; others may round the last
    digits otherwise.

    Args:
        subject: name of the person; bone lengths and gait depend on it.
        action: one of ``ACTIONS``: Human3.6M's 15 actions, "Running" or "Jumping".
        take: number of the take.
        frames: length T at 50 frames per second.
        seed: name of the world; another seed gives other persons and other motion.

    Returns:
        (T, 17, 3) float32: Human3.6M-17 joints, metres, world axes with z up.

    Raises:
        InvalidParameter: an unknown action, or less than one frame.
    """
    if action not in ACTIONS:
        raise InvalidParameter(f"unknown action {action!r}; choose one of {', '.join(ACTIONS)}.")
    if frames < 1:
        raise InvalidParameter(f"a take needs at least one frame; {frames} were asked for.")
    person = draw_person(subject, seed)
    rng = keyed_generator(seed, subject, action, take)
    script = write_script(person, action, frames / FRAMES_PER_SECOND, rng)
    time = seconds(frames)

    motion = _perform(script, frames)
    motion.add_restlessness(time, rng)
    apply_reaches(person, motion, script.reaches, time, rng)
    motion.clamp()
    bones = smooth(directions(motion))

    angle = heading(motion, rng)
    spot = rng.normal(0, _SPOT_DEVIATION, 2)
    joints = positions(person, Directions(*(_to_world(vector, angle) for vector in bones)))
    joints += trajectory(person, motion, joints, angle, spot)[:, None]
    return joints.astype(np.float32)


def _perform(script: Script, frames: int) -> Motion:
    """The body motion of a script, its segments cross-faded."""
    parts = []
    start = 0
    for segment, length in script.segments:
        stop = min(frames, start + max(1, round(length * FRAMES_PER_SECOND)))
        if stop <= start:
            break
        fade = 0
        if parts:
            fade = round(script.rng.uniform(*_FADE) * FRAMES_PER_SECOND)
        # Every segment plays on below the one that fades in over it.
        overlap = round(_FADE[1] * FRAMES_PER_SECOND)
        motion = segment(script.person, seconds(stop - start + overlap), script.rng)
        parts.append((motion, start, fade))
        start = stop
    return join(parts, frames)


def _to_world(vectors: np.ndarray, angle: np.ndarray) -> np.ndarray:
    degrees = -np.rad2deg(angle)
    return turn_right(vectors, degrees if vectors.ndim == 2 else degrees[:, None])
