"""Boxes, chunks and pairs of screen triangles."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.bodies.fragments import (
    Chunk,
    barycentric,
    cross,
    find_boxes,
    list_pairs,
    plan_chunks,
)

SIZE = (9, 12)
TRIANGLE = [[2.0, 1.0, 3.0], [8.0, 2.0, 3.0], [4.0, 7.0, 3.0]]


def drawn(batch, faces, seed=0):
    """Triangles in and around the picture."""
    generator = torch.Generator().manual_seed(seed)
    triangles = torch.rand(batch, faces, 3, 3, generator=generator)
    return triangles * torch.tensor([16.0, 13.0, 2.0]) + torch.tensor([-2.0, -2.0, 1.0])


def test_cross_product_is_that_of_x_before_y():
    assert cross(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])) == 1


def test_barycentric_coordinates_rebuild_their_points():
    corners = drawn(1, 20)[0, ..., :2]
    centres = torch.rand(20, 2, generator=torch.Generator().manual_seed(1)) * 9
    weights = barycentric(corners, centres)
    torch.testing.assert_close(weights.sum(1), torch.ones(20), rtol=0, atol=1e-3)
    rebuilt = (weights[..., None] * corners).sum(1)
    torch.testing.assert_close(rebuilt, centres, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("radius", [0.0, 0.7, 2.5])
def test_pairs_are_the_pixels_whose_centres_lie_in_the_boxes(radius):
    triangles = drawn(2, 15)
    boxes = find_boxes(triangles, SIZE, radius)
    pairs = list_pairs(boxes, Chunk((0, 2), (0, SIZE[0])), 15, SIZE)
    y, x = torch.meshgrid(torch.arange(SIZE[0]) + 0.5, torch.arange(SIZE[1]) + 0.5, indexing="ij")
    expected = []
    for row, triangle in enumerate(triangles.flatten(0, 1)):
        low, high = triangle[:, :2].amin(0) - radius, triangle[:, :2].amax(0) + radius
        inside = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
        first = row // 15 * SIZE[0] * SIZE[1]
        expected += [(row, first + int(k)) for k in inside.flatten().nonzero()[:, 0]]
    found = list(zip(pairs.triangle.tolist(), pairs.pixel.tolist(), strict=True))
    assert found == expected
    within = pairs.pixel % (SIZE[0] * SIZE[1])
    assert torch.equal(pairs.x, within % SIZE[1] + 0.5)
    assert torch.equal(pairs.y, within // SIZE[1] + 0.5)


@pytest.mark.parametrize(
    "change",
    [
        lambda corners: corners[2].copy_((corners[0] + corners[1]) / 2),  # edge-on
        lambda corners: corners[1, 2].fill_(-1.0),
        lambda corners: corners[1, 2].fill_(0.0),
        lambda corners: corners[0, 0].fill_(torch.nan),
        lambda corners: corners[0, 1].fill_(torch.inf),
        lambda corners: corners[:, 0].add_(100.0),  # beside the picture
    ],
)
def test_triangles_that_nobody_sees_have_no_box(change):
    triangles = torch.tensor([TRIANGLE, TRIANGLE])[None]
    change(triangles[0, 0])
    assert find_boxes(triangles, SIZE, 0.0).triangle.tolist() == [1]


def test_a_box_far_larger_than_the_picture_is_the_picture():
    triangles = torch.tensor(TRIANGLE)[None, None] * torch.tensor([1e12, 1e12, 1.0])
    triangles[..., :2] -= 3e12
    boxes = find_boxes(triangles, SIZE, 1.0)
    assert boxes.first.tolist() == [[0, 0]]
    assert boxes.last.tolist() == [[11, 8]]


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(0, 5),
    faces=st.integers(0, 9),
    most=st.integers(1, 400),
    seed=st.integers(0, 99),
)
def test_chunks_hold_every_pair_once_and_no_more_than_asked(batch, faces, most, seed):
    boxes = find_boxes(drawn(batch, faces, seed), SIZE, 0.5)
    whole = list_pairs(boxes, Chunk((0, batch), (0, SIZE[0])), faces, SIZE)
    chunks = plan_chunks(boxes, batch, faces, SIZE[0], most)
    parts = [list_pairs(boxes, chunk, faces, SIZE) for chunk in chunks]
    for chunk, part in zip(chunks, parts, strict=True):
        one_row = chunk.rows[1] - chunk.rows[0] == 1 and chunk.pictures[1] - chunk.pictures[0] == 1
        assert len(part.pixel) <= most or one_row
    cells = [part.pixel * (batch * faces) + part.triangle for part in parts]
    expected = whole.pixel * (batch * faces) + whole.triangle
    assert torch.equal(torch.cat(cells).sort().values, expected.sort().values)
    pixels = [set(part.pixel.tolist()) for part in parts]
    assert sum(map(len, pixels)) == len(set().union(*pixels))  # no pixel in two chunks
