"""``BodyImages`` refuses arrays that do not belong together; its hash is of contents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posekit.datasets.rendered import BodyImages
from posekit.datasets.rendered.body_images import contents_hash, per_picture
from posekit.errors import InvalidData


def test_it_knows_its_number_and_its_size(train: BodyImages) -> None:
    assert (len(train), train.crop_px) == (24, 64)
    assert all(len(getattr(train, name)) == 24 for name in per_picture())


@pytest.mark.parametrize("name", per_picture())
def test_arrays_of_other_pictures_are_refused(train: BodyImages, name: str) -> None:
    with pytest.raises(InvalidData, match=r"of shape .*; expected ") as caught:
        replace(train, **{name: getattr(train, name)[:, ..., None]})
    assert "\n" not in str(caught.value)


def test_another_type_or_prior_is_refused(train: BodyImages) -> None:
    with pytest.raises(InvalidData, match="labels is int64"):
        replace(train, labels=train.labels.astype(np.int64))
    with pytest.raises(InvalidData, match=r"prior has shape \(9, 8\); expected \(faces, 20\)"):
        replace(train, prior=np.zeros((9, 8), dtype=np.float32))
    with pytest.raises(InvalidData, match="bins 'looseness'"):
        replace(train, bins={**train.bins, "looseness": train.bins["looseness"][1:]})


def test_a_hash_changes_with_contents_and_options_only() -> None:
    arrays = {"a": np.arange(4.0), "names": np.array(["x", "yy"], dtype="U8")}
    first = contents_hash(arrays, split="train")
    wider = {**arrays, "names": arrays["names"].astype("U16")}
    assert contents_hash(wider, split="train") == first
    assert contents_hash(arrays, split="test") != first
    assert contents_hash({**arrays, "a": arrays["a"] + 1e-9}, split="train") != first
    assert contents_hash({**arrays, "names": arrays["names"][::-1]}, split="train") != first
