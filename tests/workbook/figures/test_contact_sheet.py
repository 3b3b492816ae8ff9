"""Contact sheets: a row per picture, a column per panel, everything drawn where it is."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook.figures import Panel, contact_sheet
from posekit.workbook.figures.style import svg

PICTURES = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), dtype=np.uint8)
POINTS = np.random.default_rng(1).uniform(2, 14, (3, 17, 2))
MASKS = np.zeros((3, 16, 16), dtype=bool)
MASKS[:, 4:12, 5:9] = True


def test_rows_columns_and_what_is_drawn() -> None:
    panels = {"photo": Panel(PICTURES), "truth": Panel(PICTURES, POINTS, MASKS)}
    figure = contact_sheet(panels, ["first", "second", "third"], skeleton=HUMAN36M_17)
    assert len(figure.axes) == 6
    photo, truth = figure.axes[:2]
    assert [axes.get_title() for axes in (photo, truth)] == ["photo", "truth"]
    np.testing.assert_array_equal(photo.images[0].get_array(), PICTURES[0])
    assert len(photo.lines) == 0
    child, parent = HUMAN36M_17.bones[0]
    np.testing.assert_allclose(truth.lines[0].get_xydata(), POINTS[0][[child, parent]])
    assert len(truth.lines) == len(HUMAN36M_17.bones)
    (outline,) = truth.collections
    path = outline.get_paths()[0].vertices
    np.testing.assert_allclose([path.min(0), path.max(0)], [(5, 4), (9, 12)], atol=0.01)
    assert photo.get_ylim() == (16, 0)  # y points down
    text = svg(figure)
    assert all(caption in text for caption in ("first", "second", "third"))


@pytest.mark.parametrize(
    ("panel", "told"),
    [
        (Panel(PICTURES[:2]), r"photo has shape \(2, 16, 16, 3\); expected \(3, 16, 16, 3\)"),
        (Panel(PICTURES[..., 0]), r"photo has shape \(3, 16, 16\)"),
        (Panel(PICTURES, POINTS[:, :5]), r"photo: points has shape \(3, 5, 2\)"),
        (Panel(PICTURES, None, MASKS[..., :3]), r"photo: silhouettes has shape"),
    ],
)
def test_panels_that_do_not_fit_are_refused(panel: Panel, told: str) -> None:
    with pytest.raises(InvalidData, match=told):
        contact_sheet({"photo": panel}, ["a", "b", "c"], skeleton=HUMAN36M_17)


def test_an_empty_sheet_is_refused() -> None:
    with pytest.raises(InvalidData, match="one panel and one picture"):
        contact_sheet({}, ["a"], skeleton=HUMAN36M_17)
