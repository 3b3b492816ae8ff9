"""Live views redraw for every choice, and travel with a plot for the report."""

from __future__ import annotations

import numpy as np
import pytest
from plots import POINTS, motion

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook.figures.style import PLOTLY_MIME
from posekit.workbook.notebooks import widgets


def test_viewer_redraws_for_every_choice() -> None:
    clips = {"first": motion(3), "second": motion(4)}
    browser = widgets.motion_browser(clips, HUMAN36M_17)
    (clip, content, turn), screen = browser.children[0].children, browser.children[1]

    def drawn() -> dict:
        return screen.outputs[0]["data"][PLOTLY_MIME]

    assert len(drawn()["frames"]) == 3
    clip.value = "second"
    assert len(drawn()["frames"]) == 4
    before = drawn()["layout"]["scene"]["camera"]["eye"]
    turn.value = 45
    assert drawn()["layout"]["scene"]["camera"]["eye"] != before
    content.value = "joints"
    wanted = 1000 * (clips["second"][0] - clips["second"][1]).norm(dim=-1).mean(dim=0)
    np.testing.assert_allclose(drawn()["data"][0]["y"], wanted, atol=0.0051)


def test_viewer_needs_clips() -> None:
    with pytest.raises(InvalidData, match="no clips"):
        widgets.motion_browser({}, HUMAN36M_17)


def test_widget_and_its_static_twin_travel_together(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(
        "posekit.workbook.notebooks.widgets.display", lambda bundle, **_: shown.append(bundle)
    )
    widgets.view_clips({"clip": motion(3)}, HUMAN36M_17, alt="One clip.")
    assert set(shown[0]) >= {
        "application/vnd.jupyter.widget-view+json",
        PLOTLY_MIME,
        "text/plain",
    }
    assert len(shown[0][PLOTLY_MIME]["frames"]) == 3


def test_explorer_rings_the_choice_and_says_what_was_not_run() -> None:
    explorer = widgets.trade_off_explorer(POINTS)
    (steps, kept, axis), said, screen = explorer.children[0].children, *explorer.children[1:]

    def ring() -> list[dict]:
        drawn = screen.outputs[0]["data"][PLOTLY_MIME]["data"]
        return [item for item in drawn if item.get("visible") and "open" in str(item["marker"])]

    steps.value, kept.value = 2, 3
    assert (ring()[0]["x"], ring()[0]["y"]) == ([55.0], [73.0])
    axis.value = "seconds"
    assert ring()[0]["x"] == [7.0]
    assert "+3.0 mm" in said.value
    steps.value = 1
    assert said.value == "n = 1, f = 3 was not run; with n = 1 there is f = 9."


def test_explorer_and_its_static_twin_travel_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = []
    monkeypatch.setattr(
        "posekit.workbook.notebooks.widgets.display", lambda bundle, **_: shown.append(bundle)
    )
    widgets.explore_trade_off(POINTS, alt="Four points.")
    assert "application/vnd.jupyter.widget-view+json" in shown[0]
    assert shown[0][PLOTLY_MIME]["layout"]["sliders"]
    pruned = [point for point in POINTS if point.prune_at is not None]
    for few in ([], POINTS[:1], pruned):
        widgets.explore_trade_off(few, alt="No points.")
        assert capsys.readouterr().out.startswith("Nothing to draw:")
    assert len(shown) == 1
