"""Bodies, joints and keypoints as in a mirror, for pictures that are flipped while training.

The mirror swaps left and right and turns x into -x. Label maps are mirrored in
``semantic_labels``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SMPL_MIRROR = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)
"""For each of SMPL's 24 joints, that of the other side."""

KEYPOINTS_MIRROR = (
    *(0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21),
    *(30, 29, 28, 27, 26, 25, 36, 35, 34, 33, 32, 31, 37, 38, 39, 40, 41, 42, 43, 44),
    *(46, 45, 48, 47),
)
"""For each of SPIN's 49 keypoints (25 of OpenPose, 24 annotated), that of the other side."""


def mirrored_rotations(rotations: Tensor) -> Tensor:
    """Rotations (..., 24, 3, 3) of SMPL's joints as the mirrored body has them.

    M R M with M = diag(-1, 1, 1): as axis and angle, y and z change their signs.
    """
    sign = rotations.new_tensor([-1.0, 1.0, 1.0])
    return rotations[..., list(SMPL_MIRROR), :, :] * sign[:, None] * sign


def mirrored_points(points: Tensor, other_side: Sequence[int], width: float = 0.0) -> Tensor:
    """Joints or keypoints (..., J, C), x first, as in a mirror; further values stay (confidence).

    Args:
        points: their x counts from the mirror, unless ``width`` is given.
        other_side: joint of the other side, for each joint.
        width: of a picture whose x counts from its left edge, in the points' unit.
    """
    swapped = points[..., list(other_side), :]
    return torch.cat([width - swapped[..., :1], swapped[..., 1:]], dim=-1)
