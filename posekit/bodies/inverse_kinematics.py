"""PersPose's inverse kinematics: from joints and twists to the parameters of a body.

"PersPose: 3D human pose estimation with perspective encoding and perspective rotation", ICCV 2025,
https://github.com/KenAdamsJoseph/PersPose at 1863de7. Joints alone do not tell how a bone is turned
about itself; orthogonal twists (``twists``) do. Nothing is optimised: bones of the body's lengths
are laid along those wanted, one after the other; pelvis and chest, where several bones meet, turn
as rigid parts. Shapes: B bodies, metres, any camera's frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from posekit.bodies.body import JOINTS, BodyModel
from posekit.bodies.twists import rest_twists
from posekit.errors import InvalidData
from posekit.geometry.rotations import axis_angle_to_matrix, nearest_rotation, shortest_rotation
from posekit.geometry.skeletons import SMPL_24, SMPL_24_LEAVES

PELVIS, CHEST = SMPL_24.index("pelvis"), SMPL_24.index("spine 3")
PELVIS_PART, CHEST_PART = [1, 2, 3], [12, 13, 14]  # joints that turn with pelvis and chest
LEGS_AND_SPINE, ARMS_AND_HEAD = range(4, 12), range(15, 24)
BONES = [*LEGS_AND_SPINE, *ARMS_AND_HEAD]  # joints at the ends of the bones that turn by themselves
STARTS = [SMPL_24.parents[joint] for joint in BONES]
PARTED = 0.015  # metres between the candidates for a joint, from which the direction decides

LEAST_AREA = 1e-8  # square metres
LEAST_SINE = 1e-4  # of the angle between a bone and its twist

Rule = Literal["image plane", "direction"]


class BoneFit(NamedTuple):
    """Bones of a body laid along those wanted.

    Attributes:
        joints: (B, 24, 3).
        pelvis, chest: (B, 3, 3), rotations against the rest pose.
    """

    joints: Tensor
    pelvis: Tensor
    chest: Tensor


class BodyFit(NamedTuple):
    """What a body model takes.

    Attributes:
        rotations: (B, 24, 3, 3) relative to the parents.
        betas: (B, S).
        translation: (B, 3).
    """

    rotations: Tensor
    betas: Tensor
    translation: Tensor


def fit_body(
    body: BodyModel, joints: Tensor, twists: Tensor, leaf_rotations: Tensor, betas: Tensor
) -> BodyFit:
    """The bodies with these joints and twists; exact where such a body exists.

    Args:
        body: the model.
        joints: (B, 24, 3) wanted.
        twists: (B, 23, 3) across the bones to joints 1 .. 23, of any length; those of the bones
            within pelvis and chest are not read.
        leaf_rotations: (B, 5, 3, 3) of ``SMPL_24_LEAVES`` relative to their parents.
        betas: (B, S) shapes; the first, which is the size, is not read but searched.

    Raises:
        InvalidData: shapes that do not fit, values that are not finite, bones without direction.
    """
    _check_inputs(joints, twists, leaf_rotations, betas)
    betas = search_size(body, joints, betas)
    rest = body.rest(betas).joints
    bones = fit_bones(joints, rest, "direction")
    turned = torch.eye(3).to(joints).repeat(len(joints), JOINTS, 1, 1)
    turned[:, PELVIS], turned[:, CHEST] = bones.pelvis, bones.chest
    used = [joint - 1 for joint in BONES]
    _check_turns(_bones(bones.joints), _bones(rest), twists[:, used])
    at_rest = _frames(_bones(rest), rest_twists(rest)[:, used])
    turned[:, STARTS] = _frames(_bones(bones.joints), twists[:, used]) @ at_rest.mT
    parents = turned[:, list(SMPL_24.parents)]
    rotations = parents.mT @ turned
    rotations[:, PELVIS] = bones.pelvis
    rotations[:, list(SMPL_24_LEAVES)] = leaf_rotations
    return BodyFit(rotations, betas, bones.joints[:, PELVIS] - rest[:, PELVIS])


def search_size(body: BodyModel, joints: Tensor, betas: Tensor) -> Tensor:
    """Shapes (B, S) whose first parameter is that of -2.0, -1.9 .. 1.9 under which the bones fit.

    It is the one with the least mean distance of the joints in the image plane, where they are seen
    best. So sizes come in steps, end at -2.0 and 1.9, and have no gradient.

    Args:
        joints: (B, 24, 3) wanted.
        betas: (B, S), of which the first is not read.
    """
    sizes = torch.arange(-20, 20, dtype=joints.dtype, device=joints.device) / 10
    others = torch.cat([torch.zeros_like(betas[:, :1]), betas[:, 1:]], dim=1)
    # Joints are affine in the shape.
    rest = body.rest(others).joints[:, None]
    rest = rest + sizes[:, None, None] * body.joint_shapedirs[..., 0]
    aims = joints[:, None].expand_as(rest)
    found = fit_bones(aims.flatten(0, 1), rest.flatten(0, 1), "image plane").joints
    error = (found - aims.flatten(0, 1))[..., :2].norm(dim=-1).mean(-1)
    best = error.view(len(joints), len(sizes)).argmin(1)
    return torch.cat([sizes[best][:, None], others[:, 1:]], dim=1)


def fit_bones(aim: Tensor, rest: Tensor, rule: Rule) -> BoneFit:
    """Bones of the lengths at rest, so that the joints come as near as their order lets them.

    Args:
        aim: (B, 24, 3) joints wanted.
        rest: (B, 24, 3) joints at rest.
        rule: what decides where a bone points that starts elsewhere than wanted. "image plane": it
            ends where wanted in x and y, if it is long enough, whatever that does to its direction.
            "direction": it ends as near to the wanted place as its length allows; where that is
            1.5 cm or more from where the wanted bone's own direction leads, that direction is kept.
    """
    root, rest = aim[:, :1], rest - rest[:, :1]
    aim = aim - root
    pelvis, moved = fit_triangle(aim[:, PELVIS_PART], rest[:, PELVIS_PART])
    found: dict[int, Tensor] = {PELVIS: moved}
    for joint in PELVIS_PART:
        found[joint] = (pelvis @ rest[:, joint, :, None])[..., 0] + moved
    _lay(found, LEGS_AND_SPINE, aim, rest, rule)
    chest = nearest_rotation(
        rest[:, CHEST_PART] - rest[:, [CHEST]], aim[:, CHEST_PART] - found[CHEST][:, None]
    )
    for joint in CHEST_PART:
        bone = rest[:, joint] - rest[:, CHEST]
        found[joint] = found[CHEST] + (chest @ bone[..., None])[..., 0]
    _lay(found, ARMS_AND_HEAD, aim, rest, rule)
    joints = torch.stack([found[joint] for joint in range(JOINTS)], dim=1)
    return BoneFit(joints + root, pelvis, chest)


def fit_triangle(aim: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """The rotation (B, 3, 3) and then shift (B, 3) that lay triangles (B, 3, 3) on others.

    The planes come to agree by the least rotation, then the corners by turning within the plane, by
    the mean of their three angles, of which the last weighs twice, as released.
    """
    middle, rest_middle = aim.mean(1), rest.mean(1)
    normal = _normal(aim)
    tilt = shortest_rotation(_normal(rest), normal)
    start, end = (rest - rest_middle[:, None]) @ tilt.mT, aim - middle[:, None]
    sine = (torch.linalg.cross(start, end, dim=-1) * normal[:, None]).sum(-1)
    angles = torch.atan2(sine, (start * end).sum(-1))
    angle = _mean_angle(_mean_angle(angles[:, 0], angles[:, 1]), angles[:, 2])
    rotation = axis_angle_to_matrix(angle[:, None] * normal) @ tilt
    return rotation, middle - (rotation @ rest_middle[..., None])[..., 0]


def _mean_angle(one: Tensor, other: Tensor) -> Tensor:
    mean = (one + other) / 2
    return torch.where((one - other).abs() > torch.pi, mean + torch.pi, mean)


def _normal(triangle: Tensor) -> Tensor:
    """Unit normals (B, 3) of triangles (B, 3, 3)."""
    first, second = triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    return F.normalize(torch.linalg.cross(first, second, dim=-1), dim=-1)


def _lay(
    found: dict[int, Tensor], joints: Sequence[int], aim: Tensor, rest: Tensor, rule: Rule
) -> None:
    """Add joints to those found, in an order in which parents come first."""
    for joint in joints:
        parent = SMPL_24.parents[joint]
        length = (rest[:, joint] - rest[:, parent]).norm(dim=-1, keepdim=True)
        wanted = aim[:, joint] - found[parent]
        bone = length * F.normalize(wanted, dim=-1)
        if rule == "image plane":
            deep = (length.square() - wanted[:, :2].square().sum(-1, keepdim=True)).clamp_min(0)
            depth = torch.copysign(deep.sqrt(), wanted[:, 2:])
            seen = torch.cat([wanted[:, :2], depth], dim=-1)
            bone = torch.where(deep > 0, seen, bone)
        else:
            along = length * F.normalize(aim[:, joint] - aim[:, parent], dim=-1)
            far = (along - bone).norm(dim=-1, keepdim=True) >= PARTED
            bone = torch.where(far, along, bone)
        found[joint] = found[parent] + bone


def _bones(joints: Tensor) -> Tensor:
    """Vectors (B, 17, 3) of the bones that turn by themselves."""
    return joints[:, BONES] - joints[:, STARTS]


def _frames(bones: Tensor, twists: Tensor) -> Tensor:
    """Rotations (B, N, 3, 3): columns along the bone, across it as the twist says, and the third.

    Twists (B, N, 3) need not be perpendicular to their bones nor of length 1.
    """
    along = F.normalize(bones, dim=-1)
    across = twists - (twists * along).sum(-1, keepdim=True) * along
    across = F.normalize(across, dim=-1)
    return torch.stack([along, across, torch.linalg.cross(along, across, dim=-1)], dim=-1)


def _check_inputs(joints: Tensor, twists: Tensor, leaves: Tensor, betas: Tensor) -> None:
    bodies = len(joints)
    expected = {
        "joints": (joints, (bodies, JOINTS, 3)),
        "twists": (twists, (bodies, JOINTS - 1, 3)),
        "leaf rotations": (leaves, (bodies, len(SMPL_24_LEAVES), 3, 3)),
        "betas": (betas, (bodies, betas.shape[-1])),
    }
    for name, (values, shape) in expected.items():
        if values.shape != shape or not values.numel():
            raise InvalidData(
                f"inverse kinematics: {name} are {tuple(values.shape)}, expected {shape}; give "
                "one set for each body."
            )
        if not values.isfinite().all():
            broken = int((~values.isfinite()).flatten(1).any(1).int().argmax())
            raise InvalidData(
                f"inverse kinematics: {name} of body {broken} are not all finite; leave it out."
            )
    corners = joints[:, PELVIS_PART]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = torch.linalg.cross(first, second, dim=-1).norm(dim=-1)
    if (area < LEAST_AREA).any():
        raise InvalidData(
            f"inverse kinematics: hips and spine of body {int(area.argmin())} lie on a line, which "
            "tells no rotation of the pelvis; leave it out."
        )


def _check_turns(bones: Tensor, rest: Tensor, twists: Tensor) -> None:
    """Refuse bones (B, 17, 3) of no length, and twists along them."""
    across = torch.linalg.cross(bones, twists, dim=-1).norm(dim=-1)
    broken = (across <= LEAST_SINE * rest.norm(dim=-1) * twists.norm(dim=-1)).nonzero()
    if len(broken):
        person, bone = broken[0].tolist()
        raise InvalidData(
            f"inverse kinematics: nothing tells how {SMPL_24.joint_names[STARTS[bone]]} of body "
            f"{person} is turned: the next joint coincides with it, or the twist runs along the "
            "bone; leave it out."
        )
