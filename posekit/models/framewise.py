"""Lifters that see one frame at a time, as PoseAug trains them, and layers that they share.

Gong, Zhang and Feng, "PoseAug: A differentiable pose augmentation framework for 3D human pose
estimation", CVPR 2021. Source: https://github.com/jfzhang95/PoseAug at f469ce4, folder
``models_baseline``. Shapes: B batch, F frames, N = B F frames that share a call, J joints,
C channels, which always stand last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_16, Skeleton
from posekit.models.lifters import Lifter, LifterConfig, model_name


class ChannelNorm(nn.BatchNorm1d):
    """Batch normalisation of channels that stand last, over all rows in front of them.

    One row alone has no spread and is normalised by the running statistics even in training,
    where the release stops: a last batch of one frame would end a training.
    """

    def forward(self, values: Tensor) -> Tensor:
        """values (..., C) -> the same shape."""
        rows = values.reshape(-1, values.shape[-1])
        if len(rows) > 1:
            return super().forward(rows).view_as(values)
        spread = (rows - self.running_mean) * (self.running_var + self.eps).rsqrt()
        return (spread * self.weight + self.bias).view_as(values)


class ChannelMap(nn.Conv2d):
    """A linear map of channels that stand last; released as a 1 x 1 convolution, and named so."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, values: Tensor) -> Tensor:
        """values (..., in_channels) -> (..., out_channels)."""
        return functional.linear(values, self.weight.flatten(1), self.bias)


@dataclass(frozen=True, kw_only=True)
class FramewiseConfig(LifterConfig):
    """Options of a lifter that sees one frame at a time.

    Attributes:
        frames: frames in and out, each lifted on its own (published: 1).
    """

    frames: int = 1


class FramewiseLifter(Lifter, ABC):
    """Base of lifters that see one frame at a time; frames of a window only share a call.

    Attributes:
        block_option: the option that counts blocks, which is also what they are called; "" for
            none.
    """

    Config = FramewiseConfig
    release_protocol = "PoseAug, Human3.6M"
    block_option: ClassVar[str] = ""

    def __init__(self, config: FramewiseConfig) -> None:
        super().__init__(config.frames, config.skeleton, "sequence", config.in_channels)

    @classmethod
    def describe_depth(cls, options: Mapping[str, Any]) -> str:
        """How deep a network is, such as "2 stages"; "" where nothing tells."""
        name = cls.block_option
        return f"{options[name]} {name}" if name in options else ""

    @abstractmethod
    def lift(self, points: Tensor) -> Tensor:
        """Keypoints of single frames (N, J, in_channels) -> poses (N, J, 3), metres."""

    def forward(self, keypoints: Tensor) -> Tensor:
        """Keypoints (B, F, J, in_channels) -> pose (B, F, J, 3), metres."""
        self.check_input(keypoints)
        return self.lift(keypoints.flatten(0, 1)).unflatten(0, keypoints.shape[:2])


def with_root(coordinates: Tensor, skeleton: Skeleton) -> Tensor:
    """Poses whose root is the origin, (N, J, 3), of the other joints' coordinates (N, 3 (J - 1)).

    PoseAug's networks give no root; it is joint 0 there.
    """
    others = coordinates.unflatten(1, (skeleton.joints - 1, 3))
    before, behind = others[:, : skeleton.root], others[:, skeleton.root :]
    return torch.cat([before, torch.zeros_like(others[:, :1]), behind], dim=1)


def without_root(skeleton: Skeleton) -> int:
    """Number of coordinates of all joints but the root."""
    return 3 * (skeleton.joints - 1)


def joints_of(in_width: int, out_width: int) -> tuple[int, int]:
    """Joints, and channels per keypoint, of a network that maps flat keypoints to all but the root.

    Raises:
        ValueError: no keypoints have these widths; those of PoseAug's generator, which is built of
            the same layers and takes poses and noise, are none.
    """
    joints = out_width // 3 + 1
    if out_width % 3 or in_width not in (2 * joints, 3 * joints):
        raise ValueError(f"{in_width} values in and {out_width} out are of no keypoints and pose")
    return joints, in_width // joints


def released_skeleton(config: Mapping[str, Any], network: type) -> Skeleton:
    """The joint set of PoseAug's networks, by the arguments of one of them.

    Raises:
        InvalidParameter: another number of joints; the release fixes it.
    """
    if config["joints"] != HUMAN36M_16.joints:
        raise InvalidParameter(
            f"{model_name(network)}: joints is {config['joints']}; PoseAug lifts "
            f"{HUMAN36M_16.joints} ({HUMAN36M_16.name}): give its arguments for these."
        )
    return HUMAN36M_16
