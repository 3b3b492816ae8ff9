"""Turned and cropped cameras see the same world: points, pixels, rays and pictures agree."""

import math
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posekit.errors import InvalidData
from posekit.geometry.perspective import (
    box_around,
    box_corners,
    check_intrinsics,
    crop,
    map_pixels,
    perspective_rotation,
    pixel_centres,
    project,
    rays,
    rotation_homography,
    warp,
)

WIDTH, HEIGHT = 1280.0, 720.0
IDENTITY = torch.eye(3, dtype=torch.float64)

seeds = st.integers(0, 2**31)
crops = st.sampled_from([64, 224, 256])


class View(NamedTuple):
    """Points about persons, their boxes' centres and the cameras that see them."""

    intrinsics: Tensor
    box_centre: Tensor
    points: Tensor


def drawn(seed: int, persons: int = 3) -> View:
    """Lenses from tele to very wide, skewed in one axis; persons anywhere in the picture."""
    generator = torch.manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    size = torch.tensor([WIDTH, HEIGHT], dtype=torch.float64)
    intrinsics = IDENTITY.repeat(persons, 1, 1)
    focal = 350 + 1500 * draw(persons)
    intrinsics[:, 0, 0], intrinsics[:, 1, 1] = focal, focal * (0.8 + 0.4 * draw(persons))
    intrinsics[:, :2, 2] = size * (0.4 + 0.2 * draw(persons, 2))
    box_centre = size * draw(persons, 2)
    depth = 2 + 6 * draw(persons, 1, 1)
    middle = depth * homogeneous(rays(intrinsics, box_centre[:, None]))
    return View(intrinsics, box_centre, middle + 1.4 * draw(persons, 20, 3) - 0.7)


def homogeneous(pixels: Tensor) -> Tensor:
    return torch.cat([pixels, torch.ones_like(pixels[..., :1])], dim=-1)


def cut(view: View, size: int, rotation: Tensor | None = None):
    """The crop around the points, symmetric about the principal point if the camera turns."""
    centre = None if rotation is None else view.intrinsics[:, :2, 2]
    rotation = IDENTITY.expand_as(view.intrinsics) if rotation is None else rotation
    seen = project(view.points @ rotation.mT, view.intrinsics)
    return crop(view.intrinsics, rotation, box_around(seen, centre), size)


@given(seed=seeds, size=crops, turned=st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_crops_camera_sees_points_where_its_homography_takes_their_pixels(seed, size, turned):
    view = drawn(seed)
    rotation = perspective_rotation(view.intrinsics, view.box_centre) if turned else None
    cropped = cut(view, size, rotation)
    points = view.points if rotation is None else view.points @ rotation.mT
    seen = project(points, cropped.intrinsics)
    pixels = project(view.points, view.intrinsics)
    torch.testing.assert_close(map_pixels(cropped.homography, pixels), seen, atol=1e-3, rtol=0)
    # Stretched to be square, pixels at the box's edge may leave the crop.
    aspect = (view.intrinsics[:, 1, 1] / view.intrinsics[:, 0, 0]).log().abs().exp()
    reach = (seen - size / 2).abs().amax((1, 2)) / (size / 2)
    assert (reach <= aspect + 1e-6).all()
    assert (reach >= 1 - 1e-6).all()
    torch.testing.assert_close(cropped.affine @ view.intrinsics, cropped.intrinsics)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_the_box_comes_to_the_principal_point_by_the_least_rotation(seed):
    view = drawn(seed)
    rotation = perspective_rotation(view.intrinsics, view.box_centre)
    torch.testing.assert_close(rotation @ rotation.mT, IDENTITY.expand_as(rotation))
    moved = map_pixels(rotation_homography(view.intrinsics, rotation), view.box_centre[:, None])
    torch.testing.assert_close(moved[:, 0], view.intrinsics[:, :2, 2])
    ray = rays(view.intrinsics, view.box_centre[:, None])[:, 0]
    # The least rotation turns by the angle off the axis, about an axis in the picture's plane.
    cosine = (rotation.diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2
    torch.testing.assert_close(cosine, 1 / (1 + ray.square().sum(-1)).sqrt())
    torch.testing.assert_close(rotation[:, 0, 1], rotation[:, 1, 0])


@given(seed=seeds, size=crops)
@settings(max_examples=20, deadline=None)
def test_the_crops_centre_is_the_principal_point_of_the_rotated_camera(seed, size):
    view = drawn(seed)
    cropped = cut(view, size, perspective_rotation(view.intrinsics, view.box_centre))
    centre = torch.full((3, 2), size / 2, dtype=torch.float64)
    torch.testing.assert_close(cropped.intrinsics[:, :2, 2], centre, rtol=0, atol=1e-9)
    focal = cropped.intrinsics.diagonal(dim1=1, dim2=2)[:, :2]
    torch.testing.assert_close(focal[:, 0], focal[:, 1])  # square pixels


def test_the_aim_is_where_the_box_goes():
    view = drawn(0)
    aim = view.intrinsics[:, :2, 2] + torch.tensor([40.0, -25.0])
    rotation = perspective_rotation(view.intrinsics, view.box_centre, aim)
    homography = rotation_homography(view.intrinsics, rotation)
    torch.testing.assert_close(map_pixels(homography, view.box_centre[:, None])[:, 0], aim)


def test_a_central_person_needs_no_turn_and_has_gradients():
    view = drawn(1)
    centre = view.intrinsics[:, :2, 2].clone().requires_grad_()
    rotation = perspective_rotation(view.intrinsics, centre)
    torch.testing.assert_close(rotation, IDENTITY.expand_as(rotation))
    rotation.sum().backward()
    assert centre.grad.isfinite().all()


def test_everything_is_differentiable():
    view = drawn(2, persons=2)

    def crops_of(moved: Tensor, box_centre: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        last = view.intrinsics[:, 2:]  # stays 0 0 1
        seen = View(torch.cat([moved, last], dim=1), box_centre, points)
        cropped = cut(seen, 64, perspective_rotation(seen.intrinsics, box_centre))
        return cropped.intrinsics[:, :2], map_pixels(cropped.homography, box_centre[:, None])

    inputs = (view.intrinsics[:, :2].clone(), view.box_centre, view.points[:, :4])
    assert torch.autograd.gradcheck(crops_of, [value.requires_grad_() for value in inputs])


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_single_precision_is_within_a_twentieth_of_a_pixel(seed):
    view = drawn(seed)
    single = View(*(value.float() for value in view))
    fine, coarse = (
        cut(v, 256, perspective_rotation(v.intrinsics, v.box_centre)) for v in (view, single)
    )
    pixels = project(view.points, view.intrinsics)
    moved = map_pixels(coarse.homography, pixels.float()).double()
    torch.testing.assert_close(moved, map_pixels(fine.homography, pixels), atol=0.05, rtol=0)


def test_persons_do_not_see_one_another():
    view = drawn(4)
    whole = cut(view, 64, perspective_rotation(view.intrinsics, view.box_centre))
    for number in range(3):
        one = View(*(value[number : number + 1] for value in view))
        alone = cut(one, 64, perspective_rotation(one.intrinsics, one.box_centre))
        for together, single in zip(whole, alone, strict=True):
            torch.testing.assert_close(together[number], single[0])


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_rays_and_projection_are_inverse(seed):
    view = drawn(seed)
    pixels = project(view.points, view.intrinsics)
    torch.testing.assert_close(
        rays(view.intrinsics, pixels), view.points[..., :2] / view.points[..., 2:]
    )
    shared = torch.tensor([[0.0, 0.0], [640.0, 360.0]], dtype=torch.float64)
    seen = project(homogeneous(rays(view.intrinsics, shared)), view.intrinsics)
    torch.testing.assert_close(seen, shared.expand(3, 2, 2))


@given(stretch=st.floats(0.2, 5), wide=st.floats(10, 500), high=st.floats(10, 500))
@settings(max_examples=20, deadline=None)
def test_boxes_fill_crops_and_pixels_become_square_within_a_factor_of_two(stretch, wide, high):
    intrinsics = torch.tensor([[[900, 0, 640], [0, 900 * stretch, 360], [0, 0, 1]]]).double()
    box = torch.tensor([[300.0, 200.0, wide, high]]).double()
    cropped = crop(intrinsics, IDENTITY[None], box, 256)
    scale = cropped.affine[0].diagonal()[:2]
    bounded = min(max(stretch, 0.5), 2.0)
    assert float(scale[0] / scale[1]) == pytest.approx(bounded)
    assert float(scale.min()) == pytest.approx(256 / max(wide, high))
    centre = map_pixels(cropped.affine, box[:, None, :2] + box[:, None, 2:] / 2)
    torch.testing.assert_close(centre, torch.full((1, 1, 2), 128.0).double())


def test_boxes_and_their_corners_agree():
    box = torch.tensor([[10.0, 20.0, 30.0, 40.0], [0.0, 0.0, 1.0, 2.0]])
    corners = box_corners(box)
    assert corners[0].tolist() == [[10, 20], [40, 20], [40, 60], [10, 60]]
    torch.testing.assert_close(box_around(corners), box)
    about = box_around(corners, torch.tensor([[12.0, 70.0], [0.0, 0.0]]))
    assert about.tolist() == [[-16, 20, 56, 100], [-1, -2, 2, 4]]


def test_a_warp_by_nothing_gives_the_picture_back():
    image = torch.rand(2, 3, 5, 7, generator=torch.manual_seed(0))
    torch.testing.assert_close(warp(image, torch.eye(3).expand(2, 3, 3), (5, 7)), image)
    halves = torch.diag(torch.tensor([0.5, 0.5, 1.0])).expand(2, 3, 3)
    small = warp(image[..., :4, :6], halves, (2, 3))  # each centre lies between four
    torch.testing.assert_close(small, torch.nn.functional.avg_pool2d(image[..., :4, :6], 2))


@pytest.mark.parametrize("scale", [1.0, -3.0])
def test_a_picture_is_warped_like_its_pixels_whatever_the_homographys_scale(scale):
    view = drawn(5, persons=1)
    cropped = cut(view, 64, perspective_rotation(view.intrinsics, view.box_centre))
    centres = pixel_centres(int(HEIGHT), int(WIDTH), view.intrinsics)
    image = (centres / torch.tensor([WIDTH, HEIGHT])).mT.reshape(1, 2, int(HEIGHT), int(WIDTH))
    warped = warp(image, scale * cropped.homography, 64)
    inner = pixel_centres(64, 64, view.intrinsics)[None]
    origin = map_pixels(torch.linalg.inv(cropped.homography), inner)[0]
    expected = (origin / torch.tensor([WIDTH, HEIGHT])).mT.unflatten(1, (64, 64))
    inside = ((expected > 0.01) & (expected < 0.99)).all(0)
    assert inside.double().mean() > 0.2
    torch.testing.assert_close(warped[0][:, inside], expected[:, inside])


def test_what_lies_behind_the_camera_is_black():
    """A camera turned by 70 degrees whose crop is wide looks beyond the plane of the picture."""
    intrinsics = torch.tensor([[[50.0, 0, 50], [0, 50, 50], [0, 0, 1]]], dtype=torch.float64)
    rotation = perspective_rotation(
        intrinsics, torch.tensor([[50 + 50 * math.tan(1.2), 50.0]]).double()
    )
    box = torch.tensor([[-450.0, -450.0, 1000.0, 1000.0]]).double()
    cropped = crop(intrinsics, rotation, box, 100)
    ahead = homogeneous(rays(cropped.intrinsics, pixel_centres(100, 100, intrinsics)))
    behind = (ahead @ rotation[0])[..., 2].unflatten(1, (100, 100)) <= 0
    assert 0.1 < behind.double().mean() < 0.9
    white = warp(torch.ones(1, 1, 100, 100).double(), cropped.homography, 100)[:, 0]
    assert (white[behind] == 0).all()
    assert white.max() == 1


def test_pictures_keep_their_precision_and_have_gradients():
    image = torch.rand(1, 1, 6, 6, generator=torch.manual_seed(1), requires_grad=True)
    moved = IDENTITY[None].clone()
    moved[:, 0, 2] = 0.5
    warped = warp(image, moved.requires_grad_(), 6)
    assert warped.dtype == torch.float32
    warped.sum().backward()
    assert image.grad.abs().sum() > 0
    assert moved.grad.abs().sum() > 0


def camera(**entries: float) -> Tensor:
    """(1, 3, 3) of a plausible camera of which entries, by row and column, are others."""
    matrix = torch.tensor([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]])
    for place, value in entries.items():
        matrix[int(place[1]), int(place[2])] = value
    return matrix[None]


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        (camera()[0], r"K has shape \(3, 3\); expected \(B, 3, 3\)"),
        (camera(k00=0.0), r"focal length of camera 0 is \(0, 1000\); expected pixels, at least 4"),
        (camera(k11=-1000.0), r"focal length of camera 0 is \(1000, -1000\)"),
        (camera(k00=0.78, k11=1.38, k02=0.5, k12=0.5), "multiply a normalised one by the picture"),
        (camera(k00=35.0, k11=35.0), r"principal point at \(640, 360\).*not in millimetres"),
        (camera(k02=90_000.0), "give both in pixels of one picture"),
        (camera(k02=math.nan), "expected finite numbers"),
        (camera(k22=1000.0), "0 0 1 in the last"),
        (torch.cat([camera(), camera(k00=-3.0)]), "focal length of camera 1"),
    ],
)
def test_matrices_that_are_no_cameras_in_pixels_are_refused_in_one_line(matrix, told):
    with pytest.raises(InvalidData, match=told) as error:
        check_intrinsics(matrix)
    assert "\n" not in str(error.value)
    with pytest.raises(InvalidData, match=told):
        perspective_rotation(matrix, torch.zeros(len(matrix), 2))
    with pytest.raises(InvalidData, match=told):
        crop(matrix, torch.eye(3)[None], torch.ones(len(matrix), 4), 64)


@pytest.mark.parametrize(("degrees", "refused"), [(79.0, False), (81.0, True), (math.nan, True)])
def test_boxes_more_than_80_degrees_off_the_axis_are_refused(degrees, refused):
    slope = math.tan(math.radians(degrees))
    centre = torch.tensor([[640.0, 360.0], [640 + 1000 * slope, 360]]).double()
    intrinsics = camera().double().repeat(2, 1, 1)
    if not refused:
        assert perspective_rotation(intrinsics, centre).isfinite().all()
        return
    told = rf"box 1 with centre .* is {degrees:.0f} degrees off the axis.*at most 80"
    with pytest.raises(InvalidData, match=told):
        perspective_rotation(intrinsics, centre)


@pytest.mark.parametrize("box", [[5.0, 5, 0, 10], [5.0, 5, 10, -1], [math.nan, 5, 10, 10]])
def test_empty_boxes_are_refused(box):
    with pytest.raises(InvalidData, match=r"box 0 \(x, y, width, height\) = .* is empty"):
        crop(camera(), torch.eye(3)[None], torch.tensor([box]), 64)


def test_boxes_outside_of_the_picture_are_refused_when_it_is_cut():
    box = torch.tensor([[100.0, 100, 50, 50], [2000.0, 100, 50, 50]])
    cropped = crop(camera().repeat(2, 1, 1), torch.eye(3).repeat(2, 1, 1), box, 16)
    image = torch.rand(2, 3, 720, 1280, generator=torch.manual_seed(0))
    with pytest.raises(InvalidData, match="crop 1 shows nothing of its picture of 1280 x 720 px"):
        warp(image, cropped.homography, 16)
    assert (warp(image[:1], cropped.homography[:1], 16) > 0).any()
