"""Hard and soft pictures of posed bodies in pure torch.

Soft: SoftRas's equations (Liu et al., ICCV 2019) over the pairs that matter, all channels in
one pass. Not chunked: forward and backward hold every pair of the batch, about 1 kB each.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.bodies.fragments import barycentric, find_pairs


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
    pairs = find_pairs(triangles, (height, width), 0.0)
    corners = triangles.flatten(0, 1)[pairs.triangle]
    weights = barycentric(corners[..., :2], pairs.centres)
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
) -> Soft:
    """Soft picture on background 0; near and far default to the mean depth -+ 1.5 m."""
    height, width = _size(size)
    batch, total = len(vertices), len(vertices) * height * width
    triangles = screen_triangles(vertices, faces, intrinsics)
    middle = vertices[..., 2].detach().mean(1)
    near = middle - 1.5 if near is None else torch.as_tensor(near).to(middle).expand(batch)
    far = middle + 1.5 if far is None else torch.as_tensor(far).to(middle).expand(batch)
    reach = math.log(1e4 - 1) * sigma_px
    pairs = find_pairs(triangles, (height, width), math.sqrt(reach))
    corners = triangles.flatten(0, 1)[pairs.triangle]
    xy = corners[..., :2]
    edges = xy.roll(-1, 1) - xy
    offsets = pairs.centres[:, None] - xy
    along = ((offsets * edges).sum(2) / (edges**2).sum(2).clamp(min=1e-12)).clamp(0, 1)
    squared = ((offsets - along[..., None] * edges) ** 2).sum(2).amin(1)
    weights = barycentric(xy, pairs.centres).detach()
    inside = (weights >= 0).all(1)
    cover = torch.sigmoid(torch.where(inside, squared, -squared) / sigma_px)
    cover = torch.where(inside | (squared < reach), cover, 0).clamp(max=1 - 1e-6)
    missed = cover.new_zeros(total).index_add(0, pairs.pixel, torch.log1p(-cover))
    weights = weights.clamp(0, 1)
    depth = 1 / (weights / weights.sum(1, keepdim=True) / corners[..., 2]).sum(1)
    image = pairs.triangle // len(faces)
    level = (far[image] - depth) / (far - near)[image]
    within = (level >= 0) & (level <= 1) & (cover > 0)
    level = torch.where(within, level, 0)
    top = level.new_full((total,), eps).scatter_reduce(0, pairs.pixel, level.detach(), "amax")
    share = torch.where(within, cover * ((level - top[pairs.pixel]) / gamma).exp(), 0)
    sums = ((2 * eps - top) / gamma).exp().index_add(0, pairs.pixel, share)
    values = face_attributes.expand(batch, -1, -1).flatten(0, 1)[pairs.triangle]
    picture = values.new_zeros(total, values.shape[1])
    picture = picture.index_add(0, pairs.pixel, share[:, None] * values) / sums[:, None]
    return Soft(
        picture.view(batch, height, width, -1).permute(0, 3, 1, 2),
        (1 - missed.exp()).view(batch, height, width),
    )
