"""What PersPose predicts: its metric reading, its mirror image, its encoding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.geometry.skeletons import SMPL_24
from posekit.models.perspective_heads import (
    LEAVES,
    PersPosePrediction,
    draw_mirrored,
    mean_prediction,
    metric,
    mirror_intrinsics,
    mirror_prediction,
    ray_map,
)

CROP = 256
seeds = st.integers(0, 2**31)


def drawn(seed, persons=3):
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.rand(persons, *shape, generator=generator, dtype=torch.float64)

    depth = rand(25, 1) - 0.5
    depth[:, 0] = 0
    rotations = torch.linalg.qr(rand(5, 3, 3) - 0.5)[0]
    rotations = rotations * rotations.det()[..., None, None]
    twist, betas = rand(25, 3) - 0.5, rand(11) - 0.5
    return PersPosePrediction(
        CROP * rand(25, 2), depth, 0.004 + 0.01 * rand(1, 1), twist, betas, rotations
    )


def drawn_intrinsics(seed, persons=3):
    generator = torch.Generator().manual_seed(seed + 1)
    values = torch.rand(persons, 3, generator=generator, dtype=torch.float64)
    intrinsics = torch.eye(3, dtype=torch.float64).repeat(persons, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = CROP * (1 + 2 * values[:, 0])
    intrinsics[:, :2, 2] = CROP * values[:, 1:]
    return intrinsics


def project(joints, intrinsics):
    image = joints @ intrinsics.mT
    return image[..., :2] / image[..., 2:]


def assert_same(one, other):
    for name, first, second in zip(PersPosePrediction._fields, one, other, strict=True):
        torch.testing.assert_close(first, second, msg=lambda text, name=name: f"{name}: {text}")


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_metric_joints_are_seen_where_they_were_predicted(seed):
    prediction, intrinsics = drawn(seed), drawn_intrinsics(seed)
    joints = metric(prediction, intrinsics)
    torch.testing.assert_close(project(joints, intrinsics), prediction.uv)
    torch.testing.assert_close(joints[..., 2:] - joints[:, :1, 2:], prediction.depth)


@given(seeds, st.floats(0.2, 5))
@settings(max_examples=25, deadline=None)
def test_a_crop_of_another_size_shows_the_same_metric_joints(seed, factor):
    prediction, intrinsics = drawn(seed), drawn_intrinsics(seed)
    scaled = intrinsics.new_tensor([factor, factor, 1])[:, None] * intrinsics
    same = prediction._replace(uv=factor * prediction.uv, rho=prediction.rho / factor)
    torch.testing.assert_close(metric(same, scaled), metric(prediction, intrinsics))


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_mirrored_twice_is_the_same(seed):
    prediction, intrinsics = drawn(seed), drawn_intrinsics(seed)
    assert_same(mirror_prediction(mirror_prediction(prediction, CROP), CROP), prediction)
    twice = mirror_intrinsics(mirror_intrinsics(intrinsics, CROP), CROP)
    torch.testing.assert_close(twice, intrinsics)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_the_mirror_image_is_that_of_the_metric_person(seed):
    prediction, intrinsics = drawn(seed), drawn_intrinsics(seed)
    plain = metric(prediction, intrinsics)
    mirrored = metric(mirror_prediction(prediction, CROP), mirror_intrinsics(intrinsics, CROP))
    expected = plain[:, [*SMPL_24.mirror, 24]] * plain.new_tensor([-1.0, 1, 1])
    torch.testing.assert_close(mirrored, expected)


def test_mirrored_leaves_are_rotations_of_the_other_side():
    prediction = drawn(0)
    mirrored = mirror_prediction(prediction, CROP).leaf_rotations
    torch.testing.assert_close(mirrored.det(), torch.ones(3, 5, dtype=torch.float64))
    sides = [LEAVES.index(SMPL_24.mirror[leaf]) for leaf in LEAVES]
    torch.testing.assert_close(mirrored[..., 0, 0], prediction.leaf_rotations[:, sides, 0, 0])


def test_the_mean_keeps_the_first_leaf_rotations():
    one, other = drawn(0), drawn(1)
    mean = mean_prediction(one, other)
    torch.testing.assert_close(mean.depth, (one.depth + other.depth) / 2)
    assert torch.equal(mean.leaf_rotations, one.leaf_rotations)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_rays_point_at_what_is_seen_there(seed):
    intrinsics = drawn_intrinsics(seed)
    joints = metric(drawn(seed), intrinsics)
    rays = ray_map(intrinsics, torch.ones(3, dtype=torch.bool), project(joints, intrinsics))
    torch.testing.assert_close(rays, joints[..., :2] / joints[..., 2:])


@pytest.mark.parametrize("unknown", [0.0, float("nan")])
def test_rays_of_unknown_cameras_are_zero_whatever_their_intrinsics(unknown):
    intrinsics = drawn_intrinsics(0)
    intrinsics[1] = unknown
    rays = ray_map(intrinsics, torch.tensor([True, False, True]), torch.rand(7, 2).double())
    assert rays.isfinite().all()
    assert rays[1].abs().max() == 0 < rays[[0, 2]].abs().max()


def test_half_of_the_persons_are_mirrored_one_by_one_or_all_at_once():
    generator = torch.Generator().manual_seed(0)
    single = draw_mirrored(1000, generator=generator)
    assert 400 < single.sum() < 600
    batches = torch.stack([draw_mirrored(4, "batch", generator) for _ in range(200)])
    assert torch.equal(batches.all(1), batches.any(1))
    assert 60 < batches.all(1).sum() < 140
