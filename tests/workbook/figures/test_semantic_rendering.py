"""Outlines where masks end, fits step by step, bars in the order of the bins."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.bodies.semantic_labels import ID
from posekit.errors import InvalidData
from posekit.workbook.figures.semantic_rendering import (
    FOUND,
    ZOOM,
    WatchedFit,
    channel_sheet,
    error_bins,
    fit_viewer,
    outlined,
    semantic_regions,
)

SIDE = 16


def square(first: int, last: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[first:last, first:last] = True
    return mask


def grey() -> np.ndarray:
    return np.full((SIDE, SIDE, 3), 90, dtype=np.uint8)


def fit(steps: list[int]) -> WatchedFit:
    sizes = [square(2, 6 + place) for place in range(len(steps))]
    return WatchedFit(steps, np.stack(sizes), [20.0 - step for step in steps], [0.0] * len(steps))


def test_an_outline_is_the_border_of_the_mask() -> None:
    shown = outlined(grey(), {FOUND: square(4, 12)})
    assert shown.shape == (SIDE * ZOOM, SIDE * ZOOM, 3)
    coloured = (shown == FOUND).all(-1)
    assert coloured[4 * ZOOM, 4 * ZOOM : 12 * ZOOM].all()
    assert not coloured[6 * ZOOM : 10 * ZOOM, 6 * ZOOM : 10 * ZOOM].any()
    assert not coloured[: 4 * ZOOM].any()


def test_regions_are_of_one_crop() -> None:
    labels = np.where(square(2, 14), ID["coat"], 0).astype(np.uint8)
    labels[2:4, 2:14] = ID["face"]
    figure = semantic_regions(grey(), labels, square(3, 13))
    assert len(figure.axes) == 3
    with pytest.raises(InvalidData, match="give the same crop three times"):
        semantic_regions(grey(), labels[:8], square(3, 13))


def test_a_fit_has_a_frame_for_every_look() -> None:
    figure = fit_viewer(grey(), square(3, 9), {"one": fit([0, 5, 10]), "other": fit([0, 5, 10])})
    assert [frame.name for frame in figure.frames] == ["0", "5", "10"]
    assert all(len(frame.data) == 4 for frame in figure.frames)
    sources = {frame.data[0].source for frame in figure.frames}
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    drawn = [trace for trace in figure.data if trace.type == "scatter"]
    lines = [trace for trace in drawn if trace.mode != "markers"]
    assert [list(trace.y) for trace in lines] == [[20.0, 15.0, 10.0], [0.0, 0.0, 0.0]] * 2
    assert [trace.name for trace in lines] == [
        "one",
        "one: too fat by",
        "other",
        "other: too fat by",
    ]


def test_fits_are_looked_at_after_the_same_steps() -> None:
    with pytest.raises(InvalidData, match="after the same steps"):
        fit_viewer(grey(), square(3, 9), {"one": fit([0, 5]), "other": fit([0, 6])})
    with pytest.raises(InvalidData, match="give one or more"):
        fit_viewer(grey(), square(3, 9), {})


def test_bars_keep_the_order_of_the_bins() -> None:
    errors = {"a": {"tight": 1.0, "loose": 5.0}, "b": {"tight": 2.0, "loose": -1.0}}
    figure = error_bins(
        errors, label="too fat by (mm)", over="looseness of the clothes", signed=True
    )
    assert [bar.name for bar in figure.data] == ["a", "b"]
    assert [list(bar.x) for bar in figure.data] == [["tight", "loose"]] * 2
    assert list(figure.data[1].y) == [2.0, -1.0]


def test_channels_stand_in_rows() -> None:
    figure = channel_sheet({str(number): np.zeros((4, 4)) for number in range(5)}, columns=3)
    assert len(figure.axes) == 6
