"""Pictures by SPIN's lists: which part a crop shows, what is unknown, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import change_archive
from PIL import Image
from spin_files import GROWTH, write_list

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
        np.testing.assert_allclose(image[..., 0].mean(0), GROWTH[0] * (columns - 0.5), atol=2.5)
        np.testing.assert_allclose(image[..., 1].mean(1), GROWTH[1] * (rows - 0.5), atol=2.5)
    assert np.isnan(images.rotations).all()
    assert (images.bins["looseness"] == "unknown").all()


@pytest.mark.parametrize("name", ["h36m_p2", "mpi_inf_3dhp"])
def test_turned_crops_look_at_the_middle_of_the_box(tmp_path: Path, name: str) -> None:
    write_list(tmp_path, name)
    images = load_spin_pictures(name, root=tmp_path, crop_px=CROP_PX).crops(range(4))
    for row in range(len(images)):
        x, y, width, height = images.box[row]
        ray = np.linalg.solve(
            images.intrinsics[row].astype(float), (x + width / 2, y + height / 2, 1)
        )
        seen = images.rotation[row] @ (ray / np.linalg.norm(ray))
        np.testing.assert_allclose(seen, (0, 0, 1), atol=1e-5)
        assert images.off_axis[row] == pytest.approx(np.arctan(np.hypot(*ray[:2])), abs=1e-5)
        turned = images.crop_intrinsics_rotated[row]
        np.testing.assert_allclose(turned[:2, 2], CROP_PX / 2, atol=1e-3)
        assert turned[0, 0] == pytest.approx(turned[1, 1], rel=1e-4)
        middle = images.images_rotated[row, CROP_PX // 2 - 1 : CROP_PX // 2 + 1]
        found = middle[:, CROP_PX // 2 - 1 : CROP_PX // 2 + 1].mean((0, 1))
        wanted = (GROWTH[0] * (x + width / 2 - 0.5), GROWTH[1] * (y + height / 2 - 0.5), 90)
        np.testing.assert_allclose(found, wanted, atol=2.5)
        # The box's farthest corner, as the turned camera sees it, lies on the border of the crop.
        corners = np.array([(x, y, 1), (x + width, y, 1), (x, y + height, 1)], dtype=float)
        corners = np.vstack([corners, (x + width, y + height, 1)])
        rays = np.linalg.solve(images.intrinsics[row].astype(float), corners.T)
        pixels = turned.astype(float) @ images.rotation[row].astype(float) @ rays
        reach = np.abs(pixels[:2] / pixels[2] - CROP_PX / 2).max()
        assert reach == pytest.approx(CROP_PX / 2, abs=0.05)


def test_perspose_takes_one_frame_in_twenty_of_human36m(root: Path) -> None:
    def closer(held: dict) -> None:
        held["imgname"] = np.array(
            [f"images/S9_Walking 1.60457274_{5 * row + 1:06d}.jpg" for row in range(4)]
        )

    change_archive(root / "h36m" / LISTS["h36m_p2"].file, closer)
    whole, thinned = (
        load_spin_pictures("h36m_p2", root=root, crop_px=CROP_PX, one_frame_in_20=choice)
        for choice in (False, True)
    )
    assert (len(whole), len(thinned)) == (4, 1)
    assert thinned.archive.pictures[0].endswith("_000001.jpg")


def test_mpi_inf_3dhp_is_taken_whole(tmp_path: Path) -> None:
    write_list(tmp_path, "mpi_inf_3dhp")
    found = load_spin_pictures("mpi_inf_3dhp", root=tmp_path, crop_px=64, one_frame_in_20=True)
    assert len(found) == 4


def test_pictures_of_another_size_than_their_cameras_are_refused(root: Path) -> None:
    path = root / "h36m" / "images" / "S9_Walking 1.60457274_000021.jpg"
    Image.new("RGB", (500, 501)).save(path)
    with pytest.raises(InvalidData, match="has 500 x 501 pixels, its camera 1000 x 1002"):
        crops(root)


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
        held["center"] = held["center"] + np.eye(4, 2, k=-1) * 2000

    change_archive(folder / LISTS["h36m_p2"].file, aside)
    with pytest.raises(InvalidData, match=r"_000021\.jpg: .*nothing of its picture") as caught:
        crops(root)
    assert str(caught.value).isprintable()
