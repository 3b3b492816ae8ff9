"""VideoPose3D of a single frame: residual blocks of convolutions over time that see one frame.

Pavllo, Feichtenhofer, Grangier and Auli, "3D human pose estimation in video with temporal
convolutions and semi-supervised training", CVPR 2019, with all filters one frame wide, as PoseAug
trains it. Source: https://github.com/jfzhang95/PoseAug at f469ce4, class TemporalModelOptimized1f
("videopose"). Parameter names are those of its checkpoints. Wider filters are not built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter
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
    """Options of VideoPose3D.

    Attributes:
        embed_dim: channels of the convolutions.
        blocks: residual blocks of two convolutions.
        dropout: after every convolution but the last in training.
    """

    embed_dim: int = 1024
    blocks: int = 4
    dropout: float = 0.25


class FrameConvolution(nn.Conv1d):
    """A convolution over time that sees one frame: a linear map of its channels."""

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = False) -> None:
        super().__init__(in_channels, out_channels, 1, bias=bias)

    def forward(self, frames: Tensor) -> Tensor:
        """frames (N, in_channels) -> (N, out_channels)."""
        return functional.linear(frames, self.weight[..., 0], self.bias)


class VideoPose3D(FramewiseLifter):
    """Frame-wise lifter of residual blocks; the root of its poses is the origin."""

    Config = Config
    published: ClassVar = {"VideoPose3D, 1 frame (PoseAug)": {}}
    block_option = "blocks"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        width, skeleton = config.embed_dim, config.skeleton
        layers = range(2 * config.blocks)
        self.expand_conv = FrameConvolution(skeleton.joints * config.in_channels, width)
        self.expand_bn = ChannelNorm(width)
        self.layers_conv = nn.ModuleList(FrameConvolution(width, width) for _ in layers)
        self.layers_bn = nn.ModuleList(ChannelNorm(width) for _ in layers)
        self.shrink = FrameConvolution(width, without_root(skeleton), bias=True)
        self.dropout = nn.Dropout(config.dropout)

    def lift(self, points: Tensor) -> Tensor:
        """Keypoints (N, J, in_channels) -> poses (N, J, 3), metres, the root at 0."""
        features = self._layer(self.expand_conv, self.expand_bn, points.flatten(1))
        layers = zip(self.layers_conv, self.layers_bn, strict=True)
        for first, second in zip(layers, layers, strict=True):
            features = features + self._layer(*second, self._layer(*first, features))
        return with_root(self.shrink(features), self.skeleton)

    def set_norm_momentum(self, momentum: float) -> None:
        """Set the momentum of all normalisations, which VideoPose3D lets fall over its epochs."""
        for norm in (self.expand_bn, *self.layers_bn):
            norm.momentum = momentum

    def _layer(self, conv: nn.Module, norm: nn.Module, features: Tensor) -> Tensor:
        return self.dropout(functional.relu(norm(conv(features))))


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    VideoPose3D of several frames, whose first filter is wider, is another network. Frames are not
    told: each is lifted on its own.

    Raises:
        ValueError: widths of no pose without its root, as of VideoPose3D's own files.
    """
    if "expand_conv.weight" not in state or state["expand_conv.weight"].shape[-1] != 1:
        return None
    width, in_width, _ = state["expand_conv.weight"].shape
    joints, in_channels = joints_of(in_width, len(state["shrink.bias"]))
    blocks = count_modules(state, "layers_conv") // 2
    options = {"frames": 1, "in_channels": in_channels, "embed_dim": width, "blocks": blocks}
    return Description(joints, options, blocks)


def _from_release(config: Mapping[str, Any], _skeleton: Skeleton) -> VideoPose3D:
    widths = list(config["filter_widths"])
    if len(widths) < 2 or set(widths) != {1}:
        raise InvalidParameter(
            f"videopose3d: filter_widths are {widths}; the network of a single frame alone is "
            "built: give 1 for every filter, at least twice."
        )
    skeleton = released_skeleton(config, VideoPose3D)
    options = {"blocks": len(widths) - 1, **renamed(config, _OPTIONS)}
    return VideoPose3D(Config(skeleton=skeleton, **options))


_OPTIONS = {"channels": "embed_dim", "dropout": "dropout"}

REFERENCES = {"videopose3d-1f": _from_release}

NETWORK = VideoPose3D
