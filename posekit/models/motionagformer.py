"""MotionAGFormer: an attention stream and a graph stream abreast, over joints and over frames.

Mehraban, Adeli and Taati, "MotionAGFormer: Enhancing 3D human pose estimation with a
transformer-GCNFormer network", WACV 2024. Source: https://github.com/TaatiTeam/MotionAGFormer;
the same function, at the sizes that are the defaults here, in
https://github.com/NationalGAILab/HoT at 873b5bd. Parameter names are those of its checkpoints.
Shapes: B batch, F frames, J joints, C channels.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, Skeleton
from posekit.models.layers import MLP, Attention, Axis, blend, full_precision, stream_fusion
from posekit.models.lifters import Step, SteppedConfig
from posekit.models.motionbert import RescaledSteppedLifter
from posekit.models.releases import Description, count_modules, renamed

# The release's graph of Human3.6M: neighbours by row. It is not symmetric: joint 0 lacks 4, and
# joint 8 lacks 11 and 14.
_HUMAN36M_NEIGHBOURS = (
    *((1, 7), (2, 0), (3, 1), (2,), (5, 0), (6, 4), (5,)),
    *((0, 8), (7, 9), (8, 10), (9,)),
    *((12, 8), (13, 11), (12,), (15, 8), (16, 14), (15,)),
)


def spatial_graph(skeleton: Skeleton) -> Tensor:
    """The edges between joints, (J, J) of 0 and 1, without loops.

    For Human3.6M the release's own, which is not symmetric; otherwise every bone both ways.
    """
    graph = torch.zeros(skeleton.joints, skeleton.joints)
    if skeleton.parents == HUMAN36M_17.parents:
        for joint, neighbours in enumerate(_HUMAN36M_NEIGHBOURS):
            graph[joint, list(neighbours)] = 1.0
    else:
        for child, parent in skeleton.bones:
            graph[child, parent] = graph[parent, child] = 1.0
    return graph


def similarity_graph(features: Tensor, neighbours: int) -> Tensor:
    """Edges from every frame to the frames most like it.

    A_ij = 1 where the dot product of frames i and j is at least the k-th largest of row i. The
    frame itself is usually among them; ties add edges, and A is not symmetric.

    Args:
        features: (rows, F, C).
        neighbours: k.

    Returns:
        A (rows, F, F) in float32, without gradient.
    """
    with torch.no_grad(), full_precision(features):
        features = features.float()
        similarity = features @ features.transpose(1, 2)
        largest = similarity.topk(min(neighbours, features.shape[1]), dim=-1).values
        return (similarity >= largest[..., -1:]).float()


def chain_graph(frames: int) -> Tensor:
    """Edges from every frame to itself and to the next, (F, F)."""
    return torch.eye(frames) + torch.ones(frames - 1).diag(1)


class GraphMixer(nn.Module):
    """Graph convolution with a residual: relu(x + BN(A_hat V(x) + U(x))).

    A_hat = D^-1/2 A D^-1/2 with D the row sums of A. The batch norm has the nodes as channels, so
    that a mixer over frames belongs to one number of frames.

    Args:
        dim: channels of a token.
        nodes: joints of the skeleton, or frames.
        axis: which axis of (B, F, J, C) the nodes are.
        graph: A (nodes, nodes), the same for all; None to link every frame to the ``neighbours``
            frames most like it, sample by sample and joint by joint.
        neighbours: edges per frame where there is no fixed graph.
    """

    def __init__(
        self, dim: int, nodes: int, axis: Axis, graph: Tensor | None, neighbours: int
    ) -> None:
        super().__init__()
        self.axis = axis
        self.neighbours = neighbours
        self.U = nn.Linear(dim, dim)
        self.V = nn.Linear(dim, dim)
        self.batch_norm = nn.BatchNorm1d(nodes)
        for layer in (self.U, self.V):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / dim))
        self.register_buffer("graph", graph, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, dim) -> the same shape."""
        rows = tokens if self.axis == "joints" else tokens.transpose(1, 2)
        shape = rows.shape
        rows = rows.flatten(0, 1)
        graph = similarity_graph(rows, self.neighbours) if self.graph is None else self.graph
        # Scaling rows twice spares the release's two dense products with the diagonal D.
        scale = graph.sum(dim=-1, keepdim=True).rsqrt()
        mixed = scale * (graph.to(rows.dtype) @ (scale * self.V(rows))) + self.U(rows)
        mixed = functional.relu(rows + self.batch_norm(mixed)).view(shape)
        return mixed if self.axis == "joints" else mixed.transpose(1, 2)

    def uncounted_macs(self, _inputs: tuple[Tensor, ...], output: Tensor) -> tuple[int, int]:
        """Both sides of D^-1/2 A D^-1/2 as dense products, as the release computes them."""
        nodes = self.batch_norm.num_features
        graphs = output.shape[:3].numel() // nodes
        return 0, 2 * graphs * nodes**3

    def resize(self, nodes: int) -> None:
        """Start afresh for another number of frames."""
        device = self.batch_norm.weight.device
        self.batch_norm = nn.BatchNorm1d(nodes, device=device)
        if self.graph is not None:
            self.graph = chain_graph(nodes).to(device)


@dataclass(frozen=True, kw_only=True)
class Config(SteppedConfig):
    """Options of MotionAGFormer; the defaults are HoT's host.

    The releases of MotionAGFormer have ``heads`` 8 and ``neighbours`` 2, with ``embed_dim`` 64,
    64, 128, 128 and ``depth`` 12, 26, 16, 26 for the sizes XS (27 frames), S (81), B and L (243).

    Attributes:
        depth: layers.
        mlp_ratio: hidden width of the MLPs over ``embed_dim``.
        neighbours: edges per frame of the graph over frames.
        representation: channels of the motion representation in front of the last layer.
        qkv_bias: give queries, keys and values a bias.
        layer_scale: scale every residual branch per channel, by 1e-5 at the start.
        adaptive_fusion: blend the streams by learned weights; without, take their mean.
        temporal_similarity: link frames by likeness; without, each to itself and the next.
        norm_eps: of every LayerNorm.
    """

    in_channels: int = 3
    embed_dim: int = 128
    depth: int = 16
    heads: int = 4
    mlp_ratio: float = 4.0
    neighbours: int = 4
    representation: int = 512
    qkv_bias: bool = False
    layer_scale: bool = True
    adaptive_fusion: bool = True
    temporal_similarity: bool = True
    norm_eps: float = 1e-5


class MixerBlock(nn.Module):
    """Pre-norm block: a mixer, then an MLP, each on a residual branch with a scale per channel.

    Args:
        mixer: attention or graph convolution.
        config: sizes.
    """

    def __init__(self, mixer: Attention | GraphMixer, config: Config) -> None:
        super().__init__()
        dim = config.embed_dim
        self.norm1 = nn.LayerNorm(dim, eps=config.norm_eps)
        self.mixer = mixer
        self.norm2 = nn.LayerNorm(dim, eps=config.norm_eps)
        self.mlp = MLP(dim, int(dim * config.mlp_ratio))
        self.layer_scale = config.layer_scale
        if config.layer_scale:
            self.layer_scale_1 = nn.Parameter(torch.full((dim,), 1e-5))
            self.layer_scale_2 = nn.Parameter(torch.full((dim,), 1e-5))

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, dim) -> the same shape."""
        mixed = self.mixer(self.norm1(tokens))
        tokens = tokens + (self.layer_scale_1 * mixed if self.layer_scale else mixed)
        mixed = self.mlp(self.norm2(tokens))
        return tokens + (self.layer_scale_2 * mixed if self.layer_scale else mixed)


class DualLayer(nn.Module):
    """An attention stream and a graph stream on the same tokens, blended at the end."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        dim, skeleton, neighbours = config.embed_dim, config.skeleton, config.neighbours
        block = partial(MixerBlock, config=config)
        attention = partial(Attention, dim, config.heads, qkv_bias=config.qkv_bias)
        chain = None if config.temporal_similarity else chain_graph(config.frames)
        bones = spatial_graph(skeleton)
        self.att_spatial = block(attention("joints"))
        self.att_temporal = block(attention("frames"))
        self.graph_spatial = block(GraphMixer(dim, skeleton.joints, "joints", bones, neighbours))
        self.graph_temporal = block(GraphMixer(dim, config.frames, "frames", chain, neighbours))
        self.fusion = stream_fusion(dim) if config.adaptive_fusion else None

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, dim) -> the same shape."""
        attended = self.att_temporal(self.att_spatial(tokens))
        linked = self.graph_temporal(self.graph_spatial(tokens))
        return blend(self.fusion, attended, linked)


class MotionAGFormer(RescaledSteppedLifter):
    """MotionAGFormer."""

    Config = Config
    published: ClassVar = {"MotionAGFormer": {}}

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        dim = config.embed_dim
        self.qkv_bias = config.qkv_bias
        self.joints_embed = nn.Linear(config.in_channels, dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.skeleton.joints, dim))
        self.layers = nn.ModuleList(DualLayer(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(dim, eps=config.norm_eps)
        representing = [("fc", nn.Linear(dim, config.representation)), ("act", nn.Tanh())]
        self.rep_logit = nn.Sequential(OrderedDict(representing))
        self.head = nn.Linear(config.representation, 3)

    def embed(self, keypoints: Tensor) -> Tensor:
        """Linear embedding of each keypoint plus the code of its joint; frames have no code."""
        return self.joints_embed(keypoints) + self.pos_embed

    def steps(self) -> Sequence[Step]:
        """The layers."""
        return list(self.layers)

    def finish(self, tokens: Tensor) -> Tensor:
        """The last LayerNorm."""
        return self.norm(tokens)

    def regress(self, tokens: Tensor) -> Tensor:
        """The motion representation, then a linear layer."""
        return self.head(self.rep_logit(tokens))

    def frame_attentions(self, step: int) -> Sequence[Attention]:
        """The attention over frames of the attention stream."""
        return (self.layers[step].att_temporal.mixer,)

    def shorten(self, step: int, frames: int) -> None:
        """Give the graphs over frames from layer ``step`` on batch norms of ``frames`` channels."""
        for layer in self.layers[step:]:
            layer.graph_temporal.mixer.resize(frames)

    @classmethod
    def shortened_at(cls, state: Mapping[str, Tensor], frames: int) -> int | None:
        """The first layer whose graph over frames is of ``frames``."""
        layers = range(count_modules(state, "layers"))
        return [graph_frames(state, layer) for layer in layers].index(frames)


def reference_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor options from the release's argument names.

    Raises:
        InvalidParameter: an output that is no 3D pose.
    """
    if config.get("dim_out", 3) != 3:
        raise InvalidParameter(f"motionagformer: dim_out is {config['dim_out']}; a pose has 3.")
    return renamed(config, _OPTIONS)


_OPTIONS = {
    "frames": "frames",
    "n_frames": "frames",
    "dim_in": "in_channels",
    "dim_feat": "embed_dim",
    "dim_rep": "representation",
    "n_layers": "depth",
    "num_heads": "heads",
    "mlp_ratio": "mlp_ratio",
    "neighbour_num": "neighbours",
    "qkv_bias": "qkv_bias",
    "use_layer_scale": "layer_scale",
    "use_adaptive_fusion": "adaptive_fusion",
    "use_temporal_similarity": "temporal_similarity",
    "norm_eps": "norm_eps",
}


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    Heads, neighbours and the kind of graph over frames are not told.
    """
    if "layers.0.graph_temporal.mixer.U.weight" not in state:
        return None
    width, channels = state["joints_embed.weight"].shape
    hidden, _ = state["layers.0.att_spatial.mlp.fc1.weight"].shape
    depth = count_modules(state, "layers")
    options = {
        "frames": graph_frames(state, 0),
        "in_channels": channels,
        "embed_dim": width,
        "depth": depth,
        "mlp_ratio": hidden / width,
        "representation": state["head.weight"].shape[1],
        "qkv_bias": "layers.0.att_spatial.mixer.qkv.bias" in state,
        "layer_scale": "layers.0.att_spatial.layer_scale_1" in state,
        "adaptive_fusion": "layers.0.fusion.weight" in state,
    }
    return Description(state["pos_embed"].shape[1], options, depth)


def graph_frames(state: Mapping[str, Tensor], layer: int) -> int:
    """Number of frames that a layer of a state is made for."""
    return len(state[f"layers.{layer}.graph_temporal.mixer.batch_norm.weight"])


REFERENCES = {
    "motionagformer": lambda config, skeleton: MotionAGFormer(
        Config(skeleton=skeleton, **reference_options(config))
    )
}

NETWORK = MotionAGFormer
