"""Painted pictures: light from one side, no holes, and the same crop whichever way it is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.bodies.clothing import Wardrobe, vertex_normals
from posekit.bodies.open_body import open_body
from posekit.bodies.semantic_labels import ID
from posekit.datasets.rendered import pictures
from posekit.datasets.rendered.cameras import HEIGHT, WIDTH
from posekit.datasets.rendered.pictures import Cut, draw_look, expose, lit_surface, paint
from posekit.datasets.rendered.poses import pose_sampler
from posekit.datasets.rendered.scenes import Conditions, Scene, chance, cut_of, draw_scene
from posekit.geometry.perspective import warp

PLAIN = torch.eye(3, dtype=torch.float64)


def scene(number: int, **conditions: tuple[float, float]) -> Scene:
    wardrobe = Wardrobe(open_body())
    poses = pose_sampler("synthetic", "train", wardrobe.body.joint_template, Path())
    return draw_scene(
        wardrobe, poses, "train", Conditions(**conditions), chance("pictures", number)
    )


@pytest.mark.parametrize("rotated", [False, True])
def test_a_crop_equals_the_full_picture_warped(
    rotated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = scene(3, off_axis=(0.35, 0.7), field_of_view=(0.3, 0.6))
    surface = lit_surface(seen.dressed, seen.look)
    cut = cut_of(seen.naked, seen.shot, 128, rotated=rotated)
    direct, labels = paint(surface, seen.look, cut, 128)
    # One sample per pixel, as a picture that is warped has.
    monkeypatch.setattr(pictures, "SAMPLES", 1)
    whole = Cut(PLAIN, PLAIN, seen.shot.intrinsics, PLAIN)
    full, _ = paint(surface, seen.look, whole, (HEIGHT, WIDTH))
    warped = warp(full.permute(2, 0, 1)[None], cut.homography[None], 128)[0].permute(1, 2, 0)
    assert (labels > 0).double().mean() > 0.05
    assert 255 * (warped - direct).abs().mean() < 3


def test_a_person_has_no_holes_and_no_clothes_that_are_not_worn() -> None:
    seen = scene(1)
    surface = lit_surface(seen.dressed, seen.look)
    _, labels = paint(surface, seen.look, cut_of(seen.naked, seen.shot, 96, rotated=False), 96)
    person = (labels > 0).double()[None, None]
    around = torch.nn.functional.avg_pool2d(person, 3, stride=1, padding=1) * 9
    assert not bool(((person == 0) & (around == 8)).any())
    worn = {seen.outfit.top, seen.outfit.bottom, ID["face"], ID["hair"]}
    assert worn <= set(labels.unique().tolist()) | {ID["hair"], ID["face"]}


def test_the_lamp_lights_what_faces_it() -> None:
    seen = scene(2)
    surface = lit_surface(seen.dressed, seen.look)
    normals = vertex_normals(seen.dressed.vertices, seen.dressed.faces)
    facing = (normals @ seen.look.light)[seen.dressed.faces.flatten()]
    bright = surface.attributes[:, 0]
    assert (bright[facing <= 0] == seen.look.ambient).all()
    assert torch.corrcoef(torch.stack([bright, facing.clamp_min(0)]))[0, 1] > 0.999
    lights = torch.stack([draw_look(np.random.default_rng(k)).light for k in range(50)])
    assert (lights[:, 1:] <= 0).all()  # from above, from the camera's side
    assert lights[:, 0].min() < -0.5
    assert lights[:, 0].max() > 0.5


def test_outside_of_the_full_picture_it_is_black() -> None:
    seen = scene(4)
    surface = lit_surface(seen.dressed, seen.look)
    beyond = torch.tensor([[1.0, 0, 40], [0, 1, 40], [0, 0, 1]], dtype=torch.float64)
    cut = Cut(PLAIN, beyond, beyond @ seen.shot.intrinsics, beyond)
    picture, labels = paint(surface, seen.look, cut, 48)
    assert (picture[:40] == 0).all()
    assert (picture[:, :40] == 0).all()
    assert (labels[:40] == 0).all()
    assert (picture[41:, 41:] > 0).all()


def test_the_sensor_adds_noise_of_its_strength() -> None:
    look = draw_look(np.random.default_rng(0))
    picture = torch.full((64, 72, 3), 0.5)
    picture[:, 64:] = 0
    exposed = expose(picture, look, np.random.default_rng(1))
    assert (exposed[:, 64:] == 0).all()  # outside of the full picture
    exposed = exposed[:, :64]
    assert exposed.dtype == np.uint8
    assert exposed.mean() == pytest.approx(127.5, abs=0.5)
    assert exposed.std() == pytest.approx(255 * look.noise, rel=0.1, abs=0.3)
