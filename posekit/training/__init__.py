"""Training of any network: one loop for the CPU, one GPU and several, resumable bit for bit."""

from posekit.training.feeds import Feed, LiftingFeed, Samples
from posekit.training.loop import epoch_order, fit, seed_torch
from posekit.training.recipes import LiftingRecipe, Recipe
from posekit.training.steps import Steps, TrainingError, TrainingLog, take_steps

__all__ = [
    "Feed",
    "LiftingFeed",
    "LiftingRecipe",
    "Recipe",
    "Samples",
    "Steps",
    "TrainingError",
    "TrainingLog",
    "epoch_order",
    "fit",
    "seed_torch",
    "take_steps",
]
