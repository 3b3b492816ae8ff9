"""Joint positions become rotations that put the body's limbs where the positions say."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from posekit.bodies.clothing import Wardrobe
from posekit.bodies.open_body import open_body
from posekit.datasets.rendered.joint_rotations import joint_rotations
from posekit.datasets.synthetic import generate_take
from posekit.geometry.rotations import axis_angle_to_matrix

BODY = Wardrobe(open_body()).body
REST = BODY.joint_template
BONES = {  # of Human3.6M's 17, and of the body's 24
    **{(11, 12): (16, 18), (12, 13): (18, 20), (14, 15): (17, 19), (15, 16): (19, 21)},
    **{(4, 5): (1, 4), (5, 6): (4, 7), (1, 2): (2, 5), (2, 3): (5, 8)},
}


def y_up(joints: torch.Tensor) -> torch.Tensor:
    x, y, z = joints.double().unbind(-1)
    return torch.stack([x, z, -y], dim=-1)


def posed_joints(rotations: torch.Tensor) -> torch.Tensor:
    return BODY(rotations, torch.zeros(len(rotations), 10, dtype=torch.float64)).joints


def test_limbs_of_a_take_point_where_they_should() -> None:
    for action in ("Walking", "Sitting", "Posing"):
        joints = y_up(torch.from_numpy(generate_take("P1", action, 1, 60)))
        posed = posed_joints(joint_rotations(joints, REST))
        for (start, end), (first, second) in BONES.items():
            wanted = F.normalize(joints[:, end] - joints[:, start], dim=-1)
            found = F.normalize(posed[:, second] - posed[:, first], dim=-1)
            assert ((wanted * found).sum(-1) > 1 - 1e-6).all()


def test_rotations_are_proper_and_turn_with_the_person() -> None:
    joints = y_up(torch.from_numpy(generate_take("P1", "Greeting", 2, 40)))
    rotations = joint_rotations(joints, REST)
    eye = torch.eye(3, dtype=torch.float64).expand_as(rotations)
    torch.testing.assert_close(rotations @ rotations.mT, eye)
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones_like(rotations[..., 0, 0]))
    turn = axis_angle_to_matrix(torch.tensor([0.2, 1.1, -0.4], dtype=torch.float64))
    turned = joint_rotations(joints @ turn.T, REST)
    torch.testing.assert_close(turned[:, 0], turn @ rotations[:, 0])
    torch.testing.assert_close(turned[:, 1:], rotations[:, 1:])


def test_motion_is_smooth() -> None:
    joints = y_up(torch.from_numpy(generate_take("P2", "Eating", 1, 120)))
    rotations = joint_rotations(joints, REST)
    step = (rotations[1:] @ rotations[:-1].mT).diagonal(dim1=-2, dim2=-1).sum(-1)
    assert torch.rad2deg(((step - 1) / 2).clamp(-1, 1).acos()).max() < 25  # at 50 frames a second


def test_a_mirrored_person_moves_in_the_mirror() -> None:
    joints = y_up(torch.from_numpy(generate_take("P1", "Photo", 1, 30)))
    flip = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    mirrored = joints[:, [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]] * flip
    posed = posed_joints(joint_rotations(joints, REST))
    other = posed_joints(joint_rotations(mirrored, REST))
    swapped = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
    torch.testing.assert_close(other[:, swapped] * flip, posed, atol=2e-3, rtol=0)
