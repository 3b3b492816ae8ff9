"""The steps of training a method that finds bodies in pictures, by its contract alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from posekit.errors import InvalidData
from posekit.training.body_regression import BodyMethod
from posekit.training.loop import epoch_order
from posekit.training.optimizers import build_optimizer
from posekit.training.recipes import Recipe


class BodySteps:
    """Steps of one network on prepared pictures; the ``Steps`` of ``take_steps``.

    Args:
        method: gives the losses.
        network: trained in place.
        pictures: what ``method.prepare`` gave, on the network's device.
        recipe: how to train.
        seed: of the order of the pictures.
        phase: number of this part of a training in several parts, from 1; stands in the log.
        clip: largest norm of a gradient, None for none.
        data: what names the pictures, for the snapshot.

    Raises:
        InvalidData: no pictures.
    """

    def __init__(
        self,
        method: BodyMethod,
        network: nn.Module,
        pictures: Mapping[str, Tensor],
        recipe: Recipe,
        *,
        seed: int,
        phase: int,
        clip: float | None,
        data: str,
    ) -> None:
        self.method, self.network, self.pictures = method, network.train(), pictures
        self.recipe, self.seed, self.phase, self.clip = recipe, seed, phase, clip
        self.count = len(pictures["index"])
        if self.count == 0:
            raise InvalidData("there are no pictures to train on; choose a larger size.")
        self.frames_per_step = min(recipe.batch_size, self.count)
        self.steps_per_epoch = math.ceil(self.count / recipe.batch_size)
        self.steps = recipe.epochs * self.steps_per_epoch
        if recipe.max_steps is not None:
            self.steps = min(self.steps, recipe.max_steps)
        self.terms = (*method.terms[:-1], "phase", method.terms[-1])
        self.optimizer = build_optimizer(recipe, network.parameters())
        self.order, self.order_epoch = torch.empty(0, dtype=torch.long), -1
        shapes = [f"{name} {tuple(value.shape)}" for name, value in network.state_dict().items()]
        self.identity = {
            "method": [type(method).__name__, repr(sorted(method.options.items()))],
            "recipe": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(recipe).items()
            },
            "clip": clip,
            "seed": seed,
            "phase": phase,
            "data": data,
            "network": [type(network).__name__, *shapes],
        }

    def take(self, step: int) -> Tensor:
        """One step of the optimizer; its terms, the phase before the total."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(step)
        chosen = self._chosen(step)
        batch = {name: value[chosen] for name, value in self.pictures.items()}
        losses = self.method.losses(self.network, batch, step)
        terms = [losses[name] for name in self.method.terms]
        self.optimizer.zero_grad()
        terms[-1].backward()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        self.optimizer.step()
        terms.insert(-1, torch.full_like(terms[-1], self.phase))
        return torch.stack([term.detach() for term in terms])

    def rate(self, step: int) -> float:
        """The recipe's learning rate."""
        return self.recipe.rate(step, self.steps_per_epoch, self.steps)

    def state(self) -> dict[str, Any]:
        """Network and optimizer."""
        return {"model": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any], step: int) -> None:
        """Network and optimizer."""
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _chosen(self, step: int) -> Tensor:
        """The numbers of this step's pictures."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self.order_epoch:
            order = torch.from_numpy(epoch_order(self.count, self.seed, epoch))
            self.order, self.order_epoch = order.to(self.pictures["index"].device), epoch
        size = self.recipe.batch_size
        return self.order[place * size : (place + 1) * size]
