"""Crops that know their camera: PersPose's perspective rotation, crop intrinsics and rays.

"PersPose: 3D human pose estimation with perspective encoding and perspective rotation", ICCV 2025;
source: https://github.com/KenAdamsJoseph/PersPose at 1863de7. A camera is its matrix K (B, 3, 3)
in pixels, whose centres are at +0.5; x points right, y down, z forward. Everything is batched and
differentiable.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from posekit.errors import InvalidData
from posekit.geometry.rotations import shortest_rotation

MOST_OFF_AXIS = math.radians(80)  # beyond, a picture cannot be turned to be central
LEAST_FOCAL_PX = 4.0  # of a plausible camera; smaller ones are normalised or in metres
MOST_STRETCH = 2.0  # by which pixels are made square

_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


class Crop(NamedTuple):
    """How a square crop is cut out of pictures.

    Attributes:
        affine: (B, 3, 3), pixels of the rotated picture to those of the crop.
        intrinsics: (B, 3, 3), K of the crop: a point ``R x`` is seen where it projects to.
        homography: (B, 3, 3), pixels of the picture as it was taken to those of the crop; its
            scale is arbitrary.
    """

    affine: Tensor
    intrinsics: Tensor
    homography: Tensor


def perspective_rotation(
    intrinsics: Tensor, box_centre: Tensor, aim: Tensor | None = None
) -> Tensor:
    """The shortest rotation of the camera that brings a box's centre to the principal point.

    A point x of the camera lies at ``R x`` of the rotated one, and at x = R^T x' it came from.

    Args:
        intrinsics: (B, 3, 3), pixels.
        box_centre: (B, 2), pixels.
        aim: (B, 2), pixels, where the centre goes instead; PersPose trains with the principal
            point and up to 10 % of the box's larger side.

    Returns:
        (B, 3, 3).

    Raises:
        InvalidData: a matrix that is no K in pixels, or a turn of more than 80 degrees.
    """
    check_intrinsics(intrinsics)
    aim = intrinsics[:, :2, 2] if aim is None else aim
    start, end = (_directions(intrinsics, pixels) for pixels in (box_centre, aim))
    sine = torch.linalg.cross(start, end).norm(dim=-1)
    angle = torch.atan2(sine, (start * end).sum(-1))
    _refuse(
        ~(angle <= MOST_OFF_AXIS),
        lambda k: (
            f"box {k} with centre {_numbers(box_centre[k])} px is {math.degrees(angle[k]):.0f} "
            f"degrees off the axis of its camera; a picture can be turned by at most "
            f"{math.degrees(MOST_OFF_AXIS):.0f}: check box and K, or leave this person out."
        ),
    )
    return shortest_rotation(start, end)


def rotation_homography(intrinsics: Tensor, rotation: Tensor) -> Tensor:
    """K R K^-1, (B, 3, 3): pixels of pictures to those of the rotated camera, to scale."""
    return torch.linalg.solve(intrinsics, intrinsics @ rotation, left=False)


def crop(intrinsics: Tensor, rotation: Tensor, box: Tensor, crop_px: int) -> Crop:
    """The square crop that holds a box of the rotated picture.

    The box's centre becomes the crop's; the longer side fills it; then pixels are made square by
    stretching one axis, by at most 2, after which the box may reach beyond the crop.

    Args:
        intrinsics: (B, 3, 3) of the pictures, pixels.
        rotation: (B, 3, 3), as ``perspective_rotation`` gives it; the identity for none.
        box: (B, 4), x, y, width, height in pixels of the rotated pictures; see ``box_around``.
        crop_px: side of the crop.

    Raises:
        InvalidData: a matrix that is no K in pixels, or an empty box.
    """
    check_intrinsics(intrinsics)
    sides = box[:, 2:]
    _refuse(
        ~((sides > 0) & box.isfinite().all(-1, keepdim=True)).all(-1),
        lambda k: (
            f"box {k} (x, y, width, height) = {_numbers(box[k])} px is empty; give one whose "
            f"sides are above 0."
        ),
    )
    zoom = crop_px / sides.amax(-1, keepdim=True)
    stretch = intrinsics[:, 1, 1] / intrinsics[:, 0, 0]
    stretch = stretch.clamp(1 / MOST_STRETCH, MOST_STRETCH)
    scale = zoom * torch.stack([stretch.clamp_min(1), (1 / stretch).clamp_min(1)], dim=-1)
    shift = crop_px / 2 - scale * (box[:, :2] + sides / 2)
    affine = torch.diag_embed(F.pad(scale, (0, 1), value=1.0))
    affine = affine + F.pad(shift[..., None], (2, 0, 0, 1))
    return Crop(affine, affine @ intrinsics, affine @ rotation_homography(intrinsics, rotation))


def box_around(pixels: Tensor, centre: Tensor | None = None) -> Tensor:
    """The smallest box (B, 4), x, y, width, height, around pixels (B, N, 2).

    Args:
        centre: (B, 2), of the box; PersPose's crops are symmetric about the principal point.
    """
    low, high = pixels.amin(1), pixels.amax(1)
    if centre is not None:
        half = torch.maximum(high - centre, centre - low)
        low, high = centre - half, centre + half
    return torch.cat([low, high - low], dim=-1)


def box_corners(box: Tensor) -> Tensor:
    """Corners (B, 4, 2) of boxes (B, 4), x, y, width, height."""
    return box[:, None, :2] + box[:, None, 2:] * box.new_tensor(_CORNERS)


def map_pixels(homography: Tensor, pixels: Tensor) -> Tensor:
    """Where homographies (B, 3, 3) take pixels (B, N, 2)."""
    return project(_homogeneous(pixels), homography)


def project(points: Tensor, intrinsics: Tensor) -> Tensor:
    """Pixels (..., N, 2) of points (..., N, 3) in cameras (..., 3, 3)."""
    seen = points @ intrinsics.mT
    return seen[..., :2] / seen[..., 2:]


def rays(intrinsics: Tensor, pixels: Tensor) -> Tensor:
    """Where pixels (B, N, 2) look: x / z and y / z, (B, N, 2).

    Args:
        intrinsics: (B, 3, 3), pixels.
        pixels: (B, N, 2), or (N, 2) for all.
    """
    homogeneous = _homogeneous(pixels).expand(len(intrinsics), -1, 3)
    return torch.linalg.solve(intrinsics, homogeneous.mT).mT[..., :2]


def warp(image: Tensor, homography: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Pictures seen through homographies, bilinear, black outside of the picture.

    Args:
        image: (B, C, H, W).
        homography: (B, 3, 3), pixels of the picture to those of the result.
        size: of the result in pixels, its side or (height, width).

    Returns:
        (B, C, *size).

    Raises:
        InvalidData: a result that shows nothing of its picture.
    """
    height, width = (size, size) if isinstance(size, int) else size
    # A turned camera may look beyond the horizon of the picture's plane: with a positive
    # determinant, what lies behind has a third coordinate below 0.
    homography = homography * torch.linalg.det(homography).sign()[:, None, None]
    centres = pixel_centres(height, width, homography)
    seen = torch.linalg.solve(homography, _homogeneous(centres).mT.expand(len(image), 3, -1)).mT
    sides = seen.new_tensor([image.shape[3], image.shape[2]])
    grid = 2 * seen[..., :2] / seen[..., 2:] / sides - 1
    grid = torch.where(seen[..., 2:] > 0, grid, torch.full_like(grid, 2.0))
    _refuse(
        ~(grid.abs() < 1).all(-1).any(-1),
        lambda k: (
            f"crop {k} shows nothing of its picture of {image.shape[3]} x {image.shape[2]} px; "
            f"give a box that overlaps it."
        ),
    )
    grid = grid.unflatten(1, (height, width)).to(image)
    return F.grid_sample(image, grid, padding_mode="zeros", align_corners=False)


def pixel_centres(height: int, width: int, like: Tensor) -> Tensor:
    """Centres (height x width, 2) of all pixels, row by row, of the type of ``like``."""
    along = {"dtype": like.dtype, "device": like.device}
    y, x = torch.meshgrid(
        torch.arange(height, **along), torch.arange(width, **along), indexing="ij"
    )
    return torch.stack([x, y], dim=-1).flatten(0, 1) + 0.5


def check_intrinsics(intrinsics: Tensor) -> None:
    """Refuse matrices that are no camera's in pixels.

    Raises:
        InvalidData: not (B, 3, 3), a last row other than 0 0 1, a focal length that no picture in
            pixels has, or a principal point in another unit than it.
    """
    if intrinsics.ndim != 3 or intrinsics.shape[1:] != (3, 3):
        raise InvalidData(f"K has shape {tuple(intrinsics.shape)}; expected (B, 3, 3).")
    last = intrinsics.new_tensor([0.0, 0.0, 1.0])
    _refuse(
        ~((intrinsics[:, 2] == last).all(-1) & intrinsics.isfinite().flatten(1).all(-1)),
        lambda k: (
            f"K of camera {k} is {_numbers(intrinsics[k].flatten())}; expected finite numbers in "
            f"rows and 0 0 1 in the last."
        ),
    )
    focal, principal = intrinsics.diagonal(dim1=1, dim2=2)[:, :2], intrinsics[:, :2, 2]
    _refuse(
        (focal < LEAST_FOCAL_PX).any(-1),
        lambda k: (
            f"the focal length of camera {k} is {_numbers(focal[k])}; expected pixels, at least "
            f"{LEAST_FOCAL_PX:g}: multiply a normalised one by the picture's width."
        ),
    )
    _refuse(
        (principal / focal).norm(dim=-1) > math.tan(MOST_OFF_AXIS),
        lambda k: (
            f"camera {k} has a focal length of {_numbers(focal[k])} and its principal point at "
            f"{_numbers(principal[k])}: nobody sees so wide; give both in pixels of one picture "
            f"(not in millimetres)."
        ),
    )


def _directions(intrinsics: Tensor, pixels: Tensor) -> Tensor:
    """Unit vectors (B, 3) towards one pixel (B, 2) of each camera."""
    return F.normalize(_homogeneous(rays(intrinsics, pixels[:, None])[:, 0]), dim=-1)


def _homogeneous(pixels: Tensor) -> Tensor:
    return torch.cat([pixels, torch.ones_like(pixels[..., :1])], dim=-1)


def _refuse(bad: Tensor, message: Callable[[int], str]) -> None:
    """One line about the first person of whom ``bad`` (B,) is true."""
    if bool(bad.any()):
        raise InvalidData(message(int(bad.nonzero()[0])))


def _numbers(values: Tensor) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values.tolist()) + ")"
