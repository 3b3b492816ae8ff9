"""Pictures that others made: colours, sizes, and damage on one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posekit.datasets.picture_files import read_jpeg
from posekit.errors import InvalidData


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 20), (200, 10, 30)).save(tmp_path / "a.jpg")
    return tmp_path / "a.jpg"


def test_colours_are_red_green_blue_whatever_the_file_holds(path: Path) -> None:
    picture = read_jpeg(path, (40, 20))
    assert picture.shape == (20, 40, 3)
    assert np.abs(picture[10, 20].astype(int) - (200, 10, 30)).max() < 6
    Image.new("L", (40, 20), 77).save(path)
    assert np.abs(read_jpeg(path)[5, 5].astype(int) - 77).max() < 3


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_what_is_no_jpeg_is_told_on_one_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidData, match=r"a\.jpg: not a readable JPEG") as caught:
        read_jpeg(path)
    assert str(caught.value).isprintable()


def test_another_size_is_told(path: Path) -> None:
    with pytest.raises(InvalidData, match="has 40 x 20 pixels, its camera 20 x 40"):
        read_jpeg(path, (20, 40))
