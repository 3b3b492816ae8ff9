"""The field's error measures as pure functions on tensors.

All functions share one form. ``prediction`` and ``target`` are (..., frames, joints, 3) in one
unit of length, which is the unit of the result (percentages aside). ``mask`` (..., frames), bool,
marks the frames that count. ``reduce=True`` gives one number, the mean over everything that
counts; ``reduce=False`` gives one value per frame (..., frames), NaN for frames that the mask
leaves out. Whether poses are root-relative, and what the predicted root is, is the protocol's
business: poses are compared as they are given.

All of them raise ``InvalidData`` for shapes that differ, non-finite coordinates in frames that
count, and a mask that leaves nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from posekit.errors import InvalidData

AUC_THRESHOLDS = 31
"""Number of thresholds of the PCK curve: 0, 5, ..., 150 mm."""


def joint_errors(prediction: Tensor, target: Tensor) -> Tensor:
    """Euclidean distance of every joint, (..., frames, joints).

    Raises:
        InvalidData: see the module's docstring.
    """
    _check(prediction, target, mask=None)
    return _distances(prediction, target)


def mpjpe(
    prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, reduce: bool = True
) -> Tensor:
    """Mean per-joint position error (protocol 1). Differentiable.

    Raises:
        InvalidData: see the module's docstring.
    """
    _check(prediction, target, mask)
    return _score(_mean_distance, prediction, target, mask, reduce)


def pve(
    prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, reduce: bool = True
) -> Tensor:
    """Mean per-vertex error of meshes (..., frames, vertices, 3). Differentiable.

    Vertices are not re-centred: DSR compares them as they come, PersPose and MotionBERT subtract
    the regressed pelvis first.

    Raises:
        InvalidData: see the module's docstring.
    """
    return mpjpe(prediction, target, mask=mask, reduce=reduce)


def p_mpjpe(
    prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, reduce: bool = True
) -> Tensor:
    """MPJPE after ``procrustes_align`` (protocol 2, PA-MPJPE).

    Differentiable where the singular values of the poses' cross-covariance differ, that is for
    all but straight or perfectly symmetric poses.

    Raises:
        InvalidData: see the module's docstring; also a pose whose joints all coincide.
    """
    _check(prediction, target, mask)

    def aligned_error(prediction: Tensor, target: Tensor) -> Tensor:
        _check_extent(prediction, target)
        aligned = _procrustes(prediction.double(), target.double())
        return _mean_distance(aligned, target.double()).to(prediction.dtype)

    return _score(aligned_error, prediction, target, mask, reduce)


def procrustes_align(prediction: Tensor, target: Tensor) -> Tensor:
    """The prediction after the similarity transform that brings it closest to the target.

    Per frame: rotation, scale and translation of least squared error, computed in float64.
    Reflections are never used. Planar and straight poses work.

    Returns:
        (..., frames, joints, 3), in the prediction's dtype.

    Raises:
        InvalidData: see the module's docstring; also a pose whose joints all coincide.
    """
    _check(prediction, target, mask=None)
    _check_extent(prediction, target)
    return _procrustes(prediction.double(), target.double()).to(prediction.dtype)


def n_mpjpe(
    prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, reduce: bool = True
) -> Tensor:
    """MPJPE after the best scale per frame (protocol 3). Differentiable.

    The scale is <p, g> / <p, p> of the poses as given: without centring, as in VideoPose3D, so
    poses should be root-relative.

    Raises:
        InvalidData: see the module's docstring; also a pose whose joints all coincide.
    """
    _check(prediction, target, mask)

    def scaled_error(prediction: Tensor, target: Tensor) -> Tensor:
        _check_extent(prediction, target)
        overlap = (prediction * target).sum(dim=(-2, -1), keepdim=True)
        scale = overlap / prediction.square().sum(dim=(-2, -1), keepdim=True)
        return _mean_distance(scale * prediction, target)

    return _score(scaled_error, prediction, target, mask, reduce)


def mpjve(
    prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, reduce: bool = True
) -> Tensor:
    """Mean per-joint velocity error, unit of length per frame (not per second). Differentiable.

    One value per pair of consecutive frames, frames - 1 of them; a pair counts when the mask
    holds both. Windows or clips laid end to end add the jump between them.

    Raises:
        InvalidData: see the module's docstring; also fewer than 2 frames.
    """
    return _difference_error(prediction, target, mask, reduce, order=1)


def acceleration_error(
    prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, reduce: bool = True
) -> Tensor:
    """Mean error of x[t-1] - 2 x[t] + x[t+1], unit of length per frame squared. Differentiable.

    One value per three consecutive frames, frames - 2 of them; three frames count when the mask
    holds them all (HMMR's and VIBE's rule for video meshes).

    Raises:
        InvalidData: see the module's docstring; also fewer than 3 frames.
    """
    return _difference_error(prediction, target, mask, reduce, order=2)


def pck(
    prediction: Tensor,
    target: Tensor,
    *,
    threshold: float = 0.15,
    mask: Tensor | None = None,
    reduce: bool = True,
) -> Tensor:
    """Percentage of joints whose error is strictly below the threshold. Not differentiable.

    Which joints count is the protocol's choice: 14 of 17 on MPI-INF-3DHP, all 16 in PoseAug.

    Args:
        threshold: in the unit of the poses; 150 mm when these are metres.

    Raises:
        InvalidData: see the module's docstring.
    """
    _check(prediction, target, mask)

    def share(prediction: Tensor, target: Tensor) -> Tensor:
        correct = _distances(prediction, target) < threshold
        return 100 * correct.to(prediction.dtype).mean(dim=-1)

    return _score(share, prediction, target, mask, reduce)


def auc(
    prediction: Tensor,
    target: Tensor,
    *,
    limit: float = 0.15,
    mask: Tensor | None = None,
    reduce: bool = True,
) -> Tensor:
    """Mean PCK over 31 even thresholds from 0 to the limit, percent. Not differentiable.

    No error is strictly below 0, so a perfect prediction scores 100 * 30 / 31 = 96.774 (the
    official MPI-INF-3DHP script does the same).

    Args:
        limit: the largest threshold, in the unit of the poses; 150 mm when these are metres.

    Raises:
        InvalidData: see the module's docstring.
    """
    _check(prediction, target, mask)
    steps = torch.arange(AUC_THRESHOLDS, dtype=prediction.dtype, device=prediction.device)
    thresholds = steps * limit / (AUC_THRESHOLDS - 1)

    def area(prediction: Tensor, target: Tensor) -> Tensor:
        missed = torch.searchsorted(thresholds, _distances(prediction, target), right=True)
        passed = (AUC_THRESHOLDS - missed).to(prediction.dtype)
        return 100 * passed.mean(dim=-1) / AUC_THRESHOLDS

    return _score(area, prediction, target, mask, reduce)


def _difference_error(
    prediction: Tensor, target: Tensor, mask: Tensor | None, reduce: bool, order: int
) -> Tensor:
    _check(prediction, target, mask)
    if prediction.shape[-3] <= order:
        raise InvalidData(
            f"{prediction.shape[-3]} frames have no differences of order {order}; "
            f"expected at least {order + 1} frames."
        )
    if mask is not None:
        mask = mask.unfold(-1, order + 1, 1).all(dim=-1)
        _check_not_empty(mask)
    return _score(
        _mean_distance,
        torch.diff(prediction, n=order, dim=-3),
        torch.diff(target, n=order, dim=-3),
        mask,
        reduce,
    )


def _score(
    per_frame: Callable[[Tensor, Tensor], Tensor],
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None,
    reduce: bool,
) -> Tensor:
    """``per_frame`` on the frames that count, reduced or put back in their places."""
    if mask is not None:
        prediction, target = prediction[mask], target[mask]
    values = per_frame(prediction, target)
    if reduce:
        return values.mean()
    if mask is None:
        return values
    return values.new_full(mask.shape, torch.nan).masked_scatter(mask, values)


def _distances(prediction: Tensor, target: Tensor) -> Tensor:
    return torch.linalg.vector_norm(prediction - target, dim=-1)


def _mean_distance(prediction: Tensor, target: Tensor) -> Tensor:
    return _distances(prediction, target).mean(dim=-1)


def _procrustes(prediction: Tensor, target: Tensor) -> Tensor:
    """Orthogonal Procrustes with scale (Schoenemann 1966), poses as row vectors."""
    prediction_mean = prediction.mean(dim=-2, keepdim=True)
    target_mean = target.mean(dim=-2, keepdim=True)
    centred = prediction - prediction_mean
    covariance = (target - target_mean).transpose(-1, -2) @ centred
    left, singular, right = torch.linalg.svd(covariance)
    reflected = torch.linalg.det(left @ right).detach() < 0
    # Where the best orthogonal map is a reflection, the best rotation turns the weakest axis.
    signs = torch.ones_like(singular)
    signs[..., -1] = torch.where(reflected, -1.0, 1.0)
    rotation = (right.transpose(-1, -2) * signs.unsqueeze(-2)) @ left.transpose(-1, -2)
    extent = centred.square().sum(dim=(-2, -1))
    scale = (singular * signs).sum(dim=-1) / extent
    return scale[..., None, None] * (centred @ rotation) + target_mean


def _check(prediction: Tensor, target: Tensor, mask: Tensor | None) -> None:
    shape = tuple(prediction.shape)
    if shape != tuple(target.shape):
        raise InvalidData(
            f"prediction has shape {shape} and target {tuple(target.shape)}; expected the same."
        )
    if len(shape) < 3 or shape[-1] != 3 or 0 in shape:
        raise InvalidData(
            f"poses have shape {shape}; expected (..., frames, joints, 3), not empty."
        )
    for name, points in (("prediction", prediction), ("target", target)):
        if not points.is_floating_point():
            raise InvalidData(f"{name} is {points.dtype}; expected a floating-point tensor.")
    if mask is not None:
        _check_mask(mask, shape[:-2])
    for name, points in (("prediction", prediction), ("target", target)):
        _check_finite(points, mask, name)


def _check_mask(mask: Tensor, expected: tuple[int, ...]) -> None:
    if mask.dtype != torch.bool or tuple(mask.shape) != expected:
        raise InvalidData(
            f"mask is {mask.dtype} of shape {tuple(mask.shape)}; expected torch.bool {expected}."
        )
    _check_not_empty(mask)


def _check_not_empty(mask: Tensor) -> None:
    if not mask.any():
        raise InvalidData("the mask leaves no frames to compare; pass at least one valid run.")


def _check_finite(points: Tensor, mask: Tensor | None, name: str) -> None:
    broken = ~torch.isfinite(points).all(dim=-1).all(dim=-1)
    if mask is not None:
        broken = broken & mask
    if broken.any():
        raise InvalidData(
            f"{name} has NaN or infinite coordinates in {int(broken.sum())} of {broken.numel()} "
            f"frames; mask these frames or mend the data."
        )


def _check_extent(prediction: Tensor, target: Tensor) -> None:
    """Refuse poses without size: no scale aligns a point (the reference divides 0 by 0)."""
    for name, points in (("prediction", prediction), ("target", target)):
        extent = (points - points[..., :1, :]).detach().abs().amax(dim=(-2, -1))
        rounding = torch.finfo(points.dtype).eps * points.detach().abs().amax(dim=(-2, -1))
        points_only = extent <= rounding
        if points_only.any():
            raise InvalidData(
                f"all joints of the {name} coincide in {int(points_only.sum())} of "
                f"{points_only.numel()} frames; a pose without size cannot be aligned."
            )
