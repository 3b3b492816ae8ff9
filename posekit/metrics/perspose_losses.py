"""PersPose's losses: keypoints, depths, scale, twists, shape and leaves of persons in crops.

"PersPose: 3D human pose estimation with perspective encoding and perspective rotation", ICCV 2025,
https://github.com/KenAdamsJoseph/PersPose at 1863de7. Pure functions of tensors; each gives a
scalar, the mean over what counts. Shapes: B persons, J joints. ``counts`` are weights, 0 for what
is not labelled; its predictions and targets may then hold anything.

Pixels are those of a crop of 256: multiply pixels of another crop by 256 / side, and metres per
pixel by side / 256, so that the published weights hold. Lengths are taken as if every person were
1.8 m tall, because a single picture does not tell a person's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from posekit.errors import InvalidData, InvalidParameter, unknown

CROP_PX = 256
USUAL_HEIGHT = 1.8
BEDLAM_WEIGHT = 0.1  # of BEDLAM's persons in the keypoint loss
SUBJECT_HEIGHTS = (1.7994, 1.8039, 1.7621, 1.6546, 1.6756, 1.6977, 1.7823, 1.7548)
"""Metres, MPI-INF-3DHP's training subjects 1 .. 8."""

KEYPOINT_TOLERANCE_PX = 5.0
DEPTH_TOLERANCE_CM = 4.0
SCALE_TOLERANCE_MM = 0.05  # per pixel: 4 cm of depth at a focal length of 800 pixels
"""How far keypoints, depths and scale may be off for nothing where the labels are no SMPL joints:
COCO's and MPI-INF-3DHP's are other points of the body."""

COCO = {7: 18, 8: 19, 9: 20, 10: 21, 13: 4, 14: 5, 15: 7, 16: 8}
"""COCO's joint -> the predicted one: elbows, wrists, knees and ankles."""
HUMAN36M = {0: 24, 2: 5, 3: 8, 5: 4, 6: 7, 12: 18, 13: 20, 15: 19, 16: 21}
"""Joint of ``HUMAN36M_17`` -> the predicted one: the pelvis and the same."""
PELVIS = 24
"""Depths and scale of MPI-INF-3DHP's labels are relative to this of the 25 predicted joints."""
TWISTED = (*range(4, 12), *range(15, 24))
"""Joints whose bones have a twist that is used; pelvis and chest turn as rigid bodies."""

_TINY = 1e-7


def inside(uv: Tensor, crop_px: int = CROP_PX) -> Tensor:
    """Which joints (B, J, 2) lie inside of their crop, (B, J) bool; these count as seen."""
    return ((uv > 0) & (uv < crop_px)).all(-1)


def height(rest: Tensor) -> Tensor:
    """Heights (B,) of bodies by their vertices at rest (B, V, 3), y up: the loss' unit."""
    return rest[..., 1].amax(-1) - rest[..., 1].amin(-1)


def keypoint_loss(
    predicted: Tensor, target: Tensor, counts: Tensor, *, tolerance_px: float = 0.0
) -> Tensor:
    """Mean distance in pixels of joints (B, J, 2), as far as it exceeds the tolerance.

    Args:
        counts: (B, J). Of SMPL's joints: those inside of the crop, BEDLAM's ``BEDLAM_WEIGHT``.
        tolerance_px: ``KEYPOINT_TOLERANCE_PX`` for ``COCO`` and ``HUMAN36M``.

    Raises:
        InvalidData: shapes that do not fit, as in all functions of this module.
    """
    error = _difference(predicted, target, counts).norm(dim=-1)
    return _mean((error - tolerance_px).relu(), counts)


def depth_loss(
    predicted: Tensor,
    target: Tensor,
    heights: Tensor,
    counts: Tensor,
    *,
    tolerance_cm: float = 0.0,
) -> Tensor:
    """Mean error of depths (B, J, 1) in metres, as centimetres of a person of 1.8 m.

    Args:
        predicted, target: relative to the root; MPI-INF-3DHP's to joint ``PELVIS``.
        heights: (B,), metres.
        counts: (B, J).
        tolerance_cm: ``DEPTH_TOLERANCE_CM`` for MPI-INF-3DHP.
    """
    error = 100 * _difference(predicted, target, counts)[..., 0].abs()
    return _mean((_as_usual(error, heights) - tolerance_cm).relu(), counts)


def scale_loss(
    predicted: Tensor,
    target: Tensor,
    heights: Tensor,
    counts: Tensor,
    *,
    tolerance_mm: float = 0.0,
) -> Tensor:
    """Mean error of metres per pixel at the root (B, 1, 1), as millimetres of a person of 1.8 m.

    Args:
        predicted, target: depth / focal length, of joint 0; MPI-INF-3DHP's of joint ``PELVIS``.
        heights: (B,), metres.
        counts: (B, 1).
        tolerance_mm: ``SCALE_TOLERANCE_MM`` for MPI-INF-3DHP.
    """
    error = 1000 * _difference(predicted, target, counts)[..., 0].abs()
    return _mean((_as_usual(error, heights) - tolerance_mm).relu(), counts)


def position_loss(predicted: Tensor, target: Tensor, heights: Tensor, counts: Tensor) -> Tensor:
    """Mean distance of joints (B, J, 3) relative to the root, as centimetres of 1.8 m.

    The release computes it and gives it weight 0: keypoints, depths and scale say the same.
    """
    error = 100 * _difference(predicted, target, counts).norm(dim=-1)
    return _mean(_as_usual(error, heights), counts)


def twist_loss(predicted: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Mean distance of the unit vectors across the bones ``TWISTED``.

    Args:
        predicted: (B, 25, 3) of any length, by joint at the bone's end.
        target: (B, 23, 3) of joints 1 .. 23, as ``bodies.twists`` gives them.
        counts: (B,).
    """
    found, true = _twisted(predicted, target)
    return _mean(_difference(found, true, counts).norm(dim=-1), counts)


def shape_loss(predicted: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Mean absolute error of shape parameters (B, C); ``counts`` (B,)."""
    return _mean(_difference(predicted, target, counts).abs(), counts)


def leaf_loss(predicted: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Mean Frobenius norm of the error of rotation matrices (B, L, 3, 3); ``counts`` (B,)."""
    return _mean(_difference(predicted, target, counts).flatten(2).norm(dim=-1), counts)


def twist_degrees(predicted: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Mean angle in degrees where ``twist_loss`` has a distance; not for training."""
    found, true = _twisted(predicted, target)
    # Of unit vectors a chord apart: exact for small angles, where a cosine is not.
    chord = _difference(found, true, counts).norm(dim=-1)
    return _mean(torch.rad2deg(2 * (chord / 2).clamp_max(1).asin()), counts)


def scaled_and_moved(predicted: Tensor, target: Tensor) -> Tensor:
    """Depths (B, J, 1) or positions (B, J, 3) with the scale and shift that suit each person best.

    Least squares, without any rotation: what the release calls aligned. The scale may be negative.
    """
    middle = target.mean(1, keepdim=True)
    centred = predicted - predicted.mean(1, keepdim=True)
    common = (centred * (target - middle)).sum((1, 2), keepdim=True)
    extent = centred.square().sum((1, 2), keepdim=True)
    return common / extent.clamp_min(torch.finfo(extent.dtype).tiny) * centred + middle


@dataclass(frozen=True)
class Weights:
    """Weights of the terms; the defaults are those of the release's ``config``.

    The release's loss of heights is left out: it compares the truth with itself.
    """

    uv: float = 1.0
    uv_coco: float = 1.0
    uv_3dhp: float = 1.0
    depth: float = 1.0
    depth_3dhp: float = 1.0
    scale: float = 1.0
    scale_3dhp: float = 1.0
    position: float = 0.0
    twist: float = 0.1
    betas: float = 0.01
    leaves: float = 0.01

    def total(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms, weighted, by their names above, and "total", their sum.

        Terms that are not given, of labels that nobody has, count as 0.

        Raises:
            InvalidParameter: an unknown term.
        """
        for name in terms:
            if name not in self.__dataclass_fields__:
                raise InvalidParameter(unknown("term", name, self.__dataclass_fields__))
        weighted = {name: getattr(self, name) * term for name, term in terms.items()}
        return {**weighted, "total": torch.stack([*weighted.values()]).sum()}


RELEASED = {
    "config": Weights(),
    "3dpw": Weights(depth_3dhp=0.5, scale_3dhp=0.5),
    "h36m": Weights(depth_3dhp=0.5, scale_3dhp=0.5, twist=10.0),
    "3dhp": Weights(depth=0.5, depth_3dhp=0.5, scale=0.5, scale_3dhp=0.5),
}
"""Weights of the four released configurations. With BEDLAM, that for 3DPW has those of "3dpw" and
that for MPI-INF-3DHP those of "config"."""


def _twisted(predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors across the bones ``TWISTED``, (B, 17, 3) each."""
    if predicted.shape[1:] != (25, 3) or target.shape[1:] != (23, 3):
        raise InvalidData(
            f"predicted twists are {tuple(predicted.shape)} and targets {tuple(target.shape)}; "
            "give one for each of 25 joints, and one for each of 23 bones."
        )
    found, true = predicted[:, list(TWISTED)], target[:, [joint - 1 for joint in TWISTED]]
    return F.normalize(found, dim=-1), F.normalize(true, dim=-1)


def _difference(predicted: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """predicted - target, 0 where nothing counts, so that no gradient comes from there."""
    if predicted.shape != target.shape or counts.shape != target.shape[: counts.ndim]:
        raise InvalidData(
            f"predictions are {tuple(predicted.shape)}, targets {tuple(target.shape)} and what "
            f"counts {tuple(counts.shape)}; give one target for each prediction and one weight "
            f"for each that counts by itself."
        )
    used = counts.view(*counts.shape, *[1] * (target.ndim - counts.ndim)) != 0
    return (predicted.where(used, 0) - target.where(used, 0)).to(predicted)


def _as_usual(errors: Tensor, heights: Tensor) -> Tensor:
    """Errors (B, J) of persons of these heights (B,), as those of persons of 1.8 m."""
    if heights.shape != errors.shape[:1]:
        raise InvalidData(
            f"heights are {tuple(heights.shape)} for {len(errors)} persons; give one for each."
        )
    return errors * USUAL_HEIGHT / heights[:, None]


def _mean(errors: Tensor, counts: Tensor) -> Tensor:
    """Mean of errors (B, J) by weights (B, J) or (B,); 0 without any."""
    weights = counts.to(errors).view(*counts.shape, *[1] * (errors.ndim - counts.ndim))
    weights = weights.expand_as(errors)
    return (weights * errors).sum() / (weights.sum() + _TINY)
