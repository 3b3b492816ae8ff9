"""Drawings of adaptation: a schematic that is to scale, and poses side by side."""

from __future__ import annotations

import numpy as np
import pytest
from plots import plain

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_16
from posekit.workbook import figures

LENGTH = np.linspace(0.1, 0.4, len(HUMAN36M_16.bones))


def traces(figure):
    return {trace["name"]: trace for trace in plain(figure)["data"] if "name" in trace}


def body(turn: float = 0.0) -> np.ndarray:
    """A pose with bones of different lengths, away from the origin."""
    pose = np.full((HUMAN36M_16.joints, 3), 3.0)
    for (child, parent), length in zip(HUMAN36M_16.bones, LENGTH, strict=True):
        pose[child] = pose[parent] + length * np.array([np.sin(child + turn), np.cos(child), 0.1])
    return pose


def test_the_aligned_person_is_seen_at_the_size_and_place_of_the_targets() -> None:
    drawn = traces(figures.alignment_idea())
    aligned = drawn["the same pose, aligned"]
    head, hip, feet = np.array(aligned["y"]) / aligned["x"][0]
    seen_feet, seen_head = drawn["a 2D pose of the target, no label"]["y"]
    assert (head, feet) == pytest.approx((seen_head, seen_feet), abs=1e-3)
    source = drawn["labelled pose of the source"]
    assert np.diff(source["y"]) == pytest.approx(np.diff(aligned["y"]), abs=1e-3)
    seen_before = np.ptp(source["y"]) / source["x"][0]
    assert seen_before > 1.5 * (head - feet)
    assert feet < hip < head


def test_rays_end_at_head_and_feet_of_both_persons() -> None:
    shown = plain(figures.alignment_idea())["data"]
    rays = {(t["x"][1], t["y"][1]) for t in shown if t.get("line", {}).get("dash") == "dot"}
    drawn = traces(figures.alignment_idea())
    ends = {
        (drawn[name]["x"][0], height)
        for name in ("labelled pose of the source", "the same pose, aligned")
        for height in (drawn[name]["y"][0], drawn[name]["y"][2])
    }
    assert rays == ends


def test_every_pose_has_all_bones_and_the_first_stands_behind_the_others() -> None:
    sets = {
        "one": {"as it was": body(), "varied": body(0.5)},
        "other": {"as it was": body(1.0), "varied": body(2.0)},
    }
    shown = plain(figures.drawn_poses(sets, HUMAN36M_16))
    first = [trace for trace in shown["data"] if trace["visible"]]
    assert len(first) == len(shown["data"]) / 2
    behind, *bodies = first
    assert behind["line"]["dash"] == "dash"
    assert len(behind["x"]) == 3 * len(HUMAN36M_16.bones)
    assert sum(len(trace["x"]) for trace in bodies) == 2 * 3 * len(HUMAN36M_16.bones)
    lengths = np.sort(
        np.hypot(
            *(
                np.diff(np.reshape(behind[axis], (-1, 3))[:, :2].astype(float)).ravel()
                for axis in "xy"
            )
        )
    )
    pose = body()
    real = [np.linalg.norm((pose[c] - pose[p])[:2]) for c, p in HUMAN36M_16.bones]
    assert lengths == pytest.approx(np.sort(real), abs=2e-3)
    assert [button["label"] for button in shown["layout"]["updatemenus"][0]["buttons"]] == list(
        sets
    )
    assert [note["text"] for note in shown["layout"]["annotations"]] == ["as it was", "varied"]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InvalidData, match="no pose to draw"):
        figures.drawn_poses({}, HUMAN36M_16)
    with pytest.raises(InvalidData, match="expected a, as the first"):
        figures.drawn_poses({"one": {"a": body()}, "other": {"b": body()}}, HUMAN36M_16)
    with pytest.raises(InvalidData, match=r"a has shape \(17, 3\)"):
        figures.drawn_poses({"one": {"a": np.zeros((17, 3))}}, HUMAN36M_16)
