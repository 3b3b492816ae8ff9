"""Steps of a method that finds bodies: resumed bit for bit, in parts, with bounded gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from posekit.bodies import open_body
from posekit.errors import InvalidData, InvalidSnapshot
from posekit.models.scaling import Scale
from posekit.training import Recipe, take_steps
from posekit.training.body_regression import BodyEstimate, BodyMethod
from posekit.training.body_steps import BodySteps

RECIPE = Recipe(learning_rate=0.1, epochs=3, batch_size=2, weight_decay=0.0)
CPU = torch.device("cpu")


class Towards(BodyMethod):
    """Betas of each picture towards a target, with noise."""

    terms = ("near", "total")

    @classmethod
    def scaled(cls, options: dict[str, Any], scale: Scale) -> dict[str, Any]:
        return dict(options)

    @classmethod
    def describe(cls, options: dict[str, Any]) -> str:
        return "towards"

    @classmethod
    def label(cls, options: dict[str, Any]) -> str:
        return "towards"

    def build(self, pictures: int) -> nn.Module:
        return nn.Linear(1, 10)

    def prepare(self, images: Any, device: torch.device, *, training: bool) -> dict[str, Tensor]:
        return {"index": torch.arange(5), "target": torch.arange(50.0).view(5, 10)}

    def losses(self, network: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        found = network(torch.rand(len(batch["index"]), 1))
        near = (found - batch["target"]).square().mean()
        return {"near": near, "total": near * self.options["factor"]}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> BodyEstimate:
        return BodyEstimate(None, network(torch.ones(len(batch["index"]), 1)), None)

    def seconds(self, pictures: int) -> float:
        return 1e-3


def made(factor: float = 1.0, clip: float | None = None, phase: int = 1) -> BodySteps:
    torch.manual_seed(0)
    chosen = Towards({"factor": factor}, open_body(), 64)
    network, pictures = chosen.build(5), chosen.prepare(None, CPU, training=True)
    facts = {"seed": 3, "phase": phase, "clip": clip, "data": "made up"}
    return BodySteps(chosen, network, pictures, RECIPE, **facts)


def trained(folder: Path | None, steps: BodySteps) -> dict[str, Tensor]:
    torch.manual_seed(1)
    take_steps(steps, device=CPU, folder=folder, label="test", snapshot_seconds=1e9)
    return steps.network.state_dict()


def test_every_picture_comes_once_in_an_epoch() -> None:
    steps = made()
    assert (steps.steps, steps.steps_per_epoch) == (9, 3)
    seen = torch.cat([steps._chosen(step) for step in range(3)])
    assert sorted(seen.tolist()) == [0, 1, 2, 3, 4]


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = trained(None, made())
    broken = made()
    taken = broken.take

    def stop(step: int) -> Tensor:
        if step == 4:
            raise KeyboardInterrupt
        return taken(step)

    broken.take = stop
    torch.manual_seed(1)
    with pytest.raises(KeyboardInterrupt):
        take_steps(broken, device=CPU, folder=tmp_path, label="test", snapshot_seconds=0.0)
    again = made()
    take_steps(again, device=CPU, folder=tmp_path, label="test", snapshot_seconds=1e9)
    for name, value in whole.items():
        assert torch.equal(value, again.network.state_dict()[name])


def test_the_log_says_which_part_it_is_of(tmp_path: Path) -> None:
    steps = made(phase=2)
    log = take_steps(steps, device=CPU, folder=tmp_path, label="test", snapshot_seconds=1e9)
    assert steps.terms == ("near", "phase", "total")
    assert {row["phase"] for row in log.rows} == {2.0}


def test_another_training_is_refused(tmp_path: Path) -> None:
    trained(tmp_path, made())
    with pytest.raises(InvalidSnapshot, match="another run"):
        trained(tmp_path, made(factor=2.0))


def test_a_clipped_gradient_moves_no_further_than_its_norm() -> None:
    steps = made(factor=1e6, clip=0.5)
    steps.optimizer = torch.optim.SGD(steps.network.parameters(), lr=1.0)
    steps.rate = lambda step: 1.0
    before = torch.cat([value.flatten() for value in steps.network.parameters()]).detach().clone()
    steps.take(0)
    after = torch.cat([value.flatten() for value in steps.network.parameters()]).detach()
    assert (after - before).norm() == pytest.approx(0.5, rel=1e-4)


def test_nothing_to_train_on_is_refused() -> None:
    chosen = Towards({"factor": 1.0}, open_body(), 64)
    with pytest.raises(InvalidData, match="no pictures"):
        BodySteps(
            chosen,
            chosen.build(0),
            {"index": torch.arange(0)},
            RECIPE,
            **{"seed": 0, "phase": 1, "clip": None, "data": ""},
        )
