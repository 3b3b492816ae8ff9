"""Training losses of the sequence-to-sequence lifters (MixSTE, KTPFormer, D3DP)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15, Skeleton

# Torso 1, head and shoulders 1.5, knees and feet 2.5, elbows and wrists 4. HumanEva's row follows
# another joint order than the skeleton's; it is kept as released.
_JOINT_WEIGHTS = {
    HUMAN36M_17.name: (1, 1, 2.5, 2.5, 1, 2.5, 2.5, 1, 1, 1, 1.5, 1.5, 4, 4, 1.5, 4, 4),
    HUMANEVA_15.name: (1, 1, 2.5, 2.5, 1, 2.5, 2.5, 1, 1.5, 1.5, 4, 4, 1.5, 4, 4),
}


class SequenceLoss(NamedTuple):
    """Scalar terms of ``sequence_loss``; consistency and velocity before their factors."""

    position: Tensor
    consistency: Tensor
    velocity: Tensor
    total: Tensor


def joint_weights(skeleton: Skeleton) -> Tensor:
    """Weight of every joint in the loss, (joints,), as released with MixSTE and KTPFormer.

    Joint sets other than Human3.6M-17 and HumanEva-15 have no published weights: ones.
    """
    return torch.tensor(_JOINT_WEIGHTS.get(skeleton.name, (1.0,) * skeleton.joints))


def sequence_loss(
    prediction: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    consistency: float = 0.5,
    velocity: float = 2.0,
) -> SequenceLoss:
    """Weighted position error, smoothness of the prediction, and velocity error.

    With w the joint weights and d the difference of consecutive frames: position is the mean of
    w |p - g|, consistency the mean of w (d p)^2 over joints and coordinates, velocity the mean of
    |d p - d g|, and total = position + 0.5 consistency + 2 velocity (MixSTE equations 5 to 8;
    KTPFormer its ``run_*.py``). D3DP trains on plain MPJPE: no weights, both factors 0.

    Args:
        prediction: (batch, frames, joints, 3), metres.
        target: the same shape.
        weights: (joints,), or None for ones.
        consistency: factor of the consistency term.
        velocity: factor of the velocity term.

    Raises:
        InvalidData: the shapes differ, or do not match the weights.
        InvalidParameter: temporal terms are asked for, but there is a single frame.
    """
    _check_shapes(prediction, target, weights)
    if weights is None:
        weights = prediction.new_ones(prediction.shape[-2])
    weights = weights.to(prediction)
    distances = torch.linalg.vector_norm(prediction - target, dim=-1)
    position = (weights * distances).mean()
    if prediction.shape[-3] == 1:
        if consistency or velocity:
            raise InvalidParameter(
                "one frame has no motion; set the consistency and velocity factors to 0."
            )
        still = torch.zeros_like(position)
        return SequenceLoss(position, still, still, position)
    motion, target_motion = prediction.diff(dim=-3), target.diff(dim=-3)
    smoothness = (weights[:, None] * motion.square()).mean()
    motion_error = torch.linalg.vector_norm(motion - target_motion, dim=-1).mean()
    total = position + consistency * smoothness + velocity * motion_error
    return SequenceLoss(position, smoothness, motion_error, total)


def scaled_distance(prediction: Tensor, target: Tensor, log_scale: Tensor) -> Tensor:
    """Distance over its expected size, |target - prediction| exp(-s) + s, of every joint.

    The negative logarithm of an exponential density of the distance, up to a constant; its mean
    is what UAO trains and optimises by (https://github.com/xiu-cs/UAO-Pose3D at cb50588). A joint
    that lies on its target has gradient 0.

    Args:
        prediction, target: (..., joints, 3), metres.
        log_scale: s (..., joints, 1), the logarithm of metres.

    Returns:
        (..., joints).
    """
    distance = torch.linalg.vector_norm(target - prediction, dim=-1)
    log_scale = log_scale.squeeze(-1)
    return distance * torch.exp(-log_scale) + log_scale


def _check_shapes(prediction: Tensor, target: Tensor, weights: Tensor | None) -> None:
    if prediction.shape != target.shape or prediction.ndim < 3:
        raise InvalidData(
            f"prediction has shape {tuple(prediction.shape)} and target {tuple(target.shape)}; "
            f"expected (batch, frames, joints, 3) for both."
        )
    if weights is not None and weights.shape != prediction.shape[-2:-1]:
        raise InvalidData(
            f"joint weights have shape {tuple(weights.shape)}; expected ({prediction.shape[-2]},)."
        )
