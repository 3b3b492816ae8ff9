"""From joint positions to joint rotations: motion of Human3.6M's 17 joints moves a body model.

Positions do not tell how a bone turns about itself. Pelvis, chest and head have three points or
more and so a frame; a limb's two bones span the plane in which knee and elbow bend; what is left
(wrists, ankles) stays as at rest.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from posekit.geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    shortest_rotation,
)
from posekit.geometry.skeletons import HUMAN36M_17, SMPL_24

# A limb of the body (SMPL's 24 joints), and the same of Human3.6M's 17.
_LIMBS = (
    (("left", "arm"), (16, 18, 20), (11, 12, 13)),
    (("right", "arm"), (17, 19, 21), (14, 15, 16)),
    (("left", "leg"), (1, 4, 7), (4, 5, 6)),
    (("right", "leg"), (2, 5, 8), (1, 2, 3)),
)
_COLLARS = {16: 13, 17: 14}
_COLLAR_SHARE = 0.3
"""Share of the arm's turn against the chest that the collar bone takes."""

_STRAIGHT = 0.2
"""Sine of the bend at which a limb's plane counts as much as the turn of least twist."""


def joint_rotations(joints: Tensor, rest: Tensor) -> Tensor:
    """Rotations that give a body the pose of Human3.6M joints.

    Upper arms, forearms, thighs and shanks point exactly where the joints say; a trunk, which has
    more joints than the 17, is bent evenly between the pelvis and the chest.

    Args:
        joints: (T, 17, 3), y up, any unit.
        rest: (24, 3) joints of the body at rest, y up, facing +z.

    Returns:
        (T, 24, 3, 3), each relative to its parent; the root's turns the body at rest.
    """
    h36m = {name: joints[:, index] for index, name in enumerate(HUMAN36M_17.joint_names)}
    pelvis = _frame(h36m["left hip"] - h36m["right hip"], h36m["spine"] - h36m["hip"])
    chest = _frame(h36m["left shoulder"] - h36m["right shoulder"], h36m["thorax"] - h36m["spine"])
    head = _head(h36m["head"] - h36m["thorax"], h36m["neck/nose"] - h36m["thorax"])
    turned = pelvis[:, None].repeat(1, 24, 1, 1)
    for joint, share in ((3, 1 / 3), (6, 2 / 3), (9, 1.0)):
        turned[:, joint] = _between(pelvis, chest, share)
    turned[:, [13, 14]] = chest[:, None]
    turned[:, 12] = _between(chest, head, 0.5)
    turned[:, 15] = head
    for (_, kind), body, human in _LIMBS:
        carrier = chest if kind == "arm" else pelvis
        upper, lower = _limb(
            carrier,
            (rest[body[1]] - rest[body[0]], rest[body[2]] - rest[body[1]]),
            (joints[:, human[1]] - joints[:, human[0]], joints[:, human[2]] - joints[:, human[1]]),
        )
        turned[:, body[0]] = upper
        for joint in (body[1], body[2], body[2] + (2 if kind == "arm" else 3)):
            turned[:, joint] = lower
        if body[0] in _COLLARS:
            turned[:, _COLLARS[body[0]]] = _between(chest, upper, _COLLAR_SHARE)
    return relative(turned)


def relative(turned: Tensor) -> Tensor:
    """(..., 24, 3, 3) rotations against the world, each as one against its parent."""
    parents = turned[..., SMPL_24.parents[1:], :, :]
    inner = parents.transpose(-1, -2) @ turned[..., 1:, :, :]
    return torch.cat([turned[..., :1, :, :], inner], dim=-3)


def _limb(
    carrier: Tensor, rest: tuple[Tensor, Tensor], bones: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Turns (T, 3, 3) of the upper and the lower bone of a limb.

    The hinge is the normal of the two bones; where they are nearly in line, it comes from the turn
    of the carrying part that brings the upper bone into place with the least twist.
    """
    upper, lower = (F.normalize(bone, dim=-1) for bone in bones)
    rest_upper, rest_lower = (F.normalize(bone, dim=-1) for bone in rest)
    rest_hinge = F.normalize(torch.linalg.cross(rest_upper, rest_lower), dim=-1)
    swing = shortest_rotation(carrier @ rest_upper, upper) @ carrier
    hinge = torch.linalg.cross(upper, lower) + _STRAIGHT * (swing @ rest_hinge)
    hinge = F.normalize(hinge - (hinge * upper).sum(-1, keepdim=True) * upper, dim=-1)
    at_rest = _bone_frame(rest_upper, rest_hinge)
    first = _bone_frame(upper, hinge) @ at_rest.transpose(-1, -2)
    second = shortest_rotation((first @ rest_lower), lower) @ first
    return first, second


def _between(first: Tensor, second: Tensor, share: float) -> Tensor:
    """The rotation that lies at a share of the way from one to another."""
    step = matrix_to_axis_angle(first.transpose(-1, -2) @ second)
    return first @ axis_angle_to_matrix(share * step)


def _frame(left: Tensor, up: Tensor) -> Tensor:
    """(T, 3, 3) with columns left (exact), up and forward."""
    left = F.normalize(left, dim=-1)
    up = F.normalize(up - (up * left).sum(-1, keepdim=True) * left, dim=-1)
    return torch.stack([left, up, torch.linalg.cross(left, up)], dim=-1)


def _head(up: Tensor, nose: Tensor) -> Tensor:
    """(T, 3, 3) with columns left, up (exact) and forward, where the nose points."""
    up = F.normalize(up, dim=-1)
    forward = F.normalize(nose - (nose * up).sum(-1, keepdim=True) * up, dim=-1)
    return torch.stack([torch.linalg.cross(up, forward), up, forward], dim=-1)


def _bone_frame(bone: Tensor, hinge: Tensor) -> Tensor:
    return torch.stack([bone, hinge, torch.linalg.cross(bone, hinge)], dim=-1)
