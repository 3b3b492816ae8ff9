"""KTPFormer: MixSTE whose first spatial and temporal attention carry graph priors.

Peng, Zhou and Mok, CVPR 2024, https://arxiv.org/abs/2404.00658. Source:
https://github.com/JihuaPeng/KTPFormer at b961951, class KTPFormer. Parameter names are those of
its checkpoints. Shapes: B batch, F frames, J joints, C channels.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import Skeleton
from posekit.models import mixste
from posekit.models.layers import Attention, Axis, Block, drop_path_rates
from posekit.models.mixste import AlternatingLifter, count_pairs, reference_options
from posekit.models.releases import Description

Topology = Literal["both", "local", "global"]


def adjacency(nodes: int, edges: Iterable[tuple[int, int]]) -> Tensor:
    """The fixed local topology A (nodes, nodes) of an undirected graph.

    A_ij = 1 / degree(i) for neighbours, A_ii = 1, 0 elsewhere. The diagonal is set after the rows
    are normalised, so rows sum to 2.
    """
    links = torch.zeros(nodes, nodes)
    for child, parent in edges:
        links[child, parent] = links[parent, child] = 1.0
    degree = links.sum(dim=1, keepdim=True).clamp(min=1.0)
    return (links / degree).fill_diagonal_(1.0)


def skeleton_graph(skeleton: Skeleton) -> Tensor:
    """A over joints (J, J): bones are edges."""
    return adjacency(skeleton.joints, skeleton.bones)


def frame_graph(frames: int) -> Tensor:
    """A over frames (F, F): each frame is linked to the ones before and after it."""
    return adjacency(frames, ((frame, frame - 1) for frame in range(1, frames)))


class GraphConvolution(nn.Module):
    """Graph convolution over a fixed local and a learned global topology.

    With S = A + A_theta, S' = (S + S^T) / 2, D the diagonal of S' and O the rest of it::

        out = D (M * (X W_0)) + O (M * (X W_1)) + b

    W_0 serves the node itself, W_1 its neighbours; M scales the features of the source node,
    channel by channel, before they are mixed. S' is not normalised again.

    Args:
        graph: the fixed local topology A (nodes, nodes).
        in_channels, out_channels: widths of X and out.
        axis: which axis of (B, F, J, C) the nodes are.
        topology: "both" as published; "local" keeps A_theta frozen at 0; "global" drops the edges
            of A, so that A_theta alone links the nodes. The diagonal of A stays 1 even then:
            without it a network would start with every node blind to itself.
    """

    def __init__(
        self, graph: Tensor, in_channels: int, out_channels: int, axis: Axis, topology: Topology
    ) -> None:
        super().__init__()
        if topology not in get_args(Topology):
            raise InvalidParameter(
                f"topology is {topology!r}; choose one of {', '.join(get_args(Topology))}."
            )
        nodes = len(graph)
        bound = 1.0 / math.sqrt(out_channels)
        self.axis = axis
        self.W = nn.Parameter(torch.empty(2, in_channels, out_channels))
        nn.init.xavier_uniform_(self.W, gain=1.414)
        self.M = nn.Parameter(torch.ones(nodes, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound))
        # Not in the released files, which hold A_theta ("adj2") alone.
        fixed = torch.eye(nodes) if topology == "global" else graph
        self.register_buffer("adjacency", fixed, persistent=False)
        if topology == "local":
            self.register_buffer("adj2", torch.zeros(nodes, nodes))
        else:
            self.adj2 = nn.Parameter(torch.full((nodes, nodes), 1e-6))

    def learned_topology(self) -> Tensor:
        """S' (nodes, nodes): the symmetric matrix that mixes the nodes."""
        combined = self.adjacency + self.adj2  # S = A + A_theta
        return (combined + combined.T) / 2  # S' = (S + S^T) / 2

    def forward(self, features: Tensor) -> Tensor:
        """features X (B, F, J, in_channels) -> (B, F, J, out_channels)."""
        topology = self.learned_topology()
        diagonal = topology.diagonal()  # D
        neighbourhood = topology - diagonal.diag()  # O
        own = self._modulate(features @ self.W[0])  # M * (X W_0)
        others = self._modulate(features @ self.W[1])  # M * (X W_1)
        if self.axis == "joints":
            return diagonal[:, None] * own + neighbourhood @ others + self.bias
        mixed = (neighbourhood @ others.flatten(2)).view_as(others)
        return diagonal[:, None, None] * own + mixed + self.bias

    def uncounted_macs(self, _inputs: tuple[Tensor, ...], output: Tensor) -> tuple[int, int]:
        """D as a dense product: the release computes it so, and its published cost implies it."""
        return 0, len(self.adjacency) * output.numel()

    def _modulate(self, features: Tensor) -> Tensor:
        return features * (self.M if self.axis == "joints" else self.M[:, None])


class GraphUnit(nn.Module):
    """Graph convolution, batch normalisation of each channel, ReLU."""

    def __init__(
        self, graph: Tensor, in_channels: int, out_channels: int, axis: Axis, topology: Topology
    ) -> None:
        super().__init__()
        self.gconv = GraphConvolution(graph, in_channels, out_channels, axis, topology)
        self.bn = nn.BatchNorm1d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """features (B, F, J, in_channels) -> (B, F, J, out_channels)."""
        mixed = self.gconv(features)
        return functional.relu(self.bn(mixed.flatten(0, 2)).view_as(mixed))


class KinematicsPrior(GraphUnit):
    """Kinematics prior (KPA): embeds joints by a graph convolution over the skeleton.

    A plug-in for any host with joint tokens: it takes the place of the linear embedding in front
    of the first spatial attention.

    Args:
        skeleton: its bones are the local topology.
        in_channels: channels per keypoint.
        dim: channels of a token.
        topology: see ``GraphConvolution``.
    """

    def __init__(
        self, skeleton: Skeleton, in_channels: int, dim: int, topology: Topology = "both"
    ) -> None:
        super().__init__(skeleton_graph(skeleton), in_channels, dim, "joints", topology)


class TrajectoryPrior(nn.Module):
    """Trajectory prior (TPA): two graph units along the frame chain, with a residual.

    A plug-in in front of the first temporal attention. It works on joint tokens (B, F, J, C) and,
    in hosts whose temporal tokens are whole poses, on (B, F, 1, C).

    Args:
        frames: length of the chain.
        dim: channels of a token.
        topology: see ``GraphConvolution``.
    """

    def __init__(self, frames: int, dim: int, topology: Topology = "both") -> None:
        super().__init__()
        self.gconv1 = GraphUnit(frame_graph(frames), dim, dim, "frames", topology)
        self.gconv2 = GraphUnit(frame_graph(frames), dim, dim, "frames", topology)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens x (B, F, J, C) -> x + unit2(unit1(x)), the same shape."""
        return tokens + self.gconv2(self.gconv1(tokens))


class KinematicsAttention(Attention):
    """The first spatial attention, with the embedding of the joints that it reads.

    Q, K and V are the ordinary linear projection of tokens that carry the prior. ``norm1`` has
    eps 1e-5 where all other block norms have 1e-6, as in the release.
    """

    def __init__(self, embedding: nn.Module, joints: int, dim: int, heads: int) -> None:
        super().__init__(dim, heads, axis="joints")
        self.kpa = embedding
        self.Spatial_pos_embed = nn.Parameter(torch.zeros(1, joints, dim))
        self.norm1 = nn.LayerNorm(dim)

    def embed(self, keypoints: Tensor) -> Tensor:
        """Keypoints (B, F, J, in_channels) -> position-coded joint tokens (B, F, J, C)."""
        return self.kpa(keypoints) + self.Spatial_pos_embed


class TrajectoryAttention(Attention):
    """The first temporal attention, with the prior of the tracks that it reads."""

    def __init__(self, prior: nn.Module, frames: int, dim: int, heads: int) -> None:
        super().__init__(dim, heads, axis="frames")
        self.tpa = prior
        self.Temporal_pos_embed = nn.Parameter(torch.zeros(1, frames, dim))
        self.norm1 = nn.LayerNorm(dim)

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens (B, F, J, C) -> the same with the prior and the code of each frame."""
        return self.tpa(tokens) + self.Temporal_pos_embed[:, :, None]


class PriorBlock(Block):
    """A transformer block around an attention that holds its own norm and prior."""

    def __init__(
        self, attention: KinematicsAttention | TrajectoryAttention, dim: int, mlp_ratio: float
    ) -> None:
        super().__init__(dim, attention.heads, mlp_ratio, 0.0, attention.axis)
        del self.norm1  # the release keeps it inside the attention
        self.attn = attention

    @property
    def attention_norm(self) -> nn.LayerNorm:
        """The norm in front of attention."""
        return self.attn.norm1


@dataclass(frozen=True, kw_only=True)
class Config(mixste.Config):
    """Options of KTPFormer; the bones of the skeleton are the local topology of KPA.

    Attributes:
        depth: pairs of a spatial and a temporal block after the pair with the priors, so 7 here
            matches MixSTE's 8.
        kpa: embed joints by KPA; without it, by a linear layer as MixSTE does.
        tpa: enrich tracks by TPA; without it, leave them as they are.
        topology: topology of both priors, see ``GraphConvolution``.
    """

    depth: int = 7
    kpa: bool = True
    tpa: bool = True
    topology: Topology = "both"


class KTPFormer(AlternatingLifter):
    """MixSTE with the kinematics prior (KPA) and the trajectory prior (TPA) in its first pair."""

    Config = Config
    published: ClassVar = {"KTPFormer": {}}
    prior_blocks = 1

    def __init__(self, config: Config) -> None:
        super().__init__(config, drop_path_rates(config.drop_path, config.depth + 1)[1:])
        skeleton, dim, topology = config.skeleton, config.embed_dim, config.topology
        embedding = (
            KinematicsPrior(skeleton, config.in_channels, dim, topology)
            if config.kpa
            else nn.Linear(config.in_channels, dim)
        )
        prior = TrajectoryPrior(config.frames, dim, topology) if config.tpa else nn.Identity()
        spatial = KinematicsAttention(embedding, skeleton.joints, dim, config.heads)
        temporal = TrajectoryAttention(prior, config.frames, dim, config.heads)
        self.kpattention = PriorBlock(spatial, dim, config.mlp_ratio)
        self.tpattention = PriorBlock(temporal, dim, config.mlp_ratio)

    def embed(self, keypoints: Tensor) -> Tensor:
        """KPA of the keypoints plus the code of each joint."""
        return self.kpattention.attn.embed(keypoints)

    def embed_frames(self, tokens: Tensor) -> Tensor:
        """TPA of the tokens plus the code of each frame."""
        return self.tpattention.attn.embed(tokens)

    def pairs(self) -> Iterable[tuple[Block, Block]]:
        """The pair with the priors, then ``STEblocks`` and ``TTEblocks``."""
        return chain([(self.kpattention, self.tpattention)], super().pairs())

    def learned_topology(self) -> dict[str, Tensor]:
        """S' of each graph convolution: "KPA" (J, J), "TPA 1" and "TPA 2" (F, F); those in use."""
        graphs: dict[str, Tensor] = {}
        kinematics, trajectory = self.kpattention.attn.kpa, self.tpattention.attn.tpa
        if isinstance(kinematics, KinematicsPrior):
            graphs["KPA"] = kinematics.gconv.learned_topology()
        if isinstance(trajectory, TrajectoryPrior):
            graphs["TPA 1"] = trajectory.gconv1.gconv.learned_topology()
            graphs["TPA 2"] = trajectory.gconv2.gconv.learned_topology()
        return {name: matrix.detach() for name, matrix in graphs.items()}


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    The topology is not among it: its three kinds share their names.
    """
    if not any(name.startswith("kpattention.") for name in state):
        return None
    _, joints, width = state["kpattention.attn.Spatial_pos_embed"].shape
    _, frames, _ = state["tpattention.attn.Temporal_pos_embed"].shape
    hidden, _ = state["kpattention.mlp.fc1.weight"].shape
    kpa = "kpattention.attn.kpa.gconv.W" in state
    embedding = state["kpattention.attn.kpa.gconv.W" if kpa else "kpattention.attn.kpa.weight"]
    depth = count_pairs(state)
    options = {
        "frames": frames,
        "in_channels": embedding.shape[1],
        "embed_dim": width,
        "depth": depth,
        "mlp_ratio": hidden / width,
        "kpa": kpa,
        "tpa": "tpattention.attn.tpa.gconv1.gconv.W" in state,
    }
    return Description(joints, options, depth)


REFERENCES = {
    "ktpformer": lambda config, skeleton: KTPFormer(
        Config(skeleton=skeleton, **reference_options(config))
    )
}

NETWORK = KTPFormer
