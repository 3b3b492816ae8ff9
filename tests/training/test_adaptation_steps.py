"""The first part of an adaptation, and what all its steps share."""

from dataclasses import replace

import pytest
import torch
from adapting import CPU, RECIPE, adaptation, later_steps, source_steps

from posekit.training import take_steps
from posekit.training.adaptation_steps import TERMS


def test_the_lifter_learns_and_nothing_else_moves(tmp_path):
    network = adaptation()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    recipe = replace(RECIPE, max_steps=60, epochs=60)
    steps = source_steps(network, recipe)
    log = take_steps(steps, device=CPU, folder=None, label="source", snapshot_seconds=60.0)
    assert log.rows[-1]["lifter"] < 0.5 * log.rows[0]["lifter"]
    assert {row["phase"] for row in log.rows} == {1.0}
    assert all(row["total"] == row["lifter"] for row in log.rows)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith("lifter.")


def test_gradients_are_clipped_and_their_norms_logged():
    network = adaptation()
    steps = source_steps(network)
    rows = torch.stack([steps.take(step) for step in range(3)])
    norms = rows[:, TERMS.index("norm_lifter")]
    held = torch.cat([parameter.grad.flatten() for parameter in network.lifter.parameters()]).norm()
    assert (norms > 0).all()
    assert held <= min(1.0, float(norms[-1])) + 1e-4


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e6])
def test_a_loss_that_is_not_finite_ends_the_training_and_not_the_study(bad, monkeypatch):
    network = adaptation()
    steps = source_steps(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = steps.take(0)
    assert not torch.equal(network.lifter.w1.weight, before["lifter.w1.weight"])
    sound = steps.source.loss
    monkeypatch.setattr(steps.source, "loss", lambda *given: sound(*given) * bad)
    rows = torch.stack([steps.take(step) for step in range(1, 4)])
    assert rows.isfinite().all()
    assert rows[:, TERMS.index("diverged")].tolist() == [1.0] * 3
    assert rows[0, TERMS.index("lifter")] == first[TERMS.index("lifter")]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_what_diverged_on_the_source_stays_so():
    network = adaptation()
    steps = later_steps(network)
    row = {**dict.fromkeys(TERMS, 0.0), "lifter": 0.5, "diverged": 0.25}
    steps.continue_log(row)
    before = network.lifter.w1.weight.clone()
    found = dict(zip(TERMS, steps.take(0).tolist(), strict=True))
    assert (found["diverged"], found["lifter"]) == (1.0, 0.5)
    assert torch.equal(network.lifter.w1.weight, before)


def test_every_window_comes_once_per_pass():
    steps = source_steps(adaptation())
    batches = [steps.originals(step).pose for step in range(steps.per_pass)]
    seen = torch.cat(batches)[:, 0, 5].sum(-1)
    assert len(torch.unique(seen)) > 0.95 * len(seen)
    assert not torch.equal(steps.originals(steps.per_pass).pose, batches[0])
