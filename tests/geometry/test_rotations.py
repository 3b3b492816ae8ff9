"""Rotations convert into one another and keep lengths, angles and orientation."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.geometry import rotations

angles = st.floats(-3.0, 3.0)
vectors = st.tuples(angles, angles, angles).map(
    lambda values: torch.tensor(values, dtype=torch.float64)
)


def random_quaternions(*shape):
    generator = torch.Generator().manual_seed(0)
    quaternion = torch.randn(*shape, 4, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(quaternion, dim=-1)


def test_quarter_turn_about_z_takes_x_to_y():
    half = math.sqrt(0.5)
    turned = rotations.rotate(torch.tensor([half, 0, 0, half]), torch.tensor([1.0, 0, 0]))
    torch.testing.assert_close(turned, torch.tensor([0.0, 1, 0]), atol=1e-6, rtol=0)


def test_matrix_and_quaternion_turn_alike():
    quaternion = random_quaternions(5)
    points = torch.randn(5, 3, dtype=torch.float64)
    matrix = rotations.quaternion_to_matrix(quaternion)
    by_matrix = (matrix @ points.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(rotations.rotate(quaternion, points), by_matrix)


def test_product_applies_the_second_first():
    first, second = random_quaternions(2)
    points = torch.randn(7, 3, dtype=torch.float64)
    product = rotations.multiply(first, second)
    one_by_one = rotations.rotate(first, rotations.rotate(second, points))
    torch.testing.assert_close(rotations.rotate(product, points), one_by_one)


def test_conjugate_undoes_the_rotation():
    quaternion, points = random_quaternions(4, 1), torch.randn(4, 17, 3, dtype=torch.float64)
    turned = rotations.rotate(quaternion, points)
    back = rotations.rotate(rotations.conjugate(quaternion), turned)
    torch.testing.assert_close(back, points)


@settings(max_examples=20, deadline=None)
@given(vectors, st.integers(0, 99))
def test_the_nearest_rotation_is_the_one_that_was_made(turn, seed):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(1, 9, 3, generator=generator, dtype=torch.float64)
    rotation = rotations.axis_angle_to_matrix(turn[None])
    found = rotations.nearest_rotation(points, points @ rotation.mT)
    torch.testing.assert_close(found, rotation)


def test_mirrored_points_are_fitted_by_a_rotation():
    points = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = rotations.nearest_rotation(points, -points)
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(2, dtype=torch.float64))


@settings(max_examples=30, deadline=None)
@given(vectors)
def test_axis_angle_matches_the_matrix_exponential(axis_angle):
    x, y, z = axis_angle.tolist()
    generator = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    torch.testing.assert_close(
        rotations.axis_angle_to_matrix(axis_angle), torch.linalg.matrix_exp(generator)
    )


@settings(max_examples=30, deadline=None)
@given(vectors)
def test_conversions_come_back(axis_angle):
    matrix = rotations.axis_angle_to_matrix(axis_angle)
    for restored in (
        rotations.quaternion_to_matrix(rotations.matrix_to_quaternion(matrix)),
        rotations.axis_angle_to_matrix(rotations.matrix_to_axis_angle(matrix)),
        rotations.rotation_6d_to_matrix(rotations.matrix_to_rotation_6d(matrix)),
    ):
        torch.testing.assert_close(restored, matrix)


@settings(max_examples=30, deadline=None)
@given(vectors, vectors)
def test_the_shortest_rotation_takes_one_direction_to_the_other(start, end):
    start, end = start + torch.tensor([4.0, 0, 0]), end + torch.tensor([0, 0, 4.0])
    matrix = rotations.shortest_rotation(start, end)
    torch.testing.assert_close(matrix @ start / start.norm(), end / end.norm())
    turned = rotations.matrix_to_axis_angle(matrix)
    angle = torch.atan2(torch.linalg.cross(start, end).norm(), start @ end)
    torch.testing.assert_close(turned.norm(), angle)
    torch.testing.assert_close(turned @ start, torch.zeros(()).double(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [0.0, 1e-9, 1e-5])
def test_opposite_directions_have_a_rotation(dtype, shift):
    start = torch.tensor([[1.0, 0, 0], [0.6, 0, -0.8], [1, 1, 1]], dtype=dtype)
    end = -2 * start + shift
    matrix = rotations.shortest_rotation(start, end)
    torch.testing.assert_close(
        (matrix @ start[..., None])[..., 0] / start.norm(dim=-1, keepdim=True),
        end / end.norm(dim=-1, keepdim=True),
        atol=4 * torch.finfo(dtype).eps,
        rtol=0,
    )
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(3, dtype=dtype))


def test_shortest_rotations_have_gradients_between_equal_and_opposite_directions():
    start = torch.eye(3, dtype=torch.float64).requires_grad_()
    for sign in (1, -1):
        (grad,) = torch.autograd.grad(
            rotations.shortest_rotation(start, sign * start.detach()).square().sum(), start
        )
        assert grad.isfinite().all()


@settings(max_examples=30, deadline=None)
@given(vectors, vectors)
def test_a_rotation_is_a_twist_and_then_a_swing(axis_angle, axis):
    axis = axis + torch.tensor([4.0, 0, 0])
    unit = axis / axis.norm()
    matrix = rotations.axis_angle_to_matrix(axis_angle)
    angle, swing = rotations.split_twist(matrix, axis)
    torch.testing.assert_close(swing @ rotations.axis_angle_to_matrix(angle * unit), matrix)
    # A swing is the shortest rotation to where it takes the axis.
    shortest = rotations.shortest_rotation(axis, matrix @ axis)
    torch.testing.assert_close(swing, shortest, atol=1e-6, rtol=0)


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_survive_the_way_through_matrices(axis):
    axis_angle = torch.zeros(3, dtype=torch.float64)
    axis_angle[axis] = math.pi
    matrix = rotations.axis_angle_to_matrix(axis_angle)
    restored = rotations.matrix_to_axis_angle(matrix)
    torch.testing.assert_close(rotations.axis_angle_to_matrix(restored), matrix)


def test_rotation_vectors_come_back_themselves():
    axis_angle = torch.tensor([[0.3, -0.2, 1.1], [0.0, 0.0, 0.0], [1e-9, 0.0, 0.0]]).double()
    matrix = rotations.axis_angle_to_matrix(axis_angle)
    torch.testing.assert_close(rotations.matrix_to_axis_angle(matrix), axis_angle)


def test_any_6d_vector_gives_a_rotation():
    matrix = rotations.rotation_6d_to_matrix(torch.randn(10, 6, dtype=torch.float64))
    identity = torch.eye(3, dtype=torch.float64).expand_as(matrix)
    torch.testing.assert_close(matrix.transpose(-1, -2) @ matrix, identity)
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(10, dtype=torch.float64))


def test_gradients_are_right_also_at_the_zero_rotation():
    axis_angle = torch.tensor(
        [[0.3, -0.2, 1.1], [0.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True
    )
    assert torch.autograd.gradcheck(rotations.axis_angle_to_matrix, (axis_angle,))
    matrix = rotations.axis_angle_to_matrix(torch.tensor([0.3, -0.2, 1.1]).double())
    quaternion = rotations.matrix_to_quaternion(matrix).requires_grad_()
    assert torch.autograd.gradcheck(rotations.quaternion_to_axis_angle, (quaternion,))
