"""GUMLP: graph convolutions and U-shaped MLPs that predict a pose and how sure they are of it.

The network of uncertainty-aware test-time optimisation (UAO; arXiv 2402.02339, IEEE TMM 2025).
Source: https://github.com/xiu-cs/UAO-Pose3D at cb50588, class Model. Parameter names are those of
its checkpoints. Shapes: B batch, F frames, J joints, C channels. The network sees one frame at a
time; frames of a window only share a call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import Skeleton
from posekit.metrics.losses import SequenceLoss, scaled_distance
from posekit.models.layers import DropPath, drop_path_rates
from posekit.models.lifters import Criterion, Lifter, LifterConfig
from posekit.models.releases import Description, renamed


def distances_to_centre(skeleton: Skeleton) -> NDArray[np.int64]:
    """Bones between each joint and the skeleton's centre, (J,).

    The centre is the joint from which the farthest joint is nearest: the spine of Human3.6M, as
    in the release.
    """
    joints = skeleton.joints
    bones = np.full((joints, joints), joints)
    np.fill_diagonal(bones, 0)
    for child, parent in skeleton.bones:
        bones[child, parent] = bones[parent, child] = 1
    for middle in range(joints):  # shortest paths by Floyd and Warshall
        bones = np.minimum(bones, bones[:, middle, None] + bones[None, middle])
    return bones[bones.max(axis=1).argmin()]


def partitioned_adjacency(skeleton: Skeleton) -> Tensor:
    """The fixed graph A (4, J, J): rows are sources, and all links into a joint sum to 1.

    A joint is linked to itself (subset 0), to its neighbours along bones that are further from
    the centre (1) or nearer to it (2), and to its left or right counterpart (3).
    """
    own = np.eye(skeleton.joints, dtype=bool)
    counterpart = own[list(skeleton.mirror)] & ~own
    bone = np.zeros_like(own)
    for child, parent in skeleton.bones:
        bone[child, parent] = bone[parent, child] = True
    bone &= ~counterpart
    distance = distances_to_centre(skeleton)
    further = bone & (distance[:, None] > distance)
    nearer = bone & (distance[:, None] < distance)
    links = np.stack([own, further, nearer, counterpart]).astype(np.float32)
    return torch.tensor(links / links.sum(axis=(0, 1)))


class PointwiseConvolution(nn.Conv1d):
    """A convolution of kernel size 1 that takes tokens with their channels last."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__(width, out, kernel_size=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (..., width) -> (..., out)."""
        return functional.linear(tokens, self.weight[..., 0], self.bias)


class GraphConvolution(nn.Module):
    """Graph convolution with a weight matrix of its own for each subset of links.

    out[w] = sum over subsets k and joints v of A[k, v, w] (W_k x[v] + b_k).

    Args:
        graph: A (subsets, J, J).
        dim: channels of a token.
    """

    def __init__(self, graph: Tensor, dim: int) -> None:
        super().__init__()
        self.conv1d = PointwiseConvolution(dim, len(graph) * dim)
        # A row per joint that receives; columns in the order of the messages, joint before subset.
        mixing = graph.permute(2, 1, 0).flatten(1).contiguous()
        self.register_buffer("mixing", mixing, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, C) -> the same shape."""
        # Contiguous: of strided tokens, torch multiplies each frame by weights copied for it.
        messages = self.conv1d(tokens.contiguous())
        messages = messages.view(-1, self.mixing.shape[1], tokens.shape[-1])
        mixing = self.mixing.expand(len(messages), -1, -1)
        return torch.bmm(mixing, messages).view_as(tokens)


class ActivatedLinear(nn.Module):
    """A linear layer, an exact GELU, dropout."""

    def __init__(self, width: int, out: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Sequential(nn.Linear(width, out), nn.GELU(), nn.Dropout(dropout))

    def forward(self, values: Tensor) -> Tensor:
        """values (..., width) -> (..., out)."""
        return self.linear(values)


class ChannelMLP(nn.Module):
    """A U over the channels of each token: half as wide in the middle, where it has a skip."""

    def __init__(self, dim: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.linear_down = ActivatedLinear(dim, dim // 2, dropout)
        self.linear_mid = ActivatedLinear(dim // 2, dim // 2, dropout)
        self.linear_up = ActivatedLinear(dim // 2, dim, dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (..., C) -> the same shape."""
        narrow = self.linear_down(tokens)
        return self.linear_up(self.linear_mid(narrow) + narrow)


class JointMLP(nn.Module):
    """A U over the joints of each channel, turned over: six times as wide in the middle."""

    def __init__(self, joints: int, dropout: float = 0.05) -> None:
        super().__init__()
        self.linear_up1 = ActivatedLinear(joints, 3 * joints, dropout)
        self.linear_up2 = ActivatedLinear(3 * joints, 6 * joints, dropout)
        self.linear_mid = ActivatedLinear(6 * joints, 6 * joints, dropout)
        self.linear_down1 = ActivatedLinear(6 * joints, 3 * joints, dropout)
        self.linear_down2 = ActivatedLinear(3 * joints, joints, dropout)

    def forward(self, tracks: Tensor) -> Tensor:
        """Values of the joints (..., J) -> the same shape."""
        wide = self.linear_up2(self.linear_up1(tracks))
        return self.linear_down2(self.linear_down1(self.linear_mid(wide) + wide))


class Block(nn.Module):
    """Graph convolution, then both U-shaped MLPs side by side, each on a residual branch.

    Args:
        graph: A (subsets, J, J).
        dim: channels of a token.
        drop_path: rate of stochastic depth in training.
    """

    def __init__(self, graph: Tensor, dim: int, drop_path: float) -> None:
        super().__init__()
        joints = graph.shape[-1]
        self.norm1 = nn.LayerNorm(joints, eps=1e-6)
        self.gcn1 = GraphConvolution(graph, dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.channel_mlp = ChannelMLP(dim)
        self.norm3 = nn.LayerNorm(joints, eps=1e-6)
        self.spatial_mlp = JointMLP(joints)
        self.drop_path = DropPath(drop_path, axis="joints")

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, C) -> the same shape."""
        tokens = tokens + self.drop_path(self.gcn1(self.norm1(tokens.mT).mT))
        channels = self.channel_mlp(self.norm2(tokens))
        joints = self.spatial_mlp(self.norm3(tokens.mT)).mT
        return tokens + self.drop_path(channels + joints)


class Trunk(nn.Module):
    """The blocks, and the norms in front of the two heads."""

    def __init__(self, graph: Tensor, dim: int, rates: list[float]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(graph, dim, rate) for rate in rates))
        self.norm_mu = nn.LayerNorm(dim, eps=1e-6)
        self.norm_s = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """tokens (B, F, J, C) -> features of the pose and of its log scale, the same shape."""
        features = self.blocks(tokens)
        return self.norm_mu(features), self.norm_s(features)


class TwoLinear(nn.Module):
    """Two linear layers with nothing between them, as released."""

    def __init__(self, width: int, hidden: int, out: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc5 = nn.Linear(hidden, out)

    def forward(self, values: Tensor) -> Tensor:
        """values (..., width) -> (..., out)."""
        return self.fc5(self.fc1(values))


@dataclass(frozen=True, kw_only=True)
class Config(LifterConfig):
    """Options of GUMLP.

    Attributes:
        frames: frames in and out, each lifted on its own (published: 1).
        skeleton: joint set; its bones and its left and right pairs are the graph.
        embed_dim: channels of a token (published: 512, which the release fixes); a multiple of 8.
        depth: blocks.
        drop_path: stochastic depth of the last block; it rises linearly from 0.
        likelihood: train mu and s by the likelihood of the target; False trains mu alone, by the
            recipe's own loss, and s is 0.
    """

    frames: int = 1
    embed_dim: int = 512
    depth: int = 3
    drop_path: float = 0.2
    likelihood: bool = True


class GUMLP(Lifter):
    """Frame-wise lifter that predicts a pose mu and the log scale s of each joint's error."""

    Config = Config
    published: ClassVar = {"GUMLP (UAO)": {}}
    release_protocol = "MHFormer"
    predicts_scale = True
    block_name = "blocks"

    def __init__(self, config: Config) -> None:
        super().__init__(config.frames, config.skeleton, "sequence", config.in_channels)
        dim = config.embed_dim
        if dim % 8:
            raise InvalidParameter(
                f"embed_dim is {dim}; the embedding is an eighth as wide, so choose a multiple of "
                "8."
            )
        self.likelihood = config.likelihood
        graph = partitioned_adjacency(config.skeleton)
        self.encoder = TwoLinear(config.in_channels, dim // 8, dim)
        self.GCN_MLP = Trunk(graph, dim, drop_path_rates(config.drop_path, config.depth))
        self.pred_mu = TwoLinear(dim, dim // 2, 3)
        self.pred_s = TwoLinear(dim, dim // 2, 1)
        if not config.likelihood:
            self.pred_s.requires_grad_(False)
            self.GCN_MLP.norm_s.requires_grad_(False)

    def embed(self, keypoints: Tensor) -> Tensor:
        """Keypoints (B, F, J, in_channels) -> joint tokens (B, F, J, C)."""
        self.check_input(keypoints)
        return self.encoder(keypoints)

    def lift(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Joint tokens (B, F, J, C) -> pose and log scale, as ``estimate``."""
        pose_features, scale_features = self.GCN_MLP(tokens)
        pose, log_scale = self.pred_mu(pose_features), self.pred_s(scale_features)
        return pose, log_scale if self.likelihood else torch.zeros_like(log_scale)

    def estimate(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """The pose and how far off it may be.

        Args:
            keypoints: (B, F, J, in_channels), screen-normalised.

        Returns:
            mu (B, F, J, 3), metres, root-relative, the root not forced to 0; and s (B, F, J, 1),
            the logarithm of the expected distance from the truth in metres.
        """
        return self.lift(self.embed(keypoints))

    def forward(self, keypoints: Tensor) -> Tensor:
        """Keypoints (B, F, J, in_channels) -> pose (B, F, J, 3), metres."""
        return self.estimate(keypoints)[0]

    def training_loss(
        self, keypoints: Tensor, target: Tensor, criterion: Criterion
    ) -> SequenceLoss:
        """The recipe's loss with the likelihood in place of its position term.

        The likelihood term is the mean of ``posekit.metrics.losses.scaled_distance``.

        Args:
            keypoints: (B, F, J, in_channels).
            target: (B, F, J, 3), metres, root-relative.
            criterion: the recipe's loss of a prediction and its target.
        """
        pose, log_scale = (part.float() for part in self.estimate(keypoints))
        plain = criterion(pose, target)
        if not self.likelihood:
            return plain
        likelihood = scaled_distance(pose, target, log_scale).mean()
        return plain._replace(total=plain.total - plain.position + likelihood)


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    Frames are not among it: each is lifted on its own.
    """
    if "GCN_MLP.norm_s.weight" not in state:
        return None
    narrow, in_channels = state["encoder.fc1.weight"].shape
    width = state["GCN_MLP.norm_s.weight"].shape[0]
    if width != 8 * narrow:
        raise ValueError(f"an embedding of {narrow} channels in a network of {width}")
    joints = state["GCN_MLP.blocks.0.norm1.weight"].shape[0]
    depth = sum(name.endswith(".gcn1.conv1d.weight") for name in state)
    options = {"frames": 1, "in_channels": in_channels, "embed_dim": width, "depth": depth}
    return Description(joints, options, depth)


def _from_release(config: Mapping[str, Any], skeleton: Skeleton) -> GUMLP:
    return GUMLP(Config(skeleton=skeleton, **renamed(config, _OPTIONS)))


_OPTIONS = {
    "frames": "frames",
    "channel": "embed_dim",
    "layers": "depth",
    "drop_path_max": "drop_path",
}


REFERENCES = {"uao-gumlp": _from_release}

# A state saved from the CPU carries the graph, once for the network and once for every block.
REFERENCE_CONSTANTS = frozenset({"A", *(f"GCN_MLP.blocks.{block}.gcn1.adj" for block in range(16))})

NETWORK = GUMLP
