"""Recipes: everything besides the network, the data and the seed that decides a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posekit.errors import InvalidParameter

PRECISIONS = ("float32", "bf16")


@dataclass(frozen=True)
class Recipe:
    """How to train: optimizer, schedule, batches, augmentation, loss, precision.

    The defaults are KTPFormer's released run on Human3.6M (``run_ktpformer.py``).

    Attributes:
        learning_rate: of AdamW in the first epoch.
        decay: factor on the learning rate after every epoch.
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
    decay: float = 0.99
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
        if self.precision not in PRECISIONS:
            raise InvalidParameter(
                f"recipe: precision is {self.precision!r}; choose one of: {', '.join(PRECISIONS)}."
            )
