"""Scenes: the same key gives the same person before the same camera; crops hold the body."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.bodies.clothing import Wardrobe
from posekit.bodies.open_body import open_body
from posekit.datasets.rendered.poses import pose_sampler
from posekit.datasets.rendered.scenes import (
    MOST_BETA,
    PERSONS,
    Conditions,
    Scene,
    betas_of,
    chance,
    cut_of,
    draw_scene,
    photograph,
)
from posekit.geometry.perspective import map_pixels, project

WARDROBE = Wardrobe(open_body())


def scene(number: int, conditions: Conditions | None = None, split: str = "train") -> Scene:
    poses = pose_sampler("synthetic", split, WARDROBE.body.joint_template, Path())
    return draw_scene(WARDROBE, poses, split, conditions or Conditions(), chance(split, number))


def test_a_key_decides_everything() -> None:
    first, again, other = scene(0), scene(0), scene(1)
    assert torch.equal(first.dressed.vertices, again.dressed.vertices)
    assert first.outfit == again.outfit
    assert first.person.startswith("train-")
    assert not torch.equal(first.naked, other.naked)
    pictures = [photograph(seen, 64, chance("train", 0)) for seen in (first, again)]
    for name, array in pictures[0].items():
        np.testing.assert_array_equal(array, pictures[1][name], err_msg=name)


def test_a_person_has_one_body_and_the_splits_have_others() -> None:
    by_person: dict[str, torch.Tensor] = {}
    for split in ("train", "test"):
        for number in range(12):
            seen = scene(number, split=split)
            assert seen.betas.abs().max() <= MOST_BETA
            known = by_person.setdefault(seen.person, seen.betas)
            assert torch.equal(known, seen.betas)
    bodies = torch.stack(list(by_person.values()))
    assert len(torch.unique(bodies, dim=0)) == len(by_person)


def test_statures_are_those_of_adults() -> None:
    betas = torch.stack([betas_of("train", number) for number in range(PERSONS["train"])])
    heights = WARDROBE.body.rest(betas).vertices[..., 1]
    stature = heights.amax(1) - heights.amin(1)
    assert 0.08 < stature.std() < 0.12
    assert 1.5 < stature.min() < stature.max() < 2.15
    assert (betas.std(0)[1:] - 1).abs().max() < 0.15


def test_conditions_are_met() -> None:
    asked = Conditions((0.3, 0.5), (0.4, 0.6), (0.03, 0.06))
    seen = scene(5, asked)
    assert 0.3 <= seen.shot.off_axis < 0.5
    assert 0.4 <= seen.shot.field_of_view < 0.6
    assert 0.03 <= seen.outfit.looseness < 0.06


@pytest.mark.parametrize("rotated", [False, True])
def test_a_crop_holds_the_body_and_has_the_angle_that_is_told(rotated: bool) -> None:
    seen = scene(6)
    cut = cut_of(seen.naked, seen.shot, 64, rotated=rotated)
    pixels = project((seen.naked @ cut.rotation.T)[None], cut.intrinsics[None])[0]
    assert (pixels > 0).all()
    assert (pixels < 64).all()
    assert (pixels.amax(0) - pixels.amin(0)).max() > 0.4 * 64
    if rotated:
        middle = torch.tensor([32.0, 32.0], dtype=torch.float64)
        torch.testing.assert_close(cut.intrinsics[:2, 2], middle)
        view = 2 * math.atan(32 / float(cut.intrinsics[0, 0]))
        assert view == pytest.approx(seen.shot.field_of_view, rel=1e-6)
    # The full picture's pixels go where the turned camera sees the same points.
    full = project(seen.naked[None], seen.shot.intrinsics[None])
    moved = map_pixels(cut.homography[None], full)[0]
    torch.testing.assert_close(moved, pixels, atol=1e-3, rtol=0)
