"""Adaptive graph convolution over joints and temporal convolution: the units of GLA-GCN.

Source: https://github.com/bruceyo/GLA-GCN at fd72990, ``common/agcn.py`` (after Shi et al.,
"Two-stream adaptive graph convolutional networks", CVPR 2019). Parameter names are those of its
checkpoints. Features have the shape (batch B, channels C, frames F, joints J), as released; in
memory channels come last, so that every layer is one product of contiguous rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

SUBSETS = 3  # the joint itself, what is inward of it, what is outward

DROPOUT = 0.1  # inside the graph convolution, not an option of the release

SMALL = 1e-6  # learned graphs and the scale of the graph branch start here


def partitioned_graph(joints: int, bones: Iterable[tuple[int, int]]) -> Tensor:
    """The fixed graph A (3, J, J) of a skeleton: itself, inward, outward.

    A row of joint features is multiplied from the right: inward a joint receives its parent,
    outward the mean of its children. Columns sum to 1, or to 0 where there is nothing to receive.

    Args:
        joints: J.
        bones: pairs (child, parent).
    """
    inward, outward = torch.zeros(2, joints, joints)
    for child, parent in bones:
        inward[parent, child] = outward[child, parent] = 1.0
    received = (links / links.sum(dim=0).clamp(min=1.0) for links in (inward, outward))
    return torch.stack([torch.eye(joints), *received])


class AdaptiveGraphConvolution(nn.Module):
    """Graph convolution over joints with a fixed, a learned and an input-dependent graph.

    With k one of three subsets, x_t the features of frame t (channels x joints) and D_k a linear
    map of channels::

        y_t = sum over k of D_k x_t (A_k + B_k + C_k)
        out = ReLU(dropout(BN(y)) + down(x))

    A is fixed, B (``PA``) learned, and C, one graph per clip, a softmax of the similarity of joints
    over all its frames. ``down`` is the identity unless the number of channels changes.

    Args:
        graph: A (3, J, J).
        in_channels, out_channels: widths of x and out.
        embedding: width in which joints are compared.
        use_b: learn B; otherwise it stays 0.
        use_c: add C; otherwise its embeddings do not exist.
        activation: end in the ReLU.
    """

    def __init__(
        self,
        graph: Tensor,
        in_channels: int,
        out_channels: int,
        *,
        embedding: int,
        use_b: bool = True,
        use_c: bool = True,
        activation: bool = True,
    ) -> None:
        super().__init__()
        self.register_buffer("A", graph, persistent=False)  # not in the released files
        if use_b:
            self.PA = nn.Parameter(torch.full_like(graph, SMALL))
        else:
            self.register_buffer("PA", torch.zeros_like(graph))
        compared = SUBSETS if use_c else 0
        self.conv_a = nn.ModuleList(pointwise(in_channels, embedding) for _ in range(compared))
        self.conv_b = nn.ModuleList(pointwise(in_channels, embedding) for _ in range(compared))
        self.conv_d = nn.ModuleList(pointwise(in_channels, out_channels) for _ in range(SUBSETS))
        for conv in self.conv_d:
            nn.init.normal_(conv.weight, std=math.sqrt(2 / (conv.weight.numel() * SUBSETS)))
        self.bn = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.bn.weight, SMALL)  # the unit starts as its shortcut
        self.down = (
            nn.Identity()
            if in_channels == out_channels
            else nn.Sequential(pointwise(in_channels, out_channels), nn.BatchNorm2d(out_channels))
        )
        self.activation = activation

    def uncounted_macs(self, inputs: tuple[Tensor, ...], _output: Tensor) -> tuple[int, int]:
        """Those of convolutions that run as two products, on weights joined at run time."""
        fused = (*self.conv_a, *self.conv_b, *self.conv_d)
        return inputs[0][:, 0].numel() * sum(conv.weight.numel() for conv in fused), 0

    def similarity(self, features: Tensor) -> Tensor:
        """C (B, 3, J, J) of features (B, C_in, F, J); columns sum to 1.

        Entry (i, j) is the softmax over i of the mean, over frames and embedding channels, of the
        product of joint i's and joint j's embeddings.
        """
        batch, joints = features.shape[0], features.shape[3]
        convs = (*self.conv_a, *self.conv_b)
        weight = torch.cat([conv.weight.flatten(1) for conv in convs])
        bias = torch.cat([conv.bias for conv in convs])
        points = features.permute(0, 2, 3, 1).flatten(1, 2)
        # Channels first here, whatever the memory format: then each joint's code is one column.
        codes = torch.baddbmm(
            bias[:, None], weight.expand(batch, -1, -1), points.transpose(1, 2)
        ).view(batch, 2, SUBSETS, -1, joints)
        scores = codes[:, 0].transpose(2, 3) @ codes[:, 1] / codes.shape[3]
        return scores.softmax(dim=2)

    def mixing(self, features: Tensor) -> Tensor:
        """A + B + C: (B, 3, J, J), or (1, 3, J, J) where it does not depend on the features."""
        constant = (self.A + self.PA)[None]
        return constant + self.similarity(features) if self.conv_a else constant

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C_in, F, J) -> (B, C_out, F, J)."""
        batch, _, frames, joints = features.shape
        # Row (w, k) holds what joint w receives in subset k. All frames of a clip share the graph:
        # one product mixes them, and the gradient of the graph is one product as well.
        receivers = self.mixing(features).permute(0, 3, 1, 2).flatten(1, 2).expand(batch, -1, -1)
        mixed = receivers @ features.permute(0, 3, 2, 1).flatten(2)
        # A joint's three mixtures side by side, so that one product maps them all.
        mixtures = mixed.view(batch, joints, SUBSETS, frames, -1).permute(0, 3, 1, 2, 4).flatten(3)
        weight = torch.cat([conv.weight.flatten(1) for conv in self.conv_d], dim=1)
        bias = torch.stack([conv.bias for conv in self.conv_d]).sum(0)
        mapped = functional.linear(mixtures, weight, bias).permute(0, 3, 1, 2)
        out = functional.dropout(self.bn(mapped), DROPOUT, self.training) + self.down(features)
        return functional.relu(out) if self.activation else out


class TemporalConvolution(nn.Module):
    """Convolution over the frames of each joint, zero-padded, and batch normalisation."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            (kernel, 1),
            stride=(stride, 1),
            padding=((kernel - 1) // 2, 0),
        )
        initialise(self.conv)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C_in, F, J) -> (B, C_out, ceil(F / stride), J)."""
        return self.bn(self.conv(features))


class AdaptiveUnit(nn.Module):
    """Graph convolution, then temporal convolution, with a shortcut over both (AGCN unit).

    Args:
        graph: A (3, J, J).
        in_channels, out_channels: widths.
        stride: of the temporal convolution, in frames.
        residual: add the shortcut: the input, or where width or length change a 1 x 1 convolution
            of it.
        activation: end both halves in a ReLU, as released.
        kernel: frames that the temporal convolution sees.
        embedding: width in which joints are compared; by default a quarter of ``out_channels``,
            or 3 where that is less than 1.
        use_b, use_c: parts of the graph, see ``AdaptiveGraphConvolution``.
    """

    def __init__(
        self,
        graph: Tensor,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        residual: bool = True,
        activation: bool = True,
        kernel: int = 9,
        embedding: int | None = None,
        use_b: bool = True,
        use_c: bool = True,
    ) -> None:
        super().__init__()
        self.gcn1 = AdaptiveGraphConvolution(
            graph,
            in_channels,
            out_channels,
            embedding=embedding or embedding_width(out_channels),
            use_b=use_b,
            use_c=use_c,
            activation=activation,
        )
        self.tcn1 = TemporalConvolution(out_channels, out_channels, kernel=kernel, stride=stride)
        self.residual: nn.Module | None = None
        if residual and in_channels == out_channels and stride == 1:
            self.residual = nn.Identity()
        elif residual:
            self.residual = TemporalConvolution(in_channels, out_channels, kernel=1, stride=stride)
        self.activation = activation

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C_in, F, J) -> (B, C_out, ceil(F / stride), J)."""
        out = self.tcn1(self.gcn1(features))
        if self.residual is not None:
            out = out + self.residual(features)
        return functional.relu(out) if self.activation else out


def embedding_width(channels: int, reduction: int = 4) -> int:
    """Width in which joints are compared: ``channels`` over ``reduction``, 3 where that is 0."""
    return channels // reduction or 3


def pointwise(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A linear map of channels."""
    conv = nn.Conv2d(in_channels, out_channels, 1)
    initialise(conv)
    return conv


def initialise(conv: nn.Conv2d) -> None:
    """Weights as the release draws them: Kaiming normal by fan-out, no bias."""
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    nn.init.zeros_(conv.bias)
