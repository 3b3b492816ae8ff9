"""The pairs of a triangle and a pixel near it, found by bounding boxes, a chunk at a time.

Shapes: B pictures of H x W pixels, F faces. Triangles stand on the screen: x and y in pixels from
the top left corner, depth in metres. Pixels have their centres at + 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

LEAST_DOUBLED_AREA = 1e-3  # px^2: a smaller triangle is seen edge-on
LEAST_DEPTH = 1e-3  # metres: a triangle with a nearer vertex is dropped whole


class Boxes(NamedTuple):
    """Bounding boxes of those K triangles that some pixel may see.

    Attributes:
        triangle: (K,) rows of (B F), ascending.
        first, last: (K, 2) column and row of the first and the last pixel.
    """

    triangle: Tensor
    first: Tensor
    last: Tensor


class Chunk(NamedTuple):
    """Pixels that are rendered at once: whole pictures, or rows of one picture.

    Attributes:
        pictures, rows: first, and one after the last.
    """

    pictures: tuple[int, int]
    rows: tuple[int, int]


class Pairs(NamedTuple):
    """P pairs in the order of triangles, then rows, then columns.

    Attributes:
        triangle: (P,) rows of (B F).
        pixel: (P,) rows of (B H W).
        x, y: (P,) centres of the pixels.
    """

    triangle: Tensor
    pixel: Tensor
    x: Tensor
    y: Tensor


def at(column: Tensor, rows: Tensor) -> Tensor:
    """``column[rows]``, at a third of its time on a CPU."""
    return column.index_select(0, rows)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Two-dimensional cross product of (..., 2) -> (...)."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


@torch.no_grad()
def find_boxes(triangles: Tensor, size: tuple[int, int], radius: float) -> Boxes:
    """Bounding boxes of screen triangles (B, F, 3, 3), wider by ``radius`` pixels on each side.

    Triangles seen edge-on, and those with a vertex behind or at the camera or with a value that is
    not finite, have none: no gradient could pass through them.
    """
    height, width = size
    flat = triangles.flatten(0, 1)
    xy = flat[..., :2]
    area = cross(xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0]).abs()
    seen = (area > LEAST_DOUBLED_AREA) & (flat[..., 2] > LEAST_DEPTH).all(1)
    seen &= area.isfinite() & flat.isfinite().flatten(1).all(1)
    limit = xy.new_tensor([width, height])
    first = (xy.amin(1) - radius - 0.5).ceil().clamp(min=0).minimum(limit)
    last = (xy.amax(1) + radius - 0.5).floor().clamp(min=-1).minimum(limit - 1)
    kept = (seen & (last >= first).all(1)).nonzero()[:, 0]
    return Boxes(kept, first[kept].long(), last[kept].long())


def plan_chunks(boxes: Boxes, batch: int, faces: int, height: int, most_pairs: int) -> list[Chunk]:
    """Chunks of at most ``most_pairs`` pairs in boxes: as many pictures as fit, else rows of one.

    A chunk has at least one row of pixels, however many pairs that has.
    """
    spans = boxes.last - boxes.first + 1
    counts = torch.zeros(batch, dtype=torch.long, device=spans.device)
    pairs = counts.index_add(0, boxes.triangle // faces, spans.prod(1)).tolist()
    chunks = []
    for start, stop in _groups(pairs, most_pairs):
        rows = [(0, height)]
        if sum(pairs[start:stop]) > most_pairs:
            rows = _groups(_pairs_of_rows(boxes, start, faces, height), most_pairs)
        chunks += [Chunk((start, stop), span) for span in rows]
    return chunks


def list_pairs(boxes: Boxes, chunk: Chunk, faces: int, size: tuple[int, int]) -> Pairs:
    """Every pixel of a chunk with every triangle in whose box it lies; x and y in float32."""
    height, width = size
    (start, stop), (top, bottom) = chunk
    chosen = (boxes.triangle >= start * faces) & (boxes.triangle < stop * faces)
    if chunk.rows != (0, height):
        chosen &= (boxes.first[:, 1] < bottom) & (boxes.last[:, 1] >= top)
    chosen = chosen.nonzero()[:, 0]
    triangle, first, last = (at(part, chosen) for part in boxes)
    lowest = first[:, 1].clamp(min=top)
    box, step = _unrolled(last[:, 1].clamp(max=bottom - 1) - lowest + 1)
    row = at(lowest, box) + step
    line, step = _unrolled(at(last[:, 0] - first[:, 0] + 1, box))
    x = at(at(first[:, 0], box), line) + step
    triangle = at(triangle, box)
    base = (triangle // faces * height + row) * width
    return Pairs(at(triangle, line), at(base, line) + x, x + 0.5, at(row + 0.5, line))


def barycentric(corners: Tensor, centres: Tensor) -> Tensor:
    """Barycentric coordinates (P,3) of points (P,2) in screen triangles (P,3,2)."""
    edges = [corners[:, (k + 2) % 3] - corners[:, (k + 1) % 3] for k in range(3)]
    parts = [cross(edges[k], centres - corners[:, (k + 1) % 3]) for k in range(3)]
    area = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return torch.stack(parts, 1) / area[:, None]


def _groups(sizes: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Consecutive items in groups (first, one after the last) of at most ``most`` together."""
    groups, start, held = [], 0, 0
    for number, size in enumerate(sizes):
        if number > start and held + size > most:
            groups.append((start, number))
            start, held = number, 0
        held += size
    return [*groups, (start, len(sizes))]


def _pairs_of_rows(boxes: Boxes, picture: int, faces: int, height: int) -> list[int]:
    inside = boxes.triangle // faces == picture
    first, last = boxes.first[inside], boxes.last[inside]
    widths = last[:, 0] - first[:, 0] + 1
    change = torch.zeros(height + 1, dtype=torch.long, device=widths.device)
    change.index_add_(0, first[:, 1], widths).index_add_(0, last[:, 1] + 1, -widths)
    return change.cumsum(0)[:height].tolist()


def _unrolled(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Of every item repeated as often as its count says, its number and which repeat it is."""
    item = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    before = counts.cumsum(0) - counts
    return item, torch.arange(len(item), device=counts.device) - at(before, item)
