"""SemGCN: graph convolutions over joints whose links are weighted by learned scores.

Zhao, Peng, Tian, Kapadia and Metaxas, "Semantic graph convolutional networks for 3D human pose
regression", CVPR 2019, without its non-local layers, as PoseAug trains it. Source:
https://github.com/jfzhang95/PoseAug at f469ce4, class SemGCN ("gcn"). Parameter names are those
of its checkpoints. Shapes: N frames, J joints, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import Skeleton
from posekit.models.framewise import (
    ChannelNorm,
    FramewiseConfig,
    FramewiseLifter,
    released_skeleton,
)
from posekit.models.releases import Description, count_modules, renamed


@dataclass(frozen=True, kw_only=True)
class Config(FramewiseConfig):
    """Options of SemGCN.

    Attributes:
        embed_dim: channels of a joint.
        layers: residual blocks of two graph convolutions.
        dropout: after every graph convolution but the last in training.
    """

    embed_dim: int = 128
    layers: int = 4
    dropout: float = 0.0


def links_of(skeleton: Skeleton) -> list[tuple[int, int]]:
    """Pairs (receiver, source) of linked joints, row by row: bones both ways, and self-links."""
    own = {(joint, joint) for joint in range(skeleton.joints)}
    return sorted(own | {pair for bone in skeleton.bones for pair in (bone, bone[::-1])})


class SemanticGraphConvolution(nn.Module):
    """Graph convolution over scored links, with weights of its own for a joint itself.

    With A the softmax, row by row, of the scores e of a joint's links, D the diagonal of A and O
    the rest of it::

        out = D (x W_0) + O (x W_1) + b

    Args:
        skeleton: a joint is linked to itself and to its neighbours along bones.
        in_channels, out_channels: widths of x and out.
    """

    def __init__(self, skeleton: Skeleton, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.joints = skeleton.joints
        links = torch.tensor(links_of(skeleton)).T
        bound = 1.0 / math.sqrt(out_channels)
        self.W = nn.Parameter(torch.empty(2, in_channels, out_channels))
        nn.init.xavier_uniform_(self.W, gain=1.414)
        self.e = nn.Parameter(torch.ones(1, links.shape[1]))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound))
        self.register_buffer("links", links, persistent=False)  # not in the released files

    def mixing(self) -> Tensor:
        """A (J, J): how much of each joint (column) a joint (row) receives; rows sum to 1."""
        scores = self.e.new_full((self.joints, self.joints), -torch.inf)
        return scores.index_put(tuple(self.links), self.e[0]).softmax(dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """features x (N, J, in_channels) -> (N, J, out_channels)."""
        mixing = self.mixing()
        own = mixing.diagonal()  # D
        others = mixing - own.diag()  # O
        return own[:, None] * (features @ self.W[0]) + others @ (features @ self.W[1]) + self.bias

    def uncounted_macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[int, int]:
        """Both maps of channels as layers; D as a dense product, as the release computes it."""
        return inputs[0].numel() * 2 * self.W.shape[2], self.joints * output.numel()


class GraphUnit(nn.Module):
    """Graph convolution, batch normalisation of each channel, ReLU, dropout."""

    def __init__(
        self, skeleton: Skeleton, in_channels: int, out_channels: int, dropout: float
    ) -> None:
        super().__init__()
        self.gconv = SemanticGraphConvolution(skeleton, in_channels, out_channels)
        self.bn = ChannelNorm(out_channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """features (N, J, in_channels) -> (N, J, out_channels)."""
        return self.dropout(functional.relu(self.bn(self.gconv(features))))


class Block(nn.Module):
    """Two units on a residual branch."""

    def __init__(self, skeleton: Skeleton, width: int, dropout: float) -> None:
        super().__init__()
        self.gconv1 = GraphUnit(skeleton, width, width, dropout)
        self.gconv2 = GraphUnit(skeleton, width, width, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """features (N, J, width) -> the same shape."""
        return features + self.gconv2(self.gconv1(features))


class SemGCN(FramewiseLifter):
    """Frame-wise lifter of graph convolutions; the root of its poses is not forced to 0."""

    Config = Config
    published: ClassVar = {"SemGCN (PoseAug)": {}}
    block_option = "layers"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        skeleton, width, rate = config.skeleton, config.embed_dim, config.dropout
        self.gconv_input = nn.Sequential(GraphUnit(skeleton, config.in_channels, width, rate))
        self.gconv_layers = nn.Sequential(
            *(Block(skeleton, width, rate) for _ in range(config.layers))
        )
        self.gconv_output = SemanticGraphConvolution(skeleton, width, 3)

    def lift(self, points: Tensor) -> Tensor:
        """Keypoints (N, J, in_channels) -> poses (N, J, 3), metres."""
        return self.gconv_output(self.gconv_layers(self.gconv_input(points)))


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    Joints are told by the links of a tree: one for each joint and two for each bone. Frames are
    not told: each is lifted on its own.

    Raises:
        ValueError: as many links as no tree has.
    """
    if "gconv_input.0.gconv.e" not in state:
        return None
    links = state["gconv_input.0.gconv.e"].numel()
    if links % 3 != 1:
        raise ValueError(f"{links} links are of no tree")
    _, in_channels, width = state["gconv_input.0.gconv.W"].shape
    layers = count_modules(state, "gconv_layers")
    options = {"frames": 1, "in_channels": in_channels, "embed_dim": width, "layers": layers}
    return Description((links + 2) // 3, options, layers)


def _from_release(config: Mapping[str, Any], _skeleton: Skeleton) -> SemGCN:
    if config.get("non_local", False):
        raise InvalidParameter(
            "semgcn: non_local is True; the network that PoseAug trains has no non-local layers, "
            "and they are not built: set it to False."
        )
    skeleton = released_skeleton(config, SemGCN)
    return SemGCN(Config(skeleton=skeleton, **renamed(config, _OPTIONS)))


_OPTIONS = {"hid_dim": "embed_dim", "num_layers": "layers", "dropout": "dropout"}

REFERENCES = {"semgcn": _from_release}

NETWORK = SemGCN
