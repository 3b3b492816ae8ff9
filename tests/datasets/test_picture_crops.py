"""Crops of pictures that others took: what they show, where they look, their bins."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posekit.datasets.picture_crops import UNKNOWN, binned, both_crops
from posekit.datasets.rendered import BINS
from posekit.errors import InvalidData
from posekit.geometry.perspective import box_around, box_corners, crop, perspective_rotation

CROP_PX = 32
INTRINSICS = torch.tensor([[[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]], dtype=torch.float64)


def crops_of(box: torch.Tensor, *, turned: bool) -> dict[str, np.ndarray]:
    """Crops of a picture that is as red as far to the right."""
    picture = np.broadcast_to(np.arange(640) * 0.35, (480, 640))[..., None]
    picture = np.concatenate([picture, 0 * picture, 0 * picture], axis=-1).astype(np.uint8)
    still = torch.eye(3, dtype=torch.float64)[None]
    rotation = perspective_rotation(INTRINSICS, box[:, :2] + box[:, 2:] / 2) if turned else still
    around = box_around(box_corners(box))
    plain = crop(INTRINSICS, still, around, CROP_PX)
    behind = plain
    if turned:
        middle = torch.tensor([[320.0, 240, 0, 0]], dtype=torch.float64)
        half = torch.tensor([[-50.0, -50, 100, 100]], dtype=torch.float64)
        behind = crop(INTRINSICS, rotation, middle + half, CROP_PX)
    return both_crops(picture, INTRINSICS, box, plain, rotation, behind, CROP_PX)


def test_without_a_rotation_both_crops_are_the_box() -> None:
    found = crops_of(torch.tensor([[200.0, 100, 160, 160]], dtype=torch.float64), turned=False)
    columns = 200 + 160 * (np.arange(CROP_PX) + 0.5) / CROP_PX
    for name in ("images", "images_rotated"):
        np.testing.assert_allclose(found[name][..., 0].mean(0), 0.35 * (columns - 0.5), atol=1.5)
    assert not found["labels"].any()
    assert np.isnan(found["looseness"])


def test_angles_are_those_of_the_box_and_the_crop() -> None:
    box = torch.tensor([[470.0, 190, 100, 100]], dtype=torch.float64)
    found = crops_of(box, turned=True)
    assert found["off_axis"] == pytest.approx(np.arctan(200 / 500))
    assert found["field_of_view"] == pytest.approx(2 * np.arctan(50 / 500), rel=1e-5)
    middle = found["images_rotated"][CROP_PX // 2 - 1 : CROP_PX // 2 + 1, CROP_PX // 2, 0].mean()
    assert middle == pytest.approx(0.35 * 520, abs=3)


def test_a_crop_that_shows_nothing_is_refused() -> None:
    with pytest.raises(InvalidData):
        crops_of(torch.tensor([[900.0, 100, 60, 60]], dtype=torch.float64), turned=False)


def test_bins_go_on_beyond_their_ends() -> None:
    off_axis, field = np.radians([0.0, 9.9, 10.1, 89.0]), np.radians([1.0, 23.9, 24.1, 170.0])
    bins = binned(off_axis, field)
    names = BINS["off_axis"]
    assert bins["off_axis"].tolist() == [names[0], names[0], names[1], names[-1]]
    names = BINS["field_of_view"]
    assert bins["field_of_view"].tolist() == [names[0], names[0], names[1], names[-1]]
    assert bins["looseness"].tolist() == [UNKNOWN] * 4
