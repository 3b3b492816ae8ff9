"""ST-GCN of a single frame: graph convolutions over joints, and over the body parts they pool to.

Cai, Ge, Liu, Cai, Cham, Yuan and Magnenat Thalmann, "Exploiting spatial-temporal relationships for
3D pose estimation via graph convolutional networks", ICCV 2019, for one frame, as PoseAug trains
it. Source: https://github.com/jfzhang95/PoseAug at f469ce4, class WrapSTGCN ("stgcn"). Parameter
names are those of its checkpoints. Shapes: N frames, J joints, P body parts, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.geometry.skeletons import (
    HUMAN36M_16,
    HUMAN36M_17,
    Skeleton,
    human36m_17_to_16,
)
from posekit.models.framewise import (
    ChannelMap,
    ChannelNorm,
    FramewiseConfig,
    FramewiseLifter,
    released_skeleton,
)
from posekit.models.gumlp import partitioned_adjacency
from posekit.models.releases import Description

SUBSETS = 4  # of links: itself, outward, inward, left or right counterpart

# Rates of dropout, which the release fixes.
UNIT_DROPOUT, BODY_DROPOUT, PART_DROPOUT, HEAD_DROPOUT = 0.05, 0.25, 0.1, 0.1

INPUT_NORM_EPS = 0.1
"""Added to the variance of the keypoints: the release passes its momentum of 0.1 in this place."""


class Widths(NamedTuple):
    """Channels of the units over joints, one after the other, and of those over parts."""

    channels: tuple[int, ...]
    pooled: int


@dataclass(frozen=True, kw_only=True)
class Config(FramewiseConfig):
    """Options of ST-GCN.

    Attributes:
        skeleton: joint set. In Human3.6M-16 the mean of thorax and head stands in for the missing
            neck/nose, as released.
        embed_dim: channels of the first unit; those of the others keep their published ratios.
    """

    embed_dim: int = 128

    @property
    def widths(self) -> Widths:
        """As published: 128, 128, 256 over joints, 512 over parts."""
        width = self.embed_dim
        return Widths((width, width, 2 * width), 4 * width)


def body_parts(skeleton: Skeleton) -> list[list[int]]:
    """Joints of each limb, left and right in turns, and last those of the centre.

    A limb is what bones join among the joints of one side: of Human3.6M left arm, right arm, left
    leg and right leg, as released.
    """
    limbs: dict[int, list[int]] = {}
    for joint in sorted(skeleton.left):
        top = joint
        while skeleton.parents[top] in skeleton.left:
            top = skeleton.parents[top]
        limbs.setdefault(top, []).append(joint)
    parts = []
    for _, left in sorted(limbs.items(), reverse=True):
        parts += [left, [skeleton.mirror[joint] for joint in left]]
    sided = {*skeleton.left, *skeleton.right}
    return [*parts, [joint for joint in range(skeleton.joints) if joint not in sided]]


def part_skeleton(parts: int) -> Skeleton:
    """Body parts as joints: limbs, left and right in turns, that hang on the centre, the last."""
    centre = parts - 1
    return Skeleton.from_parents(
        f"parts-{parts}", [*[centre] * centre, -1], range(0, centre, 2), range(1, centre, 2)
    )


class GraphConvolution(nn.Module):
    """Graph convolution with a weight matrix of its own for each subset of links.

    out[w] = sum over subsets k and joints v of A[k, v, w] (W_k x[v] + b_k).

    Args:
        graph: A (subsets, J, J).
        in_channels, out_channels: widths of x and out.
    """

    def __init__(self, graph: Tensor, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ChannelMap(in_channels, len(graph) * out_channels)
        self.register_buffer("A", graph, persistent=False)  # not in the released files

    def forward(self, features: Tensor) -> Tensor:
        """features (N, J, in_channels) -> (N, J, out_channels)."""
        messages = self.conv(features).unflatten(2, (len(self.A), -1)).flatten(1, 2)
        # A row per joint that receives; columns in the order of the messages, joint before subset.
        return self.A.permute(2, 1, 0).flatten(1) @ messages


class Unit(nn.Module):
    """Graph convolution and a map of channels, with a shortcut: the input, mapped if it widens."""

    def __init__(
        self, graph: Tensor, in_channels: int, out_channels: int, *, residual: bool = True
    ) -> None:
        super().__init__()
        self.gcn = GraphConvolution(graph, in_channels, out_channels)
        self.tcn = nn.Sequential(
            ChannelNorm(out_channels),
            nn.ReLU(),
            nn.Dropout(UNIT_DROPOUT),
            ChannelMap(out_channels, out_channels),
            ChannelNorm(out_channels),
            nn.Dropout(UNIT_DROPOUT),
        )
        self.residual: nn.Module | None = None
        if residual and in_channels == out_channels:
            self.residual = nn.Identity()
        elif residual:
            self.residual = nn.Sequential(
                ChannelMap(in_channels, out_channels), ChannelNorm(out_channels)
            )

    def forward(self, features: Tensor) -> Tensor:
        """features (N, J, in_channels) -> (N, J, out_channels)."""
        out = self.tcn(self.gcn(features))
        return functional.relu(out if self.residual is None else out + self.residual(features))


class NonLocal(nn.Module):
    """Embedded-Gaussian attention over joints on a residual branch, which starts at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // 2
        self.g = ChannelMap(width, inner)
        self.W = nn.Sequential(ChannelMap(inner, width), ChannelNorm(width))
        nn.init.zeros_(self.W[1].weight)
        self.theta = ChannelMap(width, inner)
        self.phi = ChannelMap(width, inner)

    def forward(self, features: Tensor) -> Tensor:
        """features (N, J, width) -> the same shape."""
        shares = (self.theta(features) @ self.phi(features).mT).softmax(dim=2)
        return features + self.W(shares @ self.g(features))


class BodyNetwork(nn.Module):
    """Features of joints, of the parts they pool to and of the whole body, made into a pose.

    Args:
        skeleton: of the joints; its bones and its left and right pairs are the graph.
        in_channels: channels per keypoint.
        widths: of the units.
    """

    def __init__(self, skeleton: Skeleton, in_channels: int, widths: Widths) -> None:
        super().__init__()
        self.parts = body_parts(skeleton)
        owner = {joint: part for part, joints in enumerate(self.parts) for joint in joints}
        owners = torch.tensor([owner[joint] for joint in range(skeleton.joints)])
        self.register_buffer("owners", owners, persistent=False)
        graph = partitioned_adjacency(skeleton)
        pooled_graph = partitioned_adjacency(part_skeleton(len(self.parts)))
        *_, width = channels = widths.channels
        pooled = widths.pooled
        self.data_bn = ChannelNorm(skeleton.joints * in_channels, eps=INPUT_NORM_EPS)
        pairs = zip((in_channels, *channels), channels, strict=False)
        self.st_gcn_networks = nn.Sequential(
            *(Unit(graph, *pair, residual=index > 0) for index, pair in enumerate(pairs))
        )
        self.st_gcn_pool = nn.Sequential(
            Unit(pooled_graph, width, pooled), Unit(pooled_graph, pooled, pooled)
        )
        self.conv4 = _mapped(pooled, pooled, BODY_DROPOUT)
        self.conv2 = _mapped(2 * pooled, width, PART_DROPOUT)
        self.non_local = NonLocal(2 * width)
        self.fcn = nn.Sequential(nn.Dropout(HEAD_DROPOUT), ChannelMap(2 * width, 3))

    def forward(self, points: Tensor) -> Tensor:
        """Keypoints (N, J, in_channels) -> poses (N, J, 3), metres."""
        joints = self.st_gcn_networks(self.data_bn(points.flatten(1)).view_as(points))
        maxima = [joints[:, part].amax(dim=1) for part in self.parts]
        parts = self.st_gcn_pool(torch.stack(maxima, dim=1))
        body = self.conv4(parts.amax(dim=1, keepdim=True))
        parts = self.conv2(torch.cat([body.expand_as(parts), parts], dim=2))
        coarse = parts.index_select(1, self.owners)
        return self.fcn(self.non_local(torch.cat([joints, coarse], dim=2)))


def _mapped(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        ChannelMap(in_channels, out_channels),
        ChannelNorm(out_channels),
        nn.ReLU(),
        nn.Dropout(dropout),
    )


class STGCN(FramewiseLifter):
    """Frame-wise lifter of graph convolutions; the root of its poses is not forced to 0.

    Args:
        config: the options.
        widths: by default those of the options.
    """

    Config = Config
    published: ClassVar = {"ST-GCN, 1 frame (PoseAug)": {}}

    def __init__(self, config: Config, widths: Widths | None = None) -> None:
        super().__init__(config)
        self.inserts_neck = config.skeleton == HUMAN36M_16
        skeleton = HUMAN36M_17 if self.inserts_neck else config.skeleton
        network = BodyNetwork(skeleton, config.in_channels, widths or config.widths)
        self.add_module(RELEASED if self.inserts_neck else OWN, network)

    def lift(self, points: Tensor) -> Tensor:
        """Keypoints (N, J, in_channels) -> poses (N, J, 3), metres."""
        if not self.inserts_neck:
            return self.get_submodule(OWN)(points)
        thorax, head = HUMAN36M_16.index("thorax"), HUMAN36M_16.index("head")
        neck = (points[:, thorax, None] + points[:, head, None]) / 2
        with_neck = torch.cat([points[:, : thorax + 1], neck, points[:, head:]], dim=1)
        return human36m_17_to_16(self.get_submodule(RELEASED)(with_neck))


# The network of 17 joints inside, by the released name where the neck is inserted. Files of both
# have the same shapes: the name alone tells them apart.
RELEASED, OWN = "stgcn", "body"


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    Frames are not among it: each is lifted on its own.
    """
    inside = RELEASED if f"{RELEASED}.st_gcn_pool.0.gcn.conv.weight" in state else OWN
    if f"{inside}.st_gcn_pool.0.gcn.conv.weight" not in state:
        return None
    wide, in_channels, _, _ = state[f"{inside}.st_gcn_networks.0.gcn.conv.weight"].shape
    joints = len(state[f"{inside}.data_bn.weight"]) // in_channels
    if inside == RELEASED:
        joints -= 1
    options = {"frames": 1, "in_channels": in_channels, "embed_dim": wide // SUBSETS}
    return Description(joints, options)


def _from_release(config: Mapping[str, Any], _skeleton: Skeleton) -> STGCN:
    skeleton = released_skeleton(config, STGCN)
    channels: Sequence[int] = config["channels"]
    widths = Widths(tuple(channels), config["pooled"])
    return STGCN(Config(skeleton=skeleton, embed_dim=channels[0]), widths)


REFERENCES = {"st-gcn-1f": _from_release}

NETWORK = STGCN
