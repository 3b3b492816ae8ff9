"""Bars keep the values that they are given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plots import plain

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15, Skeleton
from posekit.machine.storage import write_json
from posekit.workbook import figures


def every_joint_its_own(skeleton: Skeleton, start: float = 0.0) -> dict[str, float]:
    return {joint: start + number for number, joint in enumerate(skeleton.joint_names)}


@pytest.mark.parametrize("skeleton", [HUMAN36M_17, HUMANEVA_15], ids=lambda skeleton: skeleton.name)
def test_every_joint_of_a_stored_run_has_its_own_error(skeleton: Skeleton, tmp_path: Path) -> None:
    # As runs are stored: with sorted keys, so that joints stand in alphabetical order.
    models = {"a": every_joint_its_own(skeleton), "b": every_joint_its_own(skeleton, 100.0)}
    write_json(tmp_path / "metrics.json", models)
    stored = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert list(stored["a"]) != list(models["a"])
    bars = plain(figures.error_per_joint(stored, skeleton))["data"]
    assert {bar["name"]: dict(zip(bar["x"], bar["y"], strict=True)) for bar in bars} == models
    assert [bar["x"] for bar in bars] == [list(skeleton.joint_names)] * 2
    (alone,) = plain(figures.error_per_joint({"a": stored["a"]}, skeleton))["data"]
    colours = dict(zip(alone["x"], alone["marker"]["color"], strict=True))
    assert colours["left hip"] == colours["left knee"] != colours["right hip"]


def test_bars_keep_their_values() -> None:
    effects = plain(figures.effect_bars({"as is": 45.0, "no flip": 46.5}, start="as is"))
    assert effects["data"][0]["x"] == [45.0, 46.5]
    printed = [item["text"] for item in effects["layout"]["annotations"]]
    assert printed == ["as is: 45.0 mm", "no flip: 46.5 mm (+1.5)"]


def test_charts_refuse_what_does_not_fit() -> None:
    errors = every_joint_its_own(HUMAN36M_17)
    del errors["spine"]
    with pytest.raises(InvalidData, match=r"^error of a lacks spine and also names tail; expected"):
        figures.error_per_joint({"a": {**errors, "tail": 1.0}}, HUMAN36M_17)
    with pytest.raises(InvalidData, match="expected one of: a"):
        figures.effect_bars({"a": 1.0}, start="b")
