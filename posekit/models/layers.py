"""Building blocks that the transformer lifters share.

Tokens keep the shape (batch, frames, joints, channels) from the first layer to the last. A block
attends over one of the two middle axes: over the joints of a frame, or over the frames of a
joint's track.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter

Axis = Literal["joints", "frames"]


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
    """Two linear layers with an exact GELU between them, each followed by dropout."""

    def __init__(self, dim: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.dropout = dropout

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (..., dim) -> the same shape."""
        hidden = functional.gelu(self.fc1(tokens))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        return functional.dropout(self.fc2(hidden), self.dropout, self.training)


SHORT_ROW = 64
"""Rows of fewer tokens go through plain batched products on a CPU; see ``attend``."""


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax of the scaled products of queries and keys, times the values.

    ``scaled_dot_product_attention`` where it is the faster kernel: on a GPU, and on a CPU for long
    rows in float32. Its CPU kernel works row by row in blocks, which costs plain batched products
    a factor 2 on rows of 17 or 27 tokens, and in bfloat16 it leaves the CPU's bfloat16 units
    unused in the backward pass (measured: a factor 2 on 243 tokens, 6 on 17).

    Args:
        query: (..., heads, tokens, head_dim).
        key, value: the same, or with another number of tokens.

    Returns:
        (..., heads, tokens, head_dim), as many tokens as the query has.
    """
    *leading, tokens, width = query.shape
    if query.device.type != "cpu" or (query.dtype == torch.float32 and tokens >= SHORT_ROW):
        parts = (part.flatten(0, -4) for part in (query, key, value))
        return functional.scaled_dot_product_attention(*parts).view(*leading, tokens, width)
    query, key, value = (part.reshape(-1, *part.shape[-2:]) for part in (query, key, value))
    nothing = query.new_zeros(1).expand(len(query), tokens, key.shape[1])
    scores = torch.baddbmm(nothing, query, key.transpose(1, 2), beta=0, alpha=width**-0.5)
    return torch.bmm(scores.softmax(-1), value).view(*leading, tokens, width)


def _check_heads(dim: int, heads: int) -> None:
    if dim % heads:
        raise InvalidParameter(
            f"embed_dim {dim} is not divisible by {heads} heads; choose a multiple of {heads}."
        )


class Attention(nn.Module):
    """Multi-head self-attention over the joints of each frame or the frames of each joint.

    Args:
        dim: channels of a token.
        heads: attention heads.
        axis: what attends together, the "joints" of a frame or the "frames" of a joint.
        qkv_bias: give queries, keys and values a bias.
        dropout: rate after the output projection in training.
    """

    def __init__(
        self, dim: int, heads: int, axis: Axis, *, qkv_bias: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        _check_heads(dim, heads)
        self.heads = heads
        self.axis = axis
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
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
        projected = functional.dropout(self.proj(mixed), self.dropout, self.training)
        return projected.transpose(1, 2) if self.axis == "frames" else projected


class CrossAttention(nn.Module):
    """Multi-head attention whose queries, keys and values come from different tokens.

    Args:
        dim: channels of a token.
        heads: attention heads.
        qkv_bias: give queries, keys and values a bias.
        dropout: rate after the output projection in training.
    """

    def __init__(
        self, dim: int, heads: int, *, qkv_bias: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        _check_heads(dim, heads)
        self.heads = heads
        self.dropout = dropout
        self.linear_q = nn.Linear(dim, dim, bias=qkv_bias)
        self.linear_k = nn.Linear(dim, dim, bias=qkv_bias)
        self.linear_v = nn.Linear(dim, dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """query (rows, tokens, dim), key and value (rows, others, dim) -> (rows, tokens, dim)."""
        parts = (self.linear_q(query), self.linear_k(key), self.linear_v(value))
        heads = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = attend(*heads).transpose(1, 2).flatten(2)
        return functional.dropout(self.proj(mixed), self.dropout, self.training)


class Block(nn.Module):
    """Pre-norm transformer block: attention, then MLP, each on a residual branch.

    Args:
        dim: channels of a token.
        heads: attention heads.
        mlp_ratio: hidden width of the MLP over ``dim``.
        drop_path: rate of stochastic depth in training.
        axis: what attends together, the "joints" of a frame or the "frames" of a joint.
        dropout: rate after every projection and inside the MLP in training.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        mlp_ratio: float,
        drop_path: float,
        axis: Axis,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, axis, dropout=dropout)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = MLP(dim, int(dim * mlp_ratio), dropout)
        self.drop_path = DropPath(drop_path, axis)

    @property
    def attention_norm(self) -> nn.LayerNorm:
        """The norm in front of attention; blocks that keep it elsewhere override this."""
        return self.norm1

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, frames, joints, dim) -> the same shape."""
        tokens = tokens + self.drop_path(self.attn(self.attention_norm(tokens)))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


def stream_fusion(dim: int) -> nn.Linear:
    """The layer that ``blend`` takes its weights from; it starts with an even blend."""
    fusion = nn.Linear(2 * dim, 2)
    nn.init.zeros_(fusion.weight)
    nn.init.constant_(fusion.bias, 0.5)
    return fusion


def blend(fusion: nn.Linear | None, one: Tensor, other: Tensor) -> Tensor:
    """Blend two streams (..., dim) token by token, by weights that are linear in both.

    Args:
        fusion: see ``stream_fusion``; None for the mean of the streams.
        one, other: the streams.
    """
    if fusion is None:
        return (one + other) / 2
    share = fusion(torch.cat((one, other), dim=-1)).softmax(dim=-1)
    return torch.lerp(other, one, share[..., :1].to(one.dtype))


def full_precision(tensor: Tensor) -> AbstractContextManager:
    """A context without autocast on the device of ``tensor``, for values that decide an order."""
    kind = tensor.device.type
    if torch.amp.is_autocast_available(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()


def drop_path_rates(largest: float, blocks: int) -> list[float]:
    """Rates of stochastic depth, rising linearly from 0 to ``largest`` over the blocks."""
    return torch.linspace(0.0, largest, blocks, device="cpu").tolist()
