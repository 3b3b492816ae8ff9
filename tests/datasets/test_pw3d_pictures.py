"""3DPW's pictures as crops: what they show, their cameras, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import copy_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pw3d_files import EVERY, SEQUENCES, change_sequence, write_small_with_pictures
from smpl_files import smpl_arrays, write_pickle

from posekit.bodies.rendering import hard
from posekit.datasets.pw3d_people import box_of
from posekit.datasets.pw3d_pictures import (
    PW3DPictures,
    load_pw3d_pictures,
    neutral_body,
    turned_crop,
)
from posekit.datasets.rendered import BINS, BodyImages
from posekit.datasets.standins.pw3d_pictures import GROUND
from posekit.errors import DatasetNotFound, InvalidData, InvalidParameter
from posekit.geometry.perspective import map_pixels, project

CROP_PX = 96
ALONE = "downtown_cafe_00/0"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_small_with_pictures(root)
    return root


@pytest.fixture(scope="module")
def pictures(data: Path) -> PW3DPictures:
    return load(data)


@pytest.fixture(scope="module")
def images(pictures: PW3DPictures) -> BodyImages:
    return pictures.crops(range(len(pictures)))


@pytest.fixture
def root(data: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return copy_of(data, tmp_path / "data")


def load(root: Path) -> PW3DPictures:
    return load_pw3d_pictures("test", root=root, crop_px=CROP_PX, every=EVERY)


@pytest.mark.parametrize("suffix", ["", "_rotated"])
def test_crops_show_the_person_where_their_cameras_say(
    pictures: PW3DPictures, images: BodyImages, suffix: str
) -> None:
    alone = [row for row, person in enumerate(images.persons) if person == ALONE]
    assert alone
    body = next(iter(pictures.bodies.values()))
    truth = (images.rotations, images.betas, images.translation)
    vertices = body(*(torch.from_numpy(part[alone]) for part in truth)).vertices
    if suffix:
        vertices = vertices @ torch.from_numpy(images.rotation[alone]).mT
    intrinsics = torch.from_numpy(getattr(images, f"crop_intrinsics{suffix}")[alone])
    due = hard(vertices, body.faces, intrinsics, CROP_PX, torch.ones(len(body.faces), 1)).face >= 0
    shown = getattr(images, f"images{suffix}")[alone].astype(float)
    inside = shown.max(-1) > 0
    person = (np.abs(shown - 255 * np.array(GROUND)).max(-1) > 30) & inside
    both, either = person & due.numpy(), (person | due.numpy()) & inside
    assert both.sum() > 0.85 * either.sum()


def test_the_camera_is_turned_to_the_box(images: BodyImages) -> None:
    middle = images.crop_intrinsics_rotated[:, :2, 2]
    np.testing.assert_allclose(middle, CROP_PX / 2, atol=1e-3)
    trace = np.trace(images.rotation.astype(float), axis1=1, axis2=2)
    np.testing.assert_allclose(np.arccos((trace - 1) / 2), images.off_axis, atol=1e-3)
    focal = images.crop_intrinsics_rotated[:, 0, 0]
    np.testing.assert_allclose(2 * np.arctan(CROP_PX / 2 / focal), images.field_of_view, rtol=1e-5)


COORDINATE = st.floats(-1.5, 1.5)


@settings(deadline=None, max_examples=25)
@given(x=COORDINATE, y=COORDINATE, depth=st.floats(2.5, 9.0), focal=st.floats(800, 3000))
def test_turned_crops_hold_the_surface_and_agree_with_their_homography(
    x: float, y: float, depth: float, focal: float
) -> None:
    matrix = torch.tensor([[[focal, 0, 540], [0, focal, 960], [0, 0, 1]]], dtype=torch.float64)
    spread = torch.linspace(-1, 1, 40, dtype=torch.float64)
    shape = torch.stack([0.4 * torch.sin(7 * spread), 0.9 * spread, 0.3 * torch.cos(5 * spread)], 1)
    vertices = shape[None] + torch.tensor([x, y, depth], dtype=torch.float64)
    box = box_of(vertices, matrix[0], (1080, 1920))
    rotation, cut = turned_crop(vertices, matrix, box, CROP_PX)
    pixels = project(vertices @ rotation.mT, cut.intrinsics)
    assert float(pixels.min()) > -1e-6
    assert float(pixels.max()) < CROP_PX + 1e-6
    assert float((pixels.amax(1) - pixels.amin(1)).max()) > CROP_PX / 3
    torch.testing.assert_close(map_pixels(cut.homography, project(vertices, matrix)), pixels)


def test_plain_crops_are_larger_than_the_joints_by_a_fifth(
    pictures: PW3DPictures, images: BodyImages
) -> None:
    body = next(iter(pictures.bodies.values()))
    truth = (images.rotations, images.betas, images.translation)
    joints = body(*map(torch.from_numpy, truth)).joints[:, [4, 5, 7, 8, 12, *range(15, 22), 1, 2]]
    seen = joints @ torch.from_numpy(images.crop_intrinsics).mT
    pixels = seen[..., :2] / seen[..., 2:]
    first, last = pixels.amin(1), pixels.amax(1)
    half = torch.full_like(first, CROP_PX / 2)
    torch.testing.assert_close((first + last) / 2, half, atol=0.01, rtol=0)
    torch.testing.assert_close((last - first).amax(1), 2 * half[:, 0] / 1.2, atol=0.01, rtol=0)


def test_what_nobody_knows_is_marked(images: BodyImages) -> None:
    assert np.isnan(images.looseness).all()
    assert set(images.bins["looseness"]) == {"unknown"}
    assert not any(array.any() for array in (images.labels, images.parsed_rotated))
    assert images.prior.shape == (0, 20)


@pytest.mark.parametrize("kind", ["off_axis", "field_of_view"])
def test_bins_are_those_of_the_rendered_pictures(images: BodyImages, kind: str) -> None:
    degrees = np.degrees(getattr(images, kind))
    for value, name in zip(degrees, images.bins[kind], strict=True):
        assert name in BINS[kind]
        numbers = [float(word.rstrip("°")) for word in name.split() if word[0].isdigit()]
        assert name.startswith("above") or value < numbers[-1]
        assert name.startswith("below") or value >= numbers[0]


def test_the_same_rows_give_the_same_crops(pictures: PW3DPictures, images: BodyImages) -> None:
    again = pictures.crops([2, 1])
    np.testing.assert_array_equal(again.images_rotated, images.images_rotated[[2, 1]])
    np.testing.assert_array_equal(again.box, images.box[[2, 1]])
    assert again.fingerprint == pictures.crops([2, 1]).fingerprint != images.fingerprint
    assert "STAND-IN" in pictures.notes[0]


@pytest.mark.parametrize(
    ("damage", "error", "told"),
    [
        (Path.unlink, DatasetNotFound, r"image_\d{5}\.jpg is missing; unpack imageFiles\.zip"),
        (
            lambda path: Image.new("RGB", (320, 180)).save(path),
            InvalidData,
            r"has 320 x 180 pixels, its camera \d+ x \d+",
        ),
        (lambda path: path.write_bytes(b"\xff\xd8no"), InvalidData, "not a readable JPEG"),
    ],
    ids=["missing", "of another size", "damaged"],
)
def test_a_bad_picture_is_told_on_one_line(root: Path, damage, error, told: str) -> None:
    found = load(root)
    damage(root / "pw3d" / found.people.pictures[1])
    found.crops([0])
    with pytest.raises(error, match=told) as caught:
        found.crops([1])
    assert str(caught.value).isprintable()


def test_persons_outside_of_their_pictures_are_counted_or_refused(root: Path) -> None:
    def aside(held: dict) -> None:
        held["cam_poses"][:, 0, 3] += 12.0

    everybody = len(load(root))
    one, *others = (root / f"pw3d/sequenceFiles/test/{name}.pkl" for name in SEQUENCES["test"])
    change_sequence(one, aside)
    found = load(root)
    gone = everybody - len(found)
    assert gone > 0
    assert found.notes[-1] == f"Boxes outside of their pictures, left out: {gone}."
    for path in others:
        change_sequence(path, aside)
    with pytest.raises(InvalidData, match=f"all {everybody} boxes of the test part in") as caught:
        load(root)
    assert str(caught.value).isprintable()


def test_networks_find_bodies_of_the_neutral_model(pictures: PW3DPictures, tmp_path: Path) -> None:
    assert neutral_body(pictures, 10).name == "open"
    with pytest.raises(InvalidData, match=r"11 shape parameters and the open body .* has 10"):
        neutral_body(pictures, 11)
    real = PW3DPictures(**{**vars(pictures), "standin": False, "root": tmp_path})
    with pytest.raises(DatasetNotFound, match=r"SMPL_NEUTRAL\.pkl not found; .*smpl\.is\.tue"):
        neutral_body(real, 10)
    (tmp_path / "smpl").mkdir()
    write_pickle(tmp_path / "smpl" / "SMPL_NEUTRAL.pkl")
    with pytest.raises(DatasetNotFound, match=r"J_regressor_h36m\.npy not found in"):
        neutral_body(real, 10)
    np.save(tmp_path / "smpl" / "J_regressor_h36m.npy", smpl_arrays()["J_regressor"][:17])
    assert neutral_body(real, 10).name == "SMPL_NEUTRAL"
    with pytest.raises(InvalidParameter, match="11"):
        neutral_body(real, 11)
