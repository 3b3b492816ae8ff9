"""What every plot has in common: sides and their colours, shapes, the text beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook import figures
from posekit.workbook.figures.style import BLUE, GREY, PLOTLY_MIME, RED, checked, joint_colours


def test_show_carries_the_alternative_text(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(
        "posekit.workbook.figures.style.display",
        lambda *args, **options: shown.append((args, options)),
    )
    figures.show(figures.frame_chain(3), alt="Three frames in a chain.")
    (bundle,), options = shown[0]
    assert bundle["text/plain"] == "Three frames in a chain."
    assert options["metadata"][PLOTLY_MIME]["alt"] == "Three frames in a chain."
    assert len(bundle[PLOTLY_MIME]["data"]) == 2


def test_left_joints_are_blue_and_right_ones_red() -> None:
    colours = joint_colours(HUMAN36M_17)
    assert {colours[joint] for joint in HUMAN36M_17.left} == {BLUE}
    assert {colours[joint] for joint in HUMAN36M_17.right} == {RED}
    assert colours[HUMAN36M_17.root] == GREY


def test_values_of_another_shape_are_named() -> None:
    np.testing.assert_array_equal(checked("x", torch.ones(2, requires_grad=True), (2,)), [1, 1])
    with pytest.raises(InvalidData, match=r"^x has shape \(2,\); expected \(3,\) for three\.$"):
        checked("x", [1, 2], (3,), " for three")
