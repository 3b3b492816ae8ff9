"""Steps of several networks with an optimizer each, and the first of an adaptation: on the source.

See ``posekit.training.adaptation`` for the method.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from posekit.models.lifters import Lifter
from posekit.models.poseaug import (
    Generator,
    GeneratorConfig,
    KeypointDiscriminator,
    PoseDiscriminator,
)
from posekit.training.adaptation_data import SourceBatch, SourceWindows
from posekit.training.health import FARTHEST
from posekit.training.loop import epoch_order
from posekit.training.optimizers import build_optimizer
from posekit.training.recipes import LiftingRecipe

TERMS = (
    *("phase", "lifter", "generator", "d3", "d2"),
    *("norm_lifter", "norm_generator", "norm_d3", "norm_d2"),
    *("diversity", "outside", "diverged", "total"),
)
"""Columns of the log. A part that rests in a step shows its last value, 0 before its first.

- phase: 1 on the source, 2 generator and discriminators, 3 the lifter on generated pairs, or all in
  turn.
- lifter, generator, d3, d2: losses; norm_...: norms of their gradients before clipping.
- diversity: spread of bone directions of generated poses over that of the poses they were made of.
- outside: share of generated poses that are left out: out of the picture or behind the camera.
- diverged: 1 from the step on in which a loss was not finite; nothing is trained any more.
- total: the lifter's loss once more, the learning curve.
"""


class Adaptation(nn.Module):
    """The networks of one adaptation.

    Attributes:
        lifter: what is evaluated.
        generator, pose_discriminator, keypoint_discriminator: where poses are varied, else None.
        outcome: (2,), see ``posekit.training.health.Health.coded``: what became of the training.
    """

    outcome: Tensor

    def __init__(self, lifter: Lifter, width: int | None = None) -> None:
        """Put the networks together.

        Args:
            lifter: what adapts.
            width: of the hidden layers of generator and 3D discriminator (released: 256), None
                where poses are not varied.
        """
        super().__init__()
        self.lifter = lifter
        self.generator = self.pose_discriminator = self.keypoint_discriminator = None
        if width is not None:
            self.generator = Generator(GeneratorConfig(width=width))
            self.pose_discriminator = PoseDiscriminator(width)
            self.keypoint_discriminator = KeypointDiscriminator()
        self.register_buffer("outcome", torch.zeros(2, dtype=torch.float64))

    def forward(self, keypoints: Tensor) -> Tensor:
        """The lifter's pose."""
        return self.lifter(keypoints)


@dataclass(frozen=True)
class Later:
    """Recipe of what follows the training on the source; defaults as PoseAug has them.

    Attributes:
        generator_epochs: passes over the source in which generator and discriminators train.
        adaptation_epochs: passes in which the lifter trains on what they make.
        generator_rate, adaptation_rate: Adam's learning rates; in as many stretches as there are
            epochs they fall linearly.
        clip: norm that the gradients of every network are clipped to, also on the source.
        steps: of each of both, instead of passes.
    """

    generator_epochs: int = 50
    adaptation_epochs: int = 50
    generator_rate: float = 1e-4
    adaptation_rate: float = 1e-4
    clip: float = 1.0
    steps: int | None = None


class AdaptationSteps(ABC):
    """What all steps share: several networks with an optimizer each, and a log that stays finite.

    A loss or a gradient that is not finite, or a lifter's loss above ``FARTHEST``, ends the
    training: networks go back to what they were before the first of these steps.
    """

    terms = TERMS
    steps: int

    def __init__(
        self,
        network: Adaptation,
        source: SourceWindows,
        recipe: LiftingRecipe,
        later: Later,
        *,
        seed: int,
        data: Mapping[str, str],
    ) -> None:
        self.network, self.source, self.recipe, self.later = network, source, recipe, later
        self.seed, self.data = seed, dict(data)
        self.device = source.pose.device
        self.per_pass = max(1, len(source) // recipe.batch_size)
        self.steps_per_epoch = self.per_pass
        self.frames_per_step = recipe.batch_size * network.lifter.frames
        self.start = copy.deepcopy(network.state_dict())
        self.last = dict.fromkeys(TERMS, 0.0)
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self._order_of, self._order = -1, torch.empty(0)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The networks by the names of their losses."""
        network = self.network
        found = {
            "lifter": network.lifter,
            "generator": network.generator,
            "d3": network.pose_discriminator,
            "d2": network.keypoint_discriminator,
        }
        return {name: part for name, part in found.items() if part is not None}

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the result; see ``posekit.training.Steps``."""
        shapes = [f"{name} {tuple(v.shape)}" for name, v in self.network.state_dict().items()]
        plain = {key: _plain(value) for key, value in asdict(self.recipe).items()}
        return {
            "steps": [type(self).__name__, self.steps],
            "recipe": plain,
            "clip": self.later.clip,
            "seed": self.seed,
            "data": self.data,
            "network": [type(self.network.lifter).__name__, *shapes],
        }

    def take(self, step: int) -> Tensor:
        """One step, unless the training has diverged; its terms."""
        if not self.last["diverged"]:
            self.last["phase"] = float(self.phase_of(step))
            self.train_step(step)
            self.last["total"] = self.last["lifter"]
        return torch.tensor([self.last[name] for name in TERMS], device=self.device)

    def continue_log(self, row: Mapping[str, float]) -> None:
        """Begin with the lifter's last values of another log; what diverged there stays so."""
        self.last.update({name: row[name] for name in ("lifter", "norm_lifter", "total")})
        self.last["diverged"] = 1.0 if row["diverged"] else 0.0

    @abstractmethod
    def phase_of(self, step: int) -> int:
        """Number of the phase of a step, for the log."""

    @abstractmethod
    def train_step(self, step: int) -> None:
        """Train what it is the turn of."""

    @abstractmethod
    def rate(self, step: int) -> float:
        """The learning rate of a step."""

    def state(self) -> dict[str, Any]:
        """Networks, optimizers and the log's last values."""
        return {
            "network": self.network.state_dict(),
            "optimizers": {name: each.state_dict() for name, each in self.optimizers.items()},
            "last": dict(self.last),
        }

    def restore(self, state: Mapping[str, Any], step: int) -> None:
        """Go back to what ``state`` gave."""
        self.network.load_state_dict(state["network"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.last = dict(state["last"])

    def originals(self, step: int) -> SourceBatch:
        """The source's windows of a step: every window once per pass, a short rest left out."""
        number, place = divmod(step, self.per_pass)
        if number != self._order_of:
            order = torch.from_numpy(epoch_order(len(self.source), self.seed, number))
            self._order_of, self._order = number, order.to(self.device)
        size = self.recipe.batch_size
        return self.source.gather(self._order[place * size : (place + 1) * size])

    def train_lifter(self, keypoints: Tensor, pose: Tensor, rate: float) -> None:
        """One step of the lifter on windows (B, F, 16, 2) and absolute poses (B, F, 16, 3)."""
        self.network.lifter.train()
        loss = self.source.loss(self.network.lifter, keypoints, pose)
        self.update("lifter", loss, rate)

    def update(self, name: str, loss: Tensor, rate: float) -> None:
        """One step of an optimizer, gradients clipped; none and the end if anything is not finite.

        Args:
            name: key of ``parts``.
            loss: a scalar.
            rate: learning rate.
        """
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parts[name].parameters(), self.later.clip)
        value, size = loss.detach().item(), norm.item()
        limit = FARTHEST if name == "lifter" else float("inf")
        if not (abs(value) < limit and size < float("inf")):  # NaN is below nothing
            self.last["diverged"] = 1.0
            self.network.load_state_dict(self.start)
            return
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        self.last[name], self.last[f"norm_{name}"] = value, size


class SourceSteps(AdaptationSteps):
    """The lifter on the source's pairs as they are."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        recipe = self.recipe
        self.steps = recipe.epochs * self.per_pass
        if recipe.max_steps is not None:
            self.steps = min(recipe.max_steps, self.steps)
        self.optimizers["lifter"] = _optimizer(recipe, self.network.lifter)

    def phase_of(self, step: int) -> int:
        """The first."""
        return 1

    def train_step(self, step: int) -> None:
        """Train the lifter."""
        batch = self.originals(step)
        self.train_lifter(batch.keypoints, batch.pose, self.rate(step))

    def rate(self, step: int) -> float:
        """The recipe's."""
        return self.recipe.rate(step, self.steps_per_epoch, self.steps)


def plain_adam(network: nn.Module) -> torch.optim.Optimizer:
    """Adam as PoseAug has it, without amsgrad; the rate is set before every step."""
    return torch.optim.Adam(network.parameters())


def _optimizer(recipe: LiftingRecipe, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's; Adam is PoseAug's, without the amsgrad of other lifters' recipes."""
    if recipe.optimizer == "adam":
        return plain_adam(network)
    return build_optimizer(recipe, network.parameters())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
