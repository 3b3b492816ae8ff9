"""Scenes: who stands before the camera, in which pose and clothes, and what both crops show."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posekit.bodies.body import BodyModel, Posed
from posekit.bodies.clothing import Dressed, Wardrobe
from posekit.bodies.outfits import MOST_LOOSENESS, Outfit, draw_outfit
from posekit.datasets.rendered.cache import Arrays
from posekit.datasets.rendered.cameras import MARGIN, Range, Shot, draw_turn, place
from posekit.datasets.rendered.parser_noise import draw_faults, parse
from posekit.datasets.rendered.pictures import Cut, Look, draw_look, expose, lit_surface, paint
from posekit.datasets.rendered.poses import Sampler
from posekit.datasets.synthetic.person import keyed_generator
from posekit.geometry.perspective import box_around, crop, perspective_rotation, project

SEED = "rendered"
PERSONS = {"train": 400, "test": 100}
MOST_BETA = 2.5
_STATURE_SHARE = 1 / 3  # of the first component, which is stature: 10 cm deviation instead of 30

# Generators by purpose, so that one draw moves no other.
Chance = Callable[[str], np.random.Generator]


class Conditions(NamedTuple):
    """Ranges from which a picture's off-axis angle, crop (radians), looseness (m) are drawn."""

    off_axis: Range = (0.0, math.pi / 4)
    field_of_view: Range = (0.0, 2 * math.pi / 3)
    looseness: Range = (0.0, MOST_LOOSENESS)


class Stand(NamedTuple):
    """One naked person before one camera.

    Attributes:
        person: name.
        action: what the person does.
        rotations: (24, 3, 3), the root's turns the body into the camera.
        betas: (10,).
        naked: (V, 3), the body in the camera, metres.
        shot: the camera.
    """

    person: str
    action: str
    rotations: Tensor
    betas: Tensor
    naked: Tensor
    shot: Shot


class Scene(NamedTuple):
    """One dressed person before one camera.

    Attributes:
        person, action, rotations, betas, naked, shot: see ``Stand``.
        dressed: the clothed surface in the camera.
        outfit, look: clothes and colours.
    """

    person: str
    action: str
    rotations: Tensor
    betas: Tensor
    naked: Tensor
    shot: Shot
    dressed: Dressed
    outfit: Outfit
    look: Look


def chance(*key: str | int) -> Chance:
    """A generator for each purpose in a scene of that key."""
    return lambda purpose: keyed_generator(SEED, *key, purpose)


def draw_scene(
    wardrobe: Wardrobe, poses: Sampler, split: str, conditions: Conditions, rng: Chance
) -> Scene:
    """A scene at random.

    Args:
        wardrobe: of the body, in double precision.
        poses: draws poses.
        split: "train" or "test"; their persons differ.
        conditions: what is asked of camera and clothes.
        rng: the only source of chance.
    """
    stand, posed = draw_stand(wardrobe.body, poses, split, conditions, rng)
    outfit = draw_outfit(rng("outfit"), conditions.looseness)
    dressed = wardrobe.dress(stand.rotations, stand.betas, posed, outfit, rng("folds"))
    moved = dressed._replace(vertices=dressed.vertices + stand.shot.translation)
    return Scene(*stand, dressed=moved, outfit=outfit, look=draw_look(rng("look")))


def draw_stand(
    body: BodyModel, poses: Sampler, split: str, conditions: Conditions, rng: Chance
) -> tuple[Stand, Posed]:
    """A naked person at random before a camera, and the body as it is posed about the origin.

    Arguments are those of ``draw_scene``; nothing is asked of clothes.
    """
    number = int(rng("person").integers(PERSONS[split]))
    betas = betas_of(split, number)
    pose = poses(rng("pose"))
    rotations = pose.rotations.clone()
    rotations[0] = draw_turn(rng("turn")) @ rotations[0]
    posed = body(rotations[None], betas[None])
    shot = place(posed.vertices[0], conditions.off_axis, conditions.field_of_view, rng("camera"))
    naked = posed.vertices[0] + shot.translation
    return Stand(f"{split}-{number:03d}", pose.action, rotations, betas, naked, shot), posed


def photograph(scene: Scene, crop_px: int, rng: Chance) -> Arrays:
    """Both crops of a scene and the truth: the arrays of one picture by name."""
    arrays = _truth(scene, scene.outfit.looseness)
    surface, faults = lit_surface(scene.dressed, scene.look), draw_faults(rng("parser"))
    for suffix, rotated in (("", False), ("_rotated", True)):
        cut = cut_of(scene.naked, scene.shot, crop_px, rotated=rotated)
        arrays |= _cameras(cut, suffix)
        picture, shown = paint(surface, scene.look, cut, crop_px)
        labels = shown.numpy().astype(np.uint8)
        arrays[f"images{suffix}"] = expose(picture, scene.look, rng(f"sensor{suffix}"))
        arrays[f"labels{suffix}"] = labels
        arrays[f"parsed{suffix}"] = parse(labels, faults, rng(f"jitter{suffix}"))
    return arrays


def survey(stand: Stand, crop_px: int) -> Arrays:
    """The same of a naked person of whom no picture is made: those arrays are empty, S = 0."""
    arrays = _truth(stand, 0.0)
    for suffix, rotated in (("", False), ("_rotated", True)):
        arrays |= _cameras(cut_of(stand.naked, stand.shot, crop_px, rotated=rotated), suffix)
        arrays[f"images{suffix}"] = np.empty((0, 0, 3), dtype=np.uint8)
        for labels in ("labels", "parsed"):
            arrays[f"{labels}{suffix}"] = np.empty((0, 0), dtype=np.uint8)
    return arrays


def cut_of(naked: Tensor, shot: Shot, crop_px: int, *, rotated: bool) -> Cut:
    """The crop that holds the naked body with a margin, plain or behind the perspective rotation.

    Behind the rotation, which turns the camera to the box's centre, the crop is symmetric about the
    principal point (PersPose).

    Args:
        naked: (V, 3), the body in the camera.
        shot: the camera.
        crop_px: side of the crop.
        rotated: whether the perspective rotation comes first.
    """
    rotation = torch.eye(3).to(naked)
    if rotated:
        centre = shot.box[:2] + shot.box[2:] / 2
        rotation = perspective_rotation(shot.intrinsics[None], centre[None])[0]
    intrinsics = shot.intrinsics[None]
    pixels = project((naked @ rotation.T)[None], intrinsics)
    box = box_around(pixels, intrinsics[:, :2, 2] if rotated else None)
    middle, half = box[:, :2] + box[:, 2:] / 2, MARGIN * box[:, 2:] / 2
    cropped = crop(
        intrinsics, rotation[None], torch.cat([middle - half, 2 * half], dim=-1), crop_px
    )
    return Cut(rotation, cropped.affine[0], cropped.intrinsics[0], cropped.homography[0])


def _truth(stand: Stand | Scene, looseness: float) -> Arrays:
    return {
        "rotations": _single(stand.rotations),
        "betas": _single(stand.betas),
        "translation": _single(stand.shot.translation),
        "intrinsics": _single(stand.shot.intrinsics),
        "box": _single(stand.shot.box),
        "looseness": np.float32(looseness),
        "off_axis": np.float32(stand.shot.off_axis),
        "field_of_view": np.float32(stand.shot.field_of_view),
        "persons": np.array(stand.person, dtype="U16"),
        "actions": np.array(stand.action, dtype="U16"),
    }


def _cameras(cut: Cut, suffix: str) -> Arrays:
    """Cameras of a crop by name; the rotation, that of the last, is the rotated crop's."""
    return {
        f"crop_affine{suffix}": _single(cut.affine),
        f"crop_intrinsics{suffix}": _single(cut.intrinsics),
        "rotation": _single(cut.rotation),
    }


def betas_of(split: str, number: int) -> Tensor:
    """(10,) shape of a person: standard normal, at most 2.5 in size, stature narrower.

    The open body's first component would make adults of 1.1 to 2.6 metres, sizes that no picture
    tells.
    """
    drawn = keyed_generator(SEED, split, "betas", number).normal(size=10)
    betas = torch.from_numpy(np.clip(drawn, -MOST_BETA, MOST_BETA))
    betas[0] *= _STATURE_SHARE
    return betas


def _single(values: Tensor) -> np.ndarray:
    return values.numpy().astype(np.float32)
