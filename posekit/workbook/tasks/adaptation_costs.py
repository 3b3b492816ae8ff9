"""How long an adaptation takes, to plan with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from posekit.models import network
from posekit.models.framewise import FramewiseLifter
from posekit.workbook.tasks.adaptation_runs import build_adaptation
from posekit.workbook.tasks.lifting import GPU_SECONDS_PER_STEP, GPU_SPEEDUP
from posekit.workbook.tasks.lifting import TASK as LIFTING

# One CPU core, seconds of a step: per parameter and sample, forward and backward; per tensor of a
# lifter's parameters and per sample; and what generator and discriminators take besides, in all and
# per sample (measured for PoseAug's lifters at widths 16 to 1024 and batches of 128 and 512).
PER_PRODUCT = 8e-11
PER_TENSOR, PER_SAMPLE = 1.2e-4, 8e-6
PER_GENERATION, PER_GENERATED = 1e-2, 3e-5

FRAMES = 1_560_000  # of Human3.6M's training split, an epoch at the published size


def estimated_seconds(config: Mapping[str, Any], device: torch.device) -> float:
    """Rough computing time of a run: one CPU core, or one GPU."""
    lifter_steps, generator_steps = _steps(config)
    lifter, generator = _seconds_per_step(
        json.dumps([config["model"], config["options"], config["adaptation"]["lpa"]]),
        config["recipe"]["batch_size"],
    )
    if not issubclass(network(config["model"]), FramewiseLifter):
        recipe = {**config["recipe"], "max_steps": 1}
        lifter = LIFTING.seconds({**config, "recipe": recipe}, torch.device("cpu"))
    seconds = lifter_steps * lifter + generator_steps * generator
    if device.type == "cpu":
        return seconds
    return max(seconds / GPU_SPEEDUP, (lifter_steps + generator_steps) * GPU_SECONDS_PER_STEP)


def _steps(config: Mapping[str, Any]) -> tuple[int, int]:
    """Steps of the lifter in all, and of generator and discriminators."""
    recipe, later = config["recipe"], config["later"]
    adversarial = config["adaptation"]["lpa"] is not None
    if later["steps"] is not None:
        return recipe["max_steps"] + later["steps"], adversarial * later["steps"]
    windows = recipe["batch_size"] * config["options"]["frames"]
    per_epoch = max(1, FRAMES // windows)
    epochs = recipe["epochs"] + later["adaptation_epochs"]
    return epochs * per_epoch, adversarial * later["generator_epochs"] * per_epoch


@lru_cache(maxsize=256)
def _seconds_per_step(described: str, batch: int) -> tuple[float, float]:
    """Of the lifter as one of single frames, and of generator and discriminators."""
    model, options, lpa = json.loads(described)
    with torch.device("meta"):
        built = build_adaptation({"model": model, "options": options, "adaptation": {"lpa": lpa}})
    tensors = len(list(built.lifter.parameters()))
    lifter = _products(built.lifter) * batch + PER_TENSOR * tensors + PER_SAMPLE * batch
    if lpa is None:
        return lifter, 0.0
    # The generator's loss goes through both discriminators; every other step these see twice as
    # many samples, real ones and generated ones.
    judges = _products(built.pose_discriminator) + _products(built.keypoint_discriminator)
    generator = _products(built.generator) + 2 * judges
    return lifter, PER_GENERATION + (generator + PER_GENERATED) * batch


def _products(part: nn.Module) -> float:
    """Seconds of a sample in products with parameters."""
    return PER_PRODUCT * sum(parameter.numel() for parameter in part.parameters())
