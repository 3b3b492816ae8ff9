"""PersPose's losses; the golden ``perspose-losses`` fixes their values."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posekit.errors import InvalidData, InvalidParameter
from posekit.metrics import perspose_losses as losses

PERSONS = 3


def _draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _terms(predicted_seed: int, counts: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Loss of each term for random predictions, and the predictions."""
    heights = torch.full((PERSONS,), 1.7, dtype=torch.float64)
    each = counts[:, None]

    def of(loss, shape, *rest):
        predicted = _draw(PERSONS, *shape, seed=predicted_seed).requires_grad_()
        target = _draw(PERSONS, *shape, seed=99)
        target[counts == 0] = torch.nan
        return loss(predicted, target, *rest), predicted

    joints = each.expand(-1, 25)
    found = {
        "uv": of(losses.keypoint_loss, (25, 2), joints),
        "depth": of(losses.depth_loss, (25, 1), heights, joints),
        "scale": of(losses.scale_loss, (1, 1), heights, each),
        "position": of(losses.position_loss, (25, 3), heights, joints),
        "betas": of(losses.shape_loss, (11,), counts),
        "leaves": of(losses.leaf_loss, (5, 3, 3), counts),
    }
    twist = _draw(PERSONS, 25, 3, seed=predicted_seed).requires_grad_()
    target = _draw(PERSONS, 23, 3, seed=99)
    target[counts == 0] = torch.nan
    found["twist"] = losses.twist_loss(twist, target, counts), twist
    return found


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 50), out=st.integers(0, PERSONS - 1))
def test_persons_who_do_not_count_change_nothing(seed: int, out: int) -> None:
    counts = torch.ones(PERSONS, dtype=torch.float64)
    counts[out] = 0
    for name, (loss, predicted) in _terms(seed, counts).items():
        assert loss.isfinite(), name
        assert loss > 0, name
        loss.backward()
        assert predicted.grad.isfinite().all(), name
        assert (predicted.grad[out] == 0).all(), name


def test_nobody_counts_is_zero() -> None:
    for name, (loss, _) in _terms(0, torch.zeros(PERSONS)).items():
        assert loss == 0, name


def test_the_truth_costs_nothing_and_has_a_gradient() -> None:
    target = _draw(2, 25, 2)
    predicted = target.clone().requires_grad_()
    loss = losses.keypoint_loss(predicted, target, torch.ones(2, 25))
    loss.backward()
    assert loss == 0
    assert predicted.grad.isfinite().all()


@settings(max_examples=30, deadline=None)
@given(weight=st.floats(0.01, 1.0))
def test_keypoints_are_a_weighted_mean(weight: float) -> None:
    target = torch.zeros(2, 1, 2, dtype=torch.float64)
    predicted = torch.tensor([[[3.0, 4.0]], [[0.0, 1.0]]], dtype=torch.float64)
    counts = torch.tensor([[weight], [1.0]], dtype=torch.float64)
    expected = (5 * weight + 1) / (weight + 1)
    loss = losses.keypoint_loss(predicted, target, counts)
    torch.testing.assert_close(loss.item(), expected, rtol=1e-6, atol=0)


@settings(max_examples=30, deadline=None)
@given(size=st.floats(0.5, 2.0))
def test_lengths_do_not_depend_on_the_persons_size(size: float) -> None:
    depth, true, heights = _draw(2, 25, 1), _draw(2, 25, 1, seed=1), torch.tensor([1.6, 1.9])
    counts = torch.ones(2, 25)
    one = losses.depth_loss(depth, true, heights, counts)
    other = losses.depth_loss(size * depth, size * true, size * heights, counts)
    torch.testing.assert_close(one, other, rtol=1e-6, atol=0)


def test_tolerances_cost_nothing() -> None:
    heights, one = torch.tensor([1.8], dtype=torch.float64), torch.ones(1, 1)
    off = torch.tensor([[[0.0399]]], dtype=torch.float64)
    depth = losses.depth_loss(off, 0 * off, heights, one, tolerance_cm=losses.DEPTH_TOLERANCE_CM)
    scale = losses.scale_loss(
        off / 800, 0 * off, heights, one, tolerance_mm=losses.SCALE_TOLERANCE_MM
    )
    assert depth == scale == 0
    depth = losses.depth_loss(
        2 * off, 0 * off, heights, one, tolerance_cm=losses.DEPTH_TOLERANCE_CM
    )
    torch.testing.assert_close(depth.item(), 7.98 - 4, rtol=1e-6, atol=0)


@settings(max_examples=20, deadline=None)
@given(length=st.floats(0.1, 10.0))
def test_the_length_of_a_predicted_twist_does_not_matter(length: float) -> None:
    twist, target, counts = _draw(2, 25, 3), _draw(2, 23, 3, seed=1), torch.ones(2)
    one, other = (losses.twist_loss(each, target, counts) for each in (twist, length * twist))
    torch.testing.assert_close(one, other)


def test_twists_of_pelvis_and_chest_are_not_trained() -> None:
    twist = _draw(1, 25, 3).requires_grad_()
    losses.twist_loss(twist, _draw(1, 23, 3, seed=1), torch.ones(1)).backward()
    trained = [joint for joint in range(25) if (twist.grad[0, joint] != 0).any()]
    assert trained == [4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 17, 18, 19, 20, 21, 22, 23]


@settings(max_examples=20, deadline=None)
@given(degrees=st.floats(1e-6, 179.0))
def test_angles_of_twists(degrees: float) -> None:
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    target = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).expand(2, 23, 3)
    found = torch.stack([angle.cos(), angle.sin(), 0 * angle]).expand(2, 25, 3)
    error = losses.twist_degrees(3 * found, target, torch.ones(2))
    torch.testing.assert_close(error.item(), degrees, rtol=1e-6, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.2, 5.0), shift=st.floats(-2.0, 2.0), size=st.sampled_from([1, 3]))
def test_scale_and_shift_are_undone(scale: float, shift: float, size: int) -> None:
    target = _draw(2, 9, size)
    fitted = losses.scaled_and_moved(scale * target + shift, target)
    torch.testing.assert_close(fitted, target)
    flat = losses.scaled_and_moved(torch.full_like(target, shift), target)
    torch.testing.assert_close(flat, target.mean(1, keepdim=True).expand_as(target))


def test_inside_and_height() -> None:
    uv = torch.tensor([[[0.0, 5.0], [0.1, 255.9], [256.0, 3.0]]])
    assert losses.inside(uv).tolist() == [[False, True, False]]
    assert losses.inside(uv, 64).tolist() == [[False, False, False]]
    rest = torch.tensor([[[0.0, -1.0, 5.0], [0.0, 0.75, 9.0]]])
    assert losses.height(rest).tolist() == [1.75]


def test_released_weights() -> None:
    ones = {name: torch.tensor(1.0) for name in losses.Weights.__dataclass_fields__}
    totals = {name: float(each.total(ones)["total"]) for name, each in losses.RELEASED.items()}
    expected = {"config": 7.12, "3dpw": 6.12, "h36m": 16.02, "3dhp": 5.12}
    assert totals == pytest.approx(expected)
    only = losses.Weights().total({"twist": torch.tensor(2.0)})
    assert {name: float(value) for name, value in only.items()} == pytest.approx(
        {"twist": 0.2, "total": 0.2}
    )


def test_an_unknown_term_is_told() -> None:
    with pytest.raises(InvalidParameter, match=r"^unknown term 'twists'; did you mean 'twist'\?"):
        losses.Weights().total({"twists": torch.tensor(1.0)})


def test_shapes_that_do_not_fit_are_told_in_one_line() -> None:
    uv, counts, heights = torch.zeros(2, 25, 2), torch.ones(2, 25), torch.ones(2)
    wrong = [
        (losses.keypoint_loss, (uv, uv[:, :24], counts)),
        (losses.keypoint_loss, (uv, uv, counts[:1])),
        (losses.depth_loss, (uv[..., :1], uv[..., :1], heights[:1], counts)),
        (losses.leaf_loss, (torch.zeros(2, 5, 3, 3), torch.zeros(2, 5, 6), heights)),
        (losses.shape_loss, (torch.zeros(2, 11), torch.zeros(2, 10), heights)),
        (losses.twist_loss, (torch.zeros(2, 24, 3), torch.zeros(2, 23, 3), heights)),
    ]
    for loss, arguments in wrong:
        with pytest.raises(InvalidData, match=r"^[^\n]+; give one[^\n]+\.$"):
            loss(*arguments)
