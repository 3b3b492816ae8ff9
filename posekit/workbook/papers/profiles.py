"""Profiles: one published configuration at several scales.

A profile scales every row of every table by the same rules, so that rows keep their order and
differences between rows keep their meaning. All rows of a scaled profile see the same number of
training frames (of windows, where only their centre frames are scored) at the same learning rate;
only ``paper`` keeps each network's own recipe. How long they train, for how many seeds and how far
windows shrink differs between papers (``scaling`` in their files): as far as the gates before a
verdict ask for, and at ``quick`` as far as beats a linear map.

Frames and widths are divided, a quarter of the pairs of blocks is kept (the pair that holds
KTPFormer's priors counts), and heads stay at least ``HEAD_WIDTH`` wide. The frame rate is divided
as well, so that a short window still spans seconds of motion and neighbouring frames still differ.
The optimizer of a scaled profile is not the published one: AdamW with a larger learning rate, a
warm-up, a cosine schedule and a shorter memory of gradients leaves the plateau of the mean pose
within a few hundred steps, which the published settings do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import torch

from posekit.datasets import DATASETS
from posekit.errors import InvalidParameter, unknown
from posekit.models.scaling import Scale

WITHOUT_LICENCE_FORM = ("cmu", *(name for name, source in DATASETS.items() if not source.files))

SCALED_OPTIMIZER = {
    "optimizer": "adamw",
    "schedule": "cosine",
    "decay": 1.0,
    "halve_every": 0,
    "lowest_rate": 0.0,
    "weight_decay": 0.1,
    "betas": (0.9, 0.95),
    "eps": 1e-8,
    "norm_momentum": None,
}


@dataclass(frozen=True)
class Profile:
    """How far a published configuration is scaled down. None leaves a value as published.

    Attributes:
        name: "smoke", "quick", "standard", "gpu" or "paper".
        size: how much of the data set is used, see ``posekit.datasets.load_dataset``.
        seed_count: training seeds, from 0 on, unless the user names others.
        verdicts: whether runs of this profile carry verdicts on claims.
        rows: "headline" to run what headline claims need, with controls where there are verdicts,
            or "all".
        measures: whether errors say anything; networks of a few steps only show that all works.
        frames_divisor: divides the frames of a window.
        frame_rate_divisor: keeps one frame in so many, in training and in the test.
        width_divisor: divides the width of the network.
        depth_factor: multiplies the number of pairs of blocks; halves are rounded up.
        steps: optimizer steps of a run.
        frames_per_step: training frames of one optimizer step.
        windows_per_step: the same for lifters that are scored on the centre frame of a window,
            whose rows would otherwise see the fewer poses, the longer their windows are.
        learning_rate: highest learning rate.
        hypotheses: most hypotheses of a diffusion lifter.
        iterations: most denoising steps.
        test_cameras: views of one take that are scored.
    """

    name: str
    size: str
    seed_count: int
    verdicts: bool
    rows: Literal["headline", "all"]
    measures: bool = True
    frames_divisor: int = 1
    frame_rate_divisor: int = 1
    width_divisor: int = 1
    depth_factor: float = 1.0
    steps: int | None = None
    frames_per_step: int | None = None
    windows_per_step: int | None = None
    learning_rate: float | None = None
    hypotheses: int | None = None
    iterations: int | None = None
    test_cameras: int | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The training seeds."""
        return tuple(range(self.seed_count))

    @property
    def scale(self) -> Scale:
        """How far networks are scaled down."""
        return Scale(self.frames_divisor, self.width_divisor, self.depth_factor)

    def doubled(self) -> Profile:
        """The same scale with twice the steps, whose differences tell whether they have settled."""
        assert self.steps is not None
        return replace(self, name=f"{self.name}, twice the steps", steps=2 * self.steps)

    def recipe(self, published: Mapping[str, Any]) -> dict[str, Any]:
        """The optimizer and the length of a training run, at this scale."""
        if self.steps is None:
            return dict(published)
        return {
            **published,
            **SCALED_OPTIMIZER,
            # Every epoch has at least one step, so that the steps run out first.
            "epochs": self.steps,
            "max_steps": self.steps,
            "learning_rate": self.learning_rate,
            "warm_up": self.steps // 15,
        }


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke",
            size="smoke",
            seed_count=1,
            verdicts=False,
            rows="all",
            measures=False,
            frames_divisor=27,
            frame_rate_divisor=3,
            width_divisor=32,
            depth_factor=0.25,
            steps=16,
            frames_per_step=108,
            learning_rate=1e-2,
            hypotheses=2,
            iterations=2,
            test_cameras=1,
        ),
        Profile(
            name="quick",
            size="quick",
            seed_count=1,
            verdicts=False,
            rows="headline",
            frames_divisor=27,
            frame_rate_divisor=5,
            width_divisor=16,
            depth_factor=0.25,
            steps=200,
            frames_per_step=108,
            learning_rate=1e-2,
            hypotheses=3,
            iterations=3,
            test_cameras=1,
        ),
        Profile(
            name="standard",
            size="standard",
            seed_count=3,
            verdicts=True,
            rows="headline",
            frames_divisor=27,
            frame_rate_divisor=9,
            width_divisor=16,
            depth_factor=0.25,
            steps=800,
            frames_per_step=108,
            learning_rate=1e-2,
            hypotheses=5,
            iterations=4,
            test_cameras=1,
        ),
        # Windows of 81 frames, minutes a paper on a GPU.
        Profile(
            name="gpu",
            size="standard",
            seed_count=3,
            verdicts=True,
            rows="headline",
            frames_divisor=3,
            frame_rate_divisor=3,
            width_divisor=4,
            depth_factor=0.5,
            steps=1600,
            frames_per_step=2592,
            windows_per_step=256,
            learning_rate=4e-3,
            hypotheses=5,
            iterations=4,
            test_cameras=1,
        ),
        Profile(name="paper", size="full", seed_count=1, verdicts=True, rows="all"),
    )
}


def resolve_profile(
    name: str,
    dataset: str,
    device: torch.device | str,
    scaling: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    *,
    claims: str = "auto",
) -> Profile:
    """The profile of that name; "auto" chooses by data set and device.

    On data without a licence form "auto" is ``smoke``, so that a first look takes seconds. Whoever
    names a licensed data set wants the paper: ``paper`` on a GPU, ``quick`` without one. Whoever
    asks for headline claims on a GPU gets the profile made for them.

    Args:
        name: of a profile, or "auto".
        dataset: name of the data set.
        device: where runs will compute.
        scaling: fields that a paper sets otherwise, by profile (``Paper.scaling``).
        claims: for which claims rows are run, as asked for.

    Raises:
        InvalidParameter: no such profile.
    """
    if name == "auto":
        on_gpu = torch.device(device).type == "cuda"
        if on_gpu and claims == "headline":
            name = "gpu"
        elif dataset in WITHOUT_LICENCE_FORM:
            name = "smoke"
        else:
            name = "paper" if on_gpu else "quick"
    if name not in PROFILES:
        raise InvalidParameter(unknown("profile", name, ("auto", *PROFILES)))
    return replace(PROFILES[name], **scaling.get(name, {}))
