"""DSR's losses: what each is at its ends, what a batch makes of them, and their gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.bodies.semantic_labels import prepare
from posekit.errors import InvalidData
from posekit.metrics.semantic_losses import (
    AROUND_BODY,
    RELEASED_RENDERING,
    Weights,
    batch_mean,
    clothed_loss,
    distance_loss,
    image_iou_loss,
    joint_loss,
    keypoint_loss,
    minimal_loss,
    parameter_loss,
    row_iou_loss,
    scale_loss,
    vertex_loss,
)

KINDS = ("row_iou", "image_iou", "distance")
seeds = st.integers(0, 2**31)


def box(top, bottom, left=4, right=12, size=16):
    picture = torch.zeros(1, size, size)
    picture[:, top:bottom, left:right] = 1
    return picture


def test_rows_that_are_empty_in_both_cost_one_by_rows_alone():
    mask = box(4, 12)
    assert row_iou_loss(mask, mask).item() == pytest.approx(0.5, abs=1e-5)
    assert image_iou_loss(mask, mask).item() == pytest.approx(0, abs=1e-5)


def test_iou_of_halves():
    rendered, mask = box(0, 8, 0, 16), box(0, 16, 0, 16)
    assert row_iou_loss(rendered, mask).item() == pytest.approx(0.5)
    assert image_iou_loss(rendered, mask).item() == pytest.approx(0.5)
    narrow = box(0, 16, 0, 8)
    assert image_iou_loss(narrow, mask).item() == pytest.approx(0.5)


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_intersection_over_union_is_between_nothing_and_all(seed):
    generator = torch.manual_seed(seed)
    rendered = torch.rand(3, 8, 8, generator=generator)
    mask = (torch.rand(3, 8, 8, generator=generator) > 0.5).float()
    for loss in (row_iou_loss, image_iou_loss):
        values = loss(rendered, mask)
        assert values.shape == (3,)
        assert bool(((values >= 0) & (values <= 1)).all())


def test_distance_counts_what_lies_outside():
    mask = box(4, 12)
    labels = (mask * 13).long()
    distance = prepare(labels).distance
    assert distance_loss(mask, distance).item() == 0
    near, far = box(6, 14), box(8, 16)
    assert 0 < distance_loss(near, distance).item() < distance_loss(far, distance).item()
    area = 3 * 64.0
    outside = 3 * 8 * (1 + 2)  # two rows of 8 pixels, one and two pixels away
    assert distance_loss(near, distance).item() == pytest.approx(outside / area**1.5, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_empty_rendering_has_a_finite_loss_and_gradient(kind):
    rendered = torch.zeros(2, 8, 8, requires_grad=True)
    loss = minimal_loss(kind, rendered, torch.zeros(2, 8, 8, dtype=torch.bool), torch.ones(2, 8, 8))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert rendered.grad.isfinite().all()


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_clothed_loss_never_nears_nothing(seed):
    generator = torch.manual_seed(seed)
    rendered = torch.rand(2, 8, 6, 6, generator=generator)
    merged = torch.randint(8, (2, 6, 6), generator=generator)
    weights = torch.rand(2, 8, generator=generator) + 0.1
    losses = clothed_loss(rendered, merged, weights)
    assert bool(((losses > 1.27) & (losses < 2.28)).all())


def test_clothed_loss_is_a_weighted_mean_of_its_pixels():
    rendered = torch.zeros(1, 8, 1, 2)
    rendered[0, 3, 0, 0] = 1  # the first pixel's label is seen, the second's is not
    merged = torch.tensor([[[3, 5]]], dtype=torch.uint8)
    weights = torch.zeros(1, 8)
    weights[0, 3], weights[0, 5] = 1.0, 0.25
    right, nothing = math.log(math.e + 7) - 1, math.log(8)
    expected = (right + 0.25 * nothing) / 1.25
    assert clothed_loss(rendered, merged, weights).item() == pytest.approx(expected)


def test_clothed_loss_of_no_weight_is_nothing():
    rendered = torch.rand(1, 8, 4, 4, requires_grad=True)
    loss = clothed_loss(rendered, torch.zeros(1, 4, 4, dtype=torch.uint8), torch.zeros(1, 8))
    loss.sum().backward()
    assert loss.tolist() == [0.0]
    assert not rendered.grad.any()


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_without_a_valid_label_count_as_nothing(kind):
    rendered = torch.rand(2, 16, 16, requires_grad=True)
    bare = torch.full((1, 16, 16), 13)
    targets = prepare(torch.cat([bare, torch.full_like(bare, 5)]))  # a face, a shirt
    assert targets.valid.any(dim=1).tolist() == [True, False]
    losses = minimal_loss(kind, rendered, targets.minimal_mask, targets.distance + 1)
    mean = batch_mean(losses, targets.valid)
    mean.backward()
    assert mean.item() == pytest.approx(losses[0].item() / 2)
    assert rendered.grad[0].any()
    assert not rendered.grad[1].any()


def test_values_that_are_not_finite_count_as_nothing():
    valid = torch.ones(3, 5, dtype=torch.bool)
    assert batch_mean(torch.tensor([math.nan, 3.0, math.inf]), valid).item() == 1


def test_keypoints_count_by_their_confidence():
    keypoints = torch.zeros(2, 49, 3)
    keypoints[0, 30, 2] = 0.5
    loss = keypoint_loss(torch.full((2, 49, 2), 2.0), keypoints)
    assert loss.item() == pytest.approx(0.5 * 4 / (2 * 49))


def test_joints_are_compared_from_the_middle_of_the_hips():
    joints = torch.randn(2, 24, 4).abs()
    moved = joints[..., :3] + torch.tensor([0.3, -2.0, 5.0])
    has_joints = torch.tensor([True, False])
    assert joint_loss(moved, joints, has_joints).item() == pytest.approx(0, abs=1e-9)
    assert joint_loss(torch.zeros(2, 24, 3), joints, has_joints).item() > 0


def test_pictures_without_truth_teach_nothing():
    none = torch.zeros(2, dtype=torch.bool)
    predicted = torch.randn(2, 24, 3, requires_grad=True)
    total = (
        joint_loss(predicted, torch.ones(2, 24, 4), none)
        + parameter_loss(predicted, torch.ones(2, 24, 3), none)
        + vertex_loss(predicted, torch.ones(2, 24, 3), none)
    )
    total.backward()
    assert total.item() == 0
    assert not predicted.grad.any()


def test_scale_is_kept_positive():
    camera = torch.tensor([[0.0, 1.0, 1.0]])
    assert scale_loss(camera).item() == 1
    assert scale_loss(camera + 0.5).item() < 1e-4 < scale_loss(camera - 0.5).item()


def test_total_is_the_overall_factor_times_the_weighted_terms():
    terms = {"keypoints": torch.tensor(2.0), "clothed": torch.tensor(3.0)}
    found = Weights().total(terms)
    assert found["keypoints"].item() == 10
    assert found["total"].item() == pytest.approx(60 * (5 * 2 + 0.1 * 3))


def test_joints_of_another_number_are_refused_in_one_line():
    with pytest.raises(InvalidData, match=r"\(2, 49, 2\) and targets \(2, 24, 3\)") as caught:
        keypoint_loss(torch.zeros(2, 49, 2), torch.zeros(2, 24, 3))
    assert "\n" not in str(caught.value)


def test_named_renderings():
    assert RELEASED_RENDERING.sigma_px(224) == pytest.approx(0.12544)
    colours, silhouette = torch.rand(2, 9, 4, 4), torch.full((2, 4, 4), 0.5)
    assert torch.equal(RELEASED_RENDERING.channels(colours, silhouette), colours)
    assert torch.equal(AROUND_BODY.channels(colours, silhouette), colours / 2)


@pytest.mark.parametrize("shape", [(2, 16, 8), (1, 16, 16), (2, 32, 32)])
def test_targets_of_another_size_are_refused_in_one_line(shape):
    rendered, target = torch.zeros(2, 8, 16, 16), torch.zeros(shape)
    losses = [
        lambda: row_iou_loss(rendered[:, 0], target),
        lambda: image_iou_loss(rendered[:, 0], target),
        lambda: distance_loss(rendered[:, 0], target),
        lambda: clothed_loss(rendered, target.long(), torch.ones(2, 8)),
    ]
    for loss in losses:
        with pytest.raises(InvalidData, match=r"rendered pictures are \(2, 16, 16\)") as caught:
            loss()
        assert "\n" not in str(caught.value)
