"""Hard and soft pictures of posed bodies in pure torch, on a CPU or a GPU.

Hard pictures are for looking at and for label maps; soft ones have gradients, see
``soft_rendering``. Both go over the pairs of a triangle and a pixel near it, ``most_pairs`` at a
time at most (or one row of pixels), whole pictures or rows of one: a picture is the same however
it is cut.

A soft picture, forward and backward, holds at most ``BYTES_PER_PAIR`` times ``most_pairs`` bytes in
float32 (twice that in float64), beside a few numbers for each value of the pictures and each face.

Shapes: B pictures of H x W pixels with their centres at + 0.5, V vertices, F faces, C channels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.bodies import soft_rendering
from posekit.bodies.fragments import barycentric, find_boxes, list_pairs, plan_chunks
from posekit.bodies.screen import (
    Size,
    check_attributes,
    check_range,
    picture_size,
    screen_triangles,
)
from posekit.bodies.soft_rendering import Softness
from posekit.errors import InvalidData, check_count

MOST_PAIRS = 1 << 20
BYTES_PER_PAIR = 200
HALF_DEPTH = 1.5  # metres before and behind the body's mean depth, where nearness hugs it


class Hard(NamedTuple):
    """What each pixel shows.

    Attributes:
        attributes: (B, C, H, W), 0 in the background.
        face: (B, H, W), the nearest; -1 in the background.
        depth: (B, H, W) metres; infinite in the background.
        barycentric: (B, H, W, 3) on the surface, of the face's corners; 0 in the background.
    """

    attributes: Tensor
    face: Tensor
    depth: Tensor
    barycentric: Tensor


class Soft(NamedTuple):
    """A picture with gradients.

    Attributes:
        image: (B, C, H, W).
        silhouette: (B, H, W), between 0 and 1.
    """

    image: Tensor
    silhouette: Tensor


@torch.no_grad()
def hard(
    vertices: Tensor,
    faces: Tensor,
    intrinsics: Tensor,
    size: Size,
    face_attributes: Tensor | None = None,
    vertex_attributes: Tensor | None = None,
    most_pairs: int = MOST_PAIRS,
) -> Hard:
    """The nearest face of each pixel; without gradients.

    Args:
        vertices: (B, V, 3) in the camera frame, metres. A face with a vertex behind the camera or
            at it is left out.
        faces: (F, 3).
        intrinsics: (B, 3, 3) in pixels.
        size: pixels of a square's side, or (height, width).
        face_attributes: (F, C) or (B, F, C).
        vertex_attributes: (V, C) or (B, V, C), interpolated on the surface; instead of those of
            faces.
        most_pairs: held at once, see above.

    Raises:
        InvalidData, InvalidParameter: as ``screen`` says.
    """
    height, width = picture_size(size)
    check_count("most_pairs", most_pairs)
    triangles = screen_triangles(vertices, faces, intrinsics)
    batch, count = len(vertices), len(faces)
    given = _attributes(vertices, count, face_attributes, vertex_attributes)
    flat, total = triangles.flatten(0, 1), batch * height * width
    nearest = flat.new_full((total,), math.inf)
    winner = torch.full((total,), torch.iinfo(torch.long).max, device=flat.device)
    face = torch.full_like(winner, -1)
    shares, picture = flat.new_zeros(total, 3), given.new_zeros(total, given.shape[2])
    boxes = find_boxes(triangles, (height, width), 0.0)
    for chunk in plan_chunks(boxes, batch, count, height, most_pairs):
        pairs = list_pairs(boxes, chunk, count, (height, width))
        corners = flat[pairs.triangle]
        weights = barycentric(corners[..., :2], torch.stack([pairs.x, pairs.y], 1).to(flat))
        inside = (weights >= 0).all(1)
        weights, corners = weights[inside], corners[inside]
        triangle, pixel = pairs.triangle[inside], pairs.pixel[inside]
        depth = 1 / (weights / corners[..., 2]).sum(1)
        nearest.scatter_reduce_(0, pixel, depth, "amin")
        first = (depth == nearest[pixel]).nonzero()[:, 0]
        winner.scatter_reduce_(0, pixel[first], first, "amin")
        chosen = first[winner[pixel[first]] == first]
        seen, triangle = pixel[chosen], triangle[chosen]
        face[seen] = triangle % count
        shares[seen] = weights[chosen] * depth[chosen, None] / corners[chosen][..., 2]
        image, where = triangle // count, triangle % count
        if vertex_attributes is None:
            picture[seen] = given[image, where]
        else:
            picture[seen] = (given[image[:, None], faces[where]] * shares[seen][..., None]).sum(1)
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
    size: Size,
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
    """Soft pictures of bodies, all channels in one pass.

    Gradients go to vertices, intrinsics and attributes; near and far are constants. They are those
    of the equations, where SoftRas's (``soft_ndc``) hold barycentric coordinates constant in a
    surface's depth: with a gamma that resolves depth, those may point the other way.

    Args:
        vertices: (B, V, 3) in the camera frame, metres. A face with a vertex behind the camera or
            at it, or seen edge-on, is left out.
        faces: (F, 3).
        intrinsics: (B, 3, 3) in pixels.
        size: pixels of a square's side, or (height, width).
        face_attributes: (F, C) or (B, F, C).
        sigma_px: softness of borders, px^2. SoftRas's has units of half the picture:
            sigma_px = sigma (S / 2)^2.
        gamma: of nearness, in normalised depth (far - z) / (far - near).
        near, far: metres, one for all pictures or (B,); the mean depth of the vertices -+ 1.5 m by
            default. Surfaces outside have no colour; they count in the silhouette, without a
            gradient there, as in SoftRas.
        eps: normalised depth of the background.
        background: one value or (C,).
        most_pairs: held at once, see above.

    Raises:
        InvalidData, InvalidParameter: as ``screen`` says.
    """
    triangles = screen_triangles(vertices, faces, intrinsics)
    middle = vertices[..., 2].detach().mean(1)
    return _soft(
        triangles,
        picture_size(size),
        face_attributes,
        (
            middle - HALF_DEPTH if near is None else near,
            middle + HALF_DEPTH if far is None else far,
        ),
        background,
        Softness(sigma_px, gamma, eps, most_pairs, moving_weights=True),
    )


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
    """Soft pictures of triangles in normalised device coordinates, as SoftRas takes them.

    The gradients are SoftRas's too: a surface's depth moves with the depth of its corners alone.

    Args:
        triangles: (B, F, 3, 3) x to the right and y up, both in [-1, 1]; depth in metres.
        size: pixels of the square picture's side; its first row is the top, where y is 1.
        face_attributes: (F, C) or (B, F, C).
        sigma: softness of borders, in squared units of the triangles.
        gamma, near, far, eps, background, most_pairs: as in ``soft``.

    Raises:
        InvalidData, InvalidParameter: as ``screen`` says.
    """
    if triangles.ndim != 4 or triangles.shape[2:] != (3, 3) or not triangles.is_floating_point():
        raise InvalidData(
            f"triangles are {triangles.dtype} of shape {tuple(triangles.shape)}; expected "
            "(B, F, 3, 3)."
        )
    check_count("size of the square", size)
    half = size / 2
    x, y, depth = triangles.unbind(-1)
    screen = torch.stack([(1 + x) * half, (1 - y) * half, depth], -1)
    softness = Softness(sigma * half**2, gamma, eps, most_pairs, moving_weights=False)
    return _soft(screen, (size, size), face_attributes, (near, far), background, softness)


def count_pairs(
    vertices: Tensor, faces: Tensor, intrinsics: Tensor, size: Size, *, sigma_px: float
) -> int:
    """Pairs of a triangle and a pixel that ``soft`` goes over; arguments as there."""
    triangles = screen_triangles(vertices, faces, intrinsics)
    softness = Softness(sigma_px, gamma=1.0, eps=0.0, most_pairs=MOST_PAIRS, moving_weights=False)
    return soft_rendering.count_pairs(triangles, picture_size(size), softness)


def _soft(
    triangles: Tensor,
    size: tuple[int, int],
    face_attributes: Tensor,
    depths: tuple[float | Tensor, float | Tensor],
    background: float | Tensor,
    softness: Softness,
) -> Soft:
    batch, count = triangles.shape[:2]
    check_attributes("face_attributes", face_attributes, batch, count, "faces")
    near, far = (torch.as_tensor(depth).detach().to(triangles).expand(batch) for depth in depths)
    check_range(near, far)
    background = torch.as_tensor(background).to(triangles).expand(face_attributes.shape[-1])
    attributes = face_attributes.to(triangles).expand(batch, -1, -1)
    return Soft(
        *soft_rendering.render(triangles, attributes, size, near, far, background, softness)
    )


def _attributes(
    vertices: Tensor, count: int, by_face: Tensor | None, by_vertex: Tensor | None
) -> Tensor:
    """Attributes as (B, F or V, C); of no channel without any."""
    batch = len(vertices)
    if by_face is None and by_vertex is None:
        return vertices.new_zeros(batch, count, 0)
    if by_vertex is None:
        assert by_face is not None
        check_attributes("face_attributes", by_face, batch, count, "faces")
        return by_face.expand(batch, -1, -1)
    if by_face is not None:
        raise InvalidData("face_attributes and vertex_attributes are both given; give one.")
    check_attributes("vertex_attributes", by_vertex, batch, vertices.shape[1], "vertices")
    return by_vertex.expand(batch, -1, -1)
