"""Recipes: learning rates step by step, and what is refused."""

from itertools import pairwise

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.training import Recipe


@pytest.mark.parametrize(
    "option",
    [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"precision": "fp16"}],
    ids=lambda option: next(iter(option)),
)
def test_recipe_refuses(option):
    with pytest.raises(InvalidParameter, match=next(iter(option))):
        Recipe(**option)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(InvalidParameter, match="choose one of: exponential, cosine"):
        Recipe(schedule="linear")


def test_the_learning_rate_warms_up_and_falls():
    cosine = Recipe(learning_rate=0.1, schedule="cosine", warm_up=4)
    rates = [cosine.rate(step, steps_per_epoch=5, steps=100) for step in range(100)]
    assert rates[0] == pytest.approx(0.025)
    assert rates[3] == max(rates) == pytest.approx(0.1, rel=0.01)
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] < 1e-4
    published = Recipe(learning_rate=0.1, decay=0.5)
    assert [published.rate(step, 5, 100) for step in (0, 4, 5, 10)] == [0.1, 0.1, 0.05, 0.025]


def test_every_fifth_epoch_may_halve_the_rate():
    recipe = Recipe(learning_rate=1.0, decay=0.95, halve_every=5)
    rates = [recipe.rate(step, 1, 20) for step in range(12)]
    factors = [after / before for before, after in pairwise(rates)]
    assert factors == pytest.approx([0.95] * 4 + [0.5] + [0.95] * 4 + [0.5] + [0.95])


def test_the_cosine_by_epoch_falls_to_its_floor():
    recipe = Recipe(schedule="cosine by epoch", learning_rate=0.01, lowest_rate=1e-5, epochs=80)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 80, eta_min=1e-5)
    for epoch in range(80):
        for step in (3 * epoch, 3 * epoch + 2):
            assert recipe.rate(step, 3, 240) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        schedule.step()
