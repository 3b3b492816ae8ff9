"""ConvFormer: convolutional attention over the joints of a frame, then over the frames.

Diaz-Arias & Shin, "ConvFormer: Parameter reduction in transformer models for 3D human pose
estimation by leveraging dynamic multi-headed convolutional attention", The Visual Computer 40,
2024, arXiv 2304.02147. No code and no checkpoint were released: the network follows the paper's
text and the parameter counts that its tables print. What neither decides is a reconstruction, and
the docstrings say so; names of parameters are ours.
Shapes: B batch, F frames, J joints, d channels of a joint, D = J d channels of a frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from posekit.errors import InvalidParameter
from posekit.models.convolutional_attention import ConvolutionalAttention, kernel_sizes
from posekit.models.layers import MLP, Attention, Axis, DropPath, drop_path_rates
from posekit.models.lifters import Lifter, LifterConfig
from posekit.models.releases import Description, count_modules
from posekit.models.scaling import NARROWEST, Scale

FEWEST_FRAMES = 3
"""Frames of a scaled window at least: with one, the temporal stage has nothing to attend to."""


@dataclass(frozen=True, kw_only=True)
class Config(LifterConfig):
    """Options of ConvFormer; published with 9, 27, 81, 143 and 243 frames.

    Attributes:
        frames: frames of a window; any number.
        embed_dim: d, channels of a joint.
        spatial_blocks: blocks that attend over the joints of a frame.
        temporal_blocks: blocks that attend over frames.
        heads: attention heads of both stages; they divide d.
        kernels: sizes of the filters side by side, joined by hyphens.
        attention: where queries, keys and values come from. "dynamic" mixes the filters (the
            paper), "conv" has one filter and nothing to mix, "vanilla" has linear layers over a
            token's channels and a linear output projection (reconstruction of the paper's
            baseline), "spatial-conv" is dynamic in the spatial stage and vanilla in the temporal
            one, so that no frame is mixed with others before attention (an ablation of ours).
        aggregation: whether the weights of the mixture are "learned" or stay "uniform" (ours).
        projection: the projection behind attention. The text does not mention it; the printed
            parameter counts at 81 frames and more imply it.
        final_norms: a LayerNorm behind each stage (reconstruction).
        drop_path: stochastic depth, of each stage's last block under the rule "linear".
        drop_path_rule: "linear" from 0 in a stage's first block (reconstruction), or "constant".
        dropout: rate on the aggregation in training.
        dropout_on: what it falls on, the "aggregate" of the filters (reconstruction) or the output
            of each of the "filters".
    """

    embed_dim: int = 32
    spatial_blocks: int = 2
    temporal_blocks: int = 2
    heads: int = 8
    kernels: str = "7-7-7"
    attention: Literal["dynamic", "conv", "vanilla", "spatial-conv"] = "dynamic"
    aggregation: Literal["learned", "uniform"] = "learned"
    projection: bool = True
    final_norms: bool = True
    drop_path: float = 0.2
    drop_path_rule: Literal["linear", "constant"] = "linear"
    dropout: float = 0.2
    dropout_on: Literal["aggregate", "filters"] = "aggregate"


def _attention(config: Config, axis: Axis, width: int) -> Attention | ConvolutionalAttention:
    """The attention of a block: of linear layers over a token, or of convolutions.

    Raises:
        InvalidParameter: several filters where nothing mixes them, or a size that is not odd.
    """
    kind, sizes = config.attention, kernel_sizes(config.kernels)
    if kind == "vanilla" or (kind == "spatial-conv" and axis == "frames"):
        attention = Attention(width, config.heads, axis)
        if not config.projection:
            attention.proj = nn.Identity()
        return attention
    if kind == "conv" and len(sizes) > 1:
        raise InvalidParameter(
            f"convformer: kernels is {config.kernels!r} and attention 'conv' has one filter; give "
            "one size, or choose attention 'dynamic'."
        )
    return ConvolutionalAttention(
        config.embed_dim if axis == "joints" else config.frames,
        config.heads,
        axis,
        sizes,
        mixture=None if kind == "conv" else config.aggregation,
        projection=config.projection,
        dropout=config.dropout,
        dropout_on=config.dropout_on,
    )


class ConvFormerBlock(nn.Module):
    """Attention, then an MLP of twice the width, each on a pre-norm residual branch.

    The exact GELU, no dropout in the MLP and the norms' epsilon are a reconstruction.

    Args:
        config: sizes.
        axis: what attends, the "joints" of a frame or the "frames".
        drop_path: rate of stochastic depth in training.
    """

    def __init__(self, config: Config, axis: Axis, drop_path: float) -> None:
        super().__init__()
        width = config.embed_dim
        if axis == "frames":
            width *= config.skeleton.joints
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = _attention(config, axis, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.ffn = MLP(width, 2 * width)
        self.drop_path = DropPath(drop_path, axis)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, d), or over frames (B, F, 1, D) -> the same shape."""
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        return tokens + self.drop_path(self.ffn(self.norm2(tokens)))


class ConvFormer(Lifter):
    """ConvFormer: a window of keypoints to the pose of its middle frame.

    Attributes:
        config: the options that it was built with.
    """

    Config = Config
    published: ClassVar = {"ConvFormer": {}}
    release_protocol = "VideoPose3D"

    def __init__(self, config: Config) -> None:
        super().__init__(config.frames, config.skeleton, "frame", config.in_channels)
        dim, joints, frames = config.embed_dim, config.skeleton.joints, config.frames
        if dim % config.heads:
            raise InvalidParameter(
                f"convformer: embed_dim is {dim}; choose a multiple of its {config.heads} heads."
            )
        self.config = config
        self.embed = nn.Linear(config.in_channels, dim)
        self.spatial_pos = nn.Parameter(torch.zeros(joints, dim))  # at zero: reconstruction
        self.temporal_pos = nn.Parameter(torch.zeros(frames, joints * dim))
        self.spatial = _stack(config, "joints", config.spatial_blocks)
        self.temporal = _stack(config, "frames", config.temporal_blocks)
        norms = [
            nn.LayerNorm(width, eps=1e-6) if config.final_norms else nn.Identity()
            for width in (dim, joints * dim)
        ]
        self.spatial_norm, self.temporal_norm = norms
        self.head = nn.Linear(joints * dim, 3 * joints)
        self.frame_mix = nn.Conv1d(frames, 1, 1)

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """Smaller in both stacks, with an odd window and with heads that still divide the width.

        The width is divided by the square root of the divisor of other lifters: those give a token
        up to 512 channels, ConvFormer a joint 32, and the numbers of a frame are a token of it.
        """
        scaled = super().scaled(options, scale)
        for stack in ("spatial_blocks", "temporal_blocks"):
            if stack in options:
                scaled[stack] = max(1, scale.blocks(options[stack]))
        if "frames" in options and scale.frames_divisor > 1:
            odd = scaled["frames"] - 1 + scaled["frames"] % 2
            scaled["frames"] = min(options["frames"], max(FEWEST_FRAMES, odd))
        if "embed_dim" in options and scale.width_divisor > 1:
            unit = NARROWEST if "heads" in options else Config.heads
            narrowed = int(options["embed_dim"] / math.sqrt(scale.width_divisor))
            scaled["embed_dim"] = max(unit, narrowed // unit * unit)
            if "heads" in options:
                scaled["heads"] = math.gcd(options["heads"], scaled["embed_dim"])
        return scaled

    @classmethod
    def describe_depth(cls, options: Mapping[str, Any]) -> str:
        """Both stacks, such as "2 spatial and 2 temporal blocks"."""
        spatial = options.get("spatial_blocks", Config.spatial_blocks)
        temporal = options.get("temporal_blocks", Config.temporal_blocks)
        return f"{spatial} spatial and {temporal} temporal blocks"

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, F, J, in_channels) to the middle frame's pose (B, 1, J, 3), metres.

        The root is not forced to 0.
        """
        self.check_input(keypoints)
        joints = self.spatial_norm(self.spatial(self.embed(keypoints) + self.spatial_pos))
        frames = (joints.flatten(2) + self.temporal_pos).unsqueeze(2)
        poses = self.head(self.temporal_norm(self.temporal(frames)).squeeze(2))
        return self.frame_mix(poses).unflatten(-1, (self.skeleton.joints, 3))

    def convolutions(self) -> dict[str, ConvolutionalAttention]:
        """The attentions that are made of convolutions, by the names of their blocks."""
        return {
            name.removesuffix(".attn"): module
            for name, module in self.named_modules()
            if isinstance(module, ConvolutionalAttention)
        }

    def folded(self) -> ConvFormer:
        """The same function outside of training, with one filter in place of every mixture.

        A weighted sum of convolutions is the convolution with the weighted sum of their kernels,
        so that several filters add no function that one of the largest size lacks.
        """
        widest = max(kernel_sizes(self.config.kernels))
        folded = ConvFormer(replace(self.config, kernels=str(widest))).to(self.head.weight)
        state = {
            name: value for name, value in self.state_dict().items() if name in folded.state_dict()
        }
        for block, attention in self.convolutions().items():
            for part, weight, bias in zip("qkv", *attention.mixed_kernels(), strict=True):
                filters = f"{block}.attn.{part}.0"
                state |= {f"{filters}.weight": weight, f"{filters}.bias": bias}
            if attention.eta is not None:
                state[f"{block}.attn.eta"] = torch.zeros(3, 1)
        folded.load_state_dict(state)
        return folded.train(self.training)


def _stack(config: Config, axis: Axis, blocks: int) -> nn.Sequential:
    """The blocks of one stage, with their rates of stochastic depth."""
    linear = config.drop_path_rule == "linear"
    rates = drop_path_rates(config.drop_path, blocks) if linear else [config.drop_path] * blocks
    return nn.Sequential(*(ConvFormerBlock(config, axis, rate) for rate in rates))


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    The heads are not told.
    """
    if "frame_mix.weight" not in state or "spatial_pos" not in state:
        return None
    joints, width = state["spatial_pos"].shape
    frames, _ = state["temporal_pos"].shape
    over_joints, over_frames = (f"{stage}.0.attn" for stage in ("spatial", "temporal"))
    options = {
        "frames": frames,
        "in_channels": state["embed.weight"].shape[1],
        "embed_dim": width,
        "spatial_blocks": count_modules(state, "spatial"),
        "temporal_blocks": count_modules(state, "temporal"),
        "projection": f"{over_joints}.proj.weight" in state,
        "final_norms": "spatial_norm.weight" in state,
        "attention": "vanilla",
    }
    filters = count_modules(state, f"{over_joints}.q")
    if filters:
        sizes = (state[f"{over_joints}.q.{number}.weight"].shape[-1] for number in range(filters))
        options["kernels"] = "-".join(map(str, sizes))
        options["attention"] = "dynamic" if f"{over_joints}.eta" in state else "conv"
        if f"{over_frames}.qkv.weight" in state:
            options["attention"] = "spatial-conv"
    return Description(joints, options, options["spatial_blocks"] + options["temporal_blocks"])


NETWORK = ConvFormer
