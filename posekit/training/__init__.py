"""Training of any network: one loop for the CPU, one GPU and several, resumable bit for bit."""

from posekit.training.feeds import Feed, LiftingFeed, Samples
from posekit.training.loop import TrainingError, TrainingLog, epoch_order, fit, seed_torch
from posekit.training.recipes import LiftingRecipe, Recipe

__all__ = [
    "Feed",
    "LiftingFeed",
    "LiftingRecipe",
    "Recipe",
    "Samples",
    "TrainingError",
    "TrainingLog",
    "epoch_order",
    "fit",
    "seed_torch",
]
