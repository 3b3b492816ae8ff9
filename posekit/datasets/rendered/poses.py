"""Poses of the benchmark: single frames of motion, as joint rotations of the body.

"synthetic" mixes the generator's takes (walking, sitting, telephoning ...) with limbs drawn at
random within the joints' limits, which reach where no everyday motion does; "cmu" takes frames of
motion capture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posekit.datasets import cmu
from posekit.datasets.rendered.joint_rotations import joint_rotations
from posekit.datasets.synthetic.actions import ACTIONS
from posekit.datasets.synthetic.generate import generate_take
from posekit.datasets.synthetic.kinematics import directions, positions
from posekit.datasets.synthetic.motion import LIMITS, Motion
from posekit.datasets.synthetic.person import draw_person

FREE_LIMBS = "FreeLimbs"
_FREE_SHARE = 0.3
_FRAMES = 60  # of a take, from which one is drawn

# Middle and deviation (degrees) of the angles of free limbs; all are brought inside their limits.
_FREE = {
    "hip_flexion": (25, 35),
    "hip_abduction": (8, 12),
    "hip_rotation": (0, 12),
    "knee_flexion": (35, 35),
    "shoulder_flexion": (55, 60),
    "shoulder_abduction": (40, 40),
    "shoulder_rotation": (10, 35),
    "elbow_flexion": (50, 40),
    "pelvis_yaw": (0, 8),
    "shoulder_yaw": (0, 18),
    "trunk_pitch": (8, 14),
    "trunk_roll": (0, 9),
    "neck_pitch": (5, 14),
    "neck_yaw": (0, 25),
}


class Pose(NamedTuple):
    """What a person does: the action's name, and (24, 3, 3) rotations, the root's y up."""

    action: str
    rotations: Tensor


Sampler = Callable[[np.random.Generator], Pose]


def pose_sampler(motion: str, split: str, rest: Tensor, data: Path) -> Sampler:
    """A function that draws poses with a generator that it is given.

    Args:
        motion: "synthetic" or "cmu".
        split: "train" or "test"; their takes are of different persons.
        rest: (24, 3) joints of the body at rest, y up.
        data: folder of data sets, read for "cmu" only.

    Raises:
        DatasetNotFound: CMU motion is not on disk.
        InvalidData: its files do not hold what they should.
    """
    if motion == "synthetic":
        return lambda rng: _generated(split, rest, rng)
    takes, read = cmu.open_takes(data)
    takes = [take for take in takes if take.subject in cmu.SUBJECTS[split]]
    groups = sorted({take.group for take in takes})
    read = lru_cache(maxsize=None)(read)

    def captured(rng: np.random.Generator) -> Pose:
        # By what is done first: most takes are walks.
        group = groups[rng.integers(len(groups))]
        chosen = [take for take in takes if take.group == group]
        world = read(chosen[rng.integers(len(chosen))].name)
        return _pose(group, world[rng.integers(len(world))], rest)

    return captured


def _generated(split: str, rest: Tensor, rng: np.random.Generator) -> Pose:
    if rng.random() < _FREE_SHARE:
        return _pose(FREE_LIMBS, _free_limbs(rng), rest)
    names = tuple(ACTIONS)
    action = names[rng.integers(len(names))]
    take = int(rng.integers(1 << 30))
    world = generate_take(f"{split} model", action, take, _FRAMES)
    return _pose(action, world[rng.integers(len(world))], rest)


def _free_limbs(rng: np.random.Generator) -> np.ndarray:
    """(17, 3) joints, z up, of limbs at random within the limits of their joints."""
    motion = Motion(1)
    for name, (middle, deviation) in _FREE.items():
        low, high = LIMITS.get(name, (-60, 60))
        drawn = middle + deviation * rng.normal(size=motion[name].shape)
        motion[name] = np.clip(drawn, low, high)
    motion.clamp()
    forward_left_up = positions(draw_person("model", "rendered"), directions(motion))
    return forward_left_up[0]


def _pose(action: str, joints: np.ndarray, rest: Tensor) -> Pose:
    """From (17, 3) joints, z up."""
    x, y, z = np.asarray(joints, dtype=np.float64).T
    y_up = torch.from_numpy(np.stack([x, z, -y], axis=-1))
    return Pose(action, joint_rotations(y_up[None], rest.double())[0])
