"""Pictures of bodies: hard and soft ones agree, gradients are true, what is up is up."""

from __future__ import annotations

import functools

import pytest
import torch

from posekit.bodies import FACING_CAMERA, open_body, soft_rendering
from posekit.bodies.rendering import count_pairs, hard, soft, soft_ndc
from posekit.errors import InvalidData, InvalidParameter, PosekitError
from posekit.metrics.semantic_losses import AROUND_BODY, minimal_loss

SIZE = 48
K = torch.tensor([[80.0, 0.0, 24.0], [0.0, 80.0, 24.0], [0.0, 0.0, 1.0]])
# One triangle whose corners are all different: wide at the top left, its tip low on the right.
CORNERS = torch.tensor([[[-0.9, -0.6, 3.0], [0.2, -0.7, 3.0], [0.7, 0.8, 3.0]]])
FACE = torch.tensor([[0, 1, 2]])


@functools.cache
def bodies():
    """Vertices (2, V, 3) of two people before the camera, one seen from the side, and faces."""
    body = open_body()
    rotations = torch.eye(3).repeat(2, 24, 1, 1)
    rotations[:, 0] = FACING_CAMERA
    rotations[1, 0] = FACING_CAMERA @ torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    rotations[:, 16] = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # the left arm goes up
    with torch.no_grad():
        posed = body(rotations, torch.zeros(2, 10), torch.tensor([[0.0, 0, 4]]).repeat(2, 1))
    return posed.vertices, body.faces


def attributes(channels=3, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(len(bodies()[1]), channels, generator=generator).to(dtype)


def soft_bodies(vertices=None, colours=None, **changes):
    given, faces = bodies()
    vertices = given if vertices is None else vertices
    colours = attributes() if colours is None else colours
    options = {"sigma_px": 0.05, "gamma": 1e-2} | changes
    return soft(vertices, faces, K.repeat(len(vertices), 1, 1), SIZE, colours, **options)


def iou(a, b):
    return float((a & b).sum() / (a | b).sum())


def test_a_hard_picture_shows_the_nearest_face_its_depth_and_its_attributes():
    corners = torch.cat([CORNERS, CORNERS + torch.tensor([0.0, 0.0, 1.0])], 1)
    corners[0, 3:, :2] *= 2  # larger and behind
    faces = torch.tensor([[3, 4, 5], [0, 1, 2]])
    drawn = hard(corners, faces, K[None], SIZE, vertex_attributes=corners)
    assert drawn.face.unique().tolist() == [-1, 0, 1]
    seen = drawn.face[0] >= 0
    y, x = seen.nonzero(as_tuple=True)
    points = drawn.attributes[0][:, seen]
    torch.testing.assert_close(80 * points[0] / points[2] + 24, x + 0.5, rtol=0, atol=1e-3)
    torch.testing.assert_close(80 * points[1] / points[2] + 24, y + 0.5, rtol=0, atol=1e-3)
    torch.testing.assert_close(points[2], drawn.depth[0][seen])
    near = drawn.face[0] == 1
    alone = hard(CORNERS, FACE, K[None], SIZE).face[0] == 0
    assert torch.equal(near, alone)
    assert drawn.depth[0][~seen].isinf().all()
    assert not drawn.attributes[0][:, ~seen].any()
    weights = drawn.barycentric[0]
    torch.testing.assert_close(weights.sum(-1), seen.to(weights))


def test_hard_pictures_are_perspective_correct():
    tilted = CORNERS * torch.tensor([[[1.0], [1.0], [2.0]]])  # the tip at twice the depth
    drawn = hard(tilted, FACE, K[None], SIZE, vertex_attributes=tilted)
    seen = drawn.face[0] == 0
    x = seen.nonzero(as_tuple=True)[1]
    points = drawn.attributes[0][:, seen]
    torch.testing.assert_close(80 * points[0] / points[2] + 24, x + 0.5, rtol=0, atol=1e-3)


def test_hard_pictures_are_the_same_however_they_are_cut():
    vertices, faces = bodies()
    camera = K.repeat(2, 1, 1)
    whole, cut = (
        hard(vertices, faces, camera, SIZE, face_attributes=attributes(), most_pairs=most)
        for most in (1 << 20, 500)
    )
    for a, b in zip(whole, cut, strict=True):
        assert torch.equal(a, b)


def test_a_closed_body_has_no_holes_in_a_hard_picture():
    vertices, faces = bodies()
    seen = hard(vertices, faces, K.repeat(2, 1, 1), SIZE).face >= 0
    around = torch.nn.functional.max_pool2d(-seen[:, None].float(), 3, 1, 1)[:, 0] == -1
    lonely = torch.nn.functional.avg_pool2d(seen[:, None].float(), 3, 1, 1)[:, 0] > 8 / 9 - 1e-4
    assert not (lonely & ~seen & ~around).any()


@pytest.mark.parametrize("render", ["hard", "soft"])
def test_pictures_have_their_first_row_at_the_top_and_are_not_mirrored(render):
    if render == "hard":
        seen = hard(CORNERS, FACE, K[None], SIZE).face[0] == 0
    else:
        picture = soft(*(CORNERS, FACE, K[None], SIZE, torch.ones(1, 1)), sigma_px=1e-3, gamma=0.1)
        seen = picture.silhouette[0] > 0.5
    y, x = seen.nonzero(as_tuple=True)
    middle = 80 * CORNERS[0, :, :2].mean(0) / 3 + 24
    torch.testing.assert_close(x.float().mean() + 0.5, middle[0], rtol=0, atol=0.1)
    torch.testing.assert_close(y.float().mean() + 0.5, middle[1], rtol=0, atol=0.1)
    top, bottom = seen[y.min() + 2].sum(), seen[y.max() - 2].sum()
    assert top > 3 * bottom


def test_the_raised_left_arm_is_high_and_on_the_right_of_the_picture():
    vertices, faces = bodies()
    seen = hard(vertices[:1], faces, K[None], SIZE).face[0] >= 0
    picture = soft_bodies().silhouette[0] > 0.5
    # The person faces the camera: its left is on the right.
    for mask in (seen, picture):
        assert mask[:13, 28:].sum() > 8
        assert not mask[:13, :20].any()


def test_a_body_moved_up_is_rendered_higher():
    vertices, _ = bodies()
    rows = torch.arange(SIZE)[:, None]
    heights = [
        float((picture.silhouette * rows).sum() / picture.silhouette.sum())
        for picture in (
            soft_bodies(vertices),
            soft_bodies(vertices - torch.tensor([0.0, 0.1, 0.0])),
        )
    ]
    assert heights[1] == pytest.approx(heights[0] - 80 * 0.1 / 4, abs=0.1)


def test_soft_pictures_tend_to_hard_ones():
    # A pixel just outside two small faces is half covered by each, so three quarters by both: with
    # soft borders bodies are fatter. At 1e-4 px^2 a border is 0.03 px wide, and that is gone.
    vertices, faces = bodies()
    drawn = hard(vertices, faces, K.repeat(2, 1, 1), SIZE, face_attributes=attributes())
    seen = drawn.face >= 0
    picture = soft_bodies(sigma_px=1e-4, gamma=1e-3)
    assert iou(picture.silhouette > 0.5, seen) > 0.97
    difference = (picture.image - drawn.attributes).abs().mean(1)[seen]
    assert difference.mean() < 0.03
    areas = [float(soft_bodies(sigma_px=sigma).silhouette.sum()) for sigma in (1e-4, 1e-2, 0.1)]
    assert areas == sorted(areas)
    assert areas[2] > 1.1 * areas[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_pictures_do_not_depend_on_threads_or_the_run(threads):
    def drawn():
        vertices = bodies()[0].clone().requires_grad_()
        picture = soft_bodies(vertices)
        (picture.image.square().sum() + picture.silhouette.sum()).backward()
        return picture.image, picture.silhouette, vertices.grad

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = drawn()
        torch.set_num_threads(threads)
        found = drawn()
    finally:
        torch.set_num_threads(before)
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-5)


def test_one_pass_for_all_channels_is_one_for_each():
    colours = attributes(4)
    together = soft_bodies(colours=colours).image
    apart = [soft_bodies(colours=colours[:, k : k + 1]).image for k in range(4)]
    assert torch.equal(together, torch.cat(apart, 1))


def test_attributes_may_differ_between_pictures():
    colours = torch.stack([attributes(), 1 - attributes()])
    picture = soft_bodies(colours=colours).image
    for number in range(2):
        alone = soft_bodies(colours=colours[number]).image
        assert torch.equal(picture[number], alone[number])


@pytest.mark.parametrize("output", ["image", "silhouette"])
def test_gradients_through_cameras_are_central_differences(monkeypatch, output):
    # Steps where pairs come within reach or are seen edge-on have no gradient: put them away.
    monkeypatch.setattr(soft_rendering, "LEAST_COVER", 1e-12)
    vertices, faces = bodies()
    vertices = vertices[:1].double()
    kept = torch.arange(0, len(faces), 97)  # a few faces apart
    colours = attributes(2, torch.float64)[kept]
    generator = torch.Generator().manual_seed(4)
    cotangent = torch.rand(1, SIZE, SIZE, generator=generator).double()

    def value(moved):
        picture = soft(
            *(moved, faces[kept], K[None].double(), SIZE, colours),
            **{"sigma_px": 0.05, "gamma": 0.03, "near": 2.5, "far": 5.5},
        )
        if output == "silhouette":
            return (picture.silhouette * cotangent).sum()
        return (picture.image * cotangent[:, None] * torch.tensor([1.0, -0.4])[:, None, None]).sum()

    leaf = vertices.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(leaf), leaf)
    ways = list(
        torch.eye(3, dtype=torch.float64)[:, None, None].expand(-1, 1, vertices.shape[1], -1)
    )
    for vertex in faces[kept[[3, 9, 16]], 0].tolist():
        for axis in range(3):
            way = torch.zeros_like(vertices)
            way[0, vertex, axis] = 1
            ways.append(way)
    step = 1e-6
    for way in ways:
        difference = float(value(vertices + step * way) - value(vertices - step * way)) / (2 * step)
        assert float((gradient * way).sum()) == pytest.approx(difference, rel=2e-4, abs=1e-4)


@pytest.mark.parametrize("depth", [-1.0, 0.0, 1e-9])
def test_vertices_behind_the_camera_leave_their_faces_out(depth):
    corners = torch.cat([CORNERS, CORNERS], 1)
    corners[0, 4, 2] = depth
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    assert hard(corners, faces, K[None], SIZE).face.unique().tolist() == [-1, 0]
    corners.requires_grad_()
    options = {"sigma_px": 0.05, "gamma": 0.1, "near": 1.0, "far": 5.0}
    picture = soft(corners, faces, K[None], SIZE, torch.ones(2, 1), **options)
    alone = soft(CORNERS, FACE, K[None], SIZE, torch.ones(1, 1), **options)
    assert torch.equal(picture.image, alone.image)
    (gradient,) = torch.autograd.grad(picture.silhouette.sum() + picture.image.sum(), corners)
    assert gradient.isfinite().all()
    assert gradient[0, :3].any()
    assert not gradient[0, 3:].any()


def test_a_face_seen_edge_on_leaves_gradients_finite():
    corners = torch.cat([CORNERS, torch.tensor([[[0.3, -0.5, 2], [0.3, 0.5, 2], [0.45, 0, 3]]])], 1)
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    corners.requires_grad_()
    picture = soft(corners, faces, K[None], SIZE, torch.ones(2, 1), sigma_px=0.05, gamma=0.1)
    (gradient,) = torch.autograd.grad(picture.silhouette.sum() + picture.image.sum(), corners)
    assert gradient.isfinite().all()


def test_the_depths_hug_the_body_unless_they_are_given():
    vertices, _ = bodies()
    middle = vertices[..., 2].mean(1)
    given = soft_bodies(near=middle - 1.5, far=middle + 1.5)
    assert torch.equal(soft_bodies().image, given.image)
    beyond = soft_bodies(near=torch.tensor([1.0, 9.0]), far=10.0)
    assert beyond.image[0].any()
    assert not beyond.image[1].any()


def test_a_background_is_seen_where_no_body_is():
    picture = soft_bodies(background=torch.tensor([0.2, 0.4, 0.6]))
    torch.testing.assert_close(picture.image[0, :, 0, 0], torch.tensor([0.2, 0.4, 0.6]))


def test_minimal_labels_pull_bodies_when_rendered_around_them():
    vertices, _ = bodies()
    how, colours = AROUND_BODY, torch.ones(len(bodies()[1]), 1)
    options = {"sigma_px": how.sigma_px(SIZE), "gamma": how.gamma}
    target = soft_bodies(vertices + torch.tensor([0.15, 0.0, 0.0]), colours, **options)
    mask = target.silhouette > 0.5
    moved = vertices.clone().requires_grad_()
    picture = soft_bodies(moved, colours, **options)
    channels = how.channels(picture.image, picture.silhouette)
    loss = minimal_loss("row_iou", channels[:, 0], mask, torch.zeros_like(picture.silhouette))
    loss.sum().backward()
    pull = moved.grad.sum(1)
    assert pull.isfinite().all()
    assert (pull[:, 0] < 0).all()  # to the right


def test_ndc_triangles_are_bodies_with_y_up():
    corners = CORNERS.clone()
    ndc = torch.stack(
        [corners[..., 0] / 3 * 80 / 24, -corners[..., 1] / 3 * 80 / 24, corners[..., 2]], -1
    )
    options = {"gamma": 0.1, "near": 1.0, "far": 5.0}
    seen = soft(CORNERS, FACE, K[None], SIZE, torch.ones(1, 1), sigma_px=0.24, **options)
    same = soft_ndc(ndc[:, None], SIZE, torch.ones(1, 1), sigma=0.24 / 24**2, **options)
    for a, b in zip(seen, same, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-4)


def test_pairs_grow_with_softness():
    vertices, faces = bodies()
    counts = [
        count_pairs(vertices, faces, K.repeat(2, 1, 1), SIZE, sigma_px=sigma)
        for sigma in (0.01, 0.1, 1.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] > 1000


@pytest.mark.parametrize(
    ("render", "changes", "words"),
    [
        (soft, {"size": 0}, "size is 0"),
        (soft, {"intrinsics": K[None] / 1000}, "K of camera 0"),
        (soft, {"face_attributes": torch.ones(2, 1)}, "one row for each of the faces"),
        (soft, {"face_attributes": torch.ones(1)}, r"expected \(1, C\) or \(1, 1, C\)"),
        (soft, {"near": 3.0, "far": 2.0}, "give a far behind its near"),
        (soft, {"gamma": 0.0}, "gamma is 0.0"),
        (soft, {"sigma_px": -1.0}, "sigma is -1.0"),
        (soft, {"most_pairs": 0}, "most_pairs is 0"),
        (hard, {"vertices": CORNERS[0]}, r"expected metres \(B, V, 3\)"),
        (hard, {"faces": FACE + 1}, "of 3; give the faces of this body"),
        (hard, {"vertex_attributes": torch.ones(2, 1)}, "one row for each of the vertices"),
        (hard, {"face_attributes": torch.ones(2, 1)}, "one row for each of the faces"),
        (hard, {"most_pairs": -1}, "most_pairs is -1"),
    ],
)
def test_what_cannot_be_rendered_is_refused_in_one_line(render, changes, words):
    arguments = {"vertices": CORNERS, "faces": FACE, "intrinsics": K[None], "size": SIZE}
    if render is soft:
        arguments |= {"face_attributes": torch.ones(1, 1), "sigma_px": 0.1, "gamma": 0.1}
    with pytest.raises(PosekitError, match=words) as caught:
        render(**(arguments | changes))
    assert "\n" not in str(caught.value)


def test_both_kinds_of_attributes_or_loose_corners_are_refused():
    ones = {"face_attributes": torch.ones(1, 1), "vertex_attributes": torch.ones(3, 1)}
    with pytest.raises(InvalidData, match="both given; give one"):
        hard(CORNERS, FACE, K[None], SIZE, **ones)
    options = {"sigma": 1e-3, "gamma": 0.1, "near": 1.0, "far": 5.0}
    with pytest.raises(InvalidData, match=r"expected \(B, F, 3, 3\)"):
        soft_ndc(CORNERS, SIZE, torch.ones(1, 1), **options)
    with pytest.raises(InvalidParameter, match="square"):
        soft_ndc(CORNERS[None], (4, 5), torch.ones(1, 1), **options)
