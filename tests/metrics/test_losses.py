"""The released training loss: terms, weights, and the seeded backward pass."""

import pytest
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_16, HUMAN36M_17, HUMANEVA_15
from posekit.metrics import mpjpe, mpjve
from posekit.metrics.losses import joint_weights, sequence_loss


def sequences(frames=7):
    generator = torch.Generator().manual_seed(1)
    target = torch.randn(2, frames, 17, 3, generator=generator, dtype=torch.float64)
    error = torch.randn(2, frames, 17, 3, generator=generator, dtype=torch.float64)
    return target + 0.1 * error, target


def test_limbs_far_from_the_torso_weigh_most():
    weights = joint_weights(HUMAN36M_17)
    by_name = dict(zip(HUMAN36M_17.joint_names, weights.tolist(), strict=True))
    for side in ("left", "right"):
        assert by_name[f"{side} hip"] == 1
        assert by_name[f"{side} shoulder"] == 1.5
        assert by_name[f"{side} knee"] == by_name[f"{side} foot"] == 2.5
        assert by_name[f"{side} elbow"] == by_name[f"{side} wrist"] == 4
    assert by_name["hip"] == by_name["thorax"] == 1
    assert by_name["head"] == 1.5


def test_joint_sets_without_published_weights_are_weighed_evenly():
    assert joint_weights(HUMAN36M_16).tolist() == [1] * 16
    assert joint_weights(HUMANEVA_15).tolist() == [
        *(1, 1, 2.5, 2.5, 1, 2.5, 2.5, 1, 1.5, 1.5, 4, 4, 1.5, 4, 4)
    ]


def test_terms_are_the_metrics_they_are_named_after():
    prediction, target = sequences()
    loss = sequence_loss(prediction, target)
    torch.testing.assert_close(loss.position, mpjpe(prediction, target))
    torch.testing.assert_close(loss.velocity, mpjve(prediction, target))
    torch.testing.assert_close(loss.consistency, prediction.diff(dim=1).square().mean())
    total = loss.position + 0.5 * loss.consistency + 2 * loss.velocity
    torch.testing.assert_close(loss.total, total)


def test_weights_reach_position_and_consistency_but_not_velocity():
    prediction, target = sequences()
    plain = sequence_loss(prediction, target)
    doubled = sequence_loss(prediction, target, weights=torch.full((17,), 2.0))
    torch.testing.assert_close(doubled.position, 2 * plain.position)
    torch.testing.assert_close(doubled.consistency, 2 * plain.consistency)
    torch.testing.assert_close(doubled.velocity, plain.velocity)


def test_d3dp_trains_on_plain_mpjpe():
    prediction, target = sequences()
    loss = sequence_loss(prediction, target, consistency=0, velocity=0)
    torch.testing.assert_close(loss.total, mpjpe(prediction, target))


def test_single_frames_train_without_temporal_terms_only():
    prediction, target = sequences(frames=1)
    loss = sequence_loss(prediction, target, consistency=0, velocity=0)
    torch.testing.assert_close(loss.total, mpjpe(prediction, target))
    with pytest.raises(InvalidParameter, match="one frame has no motion"):
        sequence_loss(prediction, target)


def test_gradient():
    prediction, target = sequences(frames=3)
    weights = joint_weights(HUMAN36M_17)
    assert torch.autograd.gradcheck(
        lambda points: sequence_loss(points, target, weights).total,
        (prediction.requires_grad_(),),
    )


def test_shapes_that_would_broadcast_are_refused():
    prediction, target = sequences()
    with pytest.raises(InvalidData, match="for both"):
        sequence_loss(prediction, target[:1])
    with pytest.raises(InvalidData, match=r"expected \(17,\)"):
        sequence_loss(prediction, target, weights=torch.ones(1))
