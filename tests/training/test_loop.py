"""The loop of training: its numbers and its errors."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from posekit.datasets.windows import ClipBank, training_windows
from posekit.errors import InvalidParameter, InvalidSnapshot, StorageError
from posekit.geometry.skeletons import HUMAN36M_17, mirror_points
from posekit.metrics.losses import joint_weights, sequence_loss
from posekit.training import LiftingFeed, LiftingRecipe, TrainingError, epoch_order, fit, seed_torch

RECIPE = LiftingRecipe(learning_rate=2e-3, epochs=3, batch_size=4)


def _lifter(**options):
    seed_torch(0)
    return tiny.TinyLifter(**options)


def _weights(lifter):
    return {name: value.clone() for name, value in lifter.state_dict().items()}


def _assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_loss_falls_and_log_adds_up(tmp_path):
    log = fit(
        _lifter(),
        LiftingFeed(tiny.dataset(), replace(RECIPE, epochs=30)),
        seed=1,
        device="cpu",
        folder=tmp_path,
    )
    assert log.rows[-1]["total"] < 0.5 * log.rows[0]["total"]
    # 40, 25 and 7 frames in windows of 9: 5 + 3 + 1 windows, each plain and mirrored.
    assert log.steps_per_epoch == 5
    assert log.steps == 150
    assert [row["step"] for row in log.rows] == list(range(1, 151))
    assert log.rows[-1]["epoch"] == 30
    row = log.rows[-1]
    total = row["position"] + 0.5 * row["consistency"] + 2.0 * row["velocity"]
    assert total == pytest.approx(row["total"], rel=1e-5)
    assert row["learning_rate"] == pytest.approx(2e-3 * 0.99**29)
    with (tmp_path / "log.csv").open() as file:
        written = list(csv.DictReader(file))
    assert float(written[-1]["total"]) == row["total"]
    assert len(written) == len(log.rows)


def test_same_seed_same_weights_other_seed_other_weights():
    results = []
    for seed in (1, 1, 2):
        lifter = _lifter()
        fit(lifter, LiftingFeed(tiny.dataset(), RECIPE), seed=seed, device="cpu")
        results.append(_weights(lifter))
    _assert_equal(results[0], results[1])
    assert not torch.equal(results[0]["layers.0.weight"], results[2]["layers.0.weight"])


@pytest.mark.parametrize("loss_seeded", [True, False])
def test_one_step_is_what_the_recipe_says(loss_seeded):
    dataset = tiny.dataset()
    lifter, expected = _lifter(dropout=0.0), _lifter(dropout=0.0)
    recipe = replace(RECIPE, max_steps=1, batch_size=5, loss_seeded=loss_seeded)
    fit(lifter, LiftingFeed(dataset, recipe), seed=3, device="cpu")

    bank = ClipBank(dataset, torch.device("cpu"), 2)
    windows = training_windows(bank.lengths, 9)
    chosen = torch.from_numpy(epoch_order(18, 3, 0)[:5])
    plain = bank.gather(windows[chosen // 2])
    keypoints, pose = (
        torch.stack(
            [
                mirror_points(sample, HUMAN36M_17) if index % 2 else sample
                for index, sample in zip(chosen, part, strict=True)
            ]
        )
        for part in plain
    )
    optimizer = torch.optim.AdamW(
        expected.train().parameters(), lr=2e-3, weight_decay=0.1, eps=1e-8
    )
    loss = sequence_loss(expected(keypoints), pose, joint_weights(HUMAN36M_17)).total
    if loss_seeded:
        loss.backward(gradient=loss.detach().clone())
    else:
        loss.backward()
    optimizer.step()
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(lifter.state_dict()[name], value, rtol=1e-5, atol=1e-7)


def test_order_is_a_permutation_decided_by_seed_and_epoch():
    orders = {(seed, epoch): epoch_order(50, seed, epoch) for seed in (0, 1) for epoch in (0, 1)}
    for order in orders.values():
        assert sorted(order) == list(range(50))
    assert len({tuple(order) for order in orders.values()}) == 4
    np.testing.assert_array_equal(orders[0, 1], epoch_order(50, 0, 1))


def test_bf16_stays_close_to_float32():
    results = []
    for precision in ("float32", "bf16"):
        recipe = replace(RECIPE, precision=precision, epochs=10)
        log = fit(_lifter(), LiftingFeed(tiny.dataset(), recipe), seed=0, device="cpu")
        results.append(log.rows[-1]["total"])
    assert results[0] != results[1]
    assert results[1] == pytest.approx(results[0], rel=0.1)


def test_several_processes_take_the_same_step_as_one():
    # With eps this large, AdamW's step is proportional to the gradient and not to its sign.
    recipe = replace(RECIPE, learning_rate=1.0, eps=1.0, max_steps=1, batch_size=6)
    results = []
    for devices in (1, 2):
        lifter = tiny.TinyLifter(dropout=0.0)
        lifter.layers[1] = torch.nn.Identity()  # batch statistics are each process's own
        seed_torch(5)
        for value in lifter.parameters():
            torch.nn.init.normal_(value, std=0.1)
        fit(lifter, LiftingFeed(tiny.dataset(), recipe), seed=0, device="cpu", devices=devices)
        results.append(_weights(lifter))
    for name in results[0]:
        torch.testing.assert_close(results[0][name], results[1][name], rtol=1e-4, atol=1e-6)


def test_finished_run_is_loaded_and_not_run_again(tmp_path):
    first, second = _lifter(), tiny.TinyLifter()
    log = fit(first, LiftingFeed(tiny.dataset(), RECIPE), seed=1, device="cpu", folder=tmp_path)
    again = fit(second, LiftingFeed(tiny.dataset(), RECIPE), seed=1, device="cpu", folder=tmp_path)
    _assert_equal(_weights(first), _weights(second))
    assert again.rows == log.rows


def test_snapshot_of_another_run_is_refused(tmp_path):
    fit(_lifter(), LiftingFeed(tiny.dataset(), RECIPE), seed=1, device="cpu", folder=tmp_path)
    with pytest.raises(InvalidSnapshot, match="different seed"):
        fit(_lifter(), LiftingFeed(tiny.dataset(), RECIPE), seed=2, device="cpu", folder=tmp_path)
    (tmp_path / "snapshot.pt").write_bytes(b"no snapshot")
    with pytest.raises(InvalidSnapshot, match="no readable"):
        fit(_lifter(), LiftingFeed(tiny.dataset(), RECIPE), seed=1, device="cpu", folder=tmp_path)


def test_folder_that_cannot_be_written_shows_before_the_first_step(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    lifter = _lifter()
    before = _weights(lifter)
    with pytest.raises(StorageError, match="choose another folder"):
        fit(
            lifter,
            LiftingFeed(tiny.dataset(), RECIPE),
            seed=1,
            device="cpu",
            folder=blocker / "run",
        )
    _assert_equal(before, _weights(lifter))
    assert list(tmp_path.iterdir()) == [blocker]


def test_full_disk_is_named_and_leaves_no_broken_snapshot(tmp_path, monkeypatch):
    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        fit(_lifter(), LiftingFeed(tiny.dataset(), RECIPE), seed=1, device="cpu", folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_diverged_training_names_the_step():
    clips = list(tiny.dataset().clips)
    recipe = replace(RECIPE, learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"not finite at step \d+ of 15"):
        fit(_lifter(), LiftingFeed(tiny.dataset(*clips), recipe), seed=0, device="cpu")


def test_unknown_device():
    with pytest.raises(InvalidParameter, match="auto, cpu, cuda"):
        fit(_lifter(), LiftingFeed(tiny.dataset(), RECIPE), seed=0, device="tpu")
    with pytest.raises(InvalidParameter, match="finds"):
        fit(_lifter(), LiftingFeed(tiny.dataset(), RECIPE), seed=0, device="cuda:99")
    with pytest.raises(InvalidParameter, match="devices is 0"):
        fit(_lifter(), LiftingFeed(tiny.dataset(), RECIPE), seed=0, device="cpu", devices=0)


class NormLifter(tiny.TinyLifter):
    """Notes the momentum that each epoch is given."""

    def __init__(self) -> None:
        super().__init__()
        self.momenta: list[float] = []

    def set_norm_momentum(self, momentum: float) -> None:
        self.momenta.append(momentum)


def test_the_momentum_of_normalisation_falls_by_epochs():
    lifter = NormLifter()
    recipe = LiftingRecipe(epochs=4, batch_size=4, norm_momentum=0.001)
    fit(lifter, LiftingFeed(tiny.dataset(), recipe), seed=0, device="cpu")
    assert lifter.momenta == pytest.approx([0.1 * 100 ** -(epoch / 4) for epoch in range(4)])
    with pytest.raises(InvalidParameter, match="schedules no batch normalisation"):
        fit(tiny.TinyLifter(), LiftingFeed(tiny.dataset(), recipe), seed=0, device="cpu")


@pytest.mark.parametrize("seed", [-1, 2**32, True, 0.5])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(InvalidParameter, match="seed is"):
        fit(_lifter(), LiftingFeed(tiny.dataset(), RECIPE), seed=seed, device="cpu")


def test_training_leaves_the_callers_random_state_alone():
    lifter, before = _lifter(), torch.get_rng_state()
    fit(lifter, LiftingFeed(tiny.dataset(), RECIPE), seed=3, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("steps", "rows"), [(5, 5), (201, 201), (399, 399), (400, 200), (450, 225)]
)
def test_the_log_has_points_enough(steps, rows):
    recipe = replace(RECIPE, epochs=1000, max_steps=steps)
    log = fit(_lifter(), LiftingFeed(tiny.dataset(), recipe), seed=0, device="cpu")
    assert len(log.rows) == rows
    assert log.rows[-1]["step"] == steps
