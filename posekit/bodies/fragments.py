"""The (triangle, pixel) pairs that matter to a picture, and barycentric coordinates."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_DOUBLED_AREA = 1e-3  # px^2: a smaller triangle is seen edge-on
LEAST_DEPTH = 1e-3  # metres: a triangle with a nearer vertex is dropped whole


class Pairs(NamedTuple):
    """Rows of triangles (B F) and of pixels (B H W), and the pixels' centres (P, 2)."""

    triangle: Tensor
    pixel: Tensor
    centres: Tensor


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Two-dimensional cross product of (..., 2) -> (...)."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


@torch.no_grad()
def find_pairs(triangles: Tensor, size: tuple[int, int], radius: float) -> Pairs:
    """Pixels in the bounding boxes, `radius` px wider, of screen triangles (B,F,3,3) (px, px, m).

    Edge-on triangles and those with a vertex behind or at the camera have no pairs.
    """
    height, width = size
    faces = triangles.shape[1]
    flat = triangles.flatten(0, 1)
    xy = flat[..., :2]
    area = cross(xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0]).abs()
    seen = (area > LEAST_DOUBLED_AREA) & (flat[..., 2] > LEAST_DEPTH).all(1)
    kept = seen.nonzero()[:, 0]
    limit = xy.new_tensor([width, height])
    low, high = xy[kept].amin(1) - radius - 0.5, xy[kept].amax(1) + radius - 0.5
    first = low.ceil().clamp(min=0).minimum(limit).long()
    last = high.floor().clamp(min=-1).minimum(limit - 1).long()
    spans = (last - first + 1).clamp(min=0)
    counts = spans.prod(1)
    row = torch.arange(len(kept), device=flat.device).repeat_interleave(counts)
    step = torch.arange(len(row), device=flat.device) - (counts.cumsum(0) - counts)[row]
    x = first[row, 0] + step % spans[row, 0]
    y = first[row, 1] + step // spans[row, 0]
    pixel = (kept[row] // faces * height + y) * width + x
    return Pairs(kept[row], pixel, torch.stack([x, y], 1).to(flat) + 0.5)


def barycentric(corners: Tensor, centres: Tensor) -> Tensor:
    """Barycentric coordinates (P,3) of points (P,2) in screen triangles (P,3,2)."""
    edges = [corners[:, (k + 2) % 3] - corners[:, (k + 1) % 3] for k in range(3)]
    parts = [cross(edges[k], centres - corners[:, (k + 1) % 3]) for k in range(3)]
    area = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return torch.stack(parts, 1) / area[:, None]
