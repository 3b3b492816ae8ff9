"""Bars keep the values that they are given."""

from __future__ import annotations

import numpy as np
import pytest
from plots import JOINTS, plain

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook import figures


def test_bars_keep_their_values() -> None:
    errors = np.arange(JOINTS, dtype=float)
    bars = plain(figures.error_per_joint({"a": errors, "b": errors + 1}, HUMAN36M_17))["data"]
    assert [item["y"] for item in bars] == [list(errors), list(errors + 1)]
    effects = plain(figures.effect_bars({"as is": 45.0, "no flip": 46.5}, start="as is"))
    assert effects["data"][0]["x"] == [45.0, 46.5]
    printed = [item["text"] for item in effects["layout"]["annotations"]]
    assert printed == ["as is: 45.0 mm", "no flip: 46.5 mm (+1.5)"]


def test_charts_refuse_what_does_not_fit() -> None:
    with pytest.raises(InvalidData, match=r"expected \(17,\)"):
        figures.error_per_joint({"a": np.zeros(16)}, HUMAN36M_17)
    with pytest.raises(InvalidData, match="expected one of: a"):
        figures.effect_bars({"a": 1.0}, start="b")
