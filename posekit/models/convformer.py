"""ConvFormer: attention whose queries, keys and values are mixtures of small convolutions.

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
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.models.layers import MLP, Attention, Axis, DropPath, attend, drop_path_rates
from posekit.models.lifters import Lifter, LifterConfig
from posekit.models.releases import Description, count_modules
from posekit.models.scaling import NARROWEST, Scale

FEWEST_FRAMES = 3
"""Frames of a scaled window at least: with one, the temporal stage has nothing to attend to."""


def kernel_sizes(kernels: str) -> tuple[int, ...]:
    """Sizes of the filters side by side: "3-5-7" is (3, 5, 7).

    Raises:
        InvalidParameter: a size that is no odd number; an even one has no middle to pad around.
    """
    sizes = kernels.split("-")
    if not all(size.isascii() and size.isdigit() and int(size) % 2 for size in sizes):
        raise InvalidParameter(
            f"convformer: kernels is {kernels!r}; give odd sizes joined by hyphens, such as 7-7-7."
        )
    return tuple(map(int, sizes))


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


class ConvolutionalAttention(nn.Module):
    """Dynamic multi-headed convolutional self-attention (DMHCSA).

    Over joints, the channels of the convolutions are those of a joint and the filters slide along
    the joints. Over frames, the channels are the frames and the filters slide along the D numbers
    of a frame: each query is a mixture of all frames, the paper's temporal joints profile.

    The filters of a mixture run as one convolution with the mixed kernel, which is the same
    function; only ``dropout_on="filters"`` tells them apart, and only in training.

    Args:
        config: sizes.
        channels: C, d or frames.
        axis: what attends, the "joints" of a frame or the "frames".
    """

    def __init__(self, config: Config, channels: int, axis: Axis) -> None:
        super().__init__()
        sizes = kernel_sizes(config.kernels)
        if config.attention == "conv" and len(sizes) > 1:
            raise InvalidParameter(
                f"convformer: kernels is {config.kernels!r} and attention 'conv' has one filter; "
                "give one size, or choose attention 'dynamic'."
            )
        self.axis = axis
        self.heads = config.heads
        self.dropout = config.dropout
        self.dropout_on = config.dropout_on
        for name in ("q", "k", "v"):
            filters = (nn.Conv1d(channels, channels, size, padding="same") for size in sizes)
            self.add_module(name, nn.ModuleList(filters))
        self.eta: nn.Parameter | None = None
        if config.attention != "conv":
            learned = config.aggregation == "learned"
            self.eta = nn.Parameter(torch.zeros(3, len(sizes)), requires_grad=learned)
        self.proj = nn.Linear(channels, channels) if config.projection else nn.Identity()

    def shares(self) -> Tensor:
        """Weights of the filters in the mixtures Q, K and V, (3, n); each row sums to 1.

        They are the softmax of a free vector that starts at zero (reconstruction).
        """
        if self.eta is None:
            return self.q[0].weight.new_ones(3, 1)
        return self.eta.softmax(dim=-1)

    def kernels(self) -> tuple[Tensor, Tensor]:
        """All filters at one size.

        Returns:
            Weights (3, n, C, C, k), padded with zeros to the largest k, and biases (3, n, C).
        """
        convolutions = (self.q, self.k, self.v)
        widest = max(conv.kernel_size[0] for conv in self.q)
        weights = [
            functional.pad(conv.weight, ((widest - conv.kernel_size[0]) // 2,) * 2)
            for filters in convolutions
            for conv in filters
        ]
        biases = [conv.bias for filters in convolutions for conv in filters]
        return torch.stack(weights).unflatten(0, (3, -1)), torch.stack(biases).unflatten(0, (3, -1))

    def mixed_kernels(self) -> tuple[Tensor, Tensor]:
        """The one filter that each mixture comes to: weights (3, C, C, k), biases (3, C)."""
        weights, biases = self.kernels()
        shares = self.shares()[..., None]
        return (shares[..., None, None] * weights).sum(1), (shares * biases).sum(1)

    def maps(self, signal: Tensor) -> Tensor:
        """Aggregated queries, keys and values of a signal (N, C, L), (N, 3, C, L)."""
        if self.training and self.dropout_on == "filters":
            weights, biases = self.kernels()
            each = _convolve(signal, weights.flatten(0, 1), biases.flatten(0, 1))
            each = functional.dropout(each, self.dropout).unflatten(1, (3, -1))
            return (self.shares()[..., None, None] * each).sum(2)
        return functional.dropout(
            _convolve(signal, *self.mixed_kernels()), self.dropout, self.training
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, d), or over frames (B, F, 1, D) -> the same shape."""
        if self.axis == "joints":
            maps = self.maps(tokens.flatten(0, 1).mT).mT
        else:
            maps = self.maps(tokens.squeeze(2))
        query, key, value = maps.unflatten(-1, (self.heads, -1)).permute(1, 0, 3, 2, 4)
        mixed = attend(query, key, value).transpose(1, 2).flatten(2)
        if self.axis == "joints":
            return self.proj(mixed).view_as(tokens)
        return self.proj(mixed.mT).mT.unsqueeze(2)

    def uncounted_macs(self, inputs: tuple[Tensor, ...], _output: Tensor) -> tuple[int, int]:
        """All filters one by one, as the paper's cost implies; of each mixture, one runs."""
        filters = [conv.weight for part in (self.q, self.k, self.v) for conv in part]
        places = inputs[0].numel() // len(filters[0])
        whole = places * sum(weight.numel() for weight in filters)
        ran = places * 3 * max(weight.numel() for weight in filters)
        return whole, whole - ran


def _convolve(signal: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Several convolutions of one signal (N, C, L) at once, (N, several, C, L).

    Args:
        signal: what they all see.
        weights: (several, C, C, k), k odd.
        biases: (several, C).
    """
    out = functional.conv1d(
        signal, weights.flatten(0, 1), biases.flatten(), padding=weights.shape[-1] // 2
    )
    return out.unflatten(1, (len(weights), -1))


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
        over_joints = axis == "joints"
        width = config.embed_dim if over_joints else config.embed_dim * config.skeleton.joints
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        if config.attention == "vanilla" or (
            config.attention == "spatial-conv" and not over_joints
        ):
            self.attn = Attention(width, config.heads, axis)
            if not config.projection:
                self.attn.proj = nn.Identity()
        else:
            channels = width if over_joints else config.frames
            self.attn = ConvolutionalAttention(config, channels, axis)
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
        for name, module in self.named_modules():
            if isinstance(module, ConvolutionalAttention):
                for part, weight, bias in zip("qkv", *module.mixed_kernels(), strict=True):
                    state |= {f"{name}.{part}.0.weight": weight, f"{name}.{part}.0.bias": bias}
                if module.eta is not None:
                    state[f"{name}.eta"] = torch.zeros(3, 1)
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
