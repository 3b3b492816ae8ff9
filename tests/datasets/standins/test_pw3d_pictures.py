"""Pictures of 3DPW's stand-in: their size and mark, who is in them, and what they never replace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pw3d_files import write_small, write_small_with_pictures

from posekit.datasets.locate import is_standin
from posekit.datasets.pw3d_sequences import read_sequence
from posekit.datasets.standins.pw3d_pictures import write_pictures
from posekit.errors import StorageError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_with_pictures(tmp_path_factory.mktemp("data"))


def test_pictures_are_as_large_as_their_cameras_say_and_marked(folder: Path) -> None:
    paths = sorted((folder / "imageFiles").rglob("*.jpg"))
    assert {path.parent.name for path in paths} == {
        *("downtown_bar_00", "downtown_cafe_00", "flat_guitar_01")
    }
    for path in paths:
        sequence = read_sequence(folder / "sequenceFiles" / "test" / f"{path.parent.name}.pkl")
        with Image.open(path) as picture:
            assert picture.size == sequence.resolution
        assert is_standin(path)


def test_both_persons_of_a_sequence_are_in_its_picture(folder: Path) -> None:
    path = next(iter(sorted((folder / "imageFiles" / "downtown_bar_00").iterdir())))
    with Image.open(path) as picture:
        red, _, blue = np.moveaxis(np.array(picture).astype(int), -1, 0)
    assert (red - blue > 40).sum() > 2000
    assert (blue - red > 40).sum() > 2000


def test_the_same_seed_gives_the_same_pictures(folder: Path, tmp_path: Path) -> None:
    again = write_small_with_pictures(tmp_path)
    for path in (folder / "imageFiles").rglob("*.jpg"):
        assert path.read_bytes() == (again / path.relative_to(folder)).read_bytes()


def test_real_pictures_are_never_overwritten(tmp_path: Path) -> None:
    folder = write_small(tmp_path)
    sequence = read_sequence(folder / "sequenceFiles" / "test" / "flat_guitar_01.pkl")
    frame = int(sequence.people[0].valid.nonzero()[0, 0])
    real = folder / "imageFiles" / "flat_guitar_01" / f"image_{frame:05d}.jpg"
    real.parent.mkdir(parents=True)
    Image.new("RGB", (192, 108)).save(real)
    before = real.read_bytes()
    with pytest.raises(StorageError, match="is not a stand-in and will not be overwritten"):
        write_pictures(tmp_path, "STAND-IN: of a test.", every=20)
    assert list((folder / "imageFiles").rglob("*.jpg")) == [real]
    assert real.read_bytes() == before
