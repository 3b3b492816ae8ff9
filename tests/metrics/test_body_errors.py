"""Errors of bodies: zero for the truth, blind to what they should not see, signed where said."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.bodies import open_body
from posekit.errors import InvalidData
from posekit.geometry.rotations import axis_angle_to_matrix
from posekit.metrics.body_errors import (
    JOINTS_14,
    Surface,
    body_errors,
    per_joint_errors,
    surface,
)

BODY = open_body()


def drawn(seed: int, bodies: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotations and betas of some bodies."""
    generator = torch.Generator().manual_seed(seed)
    turns = 0.4 * torch.randn(bodies, 24, 3, generator=generator)
    return axis_angle_to_matrix(turns), torch.randn(bodies, 10, generator=generator)


def made(seed: int) -> Surface:
    return surface(BODY, *drawn(seed))


def test_the_truth_errs_by_nothing() -> None:
    errors = body_errors(made(0), made(0), BODY.faces)
    assert set(errors) == {"mpjpe", "pa_mpjpe", "pve", "pve_centred", "rest_pve", "fatter"}
    for name, values in errors.items():
        assert values.shape == (2,)
        assert values.abs().max() < 1e-3, name


def test_fourteen_joints_leave_out_pelvis_spine_and_nose() -> None:
    assert JOINTS_14 == (1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16)
    true = made(1).joints
    for joint in (7, 9):
        moved = true.clone()
        moved[:, joint] += 1.0
        assert body_errors(Surface(moved), Surface(true), BODY.faces)["mpjpe"].max() < 1e-3
    assert per_joint_errors(true + 1.0, true).max() < 1e-3


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.floats(-5, 5))
def test_where_a_body_stands_is_no_error_of_its_joints(seed: int, shift: float) -> None:
    true, found = made(seed), made(seed + 1)
    there = found._replace(joints=found.joints + shift, vertices=found.vertices + shift)
    before, after = (body_errors(each, true, BODY.faces) for each in (found, there))
    for name in ("mpjpe", "pa_mpjpe", "pve_centred", "rest_pve"):
        assert torch.allclose(before[name], after[name], atol=0.02), name


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99))
def test_a_turned_body_errs_in_pose_and_not_in_shape(seed: int) -> None:
    rotations, betas = drawn(seed)
    turned = rotations.clone()
    turned[:, 0] = axis_angle_to_matrix(torch.tensor([[0.0, 0.5, 0.0]])) @ rotations[:, 0]
    errors = body_errors(surface(BODY, turned, betas), surface(BODY, rotations, betas), BODY.faces)
    assert errors["rest_pve"].max() < 1e-3
    assert errors["pa_mpjpe"].max() < 1e-2
    assert errors["mpjpe"].min() > 5


def test_a_thicker_skin_is_fatter_by_its_thickness() -> None:
    true = made(3)
    middle = true.rest.mean(1, keepdim=True)
    larger = true._replace(rest=middle + 1.05 * (true.rest - middle))
    smaller = true._replace(rest=middle + 0.95 * (true.rest - middle))
    more, less = (body_errors(each, true, BODY.faces)["fatter"] for each in (larger, smaller))
    assert (more > 3).all()
    assert torch.allclose(more, -less, rtol=1e-3)


def test_of_joints_alone_only_joints_are_compared() -> None:
    true = made(4)
    assert set(body_errors(Surface(true.joints), true, BODY.faces)) == {"mpjpe", "pa_mpjpe"}


def test_numbers_of_bodies_have_to_agree() -> None:
    with pytest.raises(InvalidData, match=r"one body of 17 joints for each"):
        body_errors(Surface(made(0).joints[:1]), made(0), BODY.faces)
