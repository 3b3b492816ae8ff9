"""Building blocks that the transformer lifters share.

Tokens keep the shape (batch, frames, joints, channels) from the first layer to the last. A block
attends over one of the two middle axes: over the joints of a frame, or over the frames of a
joint's track.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidData, InvalidParameter
from posekit.losses import SequenceLoss
from posekit.memory import keep_freed_memory
from posekit.skeletons import Skeleton, mirror_points

Axis = Literal["joints", "frames"]
Criterion = Callable[[Tensor, Tensor], SequenceLoss]


class Lifter(nn.Module):
    """A network that lifts 2D keypoints to 3D poses.

    ``forward`` maps screen-normalised keypoints (batch, frames, joints, in_channels) to
    root-relative poses in metres: (batch, frames, joints, 3) when ``output`` is "sequence",
    (batch, 1, joints, 3) when it is "frame".

    Attributes:
        frames: length of the window that the network takes.
        skeleton: joint set of the keypoints and of the pose.
        output: "sequence" (one pose per frame) or "frame" (the pose of the middle frame).
        in_channels: channels per keypoint.
    """

    def __init__(
        self,
        frames: int,
        skeleton: Skeleton,
        output: Literal["sequence", "frame"] = "sequence",
        in_channels: int = 2,
    ) -> None:
        super().__init__()
        if frames < 1:
            raise InvalidParameter(f"frames is {frames}; a window holds at least 1 frame.")
        keep_freed_memory()
        self.frames = frames
        self.skeleton = skeleton
        self.output = output
        self.in_channels = in_channels

    @property
    def tiled_windows(self) -> bool:
        """Whether training windows lie end to end; otherwise there is one for every frame."""
        return self.output == "sequence"

    @property
    def supervises_all_frames(self) -> bool:
        """Whether the target of training holds all frames of a window, or the middle one."""
        return self.output == "sequence"

    def training_forward(self, keypoints: Tensor, target: Tensor) -> Tensor:
        """The prediction that the training loss compares with ``target``.

        Diffusion lifters, whose input in training depends on the target, override it.
        """
        return self(keypoints)

    def training_loss(
        self, keypoints: Tensor, target: Tensor, criterion: Criterion
    ) -> SequenceLoss:
        """The loss of a batch; lifters that train on more than their prediction override it.

        Args:
            keypoints: (B, F, J, in_channels).
            target: (B, F, J, 3) or, without ``supervises_all_frames``, (B, 1, J, 3); metres.
            criterion: the recipe's loss of a prediction and a target.
        """
        return criterion(self.training_forward(keypoints, target), target)

    def set_norm_momentum(self, momentum: float) -> None:
        """Set the momentum of the batch normalisations that a recipe schedules.

        Raises:
            InvalidParameter: the network schedules none; those that do override this.
        """
        raise InvalidParameter(
            f"{type(self).__name__} schedules no batch normalisation; leave norm_momentum out of "
            f"its recipe (asked for: {momentum})."
        )

    def lift_both(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Prediction of the keypoints, and that of their mirror image mirrored back.

        Lifters whose second pass reuses something of the first override it.
        """
        mirrored = self(mirror_points(keypoints, self.skeleton))
        return self(keypoints), mirror_points(mirrored, self.skeleton)

    def check_input(self, keypoints: Tensor) -> None:
        """Raise InvalidData unless keypoints are (batch, frames, joints, in_channels)."""
        expected = (self.frames, self.skeleton.joints, self.in_channels)
        if keypoints.ndim != 4 or tuple(keypoints.shape[1:]) != expected:
            raise InvalidData(
                f"{type(self).__name__} got keypoints of shape {tuple(keypoints.shape)}; it takes "
                f"(batch, {', '.join(map(str, expected))}): cut windows of {self.frames} frames "
                f"with the {self.skeleton.joints} joints of {self.skeleton.name}."
            )


class DropPath(nn.Module):
    """Stochastic depth: drops a residual branch for whole rows of tokens in training.

    A row is what attends together: the joints of one frame, or the frames of one joint. Kept rows
    are divided by the probability of keeping them (Huang et al., "Deep networks with stochastic
    depth", ECCV 2016; per row as in the MixSTE repository).
    """

    def __init__(self, rate: float, axis: Axis) -> None:
        super().__init__()
        self.rate = rate
        self.axis = axis

    def forward(self, branch: Tensor) -> Tensor:
        """branch (batch, frames, joints, channels) -> the same shape."""
        if not self.training or self.rate == 0.0:
            return branch
        batch, frames, joints, _ = branch.shape
        rows = (batch, frames, 1, 1) if self.axis == "joints" else (batch, 1, joints, 1)
        keep = 1.0 - self.rate
        return branch * branch.new_empty(rows).bernoulli_(keep).div_(keep)


class MLP(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (..., dim) -> the same shape."""
        return self.fc2(functional.gelu(self.fc1(tokens)))


SHORT_ROW = 64
"""Rows of fewer tokens go through plain batched products on a CPU; see ``attend``."""


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax of the scaled products of queries and keys, times the values.

    ``scaled_dot_product_attention`` where it is the faster kernel: on a GPU, and on a CPU for long
    rows in float32. Its CPU kernel works row by row in blocks, which costs plain batched products
    a factor 2 on rows of 17 or 27 tokens, and in bfloat16 it leaves the CPU's bfloat16 units
    unused in the backward pass (measured: a factor 2 on 243 tokens, 6 on 17).

    Args:
        query, key, value: (..., heads, tokens, head_dim).

    Returns:
        (..., heads, tokens, head_dim).
    """
    *leading, tokens, width = query.shape
    if query.device.type != "cpu" or (query.dtype == torch.float32 and tokens >= SHORT_ROW):
        parts = (part.flatten(0, -4) for part in (query, key, value))
        return functional.scaled_dot_product_attention(*parts).view(*leading, tokens, width)
    query, key, value = (part.reshape(-1, *part.shape[-2:]) for part in (query, key, value))
    nothing = query.new_zeros(1).expand(len(query), tokens, key.shape[1])
    scores = torch.baddbmm(nothing, query, key.transpose(1, 2), beta=0, alpha=width**-0.5)
    return torch.bmm(scores.softmax(-1), value).view(*leading, tokens, width)


class Attention(nn.Module):
    """Multi-head self-attention over the joints of each frame or the frames of each joint."""

    def __init__(self, dim: int, heads: int, axis: Axis) -> None:
        super().__init__()
        if dim % heads:
            raise InvalidParameter(
                f"embed_dim {dim} is not divisible by {heads} heads; choose a multiple of {heads}."
            )
        self.heads = heads
        self.axis = axis
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, frames, joints, dim) -> the same shape."""
        parts = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))
        if self.axis == "frames":
            parts = parts.transpose(1, 2)
        # Each a view (batch, rows, heads, tokens, head_dim), copied once at most.
        query, key, value = parts.permute(3, 0, 1, 4, 2, 5)
        mixed = attend(query, key, value).transpose(2, 3).flatten(3)
        # Projected while rows are contiguous: of strided tokens, torch multiplies each frame by a
        # copy of the weights of its own, which took a third of a bfloat16 forward pass.
        projected = self.proj(mixed)
        return projected.transpose(1, 2) if self.axis == "frames" else projected


class Block(nn.Module):
    """Pre-norm transformer block: attention, then MLP, each on a residual branch.

    Args:
        dim: channels of a token.
        heads: attention heads.
        mlp_ratio: hidden width of the MLP over ``dim``.
        drop_path: rate of stochastic depth in training.
        axis: what attends together, the "joints" of a frame or the "frames" of a joint.
    """

    def __init__(
        self, dim: int, heads: int, mlp_ratio: float, drop_path: float, axis: Axis
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, axis)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = MLP(dim, int(dim * mlp_ratio))
        self.drop_path = DropPath(drop_path, axis)

    @property
    def attention_norm(self) -> nn.LayerNorm:
        """The norm in front of attention; blocks that keep it elsewhere override this."""
        return self.norm1

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, frames, joints, dim) -> the same shape."""
        tokens = tokens + self.drop_path(self.attn(self.attention_norm(tokens)))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


def drop_path_rates(largest: float, blocks: int) -> list[float]:
    """Rates of stochastic depth, rising linearly from 0 to ``largest`` over the blocks."""
    return torch.linspace(0.0, largest, blocks, device="cpu").tolist()
