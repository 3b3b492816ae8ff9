"""HoT in pictures: as high as its frames, and which of them stay."""

from __future__ import annotations

import numpy as np
import pytest
from plots import plain, trace

from posekit.errors import InvalidData
from posekit.workbook import figures


def test_hourglass_is_as_high_as_the_frames_of_each_step() -> None:
    drawn = plain(figures.hourglass(frames=27, tokens=9, depth=4, prune_at=1))["data"]
    heights = {
        (bar["name"], place): y
        for bar in drawn
        for place, y in zip(bar["x"], bar["y"], strict=True)
    }
    assert heights["all 27 frames", "step 1"] == 27
    assert [heights["9 kept frames (TPC)", f"step {step}"] for step in (2, 3, 4)] == [9] * 3
    assert heights["all 27 again (TRA)", "recovery"] == 27
    assert all(
        base == -y / 2 for bar in drawn for base, y in zip(bar["base"], bar["y"], strict=True)
    )
    with pytest.raises(InvalidData, match="expected at most all frames"):
        figures.hourglass(frames=27, tokens=28, depth=4, prune_at=1)


def test_timeline_draws_scores_and_kept_frames() -> None:
    density, distance = np.array([1.0, 0.5, 0.9, 0.8]), np.array([0.2, 0.4, 0.1, 0.3])
    drawn = plain(figures.kept_frames(density, distance, {"TPC": [0, 3], "uniform": [1, 2]}))
    traces = drawn["data"]
    np.testing.assert_allclose(trace(traces, "score ρδ")["y"], density * distance)
    assert [item["x"] for item in traces[-2:]] == [[0, 3], [1, 2]]
    with pytest.raises(InvalidData, match="expected frames 0 to 3"):
        figures.kept_frames(density, distance, {"TPC": [4]})
