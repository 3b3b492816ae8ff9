"""Bones of 16-joint poses and the operations on them that PoseAug varies a pose by.

Source: https://github.com/jfzhang95/PoseAug at f469ce4. Poses are (..., 16, 3) of the joint set
``HUMAN36M_16``, in metres. Bone b of the 15 ends at joint b + 1, and its vector points from there
to the parent: ``parent - child``. Every operation leaves the root where it is, is differentiable
and broadcasts its parameters against the poses' leading dimensions.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, stack

from posekit.errors import InvalidData
from posekit.geometry.rotations import axis_angle_to_quaternion, rotate
from posekit.geometry.skeletons import HUMAN36M_16

BONES = len(HUMAN36M_16.bones)
RATIOS = 9
BONE_RATIO = (0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 6, 7, 8)
"""Which of the 9 length ratios a bone takes; left and right share theirs."""

FIXED_RATIO = 4
"""The ratio of spine-thorax, which stays 0: a tall person far away looks like a short one near."""

FIXED_DIRECTIONS = (6, 7)
"""Pelvis-spine and spine-thorax keep their direction: else the whole body could turn."""

LENGTH_TEMPLATES = (
    (
        *(0.132948, 0.442895, 0.454206, 0.132949, 0.442895, 0.454207, 0.233473, 0.257078),
        *(0.181882, 0.151034, 0.278883, 0.251733, 0.151032, 0.278893, 0.251729),
    ),
    (
        *(0.119313, 0.428286, 0.442444, 0.119313, 0.428286, 0.442444, 0.224318, 0.254055),
        *(0.166181, 0.143096, 0.264585, 0.248620, 0.143098, 0.264584, 0.248621),
    ),
    (
        *(0.142614, 0.486571, 0.461493, 0.142612, 0.486564, 0.461494, 0.262211, 0.260009),
        *(0.192472, 0.149375, 0.301008, 0.257915, 0.149374, 0.301008, 0.257915),
    ),
    (
        *(0.135879, 0.448615, 0.438010, 0.135879, 0.448615, 0.438008, 0.226246, 0.255408),
        *(0.168726, 0.139718, 0.275564, 0.247299, 0.139714, 0.275572, 0.247298),
    ),
    (
        *(0.146537, 0.452147, 0.438633, 0.146537, 0.452146, 0.438634, 0.261216, 0.251024),
        *(0.212796, 0.169316, 0.289908, 0.244177, 0.169316, 0.289907, 0.244178),
    ),
)
"""Mean length of every bone of Human3.6M's S1, S5, S6, S7 and S8, metres, as in the release."""


def bone_vectors(pose: Tensor) -> Tensor:
    """Vectors from every joint but the root to its parent, (..., 16, 3) -> (..., 15, 3).

    Raises:
        InvalidData: another number of joints or coordinates.
    """
    _check(pose, "pose", (HUMAN36M_16.joints, 3))
    children, parents = zip(*HUMAN36M_16.bones, strict=True)
    return pose[..., list(parents), :] - pose[..., list(children), :]


def bone_lengths(pose: Tensor) -> Tensor:
    """Length of every bone, (..., 16, 3) -> (..., 15), metres."""
    return bone_vectors(pose).norm(dim=-1)


def bone_directions(pose: Tensor) -> Tensor:
    """Bone vectors of length 1, (..., 16, 3) -> (..., 15, 3); a bone without length gives zeros."""
    return F.normalize(bone_vectors(pose), dim=-1)


def rebuild(vectors: Tensor) -> Tensor:
    """The pose with these bone vectors and its root at the origin, (..., 15, 3) -> (..., 16, 3).

    Raises:
        InvalidData: another number of bones or coordinates.
    """
    _check(vectors, "bone vectors", (BONES, 3))
    # A parent's number is below its children's, so it is placed before them.
    joints = [vectors.new_zeros(vectors[..., 0, :].shape)]
    for bone, (_, parent) in enumerate(HUMAN36M_16.bones):
        joints.append(joints[parent] - vectors[..., bone, :])
    return stack(joints, dim=-2)


def lengthened(pose: Tensor, ratios: Tensor) -> Tensor:
    """The pose with bones longer by the factor 1 + ratio, in their directions.

    Args:
        pose: (..., 16, 3).
        ratios: (..., 9), which ``BONE_RATIO`` hands to the bones.

    Raises:
        InvalidData: other shapes.
    """
    _check(ratios, "length ratios", (RATIOS,))
    factors = 1 + ratios[..., list(BONE_RATIO)]
    return pose[..., :1, :] + rebuild(bone_vectors(pose) * factors[..., None])


def with_lengths(pose: Tensor, lengths: Tensor) -> Tensor:
    """The pose with bones of these lengths (..., 15), metres, in their directions.

    Raises:
        InvalidData: other shapes.
    """
    _check(lengths, "bone lengths", (BONES,))
    return pose[..., :1, :] + rebuild(bone_directions(pose) * lengths[..., None])


def redirected(pose: Tensor, offsets: Tensor) -> Tensor:
    """The pose with bones turned towards direction + offset; lengths stay.

    Args:
        pose: (..., 16, 3).
        offsets: (..., 15, 3), added to the directions, without a unit. Those of
            ``FIXED_DIRECTIONS`` are not used.

    Raises:
        InvalidData: other shapes.
    """
    _check(offsets, "direction offsets", (BONES, 3))
    free = offsets.new_ones(BONES, 1)
    free[list(FIXED_DIRECTIONS)] = 0
    directions = F.normalize(bone_directions(pose) + free * offsets, dim=-1)
    return pose[..., :1, :] + rebuild(directions * bone_lengths(pose)[..., None])


def direction_change(before: Tensor, after: Tensor) -> Tensor:
    """1 - cos of the angle between each bone of two poses (..., 16, 3): (..., 15), 0 to 2."""
    return 1 - (bone_directions(before) * bone_directions(after)).sum(dim=-1)


def rotate_axis_angle(pose: Tensor, axis_angle: Tensor, pivot: Tensor | None = None) -> Tensor:
    """The pose turned as a whole.

    The release's axis is v / (|v| + 1e-6), which is not quite of length 1 and so not quite a
    rotation; this one is exact, and differs by less than 1e-6 of the body's size.

    Args:
        pose: (..., 16, 3).
        axis_angle: (..., 3); direction is the axis, length the angle in radians.
        pivot: (..., 3), metres, what stays in its place; the pose's root by default.

    Raises:
        InvalidData: other shapes.
    """
    _check(pose, "pose", (HUMAN36M_16.joints, 3))
    _check(axis_angle, "axis-angle vectors", (3,))
    centre = pose[..., :1, :] if pivot is None else pivot[..., None, :]
    turn = axis_angle_to_quaternion(axis_angle)[..., None, :]
    return centre + rotate(turn, pose - centre)


def _check(values: Tensor, name: str, expected: tuple[int, ...]) -> None:
    if tuple(values.shape[-len(expected) :]) != expected:
        sizes = ", ".join(map(str, expected))
        raise InvalidData(f"{name} of shape {tuple(values.shape)}; expected (..., {sizes}).")
