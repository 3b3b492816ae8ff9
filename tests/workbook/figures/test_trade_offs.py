"""Error against cost: one axis at a time, and a ring that moves through the points."""

from __future__ import annotations

import numpy as np
import pytest
from plots import POINTS, plain

from posekit.errors import InvalidData
from posekit.workbook import figures


def test_buttons_of_the_trade_off_show_one_cost_at_a_time() -> None:
    figure = plain(figures.trade_off(POINTS))
    buttons = figure["layout"]["updatemenus"][0]["buttons"]
    for button, cost in zip(buttons, ("flops", "seconds"), strict=True):
        shown = [
            item
            for item, visible in zip(figure["data"], button["args"][0]["visible"], strict=True)
            if visible and item.get("name") in ("host", "n = 1", "n = 2")
        ]
        drawn = [x for item in shown for x in item["x"]]
        ordered = [POINTS[0], POINTS[1], POINTS[3], POINTS[2]]  # by n, then by f
        np.testing.assert_allclose(drawn, [1000 * getattr(point, cost) for point in ordered])


def test_slider_of_the_trade_off_moves_both_rings_from_the_dearest_to_the_cheapest() -> None:
    figure = plain(figures.trade_off(POINTS))
    steps = figure["layout"]["sliders"][0]["steps"]
    moved, rings = steps[-1]["args"]
    assert moved == {"x": [[50.0], [8.0]], "y": [[72.0], [72.0]]}
    assert all(figure["data"][ring]["marker"]["symbol"] == "circle-open" for ring in rings)
    assert steps[0]["label"].startswith("host: 100 MFLOPs, 10 ms")
    assert steps[-1]["label"] == "n=1 f=9: 50% FLOPs, 80% time, +2.0 mm"


def test_a_trade_off_needs_its_host() -> None:
    with pytest.raises(InvalidData, match="0 of 3 points are the host"):
        figures.trade_off(POINTS[1:])
