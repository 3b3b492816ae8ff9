"""Profiles: one published configuration at four scales.

A profile scales every row of every table by the same rules, so that rows keep their order and
differences between rows keep their meaning. All rows of a scaled profile see the same number of
training frames (of windows, where only their centre frames are scored) at the same learning rate;
only ``paper`` keeps each network's own recipe.

Frames and widths are divided, a quarter of the pairs of blocks is kept (the pair that holds
KTPFormer's priors counts), and heads stay at least ``HEAD_WIDTH`` wide. The frame rate is divided
as well, so that a short window still spans seconds of motion and neighbouring frames still differ.
The optimizer of a scaled profile is not the published one: AdamW with a larger learning rate, a
warm-up, a cosine schedule and a shorter memory of gradients leaves the plateau of the mean pose
within a few hundred steps, which the published settings do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch

from posekit.errors import InvalidParameter
from posekit.evaluation.protocols import PROTOCOLS
from posekit.workbook.papers import RowRun

HEAD_WIDTH = 16

WITHOUT_LICENCE_FORM = ("synthetic", "cmu")

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

# MHFormer's first stage splits the frames of a window over nine heads.
FRAMES_IN = {"mhformer": 9}

# What depth counts where it is no pairs of a spatial and a temporal block.
BLOCKS = {"gumlp": "blocks"}

# KTPFormer's depth leaves out the pair of blocks that holds the priors.
PRIOR_PAIRS = {"ktpformer": 1}


@dataclass(frozen=True)
class Profile:
    """How far a published configuration is scaled down. None leaves a value as published.

    Attributes:
        name: "smoke", "quick", "standard" or "paper".
        size: how much of the data set is used, see ``posekit.datasets.load_dataset``.
        seeds: training seeds unless the user names others.
        verdicts: whether runs of this profile carry verdicts on claims.
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
    seeds: tuple[int, ...]
    verdicts: bool
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

    def configuration(self, run: RowRun) -> dict[str, Any]:
        """What to run for a row: network, input, recipe and evaluation at this scale."""
        options = self._options(run)
        return {
            "size": self.size,
            "one_frame_in": self.frame_rate_divisor,
            "keypoints": run.keypoints,
            "model": run.model,
            "options": options,
            "recipe": self._recipe(run),
            "evaluation": {
                "hypotheses": _at_most(run.hypotheses, self.hypotheses),
                "iterations": _at_most(run.iterations, self.iterations),
                "cameras": self.test_cameras,
                "protocol": run.protocol,
                "optimise": None if run.optimise is None else dict(run.optimise),
            },
        }

    def iteration(self, run: RowRun) -> int | None:
        """The denoising step that a row shows, counted from 1, at this scale."""
        if run.iterations is None:
            return None
        iterations = _at_most(run.iterations, self.iterations)
        shown = run.iteration or run.iterations
        return max(1, round(shown * iterations / run.iterations))

    def _options(self, run: RowRun) -> dict[str, Any]:
        options = dict(run.options)
        network = options.get("host", run.model)
        width = max(4, options["embed_dim"] // self.width_divisor)
        if self.width_divisor > 1 and "heads" in options:
            options["heads"] = max(1, min(options["heads"], width // HEAD_WIDTH))
        if "initial_std" in options:
            # A layer's output keeps its size; at a sixteenth of the width, weights as small as
            # published let so little through that training does not leave the mean pose.
            options["initial_std"] *= math.sqrt(options["embed_dim"] / width)
        options["embed_dim"] = width
        frames = self._frames(options["frames"], FRAMES_IN.get(network, 1))
        if "tokens" in options:
            share = frames / options["frames"]
            options["tokens"] = max(1, math.floor(share * options["tokens"] + 0.5))
        options["frames"] = frames
        if "depth" in options:
            prior = PRIOR_PAIRS.get(network, 0)
            pairs = max(1 + prior, self._scaled_depth(options["depth"] + prior))
            options["depth"] = pairs - prior
            if "prune_at" in options:
                wanted = self._scaled_depth(options["prune_at"])
                options["prune_at"] = max(1, min(pairs - 1, wanted))
        return options

    def _frames(self, published: int, multiple: int) -> int:
        frames = max(1, published // self.frames_divisor)
        if multiple == 1:
            return frames
        # An odd multiple: the middle frame is what such a network answers.
        return multiple * max(1, frames // multiple - 1 + frames // multiple % 2)

    def _scaled_depth(self, published: int) -> int:
        return math.floor(self.depth_factor * published + 0.5)

    def _recipe(self, run: RowRun) -> dict[str, Any]:
        recipe = dict(run.recipe)
        frames_per_step = recipe.pop("frames_per_step")
        if self.steps is not None:
            # Every epoch has at least one step, so that the steps run out first.
            recipe.update(SCALED_OPTIMIZER, epochs=self.steps, max_steps=self.steps)
            recipe["learning_rate"] = self.learning_rate
            recipe["warm_up"] = self.steps // 15
            frames_per_step = self.frames_per_step
        frames = self._options(run)["frames"]
        if frames == 1:  # a single frame has no differences in time
            recipe.update(consistency=0.0, velocity=0.0)
        windows = max(1, frames_per_step // frames)
        if self.windows_per_step is not None and PROTOCOLS[run.protocol].windows == "centred":
            windows = self.windows_per_step
        return {**recipe, "batch_size": windows}


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke",
            size="smoke",
            seeds=(0,),
            verdicts=False,
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
            seeds=(0,),
            verdicts=False,
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
            seeds=(0, 1, 2),
            verdicts=True,
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
        Profile(name="paper", size="full", seeds=(0,), verdicts=True),
    )
}


def resolve_profile(
    name: str,
    dataset: str,
    device: torch.device | str,
    scaling: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Profile:
    """The profile of that name; "auto" chooses by data set and device.

    On data without a licence form "auto" is ``smoke``, so that a first look takes seconds. Whoever
    names a licensed data set wants the paper: ``paper`` on a GPU, ``quick`` without one.

    Args:
        name: of a profile, or "auto".
        dataset: name of the data set.
        device: where runs will compute.
        scaling: fields that a paper sets otherwise, by profile (``Paper.scaling``).

    Raises:
        InvalidParameter: no such profile.
    """
    if name == "auto":
        if dataset in WITHOUT_LICENCE_FORM:
            name = "smoke"
        else:
            name = "paper" if torch.device(device).type == "cuda" else "quick"
    if name not in PROFILES:
        raise InvalidParameter(
            f"unknown profile {name!r}; choose one of: auto, {', '.join(PROFILES)}."
        )
    return replace(PROFILES[name], **scaling.get(name, {}))


def describe(configuration: Mapping[str, Any]) -> str:
    """What was run, for print beside a measured figure."""
    options, recipe = configuration["options"], configuration["recipe"]
    prior = PRIOR_PAIRS.get(options.get("host", configuration["model"]), 0)
    kind = BLOCKS.get(configuration["model"], "pairs of blocks")
    depth = [f"{options['depth'] + prior} {kind}"] if "depth" in options else []
    steps = recipe.get("max_steps")
    length = f"{steps} steps" if steps else f"{recipe['epochs']} epochs"
    parts = [
        f"{options['frames']} frame{'s' * (options['frames'] > 1)}",
        f"width {options['embed_dim']}",
        *depth,
        f"{length} of {recipe['batch_size']} windows",
        f"learning rate {recipe['learning_rate']:g}",
        "every frame"
        if configuration["one_frame_in"] == 1
        else f"one frame in {configuration['one_frame_in']}",
        f"{configuration['keypoints']} keypoints",
    ]
    hypotheses = configuration["evaluation"]["hypotheses"]
    if hypotheses:
        iterations = configuration["evaluation"]["iterations"]
        parts.append(f"{hypotheses} hypotheses in {iterations} iterations")
    return ", ".join(parts)


def _at_most(published: int | None, limit: int | None) -> int | None:
    if published is None or limit is None:
        return published
    return min(published, limit)
