"""Poses of 16 joints for tests: Human3.6M's bone lengths, drawn directions or standing."""

from __future__ import annotations

import torch
from torch import Tensor

from posekit.geometry.bones import LENGTH_TEMPLATES, rebuild

# Directions from joint to parent of a person who stands upright and faces the camera: x right of
# the picture (the person's left), y down.
STANDING = (
    *((1.0, 0, 0), (0, -1.0, 0), (0, -1.0, 0)),  # right hip, knee, foot
    *((-1.0, 0, 0), (0, -1.0, 0), (0, -1.0, 0)),  # left hip, knee, foot
    *((0, 1.0, 0), (0, 1.0, 0), (0, 1.0, 0)),  # spine, thorax, head
    *((-1.0, 0, 0), (0, -1.0, 0), (0, -1.0, 0)),  # left shoulder, elbow, wrist
    *((1.0, 0, 0), (0, -1.0, 0), (0, -1.0, 0)),  # right shoulder, elbow, wrist
)


def drawn_poses(seed: int, number: int = 4, bend: float = float("inf")) -> Tensor:
    """Poses (number, 16, 3), float64, metres, 4 to 6 m before a camera.

    Args:
        seed: of the draw.
        number: of poses.
        bend: how far bones leave the standing pose; by default they know nothing of it.
    """
    generator = torch.Generator().manual_seed(seed)
    standing = torch.tensor(STANDING, dtype=torch.float64)
    drawn = torch.randn(number, 15, 3, generator=generator, dtype=torch.float64)
    directions = drawn if bend == float("inf") else standing + bend * drawn
    templates = torch.tensor(LENGTH_TEMPLATES, dtype=torch.float64)
    lengths = templates[torch.randint(len(templates), (number,), generator=generator)]
    vectors = torch.nn.functional.normalize(directions, dim=-1) * lengths[..., None]
    share = torch.rand(number, 3, generator=generator, dtype=torch.float64)
    root = torch.tensor([-0.5, -0.3, 4.0]) + share * torch.tensor([1.0, 0.6, 2.0])
    return rebuild(vectors) + root[:, None]
