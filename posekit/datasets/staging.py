"""Virtual cameras for motion capture: Human3.6M's room and cameras, and a 2D detector."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.synthetic.detector import detect
from posekit.datasets.synthetic.person import keyed_generator
from posekit.geometry.cameras import Camera, human36m_cameras

HEADINGS = 12  # directions that are tried to keep a person in view
VIEW_STEP = 10  # frames between those that are looked at for it
LIMIT_IN_VIEW = 1.0  # screen-normalised
_STATURE_BONES = ((2, 1), (3, 2), (7, 0), (8, 7), (10, 8))
_FOOT_HEIGHT = 0.075  # metres from the ankle to the floor


def rig(subjects: tuple[str, ...], number: int) -> dict[str, Camera]:
    """The four cameras of one of Human3.6M's ``subjects``, taken in turn by ``number``."""
    return human36m_cameras(subjects[number % len(subjects)])


def place_in_room(world: np.ndarray, key: str, cameras: dict[str, Camera]) -> Tensor:
    """Move the middle of a path to the origin and turn it so that all cameras see the person.

    Recorded walks lead several metres along one axis of a studio. Headings are tried in an order
    that ``key`` decides; the first that keeps the person in view is taken, else the best.

    Args:
        world: (frames, 17, 3) metres, z up, floor at 0.
        key: name of the take.
        cameras: by name.

    Returns:
        (frames, 17, 3) float32, the same motion, moved and turned about the vertical.
    """
    points = torch.from_numpy(np.array(world, dtype=np.float32))
    path = points[:, 0, :2]
    points[..., :2] -= (path.amax(0) + path.amin(0)) / 2
    first = keyed_generator("heading", key).uniform(0, 2 * np.pi)
    order = keyed_generator("order", key).permutation(HEADINGS)
    turned = [_turn(points[::VIEW_STEP], first + 2 * np.pi * k / HEADINGS) for k in order]
    shares = [_share_in_view(candidate, cameras) for candidate in turned]
    best = int(np.argmax(shares))
    return _turn(points, first + 2 * np.pi * order[best] / HEADINGS)


def see(world: Tensor, camera: Camera, level: str, key: str) -> tuple[Tensor, Tensor]:
    """What a camera and a 2D detector make of world motion.

    Args:
        world: (frames, 17, 3) metres.
        camera: one camera.
        level: detector-noise level, "gt", "cpn", "noisy", "occluded".
        key: decides the detector's errors, with the level.

    Returns:
        Keypoints (frames, 17, 3), screen-normalised, with the confidence; and the pose
        (frames, 17, 3) in the camera frame, metres. float32.
    """
    pose = camera.world_to_camera(world)
    keypoints = camera.project(pose)
    if level == "gt":
        return keypoints, pose
    height = camera.focal[1] * _stature(pose) / pose[:, 0, 2]
    noisy = detect(
        keypoints.numpy(), level, keyed_generator("detector", level, key), height.numpy()
    )
    return torch.from_numpy(noisy.astype(np.float32)), pose


def _turn(points: Tensor, angle: float) -> Tensor:
    sine, cosine = float(np.sin(angle)), float(np.cos(angle))
    x, y, z = points.unbind(-1)
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y, z], dim=-1)


def _share_in_view(world: Tensor, cameras: dict[str, Camera]) -> float:
    shares = []
    for camera in cameras.values():
        screen = camera.project(camera.world_to_camera(world))
        limit = camera.resolution / camera.resolution[0] * LIMIT_IN_VIEW
        shares.append(float((screen.abs() <= limit).all(-1).float().mean()))
    return min(shares)


def _stature(pose: Tensor) -> float:
    bones = [(pose[:, child] - pose[:, parent]).norm(dim=-1) for child, parent in _STATURE_BONES]
    return float(sum(bone.median() for bone in bones)) + _FOOT_HEIGHT
