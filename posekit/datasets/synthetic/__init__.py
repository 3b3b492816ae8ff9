"""Synthetic motion: no file on disk, no licence form, the same at every call.

Persons move by kinematic rules and a measured walking cycle in Human3.6M's actions and before its
cameras; their projections pass through a detector that errs like a real one. Human3.6M tests on two
persons, too few to tell a method's effect from theirs; here twenty are tested, with fewer and
shorter takes each. Processors with other vector units round the last digits otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from posekit.datasets.bodies import check_bodies
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.synthetic.actions import ACTIONS, HUMAN36M_ACTIONS
from posekit.datasets.synthetic.detector import detect
from posekit.datasets.synthetic.generate import generate_take
from posekit.datasets.synthetic.person import draw_person, keyed_generator
from posekit.datasets.synthetic.rigs import draw_rig
from posekit.datasets.synthetic.signals import FRAMES_PER_SECOND
from posekit.geometry.cameras import Camera, human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17

__all__ = [
    "ACTIONS",
    "HUMAN36M_ACTIONS",
    "SUBJECTS",
    "detect",
    "draw_rig",
    "generate_take",
    "load",
    "record",
]

SEED = "posekit"
SUBJECTS = {
    "train": ("S1", "S5", "S6", "S7", "S8"),
    "test": ("S9", "S11", *(f"S{number}" for number in range(12, 30))),
}
# Human3.6M's subjects whose cameras the persons of a split share, in turn.
_RIGS = {"train": SUBJECTS["train"], "test": ("S9", "S11")}


class _Size(NamedTuple):
    """How much of a split is made.

    A person takes part in one action in ``share``, beginning with another one than the person
    before, so that every action has as many persons.
    """

    actions: tuple[str, ...]
    takes: int
    cameras: int
    shortest: int
    longest: int
    persons: int = len(SUBJECTS["test"])
    share: int = 1


# Clips of the test hold a window of 243 frames.
_STANDARD = {
    "train": _Size(HUMAN36M_ACTIONS, takes=2, cameras=4, shortest=400, longest=800),
    "test": _Size(HUMAN36M_ACTIONS, takes=1, cameras=4, shortest=243, longest=297),
}
_SMOKE_ACTIONS = ("Eating", "Greeting", "Sitting", "Walking")
_SIZES = {
    "smoke": {
        "train": _Size(_SMOKE_ACTIONS, takes=2, cameras=1, shortest=120, longest=120),
        "test": _Size(_SMOKE_ACTIONS, takes=2, cameras=1, shortest=120, longest=120, persons=2),
    },
    "quick": {
        "train": _Size(HUMAN36M_ACTIONS, takes=1, cameras=1, shortest=160, longest=240),
        "test": _Size(HUMAN36M_ACTIONS, takes=1, cameras=1, shortest=160, longest=240, share=3),
    },
    "standard": _STANDARD,
    "full": _STANDARD,
}


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """One split of the synthetic data set; called by ``load_dataset``.

    Args:
        split: "train" (5 persons) or "test" (20 others).
        root: not used, nothing is read from disk.
        keypoints: noise level of the 2D detector, one of ``detector.LEVELS``.
        size: "smoke" (4 actions, 2 takes, 120 frames, 1 camera; 2 persons in the test), "quick" (15
            actions, 1 take, about 200 frames, 1 camera; each person of the test in 5 of the
            actions), "standard" and "full" (15 actions, 4 cameras; training: 2 takes of 400 to 800
            frames, test: 1 take of 243 to 297).
    """
    plan = _SIZES[size][split]
    clips = [
        clip
        for number, subject in enumerate(SUBJECTS[split][: plan.persons])
        for action in plan.actions[number % plan.share :: plan.share]
        for take in range(1, plan.takes + 1)
        for clip in _take(subject, action, take, plan, _rig(split, number), keypoints)
    ]
    check_bodies(clips, HUMAN36M_17, "synthetic")
    note = "Motion, cameras' views and detector errors are generated, not recorded."
    return Reading(HUMAN36M_17, clips, "synthetic", (note,))


def record(
    subject: str,
    action: str,
    take: int,
    frames: int,
    cameras: Mapping[str, Camera],
    keypoints: str = "cpn",
    seed: str = SEED,
) -> list[Clip]:
    """One take seen by any cameras, as one clip per camera.

    Args:
        subject, action, take, frames, seed: as for ``generate_take``.
        cameras: by name, for instance ``human36m_cameras("S9")`` or ``draw_rig("outdoor", rng)``.
        keypoints: noise level of the 2D detector, one of ``detector.LEVELS``.

    Raises:
        InvalidParameter: an unknown action or noise level, or less than one frame.
    """
    world = torch.from_numpy(generate_take(subject, action, take, frames, seed))
    stature = draw_person(subject, seed).stature
    clips = []
    for name, camera in cameras.items():
        pose = camera.world_to_camera(world)
        noise = keyed_generator(seed, subject, action, take, name, keypoints)
        clips.append(
            Clip(
                subject=subject,
                action=action,
                take=f"{action} {take}",
                camera_name=name,
                camera=camera,
                keypoints=_observe(camera, pose, stature, keypoints, noise),
                pose=pose,
                valid=torch.ones(frames, dtype=torch.bool),
                fps=FRAMES_PER_SECOND,
            )
        )
    return clips


def _rig(split: str, number: int) -> dict[str, Camera]:
    """The cameras around the person of that place in a split."""
    return human36m_cameras(_RIGS[split][number % len(_RIGS[split])])


def _take(
    subject: str, action: str, take: int, size: _Size, rig: Mapping[str, Camera], keypoints: str
) -> list[Clip]:
    """One take of the data set, seen by as many cameras of a rig as the size has."""
    rng = keyed_generator(SEED, subject, action, take, "frames")
    frames = int(rng.integers(size.shortest, size.longest + 1))
    cameras = list(rig.items())
    # Smaller sizes still see every camera, in turn.
    first = int(rng.integers(len(cameras))) if size.cameras < len(cameras) else 0
    seen = dict(cameras[first : first + size.cameras])
    return record(subject, action, take, frames, seen, keypoints)


def _observe(
    camera: Camera, pose: torch.Tensor, stature: float, level: str, rng: np.random.Generator
) -> torch.Tensor:
    """(T, 17, 3) what the detector sees of a pose in the camera frame, with its confidence."""
    height = camera.focal.mean() * stature / pose[:, 0, 2]
    seen = detect(camera.project(pose).numpy(), level, rng, person_height=height.numpy())
    return torch.from_numpy(seen.astype(np.float32))
