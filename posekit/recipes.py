"""Recipes: everything besides the network, the data and the seed that decides a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from posekit.errors import InvalidParameter

PRECISIONS = ("float32", "bf16")
SCHEDULES = ("exponential", "cosine")


@dataclass(frozen=True)
class Recipe:
    """How to train: optimizer, schedule, batches, augmentation, loss, precision.

    The defaults are KTPFormer's released run on Human3.6M (``run_ktpformer.py``).

    Attributes:
        learning_rate: of AdamW at its highest.
        schedule: "exponential" multiplies it by ``decay`` after every epoch, as published; "cosine"
            lets it fall to 0 over the whole run, which suits runs of a few hundred steps.
        decay: factor of the exponential schedule.
        warm_up: steps over which the learning rate first rises linearly; 0 as published.
        weight_decay, betas, eps: of AdamW.
        epochs: passes over the data; every window comes once per pass, with ``flip`` twice.
        max_steps: end after this many optimizer steps, if that comes first.
        batch_size: windows per step, over all devices together.
        flip: add the mirror image of every window.
        joint_weighting: weight joints as published (``posekit.losses.joint_weights``).
        consistency, velocity: factors of the temporal terms of the loss, 0 for none.
        loss_seeded: scale gradients by the loss, as all released runs of MixSTE, KTPFormer and
            D3DP do (``posekit.losses.backward_scaled_by_loss``).
        precision: "float32", or "bf16" for autocast.
    """

    learning_rate: float = 8e-5
    schedule: Literal["exponential", "cosine"] = "exponential"
    decay: float = 0.99
    warm_up: int = 0
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    epochs: int = 200
    max_steps: int | None = None
    batch_size: int = 8
    flip: bool = True
    joint_weighting: bool = True
    consistency: float = 0.5
    velocity: float = 2.0
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
        for name, valid in (("precision", PRECISIONS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in valid:
                raise InvalidParameter(
                    f"recipe: {name} is {getattr(self, name)!r}; choose one of: {', '.join(valid)}."
                )

    def rate(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """Learning rate of a step, counted from 0, in a run of ``steps``."""
        risen = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        if self.schedule == "cosine":
            fallen = 0.5 * (1.0 + math.cos(math.pi * step / steps))
        else:
            fallen = self.decay ** (step // steps_per_epoch)
        return self.learning_rate * risen * fallen
