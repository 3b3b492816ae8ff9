"""Goldens of the lifters that PoseAug trains: one frame in, one pose out."""

from __future__ import annotations

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit.models import semgcn
from posekit.models.framewise import FramewiseLifter

SEMGCN_TOLERANCE = 1e-5  # its output varies by about 0.01 between samples
ROUNDING = 1e-7


def check_pose(golden: Golden) -> None:
    """The pose of every frame."""
    golden.compare("output", _pose(golden, golden.network()))


def check_semgcn(golden: Golden) -> None:
    """The pose, closely, and the adjacency: what a convolution mixes before it has learned."""
    network = golden.network()
    golden.compare_within("output", _pose(golden, network), SEMGCN_TOLERANCE)
    untrained = semgcn.SemGCN(semgcn.Config(skeleton=network.skeleton)).gconv_output
    golden.compare_within("adj", untrained.mixing(), ROUNDING)


def check_st_gcn(golden: Golden) -> None:
    """The pose, and the graphs over joints and over body parts."""
    network = golden.network()
    golden.compare("output", _pose(golden, network))
    golden.compare_within("A", network.stgcn.st_gcn_networks[0].gcn.A, ROUNDING)
    golden.compare_within("A_pool", network.stgcn.st_gcn_pool[0].gcn.A, ROUNDING)


def _pose(golden: Golden, network: FramewiseLifter) -> Tensor:
    with torch.inference_mode():
        return network.lift(golden.input("input"))


CHECKS = {
    "semgcn": check_semgcn,
    "simple-baseline": check_pose,
    "st-gcn-1f": check_st_gcn,
    "videopose3d-1f": check_pose,
}
