"""Goldens of the lifters that PoseAug trains: one frame in, one pose out."""

from __future__ import annotations

import torch

from golden_checks.golden import Golden
from posekit.models.framewise import FramewiseLifter


def check_pose(golden: Golden) -> FramewiseLifter:
    """The pose of every frame."""
    network = golden.network()
    with torch.inference_mode():
        golden.compare("output", network.lift(golden.input("input")))
    return network


CHECKS = {"simple-baseline": check_pose}
