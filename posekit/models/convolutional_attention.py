"""Attention whose queries, keys and values are mixtures of small convolutions, ConvFormer's method.

Diaz-Arias & Shin, arXiv 2304.02147; no code was released. What the paper's text and its parameter
counts leave open is a reconstruction, and the docstrings say so.
Shapes: B batch, F frames, J joints, n filters, N signals, C channels of a signal, L its length.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.models.layers import Axis, attend


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


class ConvolutionalAttention(nn.Module):
    """Dynamic multi-headed convolutional self-attention (DMHCSA).

    Over joints, the channels of the convolutions are those of a joint and the filters slide along
    the joints. Over frames, the channels are the frames and the filters slide along the numbers of
    a frame: each query is a mixture of all frames, the paper's temporal joints profile. Heads
    split the numbers of a token in both.

    The filters of a mixture run as one convolution with the mixed kernel, which is the same
    function; only ``dropout_on="filters"`` tells them apart, and only in training.

    Args:
        channels: C, channels of a joint or number of frames.
        heads: attention heads.
        axis: what attends, the "joints" of a frame or the "frames".
        sizes: of the filters' kernels, odd.
        mixture: weights of the filters: "learned", "uniform", or None for a single filter.
        projection: a linear map over the channels behind attention. The paper does not mention
            it; the parameter counts that it prints imply it.
        dropout: rate on the aggregation in training.
        dropout_on: what it falls on, the "aggregate" of the filters (reconstruction) or the output
            of each of the "filters".
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        axis: Axis,
        sizes: tuple[int, ...],
        *,
        mixture: Literal["learned", "uniform"] | None = "learned",
        projection: bool = True,
        dropout: float = 0.0,
        dropout_on: Literal["aggregate", "filters"] = "aggregate",
    ) -> None:
        super().__init__()
        self.axis = axis
        self.heads = heads
        self.sizes = sizes
        self.dropout = dropout
        self.dropout_on = dropout_on
        for name in ("q", "k", "v"):
            filters = (nn.Conv1d(channels, channels, size, padding="same") for size in sizes)
            self.add_module(name, nn.ModuleList(filters))
        self.eta: nn.Parameter | None = None
        if mixture is not None:
            learned = mixture == "learned"
            self.eta = nn.Parameter(torch.zeros(3, len(sizes)), requires_grad=learned)
        self.proj = nn.Linear(channels, channels) if projection else nn.Identity()

    def shares(self) -> Tensor:
        """Weights of the filters in the mixtures Q, K and V, (3, n); each row sums to 1.

        They are the softmax of a free vector that starts at zero (reconstruction).
        """
        if self.eta is None:
            return self.q[0].weight.new_ones(3, 1)
        return self.eta.softmax(dim=-1)

    def kernels(self) -> tuple[Tensor, Tensor]:
        """All filters of Q, K and V at one size.

        Returns:
            Weights (3, n, C, C, k), padded with zeros to the largest k, and biases (3, n, C).
        """
        parts, widest = (self.q, self.k, self.v), max(self.sizes)
        weights = [
            functional.pad(conv.weight, ((widest - size) // 2,) * 2)
            for part in parts
            for conv, size in zip(part, self.sizes, strict=True)
        ]
        biases = [conv.bias for part in parts for conv in part]
        return torch.stack(weights).unflatten(0, (3, -1)), torch.stack(biases).unflatten(0, (3, -1))

    def mixed_kernels(self) -> tuple[Tensor, Tensor]:
        """The one filter that each mixture comes to: weights (3, C, C, k), biases (3, C)."""
        weights, biases = self.kernels()
        shares = self.shares()[..., None]
        return (shares[..., None, None] * weights).sum(1), (shares * biases).sum(1)

    def tap_magnitudes(self) -> tuple[Tensor, Tensor]:
        """Mean absolute weight of every tap, of the filters (3, n, k) and of the mixtures (3, k).

        A filter that is narrower than the largest size k has zeros beyond its own.
        """
        weights, _ = self.kernels()
        mixed, _ = self.mixed_kernels()
        return weights.abs().mean((2, 3)), mixed.abs().mean((1, 2))

    def maps(self, signal: Tensor) -> Tensor:
        """Aggregated queries, keys and values of a signal (N, C, L), (N, 3, C, L)."""
        if self.training and self.dropout_on == "filters":
            weights, biases = self.kernels()
            each = _convolve(signal, weights.flatten(0, 1), biases.flatten(0, 1))
            each = functional.dropout(each, self.dropout).unflatten(1, (3, -1))
            return (self.shares()[..., None, None] * each).sum(2)
        mixed = _convolve(signal, *self.mixed_kernels())
        return functional.dropout(mixed, self.dropout, self.training)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, J, C), or over frames (B, F, 1, L) -> the same shape."""
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
        channels = self.q[0].in_channels
        per_tap = 3 * channels * inputs[0].numel()  # of one tap of a filter of Q, K and V
        return per_tap * sum(self.sizes), per_tap * (sum(self.sizes) - max(self.sizes))


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
