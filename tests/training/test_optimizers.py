"""Optimizers of the published recipes."""

import tiny
import torch

from posekit.training import Recipe
from posekit.training.optimizers import build_optimizer
from posekit.training.ranger import Ranger
from posekit.training.recipes import OPTIMIZERS


def test_adam_is_adam_with_amsgrad():
    lifter = tiny.TinyLifter()
    optimizer = build_optimizer(Recipe(optimizer="adam", weight_decay=0.0), lifter.parameters())
    assert type(optimizer) is torch.optim.Adam
    assert optimizer.defaults["amsgrad"]


def test_each_recipe_gets_its_optimizer_with_its_settings():
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "ranger": Ranger}
    assert set(kinds) == set(OPTIMIZERS)
    for name, kind in kinds.items():
        recipe = Recipe(
            optimizer=name, learning_rate=3e-4, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.02
        )
        optimizer = build_optimizer(recipe, tiny.TinyLifter().parameters())
        assert type(optimizer) is kind
        (group,) = optimizer.param_groups
        found = (group["lr"], group["betas"], group["eps"], group["weight_decay"])
        assert found == (3e-4, (0.8, 0.95), 1e-6, 0.02)
