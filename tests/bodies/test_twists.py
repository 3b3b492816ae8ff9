"""Orthogonal twists of bones."""

from __future__ import annotations

import torch

from posekit.bodies import open_body
from posekit.bodies.twists import PARENTS, rest_twists, turned_twists
from posekit.geometry.rotations import axis_angle_to_matrix


def test_twists_stand_across_their_bones_in_every_pose() -> None:
    body = open_body().double()
    generator = torch.Generator().manual_seed(0)
    pose = 0.5 * torch.randn(2, 24, 3, generator=generator, dtype=torch.float64)
    rotations, betas = axis_angle_to_matrix(pose), torch.zeros(2, 10, dtype=torch.float64)
    twists = rest_twists(body.rest(betas).joints)
    assert bool((twists[..., 2] < 0).all())  # backwards
    joints = body(rotations, betas).joints
    bones = joints[:, 1:] - joints[:, PARENTS]
    turned = turned_twists(twists, body.global_rotations(rotations))
    torch.testing.assert_close(turned.norm(dim=-1), torch.ones(2, 23, dtype=torch.float64))
    assert float((turned * bones).sum(-1).abs().max()) < 1e-7
