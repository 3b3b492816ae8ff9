"""HRNet: branches at several resolutions side by side, fused after every module.

Sun, Xiao, Liu and Wang, "Deep high-resolution representation learning for human pose estimation",
CVPR 2019, with the feature head of its classification network, as PersPose uses it. Source:
https://github.com/KenAdamsJoseph/PersPose at 1863de7. Parameter names are those of the public pose
HRNet and, behind ``backbone.``, of PersPose's checkpoints. Shapes: B images, S their side.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from posekit.models.residual_blocks import BasicBlock, Bottleneck, convolution

BRANCHES = 4
LAYER1_BLOCKS = 4
STRIDE = 4  # of the finest branch
COARSEST_STRIDE = STRIDE * 2 ** (BRANCHES - 1)
INITIAL_DEVIATION = 0.001  # of the convolutions' weights


class Features(NamedTuple):
    """What an image becomes.

    Attributes:
        fine: (B, width, S / 4, S / 4), the finest branch.
        whole: (B, features), one vector for the image.
    """

    fine: Tensor
    whole: Tensor


class HRNet(nn.Module):
    """Backbone with feature head.

    Args:
        width: channels of the finest branch; each coarser one has twice as many.
        modules: of stages 2, 3 and 4, which have 2, 3 and 4 branches.
        blocks: basic blocks of a branch in a module.
        stem: channels of the two first convolutions, and planes of the bottlenecks after them.
        head: planes of the feature head's bottlenecks, finest branch first.
        features: length of the vector for the image.
    """

    def __init__(
        self,
        *,
        width: int = 48,
        modules: Sequence[int] = (1, 4, 3),
        blocks: int = 4,
        stem: int = 64,
        head: Sequence[int] = (32, 64, 128, 256),
        features: int = 2048,
    ) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = convolution(3, stem, 3, 2)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = convolution(stem, stem, 3, 2)
        self.bn2 = nn.BatchNorm2d(stem)
        self.stem_channels = stem * Bottleneck.expansion
        self.layer1 = nn.Sequential(
            Bottleneck(stem, stem),
            *(Bottleneck(self.stem_channels, stem) for _ in range(LAYER1_BLOCKS - 1)),
        )
        widths = [width * 2**branch for branch in range(BRANCHES)]
        self.transition1 = nn.ModuleList(
            [
                _unit(self.stem_channels, widths[0], 3),
                nn.Sequential(_unit(self.stem_channels, widths[1], 3, 2)),
            ]
        )
        self.stage2 = _stage(widths[:2], modules[0], blocks)
        self.transition2 = _new_branch(widths[:3])
        self.stage3 = _stage(widths[:3], modules[1], blocks)
        self.transition3 = _new_branch(widths)
        self.stage4 = _stage(widths, modules[2], blocks)
        self.incre_modules = nn.ModuleList(
            nn.Sequential(Bottleneck(width, planes))
            for width, planes in zip(widths, head, strict=True)
        )
        wide = [planes * Bottleneck.expansion for planes in head]
        self.downsamp_modules = nn.ModuleList(
            _unit(fine, coarse, 3, 2, bias=True) for fine, coarse in itertools.pairwise(wide)
        )
        self.final_feat_layer = _unit(wide[-1], features, 1, bias=True)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=INITIAL_DEVIATION)

    def stem(self, image: Tensor) -> Tensor:
        """Images (B, 3, S, S) -> (B, stem_channels, S / 4, S / 4), where rays may be added."""
        half = self.relu(self.bn1(self.conv1(image)))
        return self.layer1(self.relu(self.bn2(self.conv2(half))))

    def forward(self, stem: Tensor) -> Features:
        """What ``stem`` gives -> ``Features``."""
        branches = self.stage2([transition(stem) for transition in self.transition1])
        branches = self.stage3(_add_branch(branches, self.transition2))
        branches = self.stage4(_add_branch(branches, self.transition3))
        return Features(branches[0], self._whole(branches))

    def _whole(self, branches: Sequence[Tensor]) -> Tensor:
        fine, *coarser = [
            module(branch) for module, branch in zip(self.incre_modules, branches, strict=True)
        ]
        for module, branch in zip(self.downsamp_modules, coarser, strict=True):
            fine = branch + module(fine)
        return self.final_feat_layer(fine).mean(dim=(2, 3))


class FusedBranches(nn.Module):
    """One module: basic blocks along every branch, then every branch receives all others.

    Args:
        widths: channels of the branches, finest first.
        blocks: of a branch.
    """

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width) for _ in range(blocks))) for width in widths
        )
        count = range(len(widths))
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_between(widths, source, target) for source in count) for target in count
        )

    def forward(self, branches: Sequence[Tensor]) -> list[Tensor]:
        """Branches (B, widths[i], h / 2^i, w / 2^i) -> the same shapes."""
        found = [module(branch) for module, branch in zip(self.branches, branches, strict=True)]
        return [
            functional.relu(sum(layer(branch) for layer, branch in zip(layers, found, strict=True)))
            for layers in self.fuse_layers
        ]


def _between(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """From one branch to another: nearest upsampling, or a halving of the map per step."""
    if source == target:
        return nn.Identity()
    own = widths[source]
    if source > target:
        return nn.Sequential(
            *_unit(own, widths[target], 1, relu=False),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    steps = [_unit(own, own, 3, 2) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, _unit(own, widths[target], 3, 2, relu=False))


def _stage(widths: Sequence[int], modules: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(FusedBranches(widths, blocks) for _ in range(modules)))


def _new_branch(widths: Sequence[int]) -> nn.ModuleList:
    """What makes the coarsest of the branches out of the one before; the others stay."""
    new = nn.Sequential(_unit(widths[-2], widths[-1], 3, 2))
    return nn.ModuleList([*(nn.Identity() for _ in widths[:-1]), new])


def _add_branch(branches: Sequence[Tensor], transition: nn.ModuleList) -> list[Tensor]:
    return [*branches, transition[-1](branches[-1])]


def _unit(
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int = 1,
    *,
    relu: bool = True,
    bias: bool = False,
) -> nn.Sequential:
    """Convolution, batch normalisation and, unless told otherwise, ReLU."""
    layers = [
        convolution(in_channels, out_channels, kernel, stride, bias=bias),
        nn.BatchNorm2d(out_channels),
    ]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))
