"""Errors of poses, training losses, and what becomes of several hypotheses."""

from posekit.metrics.pose_errors import (
    acceleration_error,
    auc,
    joint_errors,
    mpjpe,
    mpjve,
    n_mpjpe,
    p_mpjpe,
    pck,
    procrustes_align,
    pve,
)

__all__ = [
    "acceleration_error",
    "auc",
    "joint_errors",
    "mpjpe",
    "mpjve",
    "n_mpjpe",
    "p_mpjpe",
    "pck",
    "procrustes_align",
    "pve",
]
