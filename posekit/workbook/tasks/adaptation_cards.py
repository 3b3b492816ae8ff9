"""What an adaptation did, in words: for protocol cards and beside figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posekit.models.framewise import FramewiseLifter
from posekit.models.lifters import Lifter


def loss_card(lifter: Lifter) -> str:
    """What the lifter is trained by."""
    if isinstance(lifter, FramewiseLifter):
        return "mean squared error of root-centred coordinates (PoseAug)"
    return "its own, by the recipe"


def method_card(adaptation: Mapping[str, Any]) -> dict[str, str]:
    """What was done to the source's pairs, label -> words."""
    lpa, gpa, seen = adaptation["lpa"], adaptation["gpa"], adaptation["target_2d"]
    splits = {
        None: "not looked at",
        "train": "keypoints of its training split, and their cameras",
        "test": "keypoints of its test split, and their cameras (transductive)",
    }
    aligned = {
        "none": "nothing: poses stay where they are, before the source's cameras",
        "full": "2D root and scale (GPA)",
        "scale": "2D scale alone",
        "location": "2D root alone",
        "random": "nothing: roots are drawn at random, before the target's cameras",
    }
    return {
        "2D of the target": splits[seen],
        "Aligned": aligned[gpa],
        "Augmented": "nothing" if lpa is None else ", ".join(lpa["operations"]),
        "Discriminators": "none" if lpa is None else _anchors(lpa),
        "Feedback of the lifter": "PoseAug's" if lpa and lpa["feedback"] else "none",
        "Source pairs mixed in": f"{100 * adaptation['mix_source']:.0f} %",
    }


def _anchors(lpa: Mapping[str, Any]) -> str:
    named = [
        f"{what} against the {lpa[key]}'s"
        for key, what in (("anchor_3d", "3D"), ("anchor_2d", "2D"))
        if lpa[key] != "none"
    ]
    return " and ".join(named) or "none"


def described(adaptation: Mapping[str, Any]) -> list[str]:
    """What was done to the source's pairs, for print beside a figure."""
    lpa, gpa, mix = adaptation["lpa"], adaptation["gpa"], adaptation["mix_source"]
    parts = ["as it is" if gpa == "none" and lpa is None else f"alignment {gpa}"]
    if lpa is not None:
        parts.append(f"varied by {' and '.join(lpa['operations']) or 'nothing'}")
        parts.append(f"anchors 3D {lpa['anchor_3d']} and 2D {lpa['anchor_2d']}")
        parts += ["with feedback"] if lpa["feedback"] else []
    if adaptation["target_2d"] == "test":
        parts.append("2D of the test split")
    return [*parts, *([f"{100 * mix:.0f} % source pairs"] if mix else [])]
