"""Pictures by SPIN's lists: which part a crop shows, what is unknown, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import change_archive
from spin_files import write_list

from posekit.datasets.rendered.body_images import BodyImages
from posekit.datasets.spin_pictures import LISTS, lists_on_disk, load_spin_pictures
from posekit.errors import DatasetNotFound, InvalidData

CROP_PX = 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_list(tmp_path, "h36m_p2")
    return tmp_path


def crops(root: Path, every: int = 1) -> BodyImages:
    pictures = load_spin_pictures("h36m_p2", root=root, crop_px=CROP_PX, every=every)
    return pictures.crops(range(len(pictures)))


def test_crops_are_the_boxes_of_the_list(root: Path) -> None:
    images = crops(root)
    assert len(images) == 4
    for image, (x, y, width, height) in zip(images.images, images.box, strict=True):
        columns = x + width * (np.arange(CROP_PX) + 0.5) / CROP_PX
        rows = y + height * (np.arange(CROP_PX) + 0.5) / CROP_PX
        np.testing.assert_allclose(image[..., 0].mean(0), 0.8 * (columns - 0.5), atol=2.5)
        np.testing.assert_allclose(image[..., 1].mean(1), 1.2 * (rows - 0.5), atol=2.5)
    assert np.isnan(images.rotations).all()
    assert np.isnan(images.intrinsics).all()
    assert not images.images_rotated.any()


def test_some_of_a_list_are_the_same_crops(root: Path) -> None:
    np.testing.assert_array_equal(crops(root, every=2).images, crops(root).images[::2])


def test_lists_are_found_by_their_names(root: Path) -> None:
    assert lists_on_disk(root) == ("h36m_p2",)
    with pytest.raises(DatasetNotFound, match=r"mpi_inf_3dhp_valid\.npz not found") as caught:
        load_spin_pictures("mpi_inf_3dhp", root=root, crop_px=CROP_PX)
    assert str(caught.value).isprintable()


def test_bad_pictures_and_boxes_are_told_on_one_line(root: Path) -> None:
    folder = root / "h36m"
    path = folder / "images" / "S9_Walking 1.60457274_000021.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    with pytest.raises(InvalidData, match=r"_000021\.jpg: not a readable JPEG"):
        crops(root)
    path.unlink()
    with pytest.raises(DatasetNotFound, match=r"_000021\.jpg is missing; unpack the pictures"):
        crops(root)
    path.write_bytes(whole)

    def aside(held: dict) -> None:
        held["center"] = held["center"] + np.eye(4, 2, k=-1) * 900

    change_archive(folder / LISTS["h36m_p2"].file, aside)
    with pytest.raises(InvalidData, match=r"_000021\.jpg: .*nothing of its picture") as caught:
        crops(root)
    assert str(caught.value).isprintable()
