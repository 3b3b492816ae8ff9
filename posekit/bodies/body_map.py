"""Where a point of the body lies: on which part, and how far along it, in the rest pose.

Clothes are cut by these coordinates: a sleeve ends at a place along the arm, a hem at a height.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

TORSO, HEAD, LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG, SKIRT = range(7)
PELVIS, SPINE1, NECK, HEAD_JOINT, LEFT_HIP = 0, 3, 12, 15, 1

# Joints of SMPL's skeleton along each limb; a bone runs from each to the next.
CHAINS = {
    LEFT_ARM: (16, 18, 20, 22),
    RIGHT_ARM: (17, 19, 21, 23),
    LEFT_LEG: (1, 4, 7, 10),
    RIGHT_LEG: (2, 5, 8, 11),
}


class BodyMap(NamedTuple):
    """Coordinates of N points on the body at rest.

    Attributes:
        part: (N,) long, ``TORSO``, ``HEAD``, ``LEFT_ARM`` ...; ``SKIRT`` on a skirt.
        along: (N,) on a limb: 0 at shoulder or hip, 1 at elbow or knee, 2 at wrist or ankle, 3 at
            hand or toes; 0 elsewhere.
        height: (N,) 0 at the hips, 1 at the neck joint, for all points.
        up: (N,) in the head: 0 at the head joint, 1 at the top.
        front: (N,) in the head: -1 at the back, 1 at the tip of the nose or so.
    """

    part: Tensor
    along: Tensor
    height: Tensor
    up: Tensor
    front: Tensor


def body_map(points: Tensor, nearest: Tensor, joints: Tensor) -> BodyMap:
    """Coordinates of points by the joint that moves them most and their place along its bone.

    Args:
        points: (N, 3) of the mean body at rest, y up, facing +z.
        nearest: (N,) long, the joint with the largest skinning weight.
        joints: (24, 3) of the mean body at rest.
    """
    part = torch.full_like(nearest, TORSO)
    part[(nearest == NECK) | (nearest == HEAD_JOINT)] = HEAD
    along = torch.zeros(len(points), dtype=points.dtype)
    for limb, chain in CHAINS.items():
        for place, joint in enumerate(chain):
            here = nearest == joint
            part[here] = limb
            along[here] = place
            if place + 1 < len(chain):
                bone = joints[chain[place + 1]] - joints[joint]
                share = (points[here] - joints[joint]) @ bone / bone.square().sum()
                along[here] += share.clamp(0, 1)
    hips = joints[LEFT_HIP, 1]
    head = points[part == HEAD]
    depth = head[:, 2].max() - head[:, 2].min()
    middle = (head[:, 2].max() + head[:, 2].min()) / 2
    return BodyMap(
        part=part,
        along=along,
        height=(points[:, 1] - hips) / (joints[NECK, 1] - hips),
        up=(points[:, 1] - joints[HEAD_JOINT, 1]) / (points[:, 1].max() - joints[HEAD_JOINT, 1]),
        front=(points[:, 2] - middle) / (depth / 2),
    )
