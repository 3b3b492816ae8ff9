"""The body model: what shape, rotations and translation do to it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.bodies import FACING_CAMERA, BodyModel, open_body
from posekit.errors import InvalidData
from posekit.geometry.rotations import axis_angle_to_matrix


def straight(bodies: int = 1) -> torch.Tensor:
    return torch.eye(3, dtype=torch.float64).expand(bodies, 24, 3, 3)


def drawn(seed: int, bodies: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rotations, betas and translation."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(bodies, 24 * 3 + 10 + 3, generator=generator, dtype=torch.float64)
    rotations = axis_angle_to_matrix(0.5 * draw[:, :72].unflatten(1, (24, 3)))
    return rotations, draw[:, 72:82], draw[:, 82:]


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return open_body().double()


def test_zero_pose_and_shape_is_the_template(body: BodyModel) -> None:
    posed = body(straight(), torch.zeros(1, 10, dtype=torch.float64))
    torch.testing.assert_close(posed.vertices[0], body.v_template)
    torch.testing.assert_close(posed.joints[0], body.joint_template)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_turned_is_the_posed_body_turned_about_the_camera(body: BodyModel, seed: int) -> None:
    rotations, betas, translation = drawn(seed)
    turn = axis_angle_to_matrix(drawn(seed + 1)[2])
    before = body(rotations, betas, translation)
    rotations, translation = body.turned(turn, rotations, betas, translation)
    after = body(rotations, betas, translation)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one @ turn.mT, other)


def test_joints_and_vertices_at_rest_are_affine_in_the_shape(body: BodyModel) -> None:
    _, betas, _ = drawn(3)
    middle = body.rest(betas.mean(0, keepdim=True))
    for mean, both in zip(middle, body.rest(betas), strict=True):
        torch.testing.assert_close(mean[0], both.mean(0))


def test_shape_parameters_left_out_are_zero(body: BodyModel) -> None:
    rotations, betas, _ = drawn(4)
    betas[:, 3:] = 0
    torch.testing.assert_close(body(rotations, betas), body(rotations, betas[:, :3]))


def test_bones_keep_their_lengths(body: BodyModel) -> None:
    rotations, betas, translation = drawn(5)
    parents = list(body.parents[1:])
    lengths = [
        (joints[:, 1:] - joints[:, parents]).norm(dim=-1)
        for joints in (body.rest(betas).joints, body(rotations, betas, translation).joints)
    ]
    torch.testing.assert_close(*lengths)


def test_global_rotations_multiply_along_the_tree(body: BodyModel) -> None:
    rotations, _, _ = drawn(6)
    turned = body.global_rotations(rotations)
    torch.testing.assert_close(turned[:, 4], rotations[:, 0] @ rotations[:, 1] @ rotations[:, 4])


def test_facing_the_camera_is_upright_with_the_left_hand_on_the_right(body: BodyModel) -> None:
    rotations = straight().clone()
    rotations[:, 0] = FACING_CAMERA
    joints = body(rotations, torch.zeros(1, 10, dtype=torch.float64)).joints[0]
    head, left_foot, left_hand, right_hand = joints[15], joints[10], joints[22], joints[23]
    assert head[1] < 0 < left_foot[1]
    assert right_hand[0] < 0 < left_hand[0]
    assert left_foot[2] < joints[7][2]  # toes are nearer to the camera than ankles


def test_pose_correctives_add_to_the_vertices_at_rest(body: BodyModel) -> None:
    posedirs = torch.zeros(len(body.v_template), 3, 207, dtype=torch.float64)
    posedirs[7, 1, 9 * 3] = 1.0  # by the first entry of the fourth rotation after the root's
    corrected = BodyModel("corrected", **dict(body.named_buffers()), posedirs=posedirs)
    rotations = straight().clone()
    rotations[0, 4] = FACING_CAMERA.double() @ torch.diag(torch.tensor([-1.0, -1.0, 1.0])).double()
    betas = torch.zeros(1, 10, dtype=torch.float64)
    moved = corrected(rotations, betas).vertices - body(rotations, betas).vertices
    assert moved[0, 7].norm() == pytest.approx(2.0)
    moved[0, 7] = 0
    assert moved.abs().max() == 0


def test_gradients_reach_rotations_shape_and_translation(body: BodyModel) -> None:
    inputs = [value.requires_grad_() for value in drawn(7, bodies=1)]
    body(*inputs).vertices.square().sum().backward()
    assert all(bool((value.grad.abs() > 0).any()) for value in inputs)


@pytest.mark.parametrize(
    ("rotations", "betas"),
    [
        ((2, 23, 3, 3), (2, 10)),
        ((2, 24, 3), (2, 10)),
        ((2, 24, 3, 3), (2, 11)),
        ((2, 24, 3, 3), (3, 10)),
    ],
)
def test_other_shapes_are_refused_on_one_line(rotations: tuple, betas: tuple) -> None:
    with pytest.raises(InvalidData) as refused:
        open_body()(torch.zeros(rotations), torch.zeros(betas))
    assert "\n" not in str(refused.value)
