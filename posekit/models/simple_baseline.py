"""SimpleBaseline: a residual network of linear layers from all keypoints to all joints.

Martinez, Hossain, Romero and Little, "A simple yet effective baseline for 3D human pose
estimation", ICCV 2017, as PoseAug trains it. Source: https://github.com/jfzhang95/PoseAug at
f469ce4, class LinearModel ("mlp"). Parameter names are those of its checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from posekit.geometry.skeletons import Skeleton
from posekit.models.framewise import (
    ChannelNorm,
    FramewiseConfig,
    FramewiseLifter,
    joints_of,
    released_skeleton,
    with_root,
    without_root,
)
from posekit.models.releases import Description, count_modules, renamed


@dataclass(frozen=True, kw_only=True)
class Config(FramewiseConfig):
    """Options of SimpleBaseline.

    Attributes:
        embed_dim: width of the hidden layers.
        stages: residual stages of two layers.
        dropout: after every hidden layer in training.
    """

    embed_dim: int = 1024
    stages: int = 2
    dropout: float = 0.25


class Stage(nn.Module):
    """Two hidden layers (linear, batch norm, ReLU, dropout) on a residual branch."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, width)
        self.batch_norm1 = ChannelNorm(width)
        self.w2 = nn.Linear(width, width)
        self.batch_norm2 = ChannelNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """features (N, width) -> the same shape."""
        hidden = self.dropout(functional.relu(self.batch_norm1(self.w1(features))))
        return features + self.dropout(functional.relu(self.batch_norm2(self.w2(hidden))))


class SimpleBaseline(FramewiseLifter):
    """Frame-wise lifter of linear layers; the root of its poses is the origin."""

    Config = Config
    published: ClassVar = {"SimpleBaseline (PoseAug)": {}}
    block_option = "stages"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        width, skeleton = config.embed_dim, config.skeleton
        self.w1 = nn.Linear(skeleton.joints * config.in_channels, width)
        self.batch_norm1 = ChannelNorm(width)
        self.linear_stages = nn.Sequential(
            *(Stage(width, config.dropout) for _ in range(config.stages))
        )
        self.w2 = nn.Linear(width, without_root(skeleton))
        self.dropout = nn.Dropout(config.dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def lift(self, points: Tensor) -> Tensor:
        """Keypoints (N, J, in_channels) -> poses (N, J, 3), metres, the root at 0."""
        features = self.dropout(functional.relu(self.batch_norm1(self.w1(points.flatten(1)))))
        return with_root(self.w2(self.linear_stages(features)), self.skeleton)


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    Frames are not among it: each is lifted on its own.
    """
    if "linear_stages.0.w1.weight" not in state:
        return None
    width, in_width = state["w1.weight"].shape
    joints, in_channels = joints_of(in_width, len(state["w2.bias"]))
    stages = count_modules(state, "linear_stages")
    options = {"frames": 1, "in_channels": in_channels, "embed_dim": width, "stages": stages}
    return Description(joints, options, stages)


def _from_release(config: Mapping[str, Any], _skeleton: Skeleton) -> SimpleBaseline:
    skeleton = released_skeleton(config, SimpleBaseline)
    return SimpleBaseline(Config(skeleton=skeleton, **renamed(config, _OPTIONS)))


_OPTIONS = {"linear_size": "embed_dim", "num_stage": "stages", "dropout": "dropout"}

REFERENCES = {"simple-baseline": _from_release}

NETWORK = SimpleBaseline
