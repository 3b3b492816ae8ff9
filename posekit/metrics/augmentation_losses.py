"""Losses between PoseAug's generator, its discriminators and a lifter, as pure functions.

PoseAug (Gong et al., CVPR 2021), https://github.com/jfzhang95/PoseAug at f469ce4; PoseDA trains
with the same except for the feedback (its author says so in the repository's issue 1). Each gives
a scalar. B batch, J joints.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

ANGLE_CENTRE, ANGLE_HALF_WIDTH = 0.205, 0.165  # of 1 - cos, mean over the bones of a pose
LENGTH_LIMIT = 0.1  # change of a bone's length that costs nothing, as a share of it

JOINT_WEIGHTS = (1, 5, 2, 1, 5, 2, 1, 1, 1, 1, 5, 2, 1, 5, 2, 1)
JOINT_GROUPS = ((1, 4, 10, 13), (2, 5, 9, 11, 14), (3, 6, 12, 15))
"""Joints whose errors the feedback averages: near the torso, elbows, knees and head, ends."""


def discriminator_loss(real: Tensor, generated: Tensor) -> Tensor:
    """Least squares: answers for real samples should be 1, for generated ones 0.

    Args:
        real, generated: answers of a discriminator, (B, parts) each; the batches may differ.
    """
    return ((real - 1).square().mean() + generated.square().mean()) / 2


def adversarial_loss(generated: Tensor) -> Tensor:
    """Least squares: a generator wants its samples' answers (B, parts) to be 1.

    Halved like the discriminator's loss. The release adds the answers for real samples, halved
    too, which no generator can change: its logged value is larger, its gradient the same.
    """
    return (generated - 1).square().mean() / 2


def angle_range_loss(change: Tensor) -> Tensor:
    """Keeps the mean turn of a pose's bones in a range.

    Args:
        change: (..., 15), 1 - cos of the angle that each bone was turned by.
    """
    return _outside(change.mean(dim=-1), ANGLE_CENTRE, ANGLE_HALF_WIDTH)


def length_range_loss(ratios: Tensor) -> Tensor:
    """Keeps changes of bone lengths, shares (..., 9), below a limit."""
    return _outside(ratios, 0.0, LENGTH_LIMIT)


def hard_mean_loss(ratios: Tensor, centre: float, half_width: float) -> Tensor:
    """Keeps generated poses harder to lift than their originals, by a factor in a range.

    Args:
        ratios: (B, groups), error of a lifter for the generated pose over that for the original.
        centre, half_width: the range; a factor within it costs nothing.
    """
    return _outside(ratios, centre, half_width)


def hardness(generated: Tensor, original: Tensor) -> Tensor:
    """How much harder generated poses are, the ratios of ``hard_mean_loss``: (B, 3).

    Args:
        generated, original: distances of a lifter's joints from their targets, (B, 16), for the
            generated poses and for those that they were made from.
    """
    return _group_means(generated) / _group_means(original)


def feedback_loss(original: Tensor, angled: Tensor, finished: Tensor, progress: float) -> Tensor:
    """PoseAug's feedback of the lifter to the generator, weighted; PoseDA has none.

    Args:
        original, angled, finished: distances of a lifter's joints from their targets, (B, 16), for
            the poses as they were, after the change of bone angles, and after all operations.
        progress: share of the epochs done, 0 to 1; bones may become harder to lift with time.
    """
    angle_centre = 3.0 + 2.0 * progress
    by_angle = hard_mean_loss(hardness(angled, original), angle_centre, half_width=2.0)
    by_all = hard_mean_loss(hardness(finished, original), centre=17.0, half_width=15.0)
    return 0.1 * by_angle + 0.01 * by_all


def _outside(values: Tensor, centre: float, half_width: float) -> Tensor:
    """Mean of the squared distance from a centre, 0 for values nearer than half the width."""
    squared = (values - centre).square()
    return torch.where(squared > half_width**2, squared, 0).mean()


def _group_means(errors: Tensor) -> Tensor:
    weighted = errors * errors.new_tensor(JOINT_WEIGHTS)
    return torch.stack([_mean(weighted, group) for group in JOINT_GROUPS], dim=-1)


def _mean(errors: Tensor, joints: Sequence[int]) -> Tensor:
    return errors[..., list(joints)].mean(dim=-1)
