"""Profiles: one published configuration at four scales."""

import pytest

from posekit.errors import InvalidParameter
from posekit.workbook.papers.profiles import PROFILES, resolve_profile


@pytest.mark.parametrize(
    ("dataset", "device", "expected"),
    [
        ("synthetic", "cpu", "smoke"),
        ("cmu", "cuda", "smoke"),
        ("h36m", "cpu", "quick"),
        ("h36m", "cuda", "paper"),
    ],
)
def test_auto_depends_on_data_and_device(dataset, device, expected):
    assert resolve_profile("auto", dataset, device).name == expected


def test_an_unknown_profile_lists_the_known_ones():
    with pytest.raises(InvalidParameter, match="auto, smoke, quick, standard, paper"):
        resolve_profile("fast", "synthetic", "cpu")


def test_the_paper_profile_scales_nothing():
    paper = PROFILES["paper"]
    assert paper.windows_per_step is None
    assert (paper.scale.frames_divisor, paper.scale.width_divisor) == (1, 1)
    assert paper.recipe({"learning_rate": 1.0, "epochs": 3}) == {"learning_rate": 1.0, "epochs": 3}


def test_a_scaled_profile_decides_the_length_and_the_rate():
    scaled = PROFILES["quick"].recipe({"learning_rate": 1.0, "epochs": 3, "flip": False})
    assert (scaled["max_steps"], scaled["learning_rate"]) == (200, 1e-2)
    assert scaled["flip"] is False
