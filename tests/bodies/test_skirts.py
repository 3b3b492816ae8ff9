"""Skirts hang around the hips, end where they should, and follow the legs."""

from __future__ import annotations

import pytest
import torch

from posekit.bodies.body_map import HEAD, LEFT_ARM, RIGHT_ARM, body_map
from posekit.bodies.open_body import open_body
from posekit.bodies.skirts import AROUND, DOWN, make_skirt, pose_skirt
from posekit.geometry.rotations import axis_angle_to_matrix

BODY = open_body()
REST = BODY.rest(torch.zeros(1, 10))
PART = body_map(BODY.v_template, BODY.weights.argmax(-1), BODY.joint_template).part
BELOW = ~torch.isin(PART, torch.tensor([HEAD, LEFT_ARM, RIGHT_ARM]))
STILL = torch.eye(3).repeat(24, 1, 1)


def rings(end: float, looseness: float) -> torch.Tensor:
    return make_skirt(REST, BELOW, end, looseness).vertices.view(DOWN, AROUND, 3)


@pytest.mark.parametrize(("end", "joint"), [(1.0, 4), (2.0, 7)])
def test_it_ends_at_the_knee_or_at_the_ankle(end: float, joint: int) -> None:
    hem = rings(end, 0.02)[-1, :, 1]
    torch.testing.assert_close(hem, BODY.joint_template[joint, 1].expand(AROUND))


def test_it_lies_outside_of_the_body_and_looser_is_wider() -> None:
    tight, loose = rings(1.2, 0.0), rings(1.2, 0.05)
    girth = [(ring[-1, :, 0].max() - ring[-1, :, 0].min()).item() for ring in (tight, loose)]
    assert girth[1] - girth[0] == pytest.approx(0.1, abs=0.01)
    body = REST.vertices[0][BELOW]
    for ring in tight:
        level = body[(body[:, 1] - ring[0, 1]).abs() < 0.02]
        assert (level[:, 0].abs() < ring[:, 0].max()).all()
        assert (level[:, 2] < ring[:, 2].max()).all()
        assert (level[:, 2] > ring[:, 2].min()).all()


def test_weights_share_every_vertex_out() -> None:
    weights = make_skirt(REST, BELOW, 1.5, 0.02).weights
    torch.testing.assert_close(weights.sum(-1), torch.ones(AROUND * DOWN))
    assert (weights >= 0).all()


def test_at_rest_it_stays_and_a_raised_leg_lifts_its_side() -> None:
    skirt = make_skirt(REST, BELOW, 1.0, 0.02)
    still = pose_skirt(skirt, BODY, STILL, REST, BODY(STILL[None], torch.zeros(1, 10)))
    torch.testing.assert_close(still, skirt.vertices, atol=1e-5, rtol=0)
    raised = STILL.clone()
    raised[1] = axis_angle_to_matrix(torch.tensor([-1.2, 0.0, 0.0]))  # the left thigh, forwards
    moved = pose_skirt(skirt, BODY, raised, REST, BODY(raised[None], torch.zeros(1, 10)))
    hem = (moved - still).view(DOWN, AROUND, 3)[-1]
    left = skirt.vertices.view(DOWN, AROUND, 3)[-1, :, 0]
    assert hem[left > 0.15, 2].min() > 0.2
    assert hem[left < -0.15].norm(dim=-1).max() < 0.05
