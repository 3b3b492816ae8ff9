"""PersPose without pictures: from the joints in a crop to their depths and scale.

A reconstruction, of no release. It isolates the paper's claim that a crop alone does not determine
depth: the same keypoints in the crop belong to different depths under different intrinsics, since
cropping takes away how obliquely the camera sees the person. The keypoints are given, so no
picture has to be understood, and the network is small enough to train in minutes; whether it is
shown the joints' rays (x / z, y / z) is the switch that the picture's encoding is in ``perspose``.
It predicts what ``perspose`` predicts, with the same heads and ranges, and passes the keypoints
through as ``uv``. Its layers are those of SimpleBaseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import check_count
from posekit.models.framewise import ChannelNorm
from posekit.models.perspective_heads import (
    JOINTS,
    PerspectiveNetwork,
    PersPosePrediction,
    mirror_keypoints,
    ray_map,
)
from posekit.models.simple_baseline import Stage


@dataclass(frozen=True, kw_only=True)
class PersPoseKeypointsConfig:
    """Options of the network of keypoints.

    Attributes:
        width: of the hidden layers.
        stages: residual stages of two layers.
        dropout: after every hidden layer in training.
        image_px: side of the crop.
        components: of the body's shape.
        encoding: whether the network is given the joints' rays; without, they are all zero.

    Raises:
        InvalidParameter: a number below 1.
    """

    width: int = 256
    stages: int = 2
    dropout: float = 0.0
    image_px: int = 256
    components: int = 11
    encoding: bool = True

    def __post_init__(self) -> None:
        for name in ("width", "stages", "image_px", "components"):
            check_count(name, getattr(self, name))


class PersPoseKeypoints(PerspectiveNetwork):
    """The network of keypoints: crops (B, 25, 2), pixels of the crop.

    It reads them normalised to the crop, from -1 at the left and upper edge to 1, and their rays.
    """

    Config: ClassVar = PersPoseKeypointsConfig

    def __init__(self, config: PersPoseKeypointsConfig) -> None:
        super().__init__(config.width, config.components, config.image_px)
        self.config = config
        self.first = nn.Linear(4 * JOINTS, config.width)
        self.norm = ChannelNorm(config.width)
        self.stages = nn.Sequential(
            *(Stage(config.width, config.dropout) for _ in range(config.stages))
        )
        self.dropout = nn.Dropout(config.dropout)

    def predict_once(self, crop: Tensor, intrinsics: Tensor, known: Tensor) -> PersPosePrediction:
        """The prediction for crops as they are; arguments as of ``forward``."""
        rays = ray_map(intrinsics, known & self.config.encoding, crop)
        read = torch.cat([2 * crop / self.crop_px - 1, rays], dim=-1).flatten(1)
        features = self.stages(self.dropout(functional.relu(self.norm(self.first(read)))))
        return self.read_heads(features, crop)

    def mirror_crop(self, crop: Tensor) -> Tensor:
        """Joints in the mirror image of their crop."""
        return mirror_keypoints(crop, self.crop_px)

    @property
    def crop_shape(self) -> tuple[int, ...]:
        """(25, 2)."""
        return (JOINTS, 2)
