"""The camera of HMR, SPIN and DSR: a scale and a shift in a square crop, and its translation.

(s, tx, ty) stand for a body at the depth 2 f / (S s) before a pinhole camera of focal length f
(5000 px in these papers) whose principal point is the centre of the crop of S pixels. Source:
https://github.com/saidwivedi/DSR at 7d55d17. Pixels of a crop have their centres at +0.5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from posekit.errors import InvalidData

FOCAL_PX = 5000.0

_TINY = 1e-9


def camera_translation(camera: Tensor, crop_px: int, focal: float = FOCAL_PX) -> Tensor:
    """Where the body stands before the crop's camera, metres.

    Args:
        camera: (s, tx, ty), (B, 3).
        crop_px: side of the crop.
        focal: in pixels of the crop.

    Returns:
        (B, 3): tx, ty and the depth.
    """
    scale, shift = camera[:, :1], camera[:, 1:]
    return torch.cat([shift, 2 * focal / (crop_px * scale + _TINY)], dim=1)


def crop_intrinsics(crop_px: int, focal: float = FOCAL_PX) -> Tensor:
    """Matrix (3, 3) of the crop's pinhole camera, pixels."""
    centre = crop_px / 2
    return torch.tensor([[focal, 0.0, centre], [0.0, focal, centre], [0.0, 0.0, 1.0]])


def project(points: Tensor, translation: Tensor, focal: float = FOCAL_PX) -> Tensor:
    """Pixels from the crop's centre, (B, N, 2), of points (B, N, 3) shifted by (B, 3), metres.

    Over half of the crop's side, they are the normalised keypoints of these papers.
    """
    points = points + translation[:, None]
    return focal * points[..., :2] / points[..., 2:]


def fit_translation(
    points: Tensor, pixels: Tensor, confidence: Tensor, focal: float = FOCAL_PX
) -> Tensor:
    """The translation whose projection of points is nearest to keypoints, in least squares.

    f (x + tx) - u (z + tz) = 0 of each point and axis, with its confidence as the weight of its
    square: linear in the translation (SPIN's ``estimate_translation``).

    Args:
        points: (B, N, 3), metres.
        pixels: (B, N, 2), from the crop's centre.
        confidence: (B, N), not negative.

    Returns:
        (B, 3), metres.

    Raises:
        InvalidData: a body with fewer than two points of any confidence.
    """
    seen = (confidence > 0).sum(dim=1)
    if bool((seen < 2).any()):
        number = int((seen < 2).nonzero()[0])
        raise InvalidData(
            f"body {number} has {int(seen[number])} keypoints with a confidence; a translation "
            f"needs 2."
        )
    weights = confidence.sqrt()
    left, right = [], []
    for axis in (0, 1):
        towards = torch.zeros_like(points)
        towards[..., axis] = focal
        towards[..., 2] = -pixels[..., axis]
        left.append(weights[..., None] * towards)
        seen_at = pixels[..., axis] * points[..., 2] - focal * points[..., axis]
        right.append((weights * seen_at)[..., None])
    a, b = torch.cat(left, dim=1), torch.cat(right, dim=1)
    return torch.linalg.solve(a.mT @ a, a.mT @ b).squeeze(-1)


def crop_affine(centre: Tensor, side: Tensor, crop_px: int, turn: Tensor | None = None) -> Tensor:
    """Matrices (B, 3, 3) from pixels of a picture to those of a square crop.

    Args:
        centre: of the square in the picture, (B, 2); SPIN's archives hold it.
        side: of the square in pixels, (B,); 200 x the scale of SPIN's archives.
        crop_px: side of the crop.
        turn: radians by which the crop's content turns, from x towards -y, (B,); 0 by default.
    """
    turn = torch.zeros_like(side) if turn is None else turn
    zoom = crop_px / side
    linear = zoom[:, None, None] * plane_rotation(turn)[:, :2, :2]
    shift = crop_px / 2 - (linear @ centre[..., None]).squeeze(-1)
    upper = torch.cat([linear, shift[..., None]], dim=2)
    last = upper.new_tensor([0.0, 0.0, 1.0]).expand(len(upper), 1, 3)
    return torch.cat([upper, last], dim=1)


def plane_rotation(turn: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about the viewing axis, radians (B,) from x towards -y.

    Of the picture's content: with y down, a positive angle looks anticlockwise.
    """
    cos, sin, zero = turn.cos(), turn.sin(), torch.zeros_like(turn)
    rows = [cos, sin, zero, -sin, cos, zero, zero, zero, zero + 1]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))
