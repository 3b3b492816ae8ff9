"""ResNet without pooling and classifier (He et al., "Deep residual learning", CVPR 2016).

The strides of ResNet-50 stand in the 3x3 convolutions, as in torchvision, whose parameter names
these are: the authors' ImageNet weights fit, less their ``fc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from posekit.errors import InvalidParameter, unknown
from posekit.models.releases import count_modules
from posekit.models.residual_blocks import BasicBlock, Bottleneck, ResidualBlock, convolution

ResNetName = Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]

STRIDE = 32
"""Pixels of the image per position of the last map, in each direction."""

_BLOCKS: Mapping[ResNetName, tuple[type[ResidualBlock], tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
    "resnet152": (Bottleneck, (3, 8, 36, 3)),
}


class ResNet(nn.Module):
    """Images to a map of features.

    Attributes:
        channels: of the map, 8 x width x the expansion of the block: 512 or 2048 as published.
    """

    def __init__(self, name: ResNetName = "resnet50", width: int = 64) -> None:
        """``width``: channels of the first stage; 64 in the published networks.

        Raises:
            InvalidParameter: an unknown name.
        """
        super().__init__()
        if name not in _BLOCKS:
            raise InvalidParameter(unknown("backbone", name, _BLOCKS))
        block, counts = _BLOCKS[name]
        self.conv1 = convolution(3, width, 7, 2)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        channels = width
        for stage, count in enumerate(counts):
            planes, stride = width * 2**stage, 1 if stage == 0 else 2
            self.add_module(f"layer{stage + 1}", _stage(block, channels, planes, count, stride))
            channels = planes * block.expansion
        self.channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """image (B, 3, H, W), normalised -> (B, channels, H / 32, W / 32), rounded up."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        return self.layer4(self.layer3(self.layer2(self.layer1(features))))


def name_of(state: Mapping[str, Tensor], prefix: str = "") -> ResNetName | None:
    """The network whose blocks a state has, None for another arrangement.

    Args:
        state: by names.
        prefix: before those of the network.
    """
    kind = Bottleneck if f"{prefix}layer1.0.conv3.weight" in state else BasicBlock
    counts = tuple(count_modules(state, f"{prefix}layer{stage}") for stage in (1, 2, 3, 4))
    return next((name for name, blocks in _BLOCKS.items() if blocks == (kind, counts)), None)


def _stage(
    block: type[ResidualBlock], in_channels: int, planes: int, count: int, stride: int
) -> nn.Sequential:
    inner = planes * block.expansion
    rest = (block(inner, planes) for _ in range(count - 1))
    return nn.Sequential(block(in_channels, planes, stride), *rest)
