"""Goldens of the lifters that PoseAug trains: one frame in, one pose out."""

from __future__ import annotations

import torch

from golden_checks.golden import Golden
from posekit.models import semgcn
from posekit.models.framewise import FramewiseLifter

SEMGCN_TOLERANCE = 1e-5  # its output varies by about 0.01 between samples


def check_pose(golden: Golden) -> FramewiseLifter:
    """The pose of every frame."""
    network = golden.network()
    with torch.inference_mode():
        golden.compare("output", network.lift(golden.input("input")))
    return network


def check_semgcn(golden: Golden) -> None:
    """The pose, closely, and the adjacency: what a convolution mixes before it has learned."""
    network = check_pose(golden)
    with torch.inference_mode():
        output = network.lift(golden.input("input"))
    golden.compare_within("output", output, SEMGCN_TOLERANCE)
    untrained = semgcn.SemGCN(semgcn.Config(skeleton=network.skeleton)).gconv_output
    golden.compare_within("adj", untrained.mixing(), 1e-7)


CHECKS = {
    "semgcn": check_semgcn,
    "simple-baseline": check_pose,
    "videopose3d-1f": check_pose,
}
