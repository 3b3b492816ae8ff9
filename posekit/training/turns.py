"""Whose turn it is in an adversarial training: generator and discriminators, or the lifter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

WARM_UP = 2  # epochs in which PoseAug trains no lifter and asks for no feedback


class Turn(NamedTuple):
    """What is trained in a step.

    Attributes:
        kind: "generator", "pairs" (the lifter on generated pairs) or "source" (on original ones).
        epoch: stretch of the training that the learning rate and the feedback go by, from 0.
    """

    kind: str
    epoch: int


@dataclass(frozen=True)
class Turns:
    """Whose turn it is.

    Attributes:
        generator_steps, lifter_steps: how many each has.
        generator_epochs, lifter_epochs: stretches that they are divided into.
        together: in every epoch first the generator, then the lifter on generated and on original
            pairs (PoseAug), instead of the one after the other (PoseDA).
    """

    generator_steps: int
    lifter_steps: int
    generator_epochs: int
    lifter_epochs: int
    together: bool

    @property
    def steps(self) -> int:
        """Of both."""
        return self.generator_steps + self.lifter_steps

    def at(self, step: int) -> Turn:
        """The turn of a step, counted from 0."""
        if self.together:
            return self._in_turn(step)
        if step < self.generator_steps:
            return Turn("generator", step * self.generator_epochs // self.generator_steps)
        done = step - self.generator_steps
        return Turn("pairs", done * self.lifter_epochs // self.lifter_steps)

    def _in_turn(self, step: int) -> Turn:
        epoch, rest = divmod(step * self.lifter_epochs, self.steps)
        if epoch < WARM_UP:
            return Turn("generator", epoch)
        place = rest / self.steps  # within the epoch, 0 to 1
        generated = self.generator_steps / self.steps
        if place < generated:
            return Turn("generator", epoch)
        return Turn("pairs" if place < (1 + generated) / 2 else "source", epoch)
