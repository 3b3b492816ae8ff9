"""Hard and soft pictures of posed bodies in pure torch.

Shapes: B pictures of H x W pixels with their centres at + 0.5, V vertices, F faces, C channels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.bodies import soft_rendering
from posekit.bodies.fragments import barycentric, find_boxes, list_pairs, plan_chunks
from posekit.bodies.soft_rendering import Softness

MOST_PAIRS = 1 << 20
HALF_DEPTH = 1.5  # metres before and behind the body's mean depth, where nearness hugs it


class Hard(NamedTuple):
    """attributes (B,C,H,W), face (B,H,W) with -1 = background, depth (B,H,W) m, barycentric."""

    attributes: Tensor
    face: Tensor
    depth: Tensor
    barycentric: Tensor


class Soft(NamedTuple):
    """image (B,C,H,W) and silhouette (B,H,W)."""

    image: Tensor
    silhouette: Tensor


def screen_triangles(vertices: Tensor, faces: Tensor, intrinsics: Tensor) -> Tensor:
    """Vertices (B,V,3) in the camera -> triangles (B,F,3,3) of pixels x, y and depth in metres."""
    depth = vertices[..., 2:]
    safe = torch.where(depth.abs() < 1e-6, torch.full_like(depth, 1e-6), depth)
    pixels = (vertices / safe) @ intrinsics.transpose(1, 2)
    return torch.cat([pixels[..., :2], depth], -1)[:, faces]


def _size(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


@torch.no_grad()
def hard(
    vertices: Tensor,
    faces: Tensor,
    intrinsics: Tensor,
    size: int | tuple[int, int],
    face_attributes: Tensor | None = None,
    vertex_attributes: Tensor | None = None,
) -> Hard:
    """The nearest face of each pixel; attributes per face (F,C)|(B,F,C) or vertex (V,C)|(B,V,C)."""
    height, width = _size(size)
    batch, count = len(vertices), len(faces)
    triangles = screen_triangles(vertices, faces, intrinsics)
    boxes = find_boxes(triangles, (height, width), 0.0)
    (chunk,) = plan_chunks(boxes, batch, count, height, 1 << 62)
    pairs = list_pairs(boxes, chunk, count, (height, width))
    corners = triangles.flatten(0, 1)[pairs.triangle]
    centres = torch.stack([pairs.x, pairs.y], 1).to(corners)
    weights = barycentric(corners[..., :2], centres)
    inside = (weights >= 0).all(1)
    weights, corners = weights[inside], corners[inside]
    triangle, pixel = pairs.triangle[inside], pairs.pixel[inside]
    depth = 1 / (weights / corners[..., 2]).sum(1)
    total = batch * height * width
    nearest = depth.new_full((total,), math.inf).scatter_reduce(0, pixel, depth, "amin")
    row = torch.arange(len(pixel), device=pixel.device)
    row = torch.where(depth == nearest[pixel], row, len(pixel))
    winner = row.new_full((total,), len(pixel)).scatter_reduce(0, pixel, row, "amin")
    hit = (winner < len(pixel)).nonzero()[:, 0]
    chosen = winner[hit]
    face = winner.new_full((total,), -1)
    face[hit] = triangle[chosen] % count
    true = weights[chosen] * depth[chosen, None] / corners[chosen][..., 2]
    shares = weights.new_zeros(total, 3)
    shares[hit] = true
    image, where = triangle[chosen] // count, face[hit]
    if face_attributes is not None:
        values = face_attributes.expand(batch, -1, -1)[image, where]
    elif vertex_attributes is not None:
        values = vertex_attributes.expand(batch, -1, -1)[image[:, None], faces[where]]
        values = (values * true[..., None]).sum(1)
    else:
        values = weights.new_zeros(len(hit), 0)
    picture = values.new_zeros(total, values.shape[1])
    picture[hit] = values
    return Hard(
        picture.view(batch, height, width, -1).permute(0, 3, 1, 2),
        face.view(batch, height, width),
        nearest.view(batch, height, width),
        shares.view(batch, height, width, 3),
    )


def soft(
    vertices: Tensor,
    faces: Tensor,
    intrinsics: Tensor,
    size: int | tuple[int, int],
    face_attributes: Tensor,
    *,
    sigma_px: float,
    gamma: float,
    near: float | Tensor | None = None,
    far: float | Tensor | None = None,
    eps: float = 1e-3,
    background: float | Tensor = 0.0,
    most_pairs: int = MOST_PAIRS,
) -> Soft:
    """Soft picture on background 0; near and far default to the mean depth -+ 1.5 m."""
    middle = vertices[..., 2].detach().mean(1)
    near = middle - HALF_DEPTH if near is None else near
    far = middle + HALF_DEPTH if far is None else far
    triangles = screen_triangles(vertices, faces, intrinsics)
    softness = Softness(sigma_px, gamma, eps, most_pairs)
    return _soft(triangles, face_attributes, _size(size), near, far, background, softness)


def soft_ndc(
    triangles: Tensor,
    size: int,
    face_attributes: Tensor,
    *,
    sigma: float,
    gamma: float,
    near: float | Tensor,
    far: float | Tensor,
    eps: float = 1e-3,
    background: float | Tensor = 0.0,
    most_pairs: int = MOST_PAIRS,
) -> Soft:
    """Soft picture of triangles in normalised device coordinates, as SoftRas takes them.

    Args:
        triangles: (B, F, 3, 3) x to the right and y up, both in [-1, 1]; depth.
        size: pixels of the square picture; its first row is the top, where y is 1.
        sigma: softness of borders, in squared units of the triangles.
    """
    half = size / 2
    x, y, depth = triangles.unbind(-1)
    screen = torch.stack([(1 + x) * half, (1 - y) * half, depth], -1)
    softness = Softness(sigma * half**2, gamma, eps, most_pairs)
    return _soft(screen, face_attributes, (size, size), near, far, background, softness)


def _soft(
    triangles: Tensor,
    face_attributes: Tensor,
    size: tuple[int, int],
    near: float | Tensor,
    far: float | Tensor,
    background: float | Tensor,
    softness: Softness,
) -> Soft:
    batch, channels = len(triangles), face_attributes.shape[-1]
    near, far = (
        torch.as_tensor(depth).detach().to(triangles).expand(batch) for depth in (near, far)
    )
    background = torch.as_tensor(background).to(triangles).expand(channels)
    attributes = face_attributes.to(triangles.dtype).expand(batch, -1, -1)
    return Soft(
        *soft_rendering.render(triangles, attributes, size, near, far, background, softness)
    )
