"""Both crops of a person in a picture that others took, as ``BodyImages`` holds them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.datasets.rendered import BINS
from posekit.geometry.perspective import Crop, rays, warp

UNKNOWN = "unknown"
"""The bin of what nobody noted, such as how loose the clothes are."""

# Degrees between the bins of ``BINS``; beyond their ends the first and the last go on.
INNER_EDGES = {"off_axis": (10, 20, 30), "field_of_view": (24, 35)}


def both_crops(
    picture: NDArray[np.uint8],
    intrinsics: Tensor,
    box: Tensor,
    plain: Crop,
    rotation: Tensor,
    turned: Crop,
    crop_px: int,
) -> dict[str, NDArray]:
    """What is known of one person: crops, their cameras, where they look.

    Args:
        picture: (H, W, 3).
        intrinsics: (1, 3, 3) of the picture, float64.
        box: (1, 4) x, y, width, height of the person, pixels.
        plain: the crop of the camera as it is.
        rotation: (1, 3, 3), the perspective rotation.
        turned: the crop behind it.
        crop_px: side of the crops.

    Returns:
        arrays of ``BodyImages`` without the leading N; labels are background, looseness is NaN.

    Raises:
        InvalidData: a crop that shows nothing of the picture.
    """
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    images, images_rotated = (
        warp(pixels, cut.homography.float(), crop_px)[0].permute(1, 2, 0).round().clamp(0, 255)
        for cut in (plain, turned)
    )
    labels = ("labels", "labels_rotated", "parsed", "parsed_rotated")
    aside = rays(intrinsics, (box[:, :2] + box[:, 2:] / 2)[:, None])[0, 0]
    return {
        "images": images.byte().numpy(),
        "images_rotated": images_rotated.byte().numpy(),
        **dict.fromkeys(labels, np.zeros((crop_px, crop_px), dtype=np.uint8)),
        "rotation": _single(rotation),
        "crop_affine": _single(plain.affine),
        "crop_intrinsics": _single(plain.intrinsics),
        "crop_affine_rotated": _single(turned.affine),
        "crop_intrinsics_rotated": _single(turned.intrinsics),
        "looseness": np.float32(np.nan),
        "off_axis": np.float32(math.atan(float(aside.norm()))),
        "field_of_view": np.float32(2 * math.atan(crop_px / 2 / float(turned.intrinsics[0, 0, 0]))),
    }


def binned(off_axis: NDArray, field_of_view: NDArray) -> dict[str, NDArray[np.str_]]:
    """Bins of N persons by angles (N,) in radians; that of looseness is "unknown"."""
    angles = {"off_axis": off_axis, "field_of_view": field_of_view}
    bins = {
        name: np.array(BINS[name])[np.digitize(np.degrees(angles[name]), edges)]
        for name, edges in INNER_EDGES.items()
    }
    return {**bins, "looseness": np.full(len(off_axis), UNKNOWN)}


def _single(values: Tensor) -> NDArray[np.float32]:
    return values[0].numpy().astype(np.float32)
