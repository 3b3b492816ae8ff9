"""Rotations as unit quaternions, axis-angle vectors, matrices and 6D vectors.

Quaternions are (w, x, y, z). Every function is batched over leading dimensions and
differentiable. Angles are radians. A rotation acts on column vectors: ``matrix @ point``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def rotate(quaternion: Tensor, points: Tensor) -> Tensor:
    """Points turned by unit quaternions.

    ``v + 2 (w (u x v) + u x (u x v))`` for the quaternion (w, u), as in VideoPose3D's
    ``common/quaternion.py``.

    Args:
        quaternion: (..., 4), broadcast against the leading dimensions of ``points``.
        points: (..., 3).

    Returns:
        (..., 3), in the unit of ``points``.
    """
    axis = quaternion[..., 1:].expand(*_leading(quaternion, points), 3)
    points = points.expand_as(axis)
    once = torch.linalg.cross(axis, points)
    twice = torch.linalg.cross(axis, once)
    return points + 2 * (quaternion[..., :1] * once + twice)


def conjugate(quaternion: Tensor) -> Tensor:
    """The inverse rotation of unit quaternions (..., 4)."""
    return torch.cat([quaternion[..., :1], -quaternion[..., 1:]], dim=-1)


def multiply(first: Tensor, second: Tensor) -> Tensor:
    """The rotation that applies ``second`` and then ``first``, both (..., 4) quaternions."""
    first, second = torch.broadcast_tensors(first, second)
    real, axis = first[..., :1], first[..., 1:]
    other_real, other_axis = second[..., :1], second[..., 1:]
    product = real * other_real - (axis * other_axis).sum(-1, keepdim=True)
    vector = real * other_axis + other_real * axis + torch.linalg.cross(axis, other_axis)
    return torch.cat([product, vector], dim=-1)


def axis_angle_to_quaternion(axis_angle: Tensor) -> Tensor:
    """Unit quaternions (..., 4) of rotation vectors (..., 3) whose length is the angle.

    Smooth at the zero rotation: ``torch.sinc`` has no division there.
    """
    half = _safe_norm(axis_angle) / 2
    return torch.cat([half.cos(), axis_angle * torch.sinc(half / torch.pi) / 2], dim=-1)


def quaternion_to_axis_angle(quaternion: Tensor) -> Tensor:
    """Rotation vectors (..., 3) of at most pi radians from unit quaternions (..., 4)."""
    # q and -q are the same rotation; the one with w >= 0 has the shorter angle.
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = _safe_norm(quaternion[..., 1:])
    half = torch.atan2(sine, quaternion[..., :1])
    return 2 * quaternion[..., 1:] / torch.sinc(half / torch.pi)


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    basis = torch.eye(3, dtype=quaternion.dtype, device=quaternion.device)
    # Row i of ``columns`` is the image of the i-th basis vector, a column of the matrix.
    columns = rotate(quaternion.unsqueeze(-2), basis)
    return columns.transpose(-1, -2)


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Unit quaternions (..., 4) with w >= 0 of rotation matrices (..., 3, 3).

    Each row of the outer product ``4 q q^T`` is the quaternion up to a factor; the row with the
    largest diagonal entry is the numerically safe one (Shepperd 1978).
    """
    m = matrix
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    xw, yw, zw = (
        m[..., 2, 1] - m[..., 1, 2],
        m[..., 0, 2] - m[..., 2, 0],
        m[..., 1, 0] - m[..., 0, 1],
    )
    xy, xz, yz = (
        m[..., 0, 1] + m[..., 1, 0],
        m[..., 0, 2] + m[..., 2, 0],
        m[..., 1, 2] + m[..., 2, 1],
    )
    ww = 1 + trace
    xx, yy, zz = (1 + 2 * m[..., axis, axis] - trace for axis in range(3))
    rows = torch.stack(
        [
            torch.stack([ww, xw, yw, zw], dim=-1),
            torch.stack([xw, xx, xy, xz], dim=-1),
            torch.stack([yw, xy, yy, yz], dim=-1),
            torch.stack([zw, xz, yz, zz], dim=-1),
        ],
        dim=-2,
    )
    largest = torch.stack([ww, xx, yy, zz], dim=-1).argmax(dim=-1)
    row = torch.take_along_dim(rows, largest[..., None, None], dim=-2).squeeze(-2)
    quaternion = F.normalize(row, dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3), Rodrigues' formula."""
    return quaternion_to_matrix(axis_angle_to_quaternion(axis_angle))


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Rotation vectors (..., 3) of at most pi radians from rotation matrices (..., 3, 3)."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def shortest_rotation(start: Tensor, end: Tensor) -> Tensor:
    """The rotations (..., 3, 3) by the least angle that take directions (..., 3) to others.

    The directions may have any length but 0; between opposite ones, the axis is one of many.
    """
    start, end = F.normalize(start, dim=-1), F.normalize(end, dim=-1)
    middle, apart = start + end, start - end
    # They are perpendicular; between nearly opposite directions only up to rounding, which would
    # turn too far.
    along = (middle * apart).sum(-1, keepdim=True)
    middle = middle - along * apart / apart.square().sum(-1, keepdim=True).clamp_min(2)
    # Opposite directions have no middle; any perpendicular serves.
    basis = F.one_hot(start.abs().argmin(dim=-1), 3).to(start)
    aside = F.normalize(torch.linalg.cross(start, basis), dim=-1)
    opposite = middle.square().sum(-1, keepdim=True) < torch.finfo(start.dtype).eps ** 2
    middle = F.normalize(torch.where(opposite, aside, middle), dim=-1)
    real = (start * middle).sum(-1, keepdim=True)
    return quaternion_to_matrix(torch.cat([real, torch.linalg.cross(start, middle)], dim=-1))


def nearest_rotation(start: Tensor, end: Tensor) -> Tensor:
    """The rotations (..., 3, 3) that bring points (..., N, 3) nearest to others (..., N, 3).

    About the origin, by least squares (Kabsch 1976); never a reflection.
    """
    left, _, right = torch.linalg.svd(end.mT @ start)
    signs = torch.ones_like(left[..., 0])
    signs[..., 2] = torch.linalg.det(left @ right).sign()
    return left * signs[..., None, :] @ right


def split_twist(matrix: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
    """A rotation as a twist about an axis and then a swing, which has no part about it.

    Args:
        matrix: (..., 3, 3).
        axis: (..., 3), of any length but 0.

    Returns:
        The twist's angle (...), in (-pi, pi], and the swing (..., 3, 3):
        ``matrix = swing @ axis_angle_to_matrix(angle * unit axis)``.
    """
    axis = F.normalize(axis, dim=-1)
    quaternion = matrix_to_quaternion(matrix)
    sine = (quaternion[..., 1:] * axis).sum(-1)
    angle = 2 * torch.atan2(sine, quaternion[..., 0])
    return angle, matrix @ axis_angle_to_matrix(-angle[..., None] * axis)


def matrix_to_rotation_6d(matrix: Tensor) -> Tensor:
    """The first two columns, interleaved row by row: (..., 3, 3) -> (..., 6) (SPIN's layout)."""
    return matrix[..., :2].flatten(-2)


def rotation_6d_to_matrix(rotation_6d: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of 6D vectors (..., 6) in SPIN's layout.

    Gram-Schmidt on the two columns (Zhou et al. 2019, "On the Continuity of Rotation
    Representations"); any vector whose columns are not parallel gives a rotation.
    """
    columns = rotation_6d.unflatten(-1, (3, 2))
    first = F.normalize(columns[..., 0], dim=-1)
    second = columns[..., 1]
    second = F.normalize(second - (first * second).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def _leading(quaternion: Tensor, points: Tensor) -> torch.Size:
    return torch.broadcast_shapes(quaternion.shape[:-1], points.shape[:-1])


def _safe_norm(vectors: Tensor) -> Tensor:
    # The square root's derivative at zero is infinite; the floor keeps gradients finite.
    return vectors.square().sum(-1, keepdim=True).clamp_min(1e-24).sqrt()
