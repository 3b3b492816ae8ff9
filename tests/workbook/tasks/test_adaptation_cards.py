"""What an adaptation did, in words."""

from __future__ import annotations

from typing import Any

import pytest
from adapting import adaptation

from posekit.workbook.tasks.adaptation_cards import described, loss_card, method_card

LPA = {
    "operations": ["angle", "length"],
    "anchor_3d": "source",
    "anchor_2d": "target",
    "feedback": False,
    "width": 64,
}


def done(**changes: Any) -> dict[str, Any]:
    return {"gpa": "full", "lpa": LPA, "mix_source": 0.0, "target_2d": "train", **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "alignment full, varied by angle and length, anchors 3D source and 2D target",
        ),
        ({"gpa": "none", "lpa": None, "target_2d": None}, "as it is"),
        (
            {"gpa": "scale", "lpa": None, "target_2d": "test", "mix_source": 0.25},
            "alignment scale, 2D of the test split, 25 % source pairs",
        ),
        (
            {"gpa": "none", "lpa": {**LPA, "operations": [], "feedback": True}},
            "alignment none, varied by nothing, anchors 3D source and 2D target, with feedback",
        ),
    ],
)
def test_what_was_done_is_told_beside_a_figure(changes: dict[str, Any], said: str) -> None:
    assert ", ".join(described(done(**changes))) == said


@pytest.mark.parametrize(
    ("changes", "label", "said"),
    [
        ({}, "Discriminators", "3D against the source's and 2D against the target's"),
        ({"lpa": {**LPA, "anchor_3d": "none"}}, "Discriminators", "2D against the target's"),
        ({"lpa": None}, "Discriminators", "none"),
        ({"lpa": {**LPA, "feedback": True}}, "Feedback of the lifter", "PoseAug's"),
        ({"target_2d": None}, "2D of the target", "not looked at"),
        (
            {"target_2d": "test"},
            "2D of the target",
            "keypoints of its test split, and their cameras (transductive)",
        ),
        ({"mix_source": 0.5}, "Source pairs mixed in", "50 %"),
        ({"gpa": "location"}, "Aligned", "2D root alone"),
    ],
)
def test_the_card_has_what_was_done(changes: dict[str, Any], label: str, said: str) -> None:
    assert method_card(done(**changes))[label] == said


def test_the_card_has_the_lifters_loss() -> None:
    assert loss_card(adaptation().lifter).startswith("mean squared error")
    other = adaptation(model="gumlp", depth=1).lifter
    assert loss_card(other) == "its own, by the recipe"
