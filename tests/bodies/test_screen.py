"""Bodies on the screen, and what is refused."""

from __future__ import annotations

import pytest
import torch

from posekit.bodies.screen import (
    check_attributes,
    check_range,
    picture_size,
    screen_triangles,
)
from posekit.errors import InvalidData, InvalidParameter, PosekitError

K = torch.tensor([[[50.0, 0.0, 32.0], [0.0, 60.0, 24.0], [0.0, 0.0, 1.0]]])
FACES = torch.tensor([[0, 1, 2]])
VERTICES = torch.tensor([[[0.0, 0.0, 2.0], [1.0, 0.0, 2.0], [0.0, 1.0, 4.0]]])


def test_vertices_are_projected_to_pixels_and_keep_their_depth():
    seen = screen_triangles(VERTICES, FACES, K)
    expected = [[32.0, 24.0, 2.0], [57.0, 24.0, 2.0], [32.0, 39.0, 4.0]]
    assert seen.tolist() == [[expected]]


def test_autocast_does_not_round_pixels():
    vertices = VERTICES + torch.tensor([0.123, 0.0123, 0.0])
    with torch.autocast("cpu", torch.bfloat16):
        seen = screen_triangles(vertices, FACES, K)
    assert torch.equal(seen, screen_triangles(vertices, FACES, K))


def test_a_vertex_at_the_camera_gives_finite_pixels():
    seen = screen_triangles(VERTICES * torch.tensor([1.0, 1.0, 0.0]), FACES, K)
    assert seen.isfinite().all()


def test_sizes_of_squares_and_others():
    assert picture_size(5) == (5, 5)
    assert picture_size((4, 6)) == (4, 6)


@pytest.mark.parametrize("size", [0, -3, 2.5, (4,), (4, 0), (1, 2, 3), "64", None, True])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(InvalidParameter, match="whole numbers from 1") as caught:
        picture_size(size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vertices": VERTICES[0]}, r"shape \(3, 3\); expected metres \(B, V, 3\)"),
        ({"vertices": VERTICES[..., :2]}, r"shape \(1, 3, 2\)"),
        ({"vertices": VERTICES.long()}, r"vertices are torch.int64"),
        ({"faces": FACES.float()}, r"faces are torch.float32 of shape \(1, 3\)"),
        ({"faces": FACES[0]}, r"expected torch.int64 \(F, 3\)"),
        ({"faces": FACES + 1}, "faces name vertices 1 to 3 of 3"),
        ({"faces": FACES - 1}, "faces name vertices -1 to 1 of 3"),
        ({"intrinsics": K[0]}, r"K has shape \(3, 3\)"),
        ({"intrinsics": K.repeat(2, 1, 1)}, "2 cameras see 1 bodies"),
        ({"intrinsics": K / K[0, 0, 0] / 2}, "K of camera 0"),
        ({"intrinsics": K * torch.tensor([0.0, 1.0, 1.0])}, "focal length of camera 0"),
        ({"intrinsics": K * torch.tensor([[0.02], [0.02], [1.0]])}, "expected pixels, at least 4"),
        ({"intrinsics": K * torch.nan}, "finite"),
    ],
)
def test_what_cannot_be_projected_is_refused_in_one_line(given, words):
    arguments = {"vertices": VERTICES, "faces": FACES, "intrinsics": K} | given
    with pytest.raises(PosekitError, match=words) as caught:
        screen_triangles(**arguments)
    assert "\n" not in str(caught.value)


def test_attributes_are_those_of_each_item():
    check_attributes("colours", torch.zeros(5, 2), 3, 5, "faces")
    check_attributes("colours", torch.zeros(3, 5, 2), 3, 5, "faces")
    for shape in ((4, 2), (5,), (2, 5, 2), (1, 3, 5, 2), (3, 4, 2)):
        with pytest.raises(InvalidData, match=r"colours has shape .* each of the faces"):
            check_attributes("colours", torch.zeros(shape), 3, 5, "faces")


def test_far_is_behind_near():
    check_range(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0]))
    for far in (2.0, 1.0, torch.nan):
        with pytest.raises(InvalidParameter, match=r"near is 2 and far is .* in picture 1"):
            check_range(torch.tensor([1.0, 2.0]), torch.tensor([2.0, far]))
