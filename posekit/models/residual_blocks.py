"""Residual blocks of convolutional backbones (He et al., "Deep residual learning", CVPR 2016).

Parameter names are those of torchvision and of the public HRNet. Shapes: B images, C channels,
h x w positions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn


def convolution(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, *, bias: bool = False
) -> nn.Conv2d:
    """A convolution that keeps the size of its map where the stride is 1; ``kernel`` is odd."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=bias)


class ResidualBlock(nn.Module, ABC):
    """A residual branch, a shortcut (1x1 convolution where the shapes differ), and ReLU.

    Attributes:
        expansion: output channels of the block per plane.
    """

    expansion: ClassVar[int]

    def __init__(self, in_channels: int, planes: int, stride: int) -> None:
        super().__init__()
        out_channels = planes * self.expansion
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels)
            )

    @abstractmethod
    def branch(self, features: Tensor) -> Tensor:
        """What is added to the shortcut."""

    def forward(self, features: Tensor) -> Tensor:
        """features (B, in_channels, h, w) -> (B, planes x expansion, h / stride, w / stride)."""
        return self.relu(self.branch(features) + self._shortcut(features))

    def _shortcut(self, features: Tensor) -> Tensor:
        # Channels must not lie last: the backward pass of a strided 1x1 convolution of fewer than
        # 16 channels then writes past its workspace on CPUs (uxlfoundation/oneDNN issue 6035).
        return features if self.downsample is None else self.downsample(features.contiguous())


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions."""

    expansion = 1

    def __init__(self, in_channels: int, planes: int, stride: int = 1) -> None:
        super().__init__(in_channels, planes, stride)
        self.conv1 = convolution(in_channels, planes, 3, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = convolution(planes, planes, 3)
        self.bn2 = nn.BatchNorm2d(planes)

    def branch(self, features: Tensor) -> Tensor:
        """What is added to the shortcut."""
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(features)))))


class Bottleneck(ResidualBlock):
    """1x1, 3x3 (with the stride, as torchvision) and 1x1 convolutions."""

    expansion = 4

    def __init__(self, in_channels: int, planes: int, stride: int = 1) -> None:
        super().__init__(in_channels, planes, stride)
        self.conv1 = convolution(in_channels, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = convolution(planes, planes, 3, stride)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = convolution(planes, planes * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)

    def branch(self, features: Tensor) -> Tensor:
        """What is added to the shortcut."""
        narrow = self.relu(self.bn1(self.conv1(features)))
        return self.bn3(self.conv3(self.relu(self.bn2(self.conv2(narrow)))))
