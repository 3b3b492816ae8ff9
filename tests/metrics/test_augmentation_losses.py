"""Losses of generator and discriminators: ranges, centres, weights, and whom they train."""

import pytest
import torch

from posekit.metrics import augmentation_losses as losses


def full(value, *shape):
    return torch.full(shape, value, dtype=torch.float64)


def test_a_discriminator_wants_ones_for_real_and_zeros_for_generated():
    real, generated = full(1.0, 4, 5), full(0.0, 7, 5)
    assert losses.discriminator_loss(real, generated) == 0
    assert losses.discriminator_loss(generated, real) == 1
    assert losses.discriminator_loss(full(0.5, 4, 5), full(0.5, 7, 5)) == 0.25


def test_a_generator_wants_ones():
    assert losses.adversarial_loss(full(1.0, 4, 5)) == 0
    assert losses.adversarial_loss(full(0.0, 4, 5)) == 0.5
    answer = full(0.2, 4, 1).requires_grad_()
    losses.adversarial_loss(answer).backward()
    # Half of the released mean squared error, with the released gradient.
    torch.testing.assert_close(answer.grad, full((0.2 - 1) / 4, 4, 1))


@pytest.mark.parametrize(
    ("mean", "loss"),
    [(0.205, 0.0), (0.05, 0.0), (0.36, 0.0), (0.0, 0.205**2), (0.505, 0.3**2)],
)
def test_bones_turn_by_neither_too_little_nor_too_much(mean, loss):
    change = full(mean, 3, 15)
    change[:, 0] += 0.1  # it is the mean over bones that counts
    change[:, 1] -= 0.1
    assert losses.angle_range_loss(change).item() == pytest.approx(loss, abs=1e-12)


def test_poses_within_the_range_weigh_the_others_down():
    change = full(0.505, 4, 15)
    change[1:] = 0.2
    assert losses.angle_range_loss(change).item() == pytest.approx(0.3**2 / 4)


def test_small_changes_of_length_cost_nothing():
    ratios = torch.tensor([[0.09, -0.09, 0.0, 0.2, -0.2]], dtype=torch.float64)
    assert losses.length_range_loss(ratios).item() == pytest.approx(2 * 0.2**2 / 5)


def test_hardness_is_a_ratio_of_weighted_errors_in_three_groups():
    original = torch.arange(1, 17, dtype=torch.float64)[None]
    torch.testing.assert_close(losses.hardness(3 * original, original), full(3.0, 1, 3))
    angled = original.clone()
    angled[0, 2] *= 2  # the right knee, of weight 2, in the second group
    second = sum(losses.JOINT_WEIGHTS[joint] * (joint + 1) for joint in losses.JOINT_GROUPS[1])
    expected = [[1.0, 1 + 2 * 3 / second, 1.0]]
    found = losses.hardness(angled, original)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_every_joint_but_pelvis_spine_and_thorax_is_in_one_group():
    grouped = [joint for group in losses.JOINT_GROUPS for joint in group]
    assert sorted(grouped) == [joint for joint in range(16) if joint not in (0, 7, 8)]
    assert len(losses.JOINT_WEIGHTS) == 16


def test_generated_poses_should_be_harder_by_a_factor_in_a_range():
    ratios = torch.tensor([[1.0, 3.0, 7.0]], dtype=torch.float64)
    loss = losses.hard_mean_loss(ratios, centre=4.0, half_width=2.0)
    assert loss.item() == pytest.approx((3**2 + 3**2) / 3)


@pytest.mark.parametrize(
    ("angled", "finished", "progress", "loss"),
    [
        (3.0, 17.0, 0.0, 0.0),
        (5.0, 17.0, 1.0, 0.0),
        (6.9, 17.0, 1.0, 0.0),
        (6.0, 17.0, 0.0, 0.1 * 3**2),
        (2.1, 17.0, 0.5, 0.0),
        (1.0, 17.0, 1.0, 0.1 * 4**2),
        (3.0, 1.0, 0.0, 0.01 * 16**2),
        (3.0, 33.0, 1.0, 0.01 * 16**2),
    ],
)
def test_feedback_keeps_both_stages_in_their_ranges(angled, finished, progress, loss):
    original = full(0.05, 6, 16)
    found = losses.feedback_loss(original, angled * original, finished * original, progress)
    assert found.item() == pytest.approx(loss, abs=1e-9)
