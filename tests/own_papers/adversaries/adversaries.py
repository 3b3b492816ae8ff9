"""A toy task of two networks and two optimizers: a regressor of joints and its critic.

It exists to show that a method may bring its own training, and that kill and resume are not its
business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from posekit.workbook.tasks.stick_figures import JointRegressor, Pictures, StickFigures
from torch import Tensor, nn

from posekit.training import Recipe, TrainingLog, take_steps


class Adversaries(nn.Module):
    """The regressor, and a critic (B, J, 2) -> (B,) that tells true joints from regressed ones."""

    def __init__(self, joints: int, channels: int) -> None:
        super().__init__()
        self.regressor = JointRegressor(joints, channels)
        self.critic = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * joints, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        return self.regressor(pictures)


class AdversarialSteps:
    """One step of the critic, then one of the regressor."""

    terms = ("critic", "total")

    def __init__(self, network: Adversaries, feed: Pictures, seed: int) -> None:
        self.network, self.feed, self.seed = network.train(), feed, seed
        recipe: Recipe = feed.recipe
        self.optimizers = {
            "regressor": torch.optim.Adam(network.regressor.parameters(), recipe.learning_rate),
            "critic": torch.optim.SGD(network.critic.parameters(), 1e-3, momentum=0.9),
        }
        self.steps = recipe.max_steps
        self.frames_per_step = recipe.batch_size
        self.steps_per_epoch = -(-len(feed) // recipe.batch_size)
        self.identity = {"seed": seed, "data": feed.fingerprint}

    def take(self, step: int) -> Tensor:
        chosen = np.random.default_rng((self.seed, step)).integers(
            len(self.feed), size=self.frames_per_step
        )
        pictures, joints = self.feed.gather(torch.from_numpy(chosen))
        found = self.network(pictures)
        told, invented = (self.network.critic(pose).mean() for pose in (joints, found.detach()))
        self._step("critic", (invented - told).tanh())
        distance = (found - joints).norm(dim=-1).mean()
        self._step("regressor", distance - 0.01 * self.network.critic(found).mean().tanh())
        return torch.stack([(invented - told).detach(), distance.detach()])

    def _step(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad()
        loss.backward()
        self.optimizers[name].step()

    def rate(self, step: int) -> float:
        return self.feed.recipe.learning_rate

    def state(self) -> dict[str, Any]:
        optimizers = {name: each.state_dict() for name, each in self.optimizers.items()}
        return {"network": self.network.state_dict(), "optimizers": optimizers}

    def restore(self, state: Mapping[str, Any], step: int) -> None:
        self.network.load_state_dict(state["network"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])


class AdversarialTask(StickFigures):
    def modules(self, run) -> tuple[str, ...]:
        return (__name__, *super().modules(run))

    def build(self, config, data, card=None) -> nn.Module:
        return Adversaries(17, config["options"]["channels"])

    def train(self, network, config, data, *, device, **how) -> TrainingLog:
        steps = AdversarialSteps(network, self.feed(config, data), config["seed"])
        return take_steps(steps, device=torch.device(device), **how)


TASK = AdversarialTask()
