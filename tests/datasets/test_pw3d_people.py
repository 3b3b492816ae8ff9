"""3DPW's bodies in the camera's frame, their boxes, and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import copy_of
from PIL import Image
from pw3d_files import ONE, change_sequence

from posekit.datasets.pw3d_people import box_of, load_people, read_bodies, read_picture
from posekit.datasets.pw3d_sequences import read_sequence
from posekit.errors import DatasetNotFound, InvalidData

PICTURE = "imageFiles/downtown_bar_00/image_00004.jpg"


@pytest.fixture
def root(small_pw3d: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return copy_of(small_pw3d, tmp_path / "data")


def test_bodies_stand_where_the_files_joints_are(small_pw3d: Path) -> None:
    bodies = read_bodies(small_pw3d)
    found = load_people("test", root=small_pw3d, bodies=bodies)
    sequence = read_sequence(small_pw3d / "pw3d" / ONE)
    rows = [k for k, person in enumerate(found.persons) if person == "downtown_bar_00/1"]
    frames = sequence.people[1].valid.nonzero()[:, 0]
    assert [found.pictures[k][-9:-4] for k in rows] == [f"{frame:05d}" for frame in frames]
    body = bodies[found.genders[rows[0]]]
    posed = body(found.rotations[rows], found.betas[rows], found.translation[rows])
    expected = sequence.in_camera(sequence.people[1].joints)[frames]
    torch.testing.assert_close(posed.joints.double(), expected, atol=1e-5, rtol=0)


def test_boxes_hold_the_surface_and_are_clipped() -> None:
    matrix = torch.tensor([[1000.0, 0.0, 540.0], [0.0, 1000.0, 960.0], [0.0, 0.0, 1.0]])
    vertices = torch.tensor([[[-0.5, -1.0, 5.0], [0.5, 0.5, 5.0], [0.0, 0.0, 4.0]]])
    box = box_of(vertices, matrix, (1080, 1920))
    torch.testing.assert_close(box, torch.tensor([[440.0, 760.0, 200.0, 300.0]]))
    near = box_of(vertices / torch.tensor([0.05, 0.05, 5.0]), matrix, (1080, 1920))
    torch.testing.assert_close(near, torch.tensor([[-384.0, -384.0, 2688.0, 2688.0]]))


def test_a_part_of_the_pictures_is_the_same_pictures(small_pw3d: Path) -> None:
    bodies = read_bodies(small_pw3d)
    every = load_people("train", root=small_pw3d, bodies=bodies)
    some = load_people("train", root=small_pw3d, bodies=bodies, every=7)
    assert set(some.pictures) < set(every.pictures)
    row = every.pictures.index(some.pictures[1])
    torch.testing.assert_close(some.box[1], every.box[row])


def test_bodies_of_another_model_are_refused(root: Path) -> None:
    def taller(held: dict) -> None:
        held["betas"][0][:3] += 4

    change_sequence(root / "pw3d" / ONE, taller)
    with pytest.raises(InvalidData, match=r"downtown_bar_00\.pkl: person 0: .* mm from") as caught:
        load_people("test", root=root, bodies=read_bodies(root))
    assert str(caught.value).isprintable()


def test_smpl_is_asked_for_by_real_files_alone(root: Path) -> None:
    for path in (root / "pw3d").rglob("*.pkl"):
        change_sequence(path, lambda held: held.pop("standin"))
    with pytest.raises(DatasetNotFound) as caught:
        read_bodies(root)
    for part in (
        "SMPL_MALE.pkl and SMPL_FEMALE.pkl",
        "https://smpl.is.tue.mpg.de/",
        "-p dataset pw3d",
    ):
        assert part in str(caught.value)
    with pytest.raises(DatasetNotFound, match=r"sequenceFiles\.zip"):
        read_bodies(root / "empty")


def test_a_picture_that_is_missing_is_named(root: Path) -> None:
    with pytest.raises(DatasetNotFound, match=r"image_00004\.jpg is missing; unpack imageFiles"):
        read_picture(root, PICTURE, (1920, 1080))


def test_pictures_are_read_and_checked(root: Path) -> None:
    path = root / "pw3d" / PICTURE
    path.parent.mkdir(parents=True)
    Image.new("RGB", (192, 108), (200, 10, 30)).save(path)
    picture = read_picture(root, PICTURE, (192, 108))
    assert picture.shape == (108, 192, 3)
    assert np.abs(picture[50, 50].astype(int) - (200, 10, 30)).max() < 6
    with pytest.raises(InvalidData, match="has 192 x 108 pixels, its camera 1920 x 1080"):
        read_picture(root, PICTURE, (1920, 1080))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InvalidData, match=r"image_00004\.jpg: not a readable JPEG"):
        read_picture(root, PICTURE, (192, 108))
