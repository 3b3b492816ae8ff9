"""Bodies on the screen of a camera, and what cannot be rendered, refused in one line.

Shapes: B pictures, V vertices, F faces.
"""

from __future__ import annotations

import torch
from torch import Tensor

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.perspective import check_intrinsics

Size = int | tuple[int, int]

_TINY = 1e-6  # metres; triangles with a vertex this near are dropped


def picture_size(size: Size) -> tuple[int, int]:
    """Height and width of a picture, of both or of a square's one side.

    Raises:
        InvalidParameter: no whole numbers from 1.
    """
    sides = size if isinstance(size, tuple) else (size, size)
    if len(sides) != 2 or any(type(side) is not int or side < 1 for side in sides):
        raise InvalidParameter(
            f"size is {size!r:.60}; give the pixels of a square, or (height, width): whole numbers "
            "from 1."
        )
    return sides


def screen_triangles(vertices: Tensor, faces: Tensor, intrinsics: Tensor) -> Tensor:
    """Triangles (B, F, 3, 3) on the screen: x and y in pixels, depth in metres.

    Args:
        vertices: (B, V, 3) in the camera frame, metres.
        faces: (F, 3) whole numbers.
        intrinsics: (B, 3, 3) in pixels.

    Raises:
        InvalidData: another shape, faces of vertices that are not there, or K in another unit.
    """
    _check_bodies(vertices, faces)
    check_intrinsics(intrinsics)
    if len(intrinsics) != len(vertices):
        raise InvalidData(f"{len(intrinsics)} cameras see {len(vertices)} bodies; give one each.")
    depth = vertices[..., 2:]
    safe = torch.where(depth.abs() < _TINY, torch.full_like(depth, _TINY), depth)
    with torch.autocast(vertices.device.type, enabled=False):  # it would round to whole pixels
        pixels = (vertices / safe) @ intrinsics.to(vertices).transpose(1, 2)
    seen = torch.cat([pixels[..., :2], depth], -1)
    return seen.index_select(1, faces.flatten()).unflatten(1, faces.shape)


def check_attributes(name: str, attributes: Tensor, batch: int, count: int, of: str) -> None:
    """Refuse attributes that are not (count, C) or (batch, count, C).

    Raises:
        InvalidData: another shape.
    """
    shape = tuple(attributes.shape)
    if shape[:-1] not in ((count,), (batch, count)):
        raise InvalidData(
            f"{name} has shape {shape}; expected ({count}, C) or ({batch}, {count}, C): one row "
            f"for each of the {of}."
        )


def check_range(near: Tensor, far: Tensor) -> None:
    """Refuse depths (B,) between which there is nothing.

    Raises:
        InvalidParameter: far is not behind near.
    """
    empty = (~(far > near)).nonzero()[:, 0]
    if len(empty):
        k = int(empty[0])
        raise InvalidParameter(
            f"near is {float(near[k]):g} and far is {float(far[k]):g} in picture {k}; give a far "
            "behind its near, in metres."
        )


def _check_bodies(vertices: Tensor, faces: Tensor) -> None:
    if vertices.ndim != 3 or vertices.shape[2] != 3 or not vertices.is_floating_point():
        raise InvalidData(
            f"vertices are {vertices.dtype} of shape {tuple(vertices.shape)}; expected metres "
            "(B, V, 3)."
        )
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype != torch.long:
        raise InvalidData(
            f"faces are {faces.dtype} of shape {tuple(faces.shape)}; expected torch.int64 (F, 3)."
        )
    if len(faces) and not bool(((faces >= 0) & (faces < vertices.shape[1])).all()):
        raise InvalidData(
            f"faces name vertices {int(faces.min())} to {int(faces.max())} of "
            f"{vertices.shape[1]}; give the faces of this body."
        )
