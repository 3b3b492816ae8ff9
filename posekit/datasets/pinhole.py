"""Camera calibration: intrinsics from where known points appear in the picture."""

from __future__ import annotations

from torch import Tensor

from posekit.errors import InvalidData


def fit_pinhole(points: Tensor, pixels: Tensor, where: str) -> tuple[list[float], list[float]]:
    """Focal lengths and principal point that map points to pixels with least squared error.

    A pinhole is linear in these four numbers: x = f_x X / Z + c_x, y = f_y Y / Z + c_y.

    Args:
        points: (..., 3) in the camera frame, metres.
        pixels: (..., 2).
        where: camera, for the message.

    Returns:
        (f_x, f_y) and (c_x, c_y) in pixels.

    Raises:
        InvalidData: points and pixels fit no camera: a focal length is not positive.
    """
    rays = (points[..., :2] / points[..., 2:]).reshape(-1, 2).double()
    seen = pixels.reshape(-1, 2).double()
    middle, seen_middle = rays.mean(0), seen.mean(0)
    spread = (rays - middle).square().sum(0)
    focal = ((rays - middle) * (seen - seen_middle)).sum(0) / spread
    if not bool((focal > 0).all()):
        raise InvalidData(
            f"{where}: poses and keypoints fit no camera; 2D and 3D are of different subjects, "
            "takes or cameras: get both from the same preparation."
        )
    return focal.tolist(), (seen_middle - focal * middle).tolist()
