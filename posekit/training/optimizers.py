"""Optimizers of the published recipes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from posekit.training.ranger import Ranger
from posekit.training.recipes import Recipe


def build_optimizer(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The recipe's optimizer over the parameters, at its highest learning rate."""
    settings = {
        "lr": recipe.learning_rate,
        "betas": recipe.betas,
        "eps": recipe.eps,
        "weight_decay": recipe.weight_decay,
    }
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, amsgrad=True, fused=True, **settings)
    if recipe.optimizer == "ranger":
        return Ranger(parameters, **settings)
    return torch.optim.AdamW(parameters, fused=True, **settings)
