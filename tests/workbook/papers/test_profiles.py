"""Profiles: one published configuration at four scales."""

import pytest

from posekit.errors import InvalidParameter
from posekit.workbook.papers.profiles import PROFILES, resolve_profile


@pytest.mark.parametrize(
    ("dataset", "device", "expected"),
    [
        ("synthetic", "cpu", "smoke"),
        ("cmu", "cuda", "smoke"),
        ("synthetic_other_both", "cuda", "smoke"),
        ("h36m", "cpu", "quick"),
        ("h36m", "cuda", "paper"),
    ],
)
def test_auto_depends_on_data_and_device(dataset, device, expected):
    assert resolve_profile("auto", dataset, device).name == expected


def test_an_unknown_profile_lists_the_known_ones():
    with pytest.raises(InvalidParameter, match="auto, smoke, quick, standard, gpu, paper"):
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


def test_whoever_asks_for_headline_claims_on_a_gpu_gets_the_profile_made_for_them():
    chosen = {
        (device, claims): resolve_profile("auto", "synthetic", device, claims=claims).name
        for device in ("cpu", "cuda")
        for claims in ("auto", "headline")
    }
    assert chosen == {
        ("cpu", "auto"): "smoke",
        ("cpu", "headline"): "smoke",
        ("cuda", "auto"): "smoke",
        ("cuda", "headline"): "gpu",
    }
    profile = PROFILES["gpu"]
    assert profile.verdicts
    assert profile.seed_count >= 3
    assert 243 // profile.frames_divisor == 81


def test_a_doubled_profile_takes_twice_the_steps_of_the_same_scale():
    doubled = PROFILES["standard"].doubled()
    assert doubled.steps == 2 * PROFILES["standard"].steps
    assert doubled.scale == PROFILES["standard"].scale
    assert doubled.name != "standard"
