"""Tiny data sets and lifters, made in no time, for tests of windows, training and evaluation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posekit.datasets.clips import Clip, PoseDataset, fingerprint
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import HUMAN36M_17, Skeleton
from posekit.models.lifters import Lifter


def camera() -> Camera:
    """An undistorted camera at the origin that looks along z."""
    return Camera(
        focal=torch.tensor([2.0, 2.0]),
        centre=torch.zeros(2),
        radial=torch.zeros(3),
        tangential=torch.zeros(2),
        resolution=torch.tensor([1000.0, 1000.0]),
        rotation=torch.tensor([1.0, 0.0, 0.0, 0.0]),
        translation=torch.zeros(3),
    )


def clip(frames: int, subject: str = "S9", take: str = "Walking 1", seed: int = 0) -> Clip:
    """A person of random, slowly moving joints four metres before the camera."""
    generator = torch.Generator().manual_seed(seed + frames)
    pose = 0.4 * torch.randn(1, 17, 3, generator=generator)
    pose = pose + 0.02 * torch.randn(frames, 17, 3, generator=generator).cumsum(0)
    pose[..., 2] += 4.0
    return Clip(
        subject=subject,
        action=take.split(" ")[0],
        take=take,
        camera_name="0",
        camera=camera(),
        keypoints=camera().project(pose),
        pose=pose,
        valid=torch.ones(frames, dtype=torch.bool),
        fps=50.0,
    )


def dataset(*clips: Clip, skeleton: Skeleton = HUMAN36M_17) -> PoseDataset:
    """A data set of clips; by default three takes of two actions."""
    clips = clips or (
        clip(40, "S9", "Walking 1"),
        clip(25, "S9", "Sitting 1"),
        clip(7, "S11", "Walking 1"),
    )
    return PoseDataset(
        name="tiny",
        split="test",
        keypoints="gt",
        skeleton=skeleton,
        clips=tuple(clips),
        fingerprint=fingerprint(clips, {}),
        evidence="synthetic",
    )


class TinyLifter(Lifter):
    """A frame-wise network with dropout, so that its training draws random numbers."""

    def __init__(self, frames: int = 9, output: str = "sequence", dropout: float = 0.1) -> None:
        super().__init__(frames, HUMAN36M_17, output=output)
        self.layers = nn.Sequential(
            nn.Linear(34, 32), nn.BatchNorm1d(32), nn.GELU(), nn.Dropout(dropout), nn.Linear(32, 51)
        )

    def forward(self, keypoints: Tensor) -> Tensor:
        rows = keypoints if self.output == "sequence" else keypoints[:, self.frames // 2, None]
        poses = self.layers(rows.flatten(2).flatten(0, 1))
        return poses.view(*rows.shape[:2], 17, 3)
