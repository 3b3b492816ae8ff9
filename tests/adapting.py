"""A tiny adaptation: two domains of a few clips, a narrow lifter, steps over them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from posekit.datasets import PoseDataset, load_dataset
from posekit.geometry.skeletons import HUMAN36M_16
from posekit.models import build
from posekit.training import LiftingRecipe, seed_torch
from posekit.training.adaptation import LaterSteps, Method
from posekit.training.adaptation_data import SourceWindows, TargetViews, with_16_joints
from posekit.training.adaptation_steps import Adaptation, Later, SourceSteps

CPU = torch.device("cpu")
RECIPE = LiftingRecipe(
    optimizer="adam", learning_rate=1e-3, decay=1.0, epochs=4, batch_size=32, flip=False,
    joint_weighting=False, consistency=0.0, velocity=0.0, max_steps=8,
)  # fmt: skip
LATER = Later(generator_rate=1e-3, adaptation_rate=1e-3, steps=8)
BOTH = Method("full", True, ("angle", "length", "rotation"), "source", "target")
POSEAUG = Method(
    "none", True, ("angle", "length", "rotation", "translation"), "source", "source", True, 0.25
)


@cache
def domain(name: str, split: str = "train", clips: int = 3) -> PoseDataset:
    """The first clips of a data set, with 16 joints."""
    found = with_16_joints(load_dataset(name, split, keypoints="gt", size="smoke"))
    return replace(found, clips=found.clips[:clips])


def adaptation(method: Method = BOTH, model: str = "simple_baseline", **options: int) -> Adaptation:
    """Networks with weights that are always the same."""
    seed_torch(0)
    sizes = {"embed_dim": 16, "frames": 1, **options}
    lifter = build(model, skeleton=HUMAN36M_16, **sizes)
    return Adaptation(lifter, 16 if method.lpa else None)


def source_steps(network: Adaptation, recipe: LiftingRecipe = RECIPE) -> SourceSteps:
    """The first part, on ``synthetic``."""
    windows = SourceWindows(network.lifter, domain("synthetic"), recipe, CPU)
    return SourceSteps(network, windows, recipe, LATER, seed=0, data={})


def later_steps(
    network: Adaptation,
    method: Method = BOTH,
    target: PoseDataset | None = None,
    later: Later = LATER,
) -> LaterSteps:
    """What follows, towards ``synthetic_3dhp_rig``."""
    windows = SourceWindows(network.lifter, domain("synthetic"), RECIPE, CPU)
    views = TargetViews(target or domain("synthetic_3dhp_rig"), CPU)
    return LaterSteps(network, windows, views, method, RECIPE, later, seed=0, data={})
