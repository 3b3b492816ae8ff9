"""One pose out of several hypotheses, in the four ways of D3DP (J-Best, P-Best, P-Agg, J-Agg).

The best ones are oracles: they pick by the error against the truth, which is a bound and no method.
Shan et al., ICCV 2023, and https://github.com/paTRICK-swk/D3DP at afcdd05, ``common/loss.py``.
Shapes: B batch, K sampling iterations, N hypotheses, F frames, J joints. Errors have the unit of
the poses; a published figure is their mean over B, F and J for one iteration. D3DP sets the root
of every hypothesis to 0 first.
"""

from typing import NamedTuple

from torch import Tensor

from posekit.errors import InvalidData
from posekit.geometry.cameras import Camera
from posekit.metrics import procrustes_align


class Aggregation(NamedTuple):
    """One pose out of several hypotheses: pose (B, K, F, J, 3) and its errors (B, K, F, J)."""

    pose: Tensor
    errors: Tensor


def j_best(predictions: Tensor, target: Tensor, *, align: bool = False) -> Aggregation:
    """Oracle: for each frame and joint the hypothesis nearest to the truth.

    Args:
        predictions: (B, K, N, F, J, 3), root-relative.
        target: (B, F, J, 3), the same unit.
        align: Procrustes-align every hypothesis per frame first (protocol 2).
    """
    candidates, errors = _candidates(predictions, target, align)
    return _pick(candidates, errors, errors.argmin(dim=2, keepdim=True))


def p_best(predictions: Tensor, target: Tensor, *, align: bool = False) -> Aggregation:
    """Oracle: for each iteration the hypothesis with the least mean error over the whole batch.

    The choice is one per call, as released, so the figure depends on how sequences are batched.
    Arguments as in ``j_best``.
    """
    candidates, errors = _candidates(predictions, target, align)
    means = errors.mean(dim=(0, 3, 4), keepdim=True)
    choice = means.argmin(dim=2, keepdim=True)
    batch, _, _, frames, joints = errors.shape
    return _pick(candidates, errors, choice.expand(batch, -1, -1, frames, joints))


def p_agg(predictions: Tensor, target: Tensor, *, align: bool = False) -> Aggregation:
    """The mean of the hypotheses, aligned after averaging. Arguments as in ``j_best``."""
    candidates, errors = _candidates(predictions.mean(dim=2, keepdim=True), target, align)
    return Aggregation(candidates.squeeze(2), errors.squeeze(2))


def j_agg(
    predictions: Tensor,
    target: Tensor,
    keypoints: Tensor,
    camera: Camera,
    trajectory: Tensor,
    *,
    align: bool = False,
) -> Aggregation:
    """For each frame and joint the hypothesis whose projection is nearest to the keypoint (JPMA).

    It needs the camera and the true trajectory of the root, but no pose.

    Args:
        predictions, target, align: as in ``j_best``, metres. The choice is made before alignment.
        keypoints: (B, F, J, 2), screen-normalised.
        camera: cameras of batch shape (B,), or one for all with batch shape ().
        trajectory: (B, F, 1, 3), the root in the camera's frame, metres.
    """
    projected = camera.project(predictions + trajectory[:, None, None])
    distances = (projected - keypoints[:, None, None, ..., :2]).norm(dim=-1)
    candidates, errors = _candidates(predictions, target, align)
    return _pick(candidates, errors, distances.argmin(dim=2, keepdim=True))


def _candidates(predictions: Tensor, target: Tensor, align: bool) -> tuple[Tensor, Tensor]:
    """Hypotheses (B, K, N, F, J, 3), aligned where asked, and their errors (B, K, N, F, J)."""
    if predictions.ndim != 6 or predictions.shape[3:] != target.shape[1:]:
        raise InvalidData(
            f"hypotheses of shape {tuple(predictions.shape)} do not fit a target of shape "
            f"{tuple(target.shape)}; expected (B, K, N, F, J, 3) and (B, F, J, 3)."
        )
    truth = target[:, None, None].expand_as(predictions)
    candidates = procrustes_align(predictions, truth) if align else predictions
    return candidates, (candidates - truth).norm(dim=-1)


def _pick(candidates: Tensor, errors: Tensor, choice: Tensor) -> Aggregation:
    pose = candidates.take_along_dim(choice[..., None], dim=2).squeeze(2)
    return Aggregation(pose, errors.take_along_dim(choice, dim=2).squeeze(2))
