"""Training of any network: one loop for the CPU, one GPU and several, resumable bit for bit."""

from posekit.training.loop import TrainingError, TrainingLog, epoch_order, fit, seed_torch
from posekit.training.recipes import Recipe

__all__ = ["Recipe", "TrainingError", "TrainingLog", "epoch_order", "fit", "seed_torch"]
