"""MotionBERT's DSTformer: two streams that attend over joints and frames in opposite order.

Zhu et al., "MotionBERT: A unified perspective on learning human motion representations", ICCV
2023. Source: https://github.com/Walter0807/MotionBERT, class DSTformer; the same function, at the
sizes that are the defaults here, in https://github.com/NationalGAILab/HoT at 873b5bd. Parameter
names are those of its checkpoints. Shapes: B batch, F frames, J joints, C channels.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from posekit.errors import InvalidParameter
from posekit.metrics import n_mpjpe
from posekit.metrics.losses import SequenceLoss
from posekit.models.layers import MLP, Attention, blend, stream_fusion
from posekit.models.lifters import Criterion, Step, SteppedConfig, SteppedLifter
from posekit.models.releases import Description, count_modules, renamed
from posekit.models.scaling import Scale

Order = Literal["joints first", "frames first"]

RESCALED = 0.5  # factor of N-MPJPE


class RescaledSteppedLifter(SteppedLifter):
    """A host that adds half of N-MPJPE to its recipe's loss, as MotionBERT and MotionAGFormer do.

    Their released losses are MPJPE + 0.5 N-MPJPE + 20 MPJVE.
    """

    release_protocol = "HoT"

    def own_criterion(self, criterion: Criterion) -> Criterion:
        """The recipe's loss with ``RESCALED`` times N-MPJPE added to its total."""

        def rescaled(prediction: Tensor, target: Tensor) -> SequenceLoss:
            loss = criterion(prediction, target)
            return loss._replace(total=loss.total + RESCALED * n_mpjpe(prediction, target))

        return rescaled


@dataclass(frozen=True, kw_only=True)
class Config(SteppedConfig):
    """Options of MotionBERT; the defaults are the sizes of HoT's host and of MotionBERT-Lite.

    Trained from scratch it has ``embed_dim`` 512 and ``mlp_ratio`` 2.

    Attributes:
        depth: pairs of blocks.
        mlp_ratio: hidden width of the MLPs over ``embed_dim``.
        representation: channels of the motion representation in front of the last layer.
        max_frames: frames that have a code, of which the first ``frames`` are used, so that a
            checkpoint of longer windows can be loaded; 0 for as many as ``frames``.
        qkv_bias: give queries, keys and values a bias.
        adaptive_fusion: blend the streams by learned weights; without, take their mean.
        norm_eps: of every LayerNorm.
        initial_std: standard deviation of the initial weights of linear layers.
    """

    in_channels: int = 3
    embed_dim: int = 256
    depth: int = 5
    mlp_ratio: float = 4.0
    representation: int = 512
    max_frames: int = 0
    qkv_bias: bool = True
    adaptive_fusion: bool = True
    norm_eps: float = 1e-6
    initial_std: float = 0.02


class DualBlock(nn.Module):
    """One attention over joints and one over frames, each followed by an MLP of its own.

    Args:
        config: sizes.
        order: which of the two attentions comes first.
    """

    def __init__(self, config: Config, order: Order) -> None:
        super().__init__()
        dim, hidden = config.embed_dim, int(config.embed_dim * config.mlp_ratio)
        norm = partial(nn.LayerNorm, dim, eps=config.norm_eps)
        attention = partial(Attention, dim, config.heads, qkv_bias=config.qkv_bias)
        self.order = order
        self.norm1_s = norm()
        self.norm1_t = norm()
        self.attn_s = attention("joints")
        self.attn_t = attention("frames")
        self.norm2_s = norm()
        self.norm2_t = norm()
        self.mlp_s = MLP(dim, hidden)
        self.mlp_t = MLP(dim, hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, dim) -> the same shape."""
        if self.order == "joints first":
            return self._over_frames(self._over_joints(tokens))
        return self._over_joints(self._over_frames(tokens))

    def _over_joints(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn_s(self.norm1_s(tokens))
        return tokens + self.mlp_s(self.norm2_s(tokens))

    def _over_frames(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn_t(self.norm1_t(tokens))
        return tokens + self.mlp_t(self.norm2_t(tokens))


class MotionBERT(RescaledSteppedLifter):
    """DSTformer as a lifter."""

    Config = Config
    published: ClassVar = {"MotionBERT, 256 wide": {}}

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        frames, dim, depth = config.frames, config.embed_dim, config.depth
        max_frames = config.max_frames or frames
        if frames > max_frames:
            raise InvalidParameter(
                f"motionbert: frames is {frames}, and max_frames {max_frames} codes fewer; "
                f"choose max_frames >= {frames}."
            )
        self.initial_std = config.initial_std
        self.qkv_bias = config.qkv_bias
        self.joints_embed = nn.Linear(config.in_channels, dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.skeleton.joints, dim))
        self.temp_embed = nn.Parameter(torch.zeros(1, max_frames, 1, dim))
        self.blocks_st = nn.ModuleList(DualBlock(config, "joints first") for _ in range(depth))
        self.blocks_ts = nn.ModuleList(DualBlock(config, "frames first") for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=config.norm_eps)
        representing = [("fc", nn.Linear(dim, config.representation)), ("act", nn.Tanh())]
        self.pre_logits = nn.Sequential(OrderedDict(representing))
        self.head = nn.Linear(config.representation, 3)
        for code in (self.pos_embed, self.temp_embed):
            nn.init.trunc_normal_(code, std=0.02)
        self.apply(self.initialise)
        fusions = depth if config.adaptive_fusion else 0
        self.ts_attn = nn.ModuleList(stream_fusion(dim) for _ in range(fusions))

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """As every host's; a layer's output keeps its size.

        At a sixteenth of the width, initial weights as small as published let so little through
        that training does not leave the mean pose.
        """
        scaled = super().scaled(options, scale)
        if "initial_std" in options:
            scaled["initial_std"] *= math.sqrt(options["embed_dim"] / scaled["embed_dim"])
        return scaled

    def initialise(self, module: nn.Module) -> None:
        """Linear layers start with biases 0 and weights of ``initial_std``."""
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=self.initial_std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def embed(self, keypoints: Tensor) -> Tensor:
        """Linear embedding of each keypoint plus the codes of its joint and of its frame."""
        tokens = self.joints_embed(keypoints) + self.pos_embed
        return tokens + self.temp_embed[:, : self.frames]

    def steps(self) -> Sequence[Step]:
        """One step per pair of blocks: both streams, then their blend."""
        return [partial(self._run_streams, number) for number in range(len(self.blocks_st))]

    def finish(self, tokens: Tensor) -> Tensor:
        """The last LayerNorm."""
        return self.norm(tokens)

    def regress(self, tokens: Tensor) -> Tensor:
        """The motion representation, then a linear layer."""
        return self.head(self.pre_logits(tokens))

    def frame_attentions(self, step: int) -> Sequence[Attention]:
        """The attention over frames of both streams."""
        return self.blocks_st[step].attn_t, self.blocks_ts[step].attn_t

    def _run_streams(self, number: int, tokens: Tensor) -> Tensor:
        fusion = self.ts_attn[number] if self.ts_attn else None
        return blend(fusion, self.blocks_st[number](tokens), self.blocks_ts[number](tokens))


def reference_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor options from the release's argument names.

    Raises:
        InvalidParameter: an output that is no 3D pose.
    """
    if config.get("dim_out", 3) != 3:
        raise InvalidParameter(f"motionbert: dim_out is {config['dim_out']}; a pose has 3.")
    return renamed(config, _OPTIONS)


_OPTIONS = {
    "frames": "frames",
    "maxlen": "max_frames",
    "dim_in": "in_channels",
    "dim_feat": "embed_dim",
    "dim_rep": "representation",
    "depth": "depth",
    "num_heads": "heads",
    "mlp_ratio": "mlp_ratio",
    "qkv_bias": "qkv_bias",
    "att_fuse": "adaptive_fusion",
    "norm_eps": "norm_eps",
}


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    The heads are not told.
    """
    if "blocks_st.0.attn_s.qkv.weight" not in state:
        return None
    width, channels = state["joints_embed.weight"].shape
    hidden, _ = state["blocks_st.0.mlp_s.fc1.weight"].shape
    depth = count_modules(state, "blocks_st")
    options = {
        "frames": state["temp_embed"].shape[1],
        "in_channels": channels,
        "embed_dim": width,
        "depth": depth,
        "mlp_ratio": hidden / width,
        "representation": state["head.weight"].shape[1],
        "qkv_bias": "blocks_st.0.attn_s.qkv.bias" in state,
        "adaptive_fusion": "ts_attn.0.weight" in state,
    }
    return Description(state["pos_embed"].shape[1], options, depth)


REFERENCES = {
    "motionbert": lambda config, skeleton: MotionBERT(
        Config(skeleton=skeleton, **reference_options(config))
    )
}

NETWORK = MotionBERT
