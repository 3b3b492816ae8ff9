"""The camera of a crop: its inverse, its fit, and the maps of crops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import InvalidData
from posekit.geometry.weak_perspective import (
    camera_translation,
    crop_affine,
    crop_intrinsics,
    fit_translation,
    plane_rotation,
    project,
)

seeds = st.integers(0, 2**31)


def drawn(seed, *shape):
    draw = torch.rand(*shape, generator=torch.manual_seed(seed), dtype=torch.float64)
    return 2 * draw - 1


@given(seed=seeds, size=st.sampled_from([64, 224]), scale=st.floats(0.3, 2))
@settings(max_examples=10, deadline=None)
def test_scale_is_half_a_crop_per_metre(seed, size, scale):
    camera = torch.cat([torch.tensor([[scale]]).double(), drawn(seed, 1, 2) * 0.1], dim=1)
    translation = camera_translation(camera, size)
    assert torch.equal(translation[:, :2], camera[:, 1:])
    # At the body's own depth, by definition of the weak-perspective camera.
    origin = torch.zeros(1, 1, 3).double()
    moved = torch.tensor([[[0.25, 0.0, 0.0]]]).double()
    apart = project(moved, translation) - project(origin, translation)
    assert apart[0, 0, 0].item() == pytest.approx(scale * 0.25 * size / 2)


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_translation_of_exact_keypoints_is_found(seed):
    points = drawn(seed, 2, 20, 3)
    translation = drawn(seed + 1, 2, 3) * 0.2 + torch.tensor([0, 0, 40.0])
    confidence = drawn(seed + 2, 2, 20).abs() + 0.1
    pixels = project(points, translation)
    torch.testing.assert_close(fit_translation(points, pixels, confidence), translation)


def test_keypoints_without_confidence_do_not_count():
    points, translation = drawn(1, 1, 20, 3), torch.tensor([[0.1, 0.2, 30.0]]).double()
    pixels, confidence = project(points, translation), torch.ones(1, 20).double()
    pixels[0, 3], confidence[0, 3] = 1e6, 0
    torch.testing.assert_close(fit_translation(points, pixels, confidence), translation)


def test_one_keypoint_is_too_few():
    confidence = torch.zeros(2, 20)
    confidence[0], confidence[1, 4] = 1, 1
    with pytest.raises(InvalidData, match="body 1 has 1 keypoints") as caught:
        fit_translation(torch.zeros(2, 20, 3), torch.zeros(2, 20, 2), confidence)
    assert "\n" not in str(caught.value)


def test_moving_up_moves_the_picture_up():
    point, ahead = torch.zeros(1, 1, 3), torch.tensor([[0.0, 0.0, 50.0]])
    higher = ahead - torch.tensor([[0.0, 0.1, 0.0]])  # y points down
    assert project(point, higher)[0, 0, 1] < project(point, ahead)[0, 0, 1]


def test_intrinsics_project_as_the_function_does():
    points = drawn(2, 1, 5, 3) + torch.tensor([0, 0, 40.0])
    pixels = points @ crop_intrinsics(224).double().T
    pixels = pixels[..., :2] / pixels[..., 2:]
    torch.testing.assert_close(pixels - 112, project(points, torch.zeros(1, 3)))


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_corners_of_a_square_become_those_of_the_crop(seed):
    centre, side = drawn(seed, 1, 2) * 100, drawn(seed + 1, 1).abs() * 100 + 1
    affine = crop_affine(centre, side, 64)
    corners = torch.tensor([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5]]) * side + centre
    homogeneous = torch.cat([corners, torch.ones(3, 1)], dim=1)
    found = homogeneous @ affine[0].T
    expected = torch.tensor([[0.0, 0, 1], [64, 0, 1], [64, 64, 1]]).double()
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def test_crop_turns_its_content_as_the_body_turns():
    turn = torch.tensor([math.pi / 2])
    affine = crop_affine(torch.tensor([[50.0, 50.0]]), torch.tensor([100.0]), 100, turn)
    right_of_centre = affine[0] @ torch.tensor([60.0, 50.0, 1.0])
    torch.testing.assert_close(right_of_centre, torch.tensor([50.0, 40.0, 1.0]))
    turned = plane_rotation(turn)[0] @ torch.tensor([10.0, 0.0, 3.0])
    torch.testing.assert_close(turned, torch.tensor([0.0, -10.0, 3.0]), atol=1e-5, rtol=0)
