"""The parser's pictures: colours to labels and back, and pictures that are none of its."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from posekit.bodies.label_images import PALETTE, label_ids, read_label_image
from posekit.errors import InvalidData

COLOURS = np.array(PALETTE, dtype=np.uint8)


def parsed(seed=0, size=(12, 9)):
    return np.random.default_rng(seed).integers(len(PALETTE), size=size).astype(np.uint8)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


@given(seed=st.integers(0, 2**31), height=st.integers(1, 20), width=st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_colours_are_labels(seed, height, width):
    ids = parsed(seed, (height, width))
    assert np.array_equal(label_ids(torch.from_numpy(COLOURS[ids])).numpy(), ids)


def test_colours_are_all_different():
    assert len(set(PALETTE)) == 20


def test_mixed_colours_are_background():
    colours = torch.from_numpy(COLOURS[[[5, 5]]]).clone()
    colours[0, 1, 0] -= 1
    assert label_ids(colours).tolist() == [[5, 0]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_pictures_of_every_kind_are_read(tmp_path, mode):
    ids = parsed()
    picture = Image.fromarray(COLOURS[ids])
    if mode == "P":
        picture = Image.fromarray(ids, mode="P")
        picture.putpalette(COLOURS.flatten().tolist())
    picture.convert(mode).save(tmp_path / "map.png")
    found = read_label_image(tmp_path / "map.png", size=(12, 9))
    assert found.dtype == torch.uint8
    assert np.array_equal(found.numpy(), ids)


def test_other_pictures_are_refused_in_one_line(tmp_path):
    ids = parsed(size=(40, 40))
    right = save(tmp_path / "right.png", COLOURS[ids])
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(right.read_bytes()[:60])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    noise = np.random.default_rng(1).integers(256, size=(40, 40, 3)).astype(np.uint8)
    refused = [
        (tmp_path / "missing.png", "not a readable PNG"),
        (tmp_path, "not a readable PNG"),
        (damaged, "not a readable PNG"),
        (text, "not a readable PNG"),
        (save(tmp_path / "photo.jpg", noise), "not a readable PNG"),
        (save(tmp_path / "photo.png", noise), "of no label's colour"),
        (save(tmp_path / "grey.png", ids), "neither its grey one"),
        (save(tmp_path / "bgr.png", COLOURS[ids][..., ::-1].copy()), "of no label's colour"),
    ]
    for path, told in refused:
        with pytest.raises(InvalidData, match=told) as caught:
            read_label_image(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InvalidData, match="has 40 x 40 pixels and its photograph 9 x 12"):
        read_label_image(right, size=(12, 9))
