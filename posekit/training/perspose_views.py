"""Persons as crops of known cameras show them: the common part of PersPose's two methods.

A view is the camera of a crop: turned towards the person (perspective rotation) or not. What a
network predicts lies in the axes of its view and is turned back into those of the full picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from posekit.bodies import BodyModel
from posekit.bodies.body_joints import human36m_17
from posekit.datasets.rendered import BodyImages
from posekit.datasets.rendered.cameras import MARGIN, WIDTH
from posekit.geometry.perspective import (
    box_around,
    crop,
    map_pixels,
    perspective_rotation,
    project,
    rotation_homography,
)

USUAL_LENS = 50 / 36 * WIDTH
"""Focal length in pixels that is taken where nothing is known: 50 mm of a 36 mm film (release)."""

AT_ONCE = 256  # bodies that are posed at once


class View(NamedTuple):
    """The cameras of N crops.

    Attributes:
        rotation: (N, 3, 3), a point x of the full picture's camera lies at ``rotation @ x``.
        intrinsics: (N, 3, 3) of the crops, pixels.
        homography: (N, 3, 3), pixels of the full pictures to those of the crops, to scale.
    """

    rotation: Tensor
    intrinsics: Tensor
    homography: Tensor


class Persons(NamedTuple):
    """Naked bodies in the camera of the full picture, metres.

    Attributes:
        joints: (N, 25, 3), SMPL's and, last, the pelvis of Human3.6M.
        human36m: (N, 17, 3).
        pixels: (N, V, 2), where the vertices are seen in the full picture.
        global_rotations: (N, 24, 3, 3) of the joints against the camera.
        rest: (N, 24, 3) joints at rest.
        heights: (N,) metres.
    """

    joints: Tensor
    human36m: Tensor
    pixels: Tensor
    global_rotations: Tensor
    rest: Tensor
    heights: Tensor


def persons_of(images: BodyImages, body: BodyModel) -> Persons:
    """The true bodies of pictures, on the CPU."""
    named = ("rotations", "betas", "translation", "intrinsics")
    parts = [torch.from_numpy(getattr(images, name)).split(AT_ONCE) for name in named]
    with torch.no_grad():
        found = [_persons(body, *some) for some in zip(*parts, strict=True)]
    return Persons(*(torch.cat(values) for values in zip(*found, strict=True)))


def _persons(
    body: BodyModel, rotations: Tensor, betas: Tensor, translation: Tensor, intrinsics: Tensor
) -> Persons:
    posed, rest = body(rotations, betas, translation), body.rest(betas)
    stature = rest.vertices[..., 1].amax(-1) - rest.vertices[..., 1].amin(-1)
    human36m = human36m_17(body, posed)
    return Persons(
        joints=torch.cat([posed.joints, human36m[:, :1]], dim=1),
        human36m=human36m,
        pixels=project(posed.vertices, intrinsics),
        global_rotations=body.global_rotations(rotations),
        rest=rest.joints,
        heights=stature,
    )


def true_view(images: BodyImages, *, rotated: bool) -> View:
    """The crops of pictures, with or without the perspective rotation."""
    suffix = "_rotated" if rotated else ""
    full = torch.from_numpy(images.intrinsics)
    rotation = torch.from_numpy(images.rotation) if rotated else torch.eye(3).expand_as(full)
    affine = torch.from_numpy(getattr(images, f"crop_affine{suffix}"))
    intrinsics = torch.from_numpy(getattr(images, f"crop_intrinsics{suffix}"))
    return View(rotation, intrinsics, affine @ rotation_homography(full, rotation))


def mistaken_view(
    images: BodyImages, pixels: Tensor, focal: Tensor, crop_px: int, *, rotated: bool
) -> View:
    """The crops that somebody makes who is mistaken about the focal length.

    Args:
        images: N pictures.
        pixels: (N, V, 2), of the body in the full pictures.
        focal: (N,) pixels, what is taken for the focal length.
        crop_px: side of the crops.
        rotated: whether the perspective rotation, by the wrong K, comes first.
    """
    full = torch.from_numpy(images.intrinsics).clone()
    full[:, 0, 0] = full[:, 1, 1] = focal
    if not rotated:
        affine = torch.from_numpy(images.crop_affine)
        return View(torch.eye(3).expand_as(full), affine @ full, affine)
    box = torch.from_numpy(images.box)
    rotation = perspective_rotation(full, box[:, :2] + box[:, 2:] / 2)
    turned = map_pixels(rotation_homography(full, rotation), pixels)
    around = box_around(turned, full[:, :2, 2])
    middle, sides = around[:, :2] + around[:, 2:] / 2, MARGIN * around[:, 2:]
    cut = crop(full, rotation, torch.cat([middle - sides / 2, sides], dim=-1), crop_px)
    return View(rotation, cut.intrinsics, cut.homography)


def turned(points: Tensor, rotation: Tensor) -> Tensor:
    """Points (N, J, 3) of the full pictures' cameras in the axes of views (N, 3, 3)."""
    return points @ rotation.mT


def turned_back(points: Tensor, rotation: Tensor) -> Tensor:
    """Points (N, J, 3) of views in the axes of the full pictures' cameras."""
    return points @ rotation


def shown(persons: Persons, images: BodyImages, view: View) -> Tensor:
    """(N, 25, 2) pixels of the crops at which joints are seen."""
    full = project(persons.joints, torch.from_numpy(images.intrinsics))
    return map_pixels(view.homography, full)
