"""Recipes: everything besides the network, the data and the seed that decides a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from posekit.errors import InvalidParameter

OPTIMIZERS = ("adamw", "adam", "ranger")
PRECISIONS = ("float32", "bf16")
SCHEDULES = ("exponential", "cosine", "cosine by epoch")


@dataclass(frozen=True)
class Recipe:
    """How to train: optimizer, schedule, batches, augmentation, loss, precision.

    The defaults are KTPFormer's released run on Human3.6M (its ``run_*.py``).

    Attributes:
        optimizer: "adamw"; "adam" with amsgrad (MHFormer, UAO); or "ranger" (GLA-GCN).
        learning_rate: at its highest.
        schedule: "exponential" multiplies it by ``decay`` after every epoch, as published; "cosine"
            lets it fall to ``lowest_rate`` over the whole run, which suits runs of a few hundred
            steps; "cosine by epoch" does so after every epoch (GLA-GCN).
        decay: factor of the exponential schedule.
        halve_every: the exponential schedule multiplies by 0.5 instead of ``decay`` after every
            epoch with a number that this divides (MHFormer: 5); 0 for never.
        lowest_rate: where the cosine schedules end.
        warm_up: steps over which the learning rate first rises linearly; 0 as published.
        weight_decay, betas, eps: of the optimizer.
        epochs: passes over the data.
        max_steps: end after this many optimizer steps, if that comes first.
        batch_size: samples per step, over all devices together.
        norm_momentum: what the momentum of batch normalisation falls to over the run, in networks
            that schedule it (GLA-GCN: from 0.1 to 0.001); None leaves it.
        loss_seeded: scale gradients by the loss, as all released runs of MixSTE, KTPFormer and
            D3DP do (``loss.backward(loss.clone().detach())``): in effect half the squared
            loss is minimised.
        precision: "float32", or "bf16" for autocast.
    """

    optimizer: Literal["adamw", "adam", "ranger"] = "adamw"
    learning_rate: float = 8e-5
    schedule: Literal["exponential", "cosine", "cosine by epoch"] = "exponential"
    decay: float = 0.99
    halve_every: int = 0
    lowest_rate: float = 0.0
    warm_up: int = 0
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    epochs: int = 200
    max_steps: int | None = None
    batch_size: int = 8
    norm_momentum: float | None = None
    loss_seeded: bool = True
    precision: Literal["float32", "bf16"] = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "max_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidParameter(f"recipe: {name} is {value}; choose 1 or more.")
        if self.learning_rate <= 0:
            raise InvalidParameter(
                f"recipe: learning_rate is {self.learning_rate}; choose a positive number."
            )
        choices = (("optimizer", OPTIMIZERS), ("precision", PRECISIONS), ("schedule", SCHEDULES))
        for name, valid in choices:
            if getattr(self, name) not in valid:
                raise InvalidParameter(
                    f"recipe: {name} is {getattr(self, name)!r}; choose one of: {', '.join(valid)}."
                )

    def rate(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """Learning rate of a step, counted from 0, in a run of ``steps``."""
        risen = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        epoch = step // steps_per_epoch
        if self.schedule == "exponential":
            halvings = epoch // self.halve_every if self.halve_every else 0
            return self.learning_rate * risen * self.decay ** (epoch - halvings) * 0.5**halvings
        done = step / steps if self.schedule == "cosine" else epoch * steps_per_epoch / steps
        fallen = 0.5 * (1.0 + math.cos(math.pi * done))
        return risen * (self.lowest_rate + (self.learning_rate - self.lowest_rate) * fallen)


@dataclass(frozen=True)
class LiftingRecipe(Recipe):
    """A recipe of a lifter: a sample is a window of frames.

    Attributes:
        flip: add the mirror image of every window: each comes twice per pass.
        joint_weighting: weight joints as published (``posekit.metrics.losses.joint_weights``).
        consistency, velocity: factors of the temporal terms of the loss, 0 for none.
        jitter: turn and scale each target in the image plane by a random choice of -5, 0 or 5
            degrees and 0.95, 1 or 1.05 (label noise of GLA-GCN's release).
    """

    flip: bool = True
    joint_weighting: bool = True
    consistency: float = 0.5
    velocity: float = 2.0
    jitter: bool = False
