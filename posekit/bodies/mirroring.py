"""Bodies and keypoints as in a mirror, for pictures that are flipped while training.

The mirror swaps left and right and turns x into -x. Label maps are mirrored in
``semantic_labels``, joints of a skeleton in ``geometry.skeletons``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from posekit.geometry.skeletons import SMPL_24

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
    return rotations[..., list(SMPL_24.mirror), :, :] * sign[:, None] * sign


def mirrored_keypoints(keypoints: Tensor, width: float = 0.0) -> Tensor:
    """SPIN's keypoints (..., 49, 2 or more) as in a mirror; what follows x stays.

    Args:
        keypoints: their x counts from the middle, unless ``width`` is given.
        width: of a picture whose x counts from its left edge, in the keypoints' unit.
    """
    swapped = keypoints[..., list(KEYPOINTS_MIRROR), :]
    return torch.cat([width - swapped[..., :1], swapped[..., 1:]], dim=-1)
