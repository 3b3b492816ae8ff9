"""Heat maps of keypoints: drawn, decoded, and read by their expectation.

A map of h x w cells covers a picture; cell (column u, row v) has its centre at
((u + 0.5) stride, (v + 0.5) stride) pixels. Source of the definitions:
https://github.com/KenAdamsJoseph/PersPose at 1863de7.
"""

from __future__ import annotations

import torch
from torch import Tensor

REACH = 3  # standard deviations that a drawn point reaches


def draw_points(points: Tensor, cells: int, stride: float, deviation: float = 2.0) -> Tensor:
    """A Gaussian for each point, 1 at the point itself and zero beyond ``REACH`` deviations.

    Args:
        points: (..., 2), pixels.
        cells: side of the square map.
        stride: pixels per cell.
        deviation: in cells.

    Returns:
        (..., cells, cells), rows first.
    """
    centres = points[..., None] / stride  # (..., 2, 1), in cells
    index = torch.arange(cells, dtype=points.dtype, device=points.device)
    first, last = (centres - REACH * deviation).floor(), (centres + REACH * deviation).floor()
    along = torch.exp(-((index + 0.5 - centres) ** 2) / (2 * deviation**2))
    along = along * ((index >= first) & (index <= last))  # (..., 2, cells)
    return along[..., 1, :, None] * along[..., 0, None, :]


def decode(maps: Tensor, stride: float) -> Tensor:
    """Where maps have their maximum, between cells by the parabola through its neighbours.

    A maximum at the border stays at its cell's centre in that direction.

    Args:
        maps: (..., h, w).
        stride: pixels per cell.

    Returns:
        (..., 2), pixels.
    """
    width = maps.shape[-1]
    highest = maps.flatten(-2).argmax(-1)
    row, column = highest // width, highest % width
    along_row = maps.take_along_dim(row[..., None, None], -2).squeeze(-2)
    along_column = maps.take_along_dim(column[..., None, None], -1).squeeze(-1)
    cells = torch.stack(
        [column + _vertex(along_row, column), row + _vertex(along_column, row)], dim=-1
    )
    return (cells + 0.5) * stride


def _vertex(values: Tensor, index: Tensor) -> Tensor:
    """Of the parabola through a maximum of ``values`` (..., n) and its neighbours, from it."""
    last = values.shape[-1] - 1
    before, at, after = (
        values.take_along_dim((index + step).clamp(0, last)[..., None], -1).squeeze(-1)
        for step in (-1, 0, 1)
    )
    bend = 2 * at - before - after
    inside = (index > 0) & (index < last) & (bend > 0)
    return torch.where(inside, (after - before) / (2 * bend.where(inside, 1.0)), 0.0)


def soft_argmax(logits: Tensor, stride: float) -> Tensor:
    """The mean position of the distribution over cells that logits (..., h, w) give.

    Returns:
        (..., 2), pixels.
    """
    mass = logits.flatten(-2).softmax(-1).unflatten(-1, logits.shape[-2:])
    height, width = mass.shape[-2:]
    rows, columns = (
        (torch.arange(cells, dtype=mass.dtype, device=mass.device) + 0.5) * stride
        for cells in (height, width)
    )
    # No matrix product: autocast would round positions to a pixel.
    x, y = (mass.sum(-2) * columns).sum(-1), (mass.sum(-1) * rows).sum(-1)
    return torch.stack([x, y], dim=-1)
