"""Validation of what files hold: joints in pixels or metres, or what is mistaken for them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.clips import Clip
from posekit.errors import InvalidData

LARGEST_NORMALISED = 3.0  # no person in view spans fewer pixels than this
LARGEST_SHARE_OUTSIDE = 0.5
FRAME_MARGIN = 0.05
# Pixels of an image 1000 wide; detections are off by about 5, another take by hundreds.
LARGEST_MISMATCH = 50.0


def read_points(array: Any, joints: int, channels: int, where: str) -> Tensor:
    """An array of a file as (frames, joints, channels) float32.

    Args:
        array: what the file holds.
        joints, channels: what is due.
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
    if shape[0] == 0 or shape[1:] != (joints, channels):
        raise InvalidData(
            f"{where} has shape {shape}, expected (frames, {joints}, {channels}): "
            f"{joints} joints are due."
        )
    return torch.from_numpy(array.astype(np.float32))


def check_poses(points: Tensor, where: str) -> None:
    """Refuse poses (frames, joints, 3) that hold NaN or infinity.

    Raises:
        InvalidData: they do.
    """
    if not bool(torch.isfinite(points).all()):
        raise InvalidData(f"{where} holds NaN or infinity; get the file again.")


def check_pixels(points: Tensor, resolution: Tensor, where: str) -> None:
    """Refuse 2D points that cannot be pixels of an image of this size.

    Args:
        points: (frames, joints, 2) expected in pixels.
        resolution: (2,) width and height of the image.
        where: file and clip, for the message.

    Raises:
        InvalidData: NaN or infinity, normalised coordinates, or most points outside the image
            (another image size, or width and height swapped).
    """
    if not bool(torch.isfinite(points).all()):
        frame = int((~torch.isfinite(points).flatten(1).all(1)).nonzero()[0])
        raise InvalidData(
            f"{where}: keypoints hold NaN or infinity, first in frame {frame}; interpolate or "
            "leave out such frames."
        )
    if points.numel() and float(points.abs().max()) <= LARGEST_NORMALISED:
        raise InvalidData(
            f"{where}: keypoints range from {float(points.min()):.2f} to "
            f"{float(points.max()):.2f} and look normalised; pixels are due (posekit "
            "normalises them itself)."
        )
    margin = FRAME_MARGIN * resolution
    outside = ((points < -margin) | (points > resolution + margin)).any(-1)
    if float(outside.float().mean()) > LARGEST_SHARE_OUTSIDE:
        (x_low, y_low), (x_high, y_high) = points.amin((0, 1)), points.amax((0, 1))
        raise InvalidData(
            f"{where}: most keypoints lie outside the {int(resolution[0])} x {int(resolution[1])} "
            f"image (x {x_low:.0f} to {x_high:.0f}, y {y_low:.0f} to {y_high:.0f}); are width and "
            "height swapped, or is it another image size?"
        )


def projection_mismatch(clip: Clip, root: int | None = None) -> float:
    """Median distance, in pixels, of a clip's keypoints from its projected pose.

    Measured on the first, middle and last valid frame: enough to tell another take or subject.

    Args:
        clip: with a pose in metres; 0 is returned where no frame is valid.
        root: joint that both are shifted to first, where the calibration is only nominal.
    """
    valid = clip.valid.nonzero()[:, 0]
    if len(valid) == 0:
        return 0.0
    frames = valid[[0, len(valid) // 2, len(valid) - 1]]
    apart = clip.keypoints[frames][..., :2] - clip.camera.project(clip.pose[frames])
    if root is not None:
        apart = apart - apart[:, root : root + 1]
    return float(apart.norm(dim=-1).median() * clip.camera.resolution[0] / 2)


def check_pairing(clips: Sequence[Clip], path: Path, root: int | None = None) -> None:
    """Refuse keypoints that are far from the projected poses.

    Some takes are known to be shifted, so the median over a subject's clips decides.

    Args:
        clips: with poses.
        path: file of the keypoints, for the message.
        root: see ``projection_mismatch``.

    Raises:
        InvalidData: 2D and 3D of a subject do not belong together.
    """
    by_subject: dict[str, list[float]] = {}
    for clip in clips:
        width = float(clip.camera.resolution[0])
        by_subject.setdefault(clip.subject, []).append(projection_mismatch(clip, root) / width)
    for subject, mismatches in by_subject.items():
        mismatch = statistics.median(mismatches)
        if mismatch > LARGEST_MISMATCH / 1000:
            raise InvalidData(
                f"{path}: keypoints of {subject} lie {mismatch * width:.0f} px (median) from "
                "its projected poses; 2D and 3D are of different subjects, takes or cameras: get "
                "both from the same preparation."
            )
