"""Synthetic motion: no file on disk, no licence form, the same at every call.

Seven persons with the names, actions and cameras of Human3.6M move by kinematic rules and a
measured walking cycle; their projections pass through a detector that errs like a real one.
Processors with other vector units round the last digits otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

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
SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}


class _Size(NamedTuple):
    actions: tuple[str, ...]
    takes: int
    cameras: int
    shortest: int
    longest: int


_STANDARD = _Size(HUMAN36M_ACTIONS, takes=2, cameras=4, shortest=400, longest=800)
_SIZES = {
    "smoke": _Size(("Eating", "Greeting", "Sitting", "Walking"), 2, 1, 120, 120),
    "quick": _Size(HUMAN36M_ACTIONS, takes=1, cameras=1, shortest=160, longest=240),
    "standard": _STANDARD,
    "full": _STANDARD,
}


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """One split of the synthetic data set; called by ``load_dataset``.

    Args:
        split: "train" (S1, S5, S6, S7, S8) or "test" (S9, S11).
        root: not used, nothing is read from disk.
        keypoints: noise level of the 2D detector, one of ``detector.LEVELS``.
        size: "smoke" (4 actions, 2 takes, 120 frames, 1 camera), "quick" (15 actions, 1 take,
            about 200 frames, 1 camera), "standard" and "full" (15 actions, 2 takes, 400 to 800
            frames, 4 cameras).
    """
    plan = _SIZES[size]
    clips = [
        clip
        for subject in SUBJECTS[split]
        for action in plan.actions
        for take in range(1, plan.takes + 1)
        for clip in record(
            subject, action, take, *_plan(subject, action, take, plan), keypoints=keypoints
        )
    ]
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


def _plan(subject: str, action: str, take: int, size: _Size) -> tuple[int, dict[str, Camera]]:
    """Frames and cameras of one take of the data set."""
    rng = keyed_generator(SEED, subject, action, take, "frames")
    frames = int(rng.integers(size.shortest, size.longest + 1))
    cameras = list(human36m_cameras(subject).items())
    # Smaller sizes still see every camera, in turn.
    first = int(rng.integers(len(cameras))) if size.cameras < len(cameras) else 0
    return frames, dict(cameras[first : first + size.cameras])


def _observe(
    camera: Camera, pose: torch.Tensor, stature: float, level: str, rng: np.random.Generator
) -> torch.Tensor:
    """(T, 17, 3) what the detector sees of a pose in the camera frame, with its confidence."""
    height = camera.focal.mean() * stature / pose[:, 0, 2]
    seen = detect(camera.project(pose).numpy(), level, rng, person_height=height.numpy())
    return torch.from_numpy(seen.astype(np.float32))
