"""A person put aside before a lens: what both crops show, and how far their rays lie off axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import smoke_pictures

from posekit.workbook.notebooks.perspective import (
    crop_sheet,
    error_over_focal,
    idea_of,
    seen_person,
)
from posekit.workbook.studies import Study


@pytest.mark.parametrize("off_axis", [0, 30])
def test_rays_of_the_rotated_crop_lie_around_its_axis(off_axis: int) -> None:
    seen = seen_person(smoke_pictures("test"), 0, off_axis, 500)
    cells = len(seen.rotated_rays)
    middle = seen.rotated_rays[cells // 2 - 1 : cells // 2 + 1, cells // 2 - 1 : cells // 2 + 1]
    assert middle.max() < 3
    assert seen.plain_rays.mean() == pytest.approx(max(off_axis, seen.rotated_rays.mean()), abs=8)
    for points in (seen.plain, seen.rotated):
        assert ((points > 0) & (points < seen.crop_px)).all()


def test_what_the_rotated_crop_shows_hardly_depends_on_the_place() -> None:
    images = smoke_pictures("test")
    here, there = (seen_person(images, 0, angle, 500) for angle in (0, 30))
    changed = [
        np.linalg.norm(_shape(getattr(here, name)) - _shape(getattr(there, name)), axis=1).mean()
        for name in ("plain", "rotated")
    ]
    assert changed[1] < 0.4 * changed[0]


def _shape(points: np.ndarray) -> np.ndarray:
    """Points (J, 2) wherever they lie and however large they are."""
    centred = points - points.mean(0)
    return centred / np.sqrt((centred**2).sum(1).mean())


def test_a_long_lens_makes_narrow_crops_of_a_person_as_large() -> None:
    images = smoke_pictures("test")
    near, far = (seen_person(images, 0, 0, focal) for focal in (350, 1000))
    assert far.rotated_rays.max() < near.rotated_rays.max() / 2
    assert far.box[3] == pytest.approx(near.box[3], rel=0.4)


def test_pictures_of_the_notebook_can_be_drawn() -> None:
    images = smoke_pictures("test")
    assert len(crop_sheet(images).axes) == 20
    assert len(idea_of(images).axes) == 5


def test_focal_lengths_are_drawn_once_rows_have_errors(tmp_path: Path) -> None:
    study = Study("perspose", "cmu", "smoke", runs=tmp_path, data=tmp_path)
    table = study.paper.table("table-focal-error")
    assert {row.variant["focal"] for row in table.rows} >= {0.5, 1, 2, "50 mm"}
    assert error_over_focal(study, "table-focal-error") is None
