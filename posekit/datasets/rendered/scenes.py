"""Scenes: who stands before the camera, in which pose and clothes, and what both crops show."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posekit.bodies.clothing import Dressed, Wardrobe
from posekit.bodies.outfits import MOST_LOOSENESS, Outfit, draw_outfit
from posekit.datasets.rendered.cache import Arrays
from posekit.datasets.rendered.cameras import MARGIN, Range, Shot, draw_turn, place, project
from posekit.datasets.rendered.parser_noise import draw_faults, parse
from posekit.datasets.rendered.pictures import Cut, Look, draw_look, expose, lit_surface, paint
from posekit.datasets.rendered.poses import Sampler
from posekit.datasets.synthetic.person import keyed_generator
from posekit.geometry.perspective import crop, perspective_rotation

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


class Scene(NamedTuple):
    """One dressed person before one camera.

    Attributes:
        person: name.
        action: what the person does.
        rotations: (24, 3, 3), the root's turns the body into the camera.
        betas: (10,).
        naked: (V, 3), the body in the camera, metres.
        dressed: its clothed surface in the camera.
        shot: the camera.
        outfit, look: clothes and colours.
    """

    person: str
    action: str
    rotations: Tensor
    betas: Tensor
    naked: Tensor
    dressed: Dressed
    shot: Shot
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
    number = int(rng("person").integers(PERSONS[split]))
    betas = betas_of(split, number)
    pose = poses(rng("pose"))
    rotations = pose.rotations.clone()
    rotations[0] = draw_turn(rng("turn")) @ rotations[0]
    posed = wardrobe.body(rotations[None], betas[None])
    shot = place(posed.vertices[0], conditions.off_axis, conditions.field_of_view, rng("camera"))
    outfit = draw_outfit(rng("outfit"), conditions.looseness)
    dressed = wardrobe.dress(rotations, betas, posed, outfit, rng("folds"))
    return Scene(
        person=f"{split}-{number:03d}",
        action=pose.action,
        rotations=rotations,
        betas=betas,
        naked=posed.vertices[0] + shot.translation,
        dressed=dressed._replace(vertices=dressed.vertices + shot.translation),
        shot=shot,
        outfit=outfit,
        look=draw_look(rng("look")),
    )


def photograph(scene: Scene, crop_px: int, rng: Chance) -> Arrays:
    """Both crops of a scene and the truth: the arrays of one picture by name."""
    arrays = _truth(scene)
    surface, faults = lit_surface(scene.dressed, scene.look), draw_faults(rng("parser"))
    for suffix, rotated in (("", False), ("_rotated", True)):
        cut = cut_of(scene, crop_px, rotated=rotated)
        picture, shown = paint(surface, scene.look, cut, crop_px)
        labels = shown.numpy().astype(np.uint8)
        arrays[f"images{suffix}"] = expose(picture, scene.look, rng(f"sensor{suffix}"))
        arrays[f"labels{suffix}"] = labels
        arrays[f"parsed{suffix}"] = parse(labels, faults, rng(f"jitter{suffix}"))
        arrays[f"crop_affine{suffix}"] = _single(cut.affine)
        arrays[f"crop_intrinsics{suffix}"] = _single(cut.intrinsics)
    return {**arrays, "rotation": _single(cut.rotation)}  # that of the last cut


def cut_of(scene: Scene, crop_px: int, *, rotated: bool) -> Cut:
    """The crop that holds the naked body with a margin, plain or behind the perspective rotation.

    Behind the rotation, which turns the camera to the box's centre, the crop is symmetric about the
    principal point (PersPose).
    """
    shot, rotation = scene.shot, torch.eye(3).to(scene.naked)
    if rotated:
        centre = shot.box[:2] + shot.box[2:] / 2
        rotation = perspective_rotation(shot.intrinsics[None], centre[None])[0]
    pixels = project(scene.naked @ rotation.T, shot.intrinsics)
    low, high = pixels.amin(0), pixels.amax(0)
    middle = shot.intrinsics[:2, 2] if rotated else (low + high) / 2
    half = MARGIN * torch.maximum(high - middle, middle - low)
    box = torch.cat([middle - half, 2 * half])
    cropped = crop(shot.intrinsics[None], rotation[None], box[None], crop_px)
    return Cut(rotation, cropped.affine[0], cropped.intrinsics[0], cropped.homography[0])


def _truth(scene: Scene) -> Arrays:
    return {
        "rotations": _single(scene.rotations),
        "betas": _single(scene.betas),
        "translation": _single(scene.shot.translation),
        "intrinsics": _single(scene.shot.intrinsics),
        "box": _single(scene.shot.box),
        "looseness": np.float32(scene.outfit.looseness),
        "off_axis": np.float32(scene.shot.off_axis),
        "field_of_view": np.float32(scene.shot.field_of_view),
        "persons": np.array(scene.person, dtype="U16"),
        "actions": np.array(scene.action, dtype="U16"),
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
