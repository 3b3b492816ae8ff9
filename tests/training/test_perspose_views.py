"""Views of PersPose: crops of the benchmark and those that a mistaken focal length gives."""

from __future__ import annotations

import pytest
import torch
from pictures import smoke_pictures

from posekit.bodies import open_body
from posekit.training.perspose_views import (
    mistaken_view,
    persons_of,
    shown,
    true_view,
    turned,
    turned_back,
)


@pytest.mark.parametrize("rotated", [False, True])
def test_joints_are_seen_where_the_views_camera_projects_them(rotated: bool) -> None:
    images = smoke_pictures("test")
    persons, view = persons_of(images, open_body()), true_view(images, rotated=rotated)
    seen = turned(persons.joints, view.rotation) @ view.intrinsics.mT
    expected = seen[..., :2] / seen[..., 2:]
    torch.testing.assert_close(shown(persons, images, view), expected, atol=2e-3, rtol=0)
    assert bool(((expected > 0) & (expected < images.crop_px)).all())


@pytest.mark.parametrize("rotated", [False, True])
def test_who_is_not_mistaken_makes_the_true_crops(rotated: bool) -> None:
    images = smoke_pictures("test")
    persons, true = persons_of(images, open_body()), true_view(images, rotated=rotated)
    focal = torch.from_numpy(images.intrinsics[:, 0, 0])
    found = mistaken_view(images, persons.pixels, focal, images.crop_px, rotated=rotated)
    torch.testing.assert_close(found.rotation, true.rotation, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.intrinsics, true.intrinsics, atol=2e-2, rtol=1e-4)
    seen = [shown(persons, images, view) for view in (found, true)]
    torch.testing.assert_close(*seen, atol=5e-3, rtol=0)


def test_without_rotation_a_wrong_focal_length_moves_no_pixel_of_the_crop() -> None:
    images = smoke_pictures("test")
    persons, true = persons_of(images, open_body()), true_view(images, rotated=False)
    double = 2 * torch.from_numpy(images.intrinsics[:, 0, 0])
    found = mistaken_view(images, persons.pixels, double, images.crop_px, rotated=False)
    seen = [shown(persons, images, view) for view in (found, true)]
    torch.testing.assert_close(*seen, atol=5e-3, rtol=0)
    focal = found.intrinsics[:, 0, 0] / true.intrinsics[:, 0, 0]
    torch.testing.assert_close(focal, torch.full_like(focal, 2.0))


def test_a_turned_person_turns_back() -> None:
    images = smoke_pictures("test")
    persons, view = persons_of(images, open_body()), true_view(images, rotated=True)
    there = turned(persons.joints, view.rotation)
    torch.testing.assert_close(turned_back(there, view.rotation), persons.joints)
