"""Tells 2D keypoints in pixels from other things that are mistaken for them."""

from __future__ import annotations

import torch
from torch import Tensor

from posekit.datasets.clips import Clip
from posekit.errors import InvalidData

LARGEST_NORMALISED = 3.0  # no person in view spans fewer pixels than this
LARGEST_SHARE_OUTSIDE = 0.5
FRAME_MARGIN = 0.05
LARGEST_MISMATCH = 50.0  # pixels; detections are off by about 5, another take by hundreds


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


def projection_mismatch(clip: Clip) -> float:
    """Median distance, in pixels, of a clip's keypoints from its projected pose.

    Measured on the first, middle and last frame: enough to tell another take or subject.
    """
    frames = [0, clip.frames // 2, clip.frames - 1]
    projected = clip.camera.project(clip.pose[frames])
    distance = (clip.keypoints[frames][..., :2] - projected).norm(dim=-1)
    return float(distance.median() * clip.camera.resolution[0] / 2)
