"""Dressed bodies: clothing labels on the skin, and cloth that stands off it.

Our own construction after what semantic rendering needs (DSR, ICCV 2021): pictures and label maps
show the *clothed* surface, while the truth is the naked body below.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from posekit.bodies.body import BodyModel, Posed
from posekit.bodies.body_map import (
    HEAD,
    LEFT_ARM,
    LEFT_LEG,
    RIGHT_ARM,
    RIGHT_LEG,
    SKIRT,
    TORSO,
    BodyMap,
    body_map,
)
from posekit.bodies.outfits import Outfit
from posekit.bodies.semantic_labels import ID
from posekit.bodies.skirts import make_skirt, pose_skirt

CLOTH = tuple(ID[name] for name in ("upperclothes", "dress", "coat", "pants", "jumpsuits", "skirt"))
"""Labels that stand off the body; hats, shoes, gloves and socks lie on it."""

_SHOE = 1.9  # along the leg; the ankle joint is at 2
_GLOVE = 1.95  # along the arm
_TAPER = 0.3  # of a bone, over which a cuff closes
_COLLAR, _COLLAR_TAPER = 1.0, 0.25  # height at which a collar closes, and over how much
_EYES = (0.08, 0.38)  # heights in the head that sunglasses cover
_HAIRLINE = 0.62  # height in the head
_WAVES, _WAVELENGTHS = 6, (0.15, 0.5)  # of the folds, metres
_LEAST = 0.3  # share of the looseness that is everywhere


class Dressed(NamedTuple):
    """The surface of one dressed person, in the frame of the posed body.

    Attributes:
        vertices: (V + W, 3), the body's vertices moved outwards, and the skirt's (all in one point
            inside of the body where none is worn).
        faces: (F + G, 3), the body's and the skirt's.
        rest: (V + W, 3), the same vertices at rest: coordinates for patterns on the cloth.
        corners: where the faces' corners lie on the body, 3 (F + G) points.
        outfit: the clothes.
    """

    vertices: Tensor
    faces: Tensor
    rest: Tensor
    corners: BodyMap
    outfit: Outfit


class Wardrobe:
    """What must be known of a body to dress it.

    Attributes:
        body: a copy of the body in double precision.
    """

    def __init__(self, body: BodyModel) -> None:
        self.body = body = copy.deepcopy(body).double()
        weights, faces = body.weights, body.faces
        of_face = weights[faces].sum(1).argmax(-1)
        self._vertices = self._map(body.v_template, weights.argmax(-1))
        self._faces = self._map(body.v_template[faces].mean(1), of_face)
        self._corners = self._map(
            body.v_template[faces].flatten(0, 1), of_face.repeat_interleave(3)
        )
        arms_and_head = torch.tensor([LEFT_ARM, RIGHT_ARM, HEAD])
        self._in_skirt = ~torch.isin(self._vertices.part, arms_and_head)

    def _map(self, points: Tensor, nearest: Tensor) -> BodyMap:
        return body_map(points, nearest, self.body.joint_template)

    def face_labels(self, outfit: Outfit) -> Tensor:
        """(F,) long, label ids in the middle of the body's own faces."""
        return surface_labels(outfit, self._faces)

    def dress(
        self,
        rotations: Tensor,
        betas: Tensor,
        posed: Posed,
        outfit: Outfit,
        rng: np.random.Generator,
    ) -> Dressed:
        """One posed person in an outfit.

        Args:
            rotations, betas: (24, 3, 3) and (S,), by which the body was posed.
            posed: what they gave, a batch of one.
            outfit: the clothes.
            rng: of the folds.
        """
        body, naked = self.body, posed.vertices[0]
        cloth = torch.isin(surface_labels(outfit, self._vertices), torch.tensor(CLOTH))
        off = outfit.looseness * _folds(rng, body.v_template) * _taper(outfit, self._vertices)
        clothed = naked + (off * cloth)[:, None] * vertex_normals(naked, body.faces)
        rest = body.rest(betas[None])
        skirt = make_skirt(rest, self._in_skirt, outfit.skirt, outfit.looseness)
        return Dressed(
            vertices=torch.cat([clothed, pose_skirt(skirt, body, rotations, rest, posed)]),
            faces=torch.cat([body.faces, skirt.faces + len(clothed)]),
            rest=torch.cat([body.v_template, skirt.vertices]),
            corners=_with_skirt(self._corners, 3 * len(skirt.faces)),
            outfit=outfit,
        )


def _with_skirt(corners: BodyMap, more: int) -> BodyMap:
    """The map with some more points, on a skirt, whose coordinates nobody asks for."""
    parts, *coordinates = (torch.cat([values, values.new_zeros(more)]) for values in corners)
    parts[len(parts) - more :] = SKIRT
    return BodyMap(parts, *coordinates)


def surface_labels(outfit: Outfit, where: BodyMap) -> Tensor:
    """(N,) long, the label that the clothed surface shows at points of the body."""
    labels = torch.full_like(where.part, outfit.top)
    trunk = where.part == TORSO
    labels[trunk & (where.height < outfit.hem)] = outfit.bottom
    labels[where.part == SKIRT] = outfit.bottom
    for part, leg, shoe in (
        (LEFT_LEG, "leftLeg", "leftShoe"),
        (RIGHT_LEG, "rightLeg", "rightShoe"),
    ):
        here = where.part == part
        labels[here] = ID[leg]
        labels[here & (where.along >= outfit.sock)] = ID["socks"]
        # Below a skirt legs carry its label too: a leg that pokes through is not seen as a hole.
        labels[here & (where.along < max(outfit.leg, outfit.skirt))] = outfit.bottom
        labels[here & (where.height > outfit.hem)] = outfit.top
        if outfit.shoes:
            labels[here & (where.along >= _SHOE)] = ID[shoe]
    for part, arm in ((LEFT_ARM, "leftArm"), (RIGHT_ARM, "rightArm")):
        here = where.part == part
        labels[here & (where.along >= outfit.sleeve)] = ID[arm]
        if outfit.gloves:
            labels[here & (where.along >= _GLOVE)] = ID["glove"]
    _label_head(labels, outfit, where)
    return labels


def _label_head(labels: Tensor, outfit: Outfit, where: BodyMap) -> None:
    head = where.part == HEAD
    labels[head] = ID["face"]
    low, high = _EYES
    if outfit.sunglasses:
        labels[head & (where.up > low) & (where.up < high) & (where.front > 0.3)] = ID["sunglasses"]
    behind = (where.front < 0) & (where.up > outfit.hair)
    labels[head & (behind | (where.up > _HAIRLINE))] = ID["hair"]
    if outfit.hat:
        labels[head & (where.up > _HAIRLINE - 0.1)] = ID["hat"]
    if outfit.scarf:
        labels[head & (where.height < 1.12)] = ID["scarf"]


def _taper(outfit: Outfit, where: BodyMap) -> Tensor:
    """(N,) from 1 down to 0 where clothes end."""
    room = torch.ones_like(where.along)
    for parts, end in (((LEFT_ARM, RIGHT_ARM), outfit.sleeve), ((LEFT_LEG, RIGHT_LEG), outfit.leg)):
        for part in parts:
            here = where.part == part
            room[here] = ((end - where.along[here]) / _TAPER).clamp(0, 1)
    collar = ((_COLLAR - where.height) / _COLLAR_TAPER).clamp(0, 1)
    return room * torch.where(where.part == TORSO, collar, 1)


def _folds(rng: np.random.Generator, points: Tensor) -> Tensor:
    """(N,) smooth noise over points (N, 3), from ``_LEAST`` to 1."""
    axes = rng.normal(size=(_WAVES, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    waves = torch.from_numpy(axes / rng.uniform(*_WAVELENGTHS, size=(_WAVES, 1)))
    phases = torch.from_numpy(rng.uniform(size=_WAVES))
    mean = torch.sin(2 * torch.pi * (points @ waves.T.to(points) + phases.to(points))).mean(-1)
    # The mean of six sines rarely leaves +-0.8.
    return _LEAST + (1 - _LEAST) * (0.5 + mean / 1.6).clamp(0, 1)


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """(V, 3) unit normals, outwards, each the area-weighted mean of the faces around a vertex."""
    corners = vertices[faces]
    across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total.index_add_(0, faces[:, corner], across)
    return F.normalize(total, dim=-1)
