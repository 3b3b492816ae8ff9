"""Validation of what files hold: joints in pixels or metres, or what is mistaken for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.clips import Clip
from posekit.errors import InvalidData

LARGEST_NORMALISED = 3.0  # no person in view spans fewer pixels than this
LARGEST_SHARE_OUTSIDE = 0.5
FRAME_MARGIN = 0.05
CONFIDENCES = (-0.1, 1.5)  # peaks of heat maps may leave 0 to 1 a little


def read_points(
    array: Any, joints: int, channels: int, where: str, *, confidence: bool = False
) -> Tensor:
    """An array of a file as (frames, joints, channels) float32.

    Args:
        array: what the file holds.
        joints, channels: what is due.
        confidence: whether one channel more, a confidence, may follow.
        where: file and clip, for the message.

    Raises:
        InvalidData: not a numeric array, or another shape.
    """
    shape = getattr(array, "shape", None)
    if shape is None or len(shape) != 3 or array.dtype.kind not in "fiu":
        raise InvalidData(
            f"{where} must be a numeric array (frames, {joints}, {channels}), found "
            f"{type(array).__name__} of shape {shape}."
        )
    found = {(joints, channels), (joints, channels + confidence)}
    if shape[0] == 0 or shape[1:] not in found:
        raise InvalidData(
            f"{where} has shape {shape}, expected (frames, {joints}, {channels}): "
            f"{joints} joints are due."
        )
    return torch.from_numpy(array.astype(np.float32))


def check_finite(points: Tensor, where: str) -> None:
    """Refuse points (frames, joints, channels) that hold NaN or infinity.

    Raises:
        InvalidData: they do.
    """
    if not bool(torch.isfinite(points).all()):
        raise InvalidData(f"{where} holds NaN or infinity; get the file again.")


def check_pixels(points: Tensor, resolution: Tensor, where: str) -> None:
    """Refuse 2D points that cannot be pixels of an image of this size.

    Args:
        points: (frames, joints, 2) expected in pixels; (0, 0) marks a joint that was not detected.
        resolution: (2,) width and height of the image.
        where: file and clip, for the message.

    Raises:
        InvalidData: NaN or infinity, normalised coordinates, most points outside the image
            (another image size, or width and height swapped), or no joint detected at all.
    """
    if not bool(torch.isfinite(points).all()):
        frame = int((~torch.isfinite(points).flatten(1).all(1)).nonzero()[0])
        raise InvalidData(
            f"{where}: keypoints hold NaN or infinity, first in frame {frame}; interpolate or "
            "leave out such frames."
        )
    points = points[(points != 0).any(-1)]
    if len(points) == 0:
        raise InvalidData(f"{where}: no joint is detected, all are (0, 0); detect it again.")
    if float(points.abs().max()) <= LARGEST_NORMALISED:
        raise InvalidData(
            f"{where}: keypoints range from {float(points.min()):.2f} to "
            f"{float(points.max()):.2f} and look normalised; pixels are due (posekit "
            "normalises them itself)."
        )
    margin = FRAME_MARGIN * resolution
    outside = ((points < -margin) | (points > resolution + margin)).any(-1)
    if float(outside.float().mean()) > LARGEST_SHARE_OUTSIDE:
        (x_low, y_low), (x_high, y_high) = points.amin(0), points.amax(0)
        raise InvalidData(
            f"{where}: most keypoints lie outside the {int(resolution[0])} x {int(resolution[1])} "
            f"image (x {x_low:.0f} to {x_high:.0f}, y {y_low:.0f} to {y_high:.0f}); are width and "
            "height swapped, or is it another image size?"
        )


def check_confidences(scores: Tensor, where: str) -> None:
    """Refuse confidences that no detector gives.

    Args:
        scores: of any shape.
        where: file and clip, for the message.

    Raises:
        InvalidData: NaN, infinity, or numbers that do not lie between 0 and about 1.
    """
    if not bool(torch.isfinite(scores).all()):
        raise InvalidData(f"{where}: confidence holds NaN or infinity; get the file again.")
    low, high = float(scores.min()), float(scores.max())
    if low < CONFIDENCES[0] or high > CONFIDENCES[1]:
        raise InvalidData(
            f"{where}: confidences range from {low:.3g} to {high:.3g}, 0 to 1 is due; scale them, "
            "or leave the third channel out."
        )


def converted(points: Tensor, convert: Callable[[Tensor], Tensor]) -> Tensor:
    """Pixels in another joint set; a joint made of one that was not detected is not either.

    Args:
        points: (frames, joints, 2 or 3) pixels, (0, 0) where a joint was not detected.
        convert: a conversion that averages joints, as ``coco_to_human36m``.
    """
    missing = (points[..., :2] == 0).all(-1, keepdim=True)
    spoilt = convert(missing.to(points)) > 0
    return torch.where(spoilt, 0.0, convert(points))


def undetected(clip: Clip) -> Tensor:
    """(frames, joints) bool, joints that the file writes as pixel (0, 0): not detected."""
    origin = clip.camera.normalise(torch.zeros(2))
    return (clip.keypoints[..., :2] == origin).all(-1)


def leave_out_undetected(clips: Sequence[Clip], split: str) -> tuple[list[Clip], list[str]]:
    """Clips whose frames with undetected joints are not trained on, and a sentence that counts.

    Test frames stay as they are: protocols score every frame, however badly it was detected.

    Args:
        clips: whole clips.
        split: "train" or "test".
    """
    kept, joints, frames, total = [], 0, 0, 0
    for clip in clips:
        missing = undetected(clip) & clip.valid[:, None]
        joints += int(missing.sum())
        frames += int(missing.any(1).sum())
        total += int(clip.valid.sum())
        if split == "train" and bool(missing.any()):
            clip = replace(clip, valid=clip.valid & ~missing.any(1))
        kept.append(clip)
    if not joints:
        return kept, []
    fate = "left out of training" if split == "train" else "scored like all others"
    return kept, [
        f"Joints that were not detected, written as (0, 0): {joints:,} in {frames:,} of {total:,} "
        f"frames; these frames are {fate}."
    ]
