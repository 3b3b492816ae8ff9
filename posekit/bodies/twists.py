"""Orthogonal twists: what tells a bone's rotation about itself, which no joint position tells.

PersPose (``models/smpl_utils`` of its release) takes for each bone the direction across it that
points backwards at rest, and turns it with the joint that moves the bone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from posekit.geometry.skeletons import SMPL_24

PARENTS = list(SMPL_24.parents[1:])


def rest_twists(joints: Tensor) -> Tensor:
    """(B, 23, 3) unit vectors across the bones to joints 1 .. 23, of bodies at rest.

    Args:
        joints: (B, 24, 3) at rest; no bone may run along z.
    """
    bone = joints[:, 1:] - joints[:, PARENTS]
    across = bone[..., :2] * bone[..., 2:] / bone[..., :2].square().sum(-1, keepdim=True)
    return F.normalize(torch.cat([across, -torch.ones_like(bone[..., 2:])], dim=-1), dim=-1)


def turned_twists(twists: Tensor, global_rotations: Tensor) -> Tensor:
    """(B, 23, 3) twists of posed bodies.

    Args:
        twists: (B, 23, 3) at rest.
        global_rotations: (B, 24, 3, 3) of the joints against the frame.
    """
    return (global_rotations[:, PARENTS] @ twists[..., None])[..., 0]
