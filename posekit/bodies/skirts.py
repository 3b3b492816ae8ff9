"""Skirts: a cone around hips and legs that hangs on the pelvis and on both legs."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.bodies.body import BodyModel, Posed
from posekit.bodies.body_map import NECK, PELVIS

AROUND, DOWN = 24, 9
_WAIST = 0.22  # between hips (0) and neck (1)
_BAND = 0.04  # metres above and below a ring in which the body must fit into it
_EASE = 0.012  # metres between a tight skirt and the body
_FLARE = 0.12  # metres wider per metre down
_HIPS, _KNEES, _ANKLES = (1, 2), (4, 5), (7, 8)  # left, right
_BELOW_HIPS = 0.06  # metres, where thighs take over from the pelvis
_SOFT = 0.10  # metres over which a ring passes from one bone to the next
_SIDES = 0.16  # metres between the point led by one leg and that led by the other


class Skirt(NamedTuple):
    """A skirt at rest.

    Attributes:
        vertices: (AROUND * DOWN, 3), ring after ring from the waist, all in one point for none.
        faces: (2 * AROUND * (DOWN - 1), 3).
        weights: (AROUND * DOWN, 24) of the body's joints.
    """

    vertices: Tensor
    faces: Tensor
    weights: Tensor


def make_skirt(rest: Posed, below: Tensor, end: float, looseness: float) -> Skirt:
    """A skirt around one person at rest.

    Args:
        rest: the person at rest, batch of one.
        below: (V,) bool, the vertices of trunk and legs, around which it hangs.
        end: where it ends along the leg: 1 at the knee, 2 at the ankle; 0 for no skirt.
        looseness: metres by which it stands off the body.
    """
    joints, body = rest.joints[0], rest.vertices[0][below]
    if end > 0:
        rings = _rings(joints, body, end, looseness)
    else:
        rings = joints[PELVIS].expand(DOWN * AROUND, 3)
    return Skirt(rings, _faces(), _weights(rings, joints))


def pose_skirt(
    skirt: Skirt, body: BodyModel, rotations: Tensor, rest: Posed, posed: Posed
) -> Tensor:
    """(AROUND * DOWN, 3) the skirt's vertices in the frame of the posed body.

    Args:
        skirt: of this person.
        body: its model, for the tree of its joints.
        rotations: (24, 3, 3) as the body was posed.
        rest: the person at rest, batch of one.
        posed: the posed person, batch of one.
    """
    turned = body.global_rotations(rotations[None])[0]
    moved = posed.joints[0] - (turned @ rest.joints[0][..., None])[..., 0]
    every = torch.einsum("jab,vb->vja", turned, skirt.vertices) + moved
    return (skirt.weights[..., None] * every).sum(1)


def _rings(joints: Tensor, body: Tensor, end: float, looseness: float) -> Tensor:
    hips, knees, ankles = (joints[list(pair)].mean(0) for pair in (_HIPS, _KNEES, _ANKLES))
    waist = hips[1] + _WAIST * (joints[NECK, 1] - hips[1])
    hem = torch.lerp(hips, knees, min(end, 1.0)) + max(end - 1, 0.0) * (ankles - knees)
    angles = torch.arange(AROUND, dtype=body.dtype) * (2 * math.pi / AROUND)
    outwards = torch.stack([angles.sin(), angles.cos()], dim=-1)  # x and z
    centre = torch.stack([hips[0], body[:, 2].mean()])
    reach = (body[:, [0, 2]] - centre) @ outwards.T
    rings, widest = [], torch.zeros(AROUND, dtype=body.dtype)
    for ring in range(DOWN):
        height = torch.lerp(waist, hem[1], ring / (DOWN - 1))
        near = (body[:, 1] - height).abs() < _BAND
        # A skirt falls from the widest place above.
        widest = torch.maximum(widest, reach[near].amax(0))
        off = _EASE + looseness * ring / (DOWN - 1) + _FLARE * (waist - height)
        flat = centre + (widest + off)[:, None] * outwards
        rings.append(torch.stack([flat[:, 0], height.expand(AROUND), flat[:, 1]], dim=-1))
    return torch.cat(rings)


def _weights(points: Tensor, joints: Tensor) -> Tensor:
    """By height the pelvis, the thighs, the shanks; by side the left leg, the right."""
    crotch = joints[list(_HIPS), 1].mean() - _BELOW_HIPS
    knee = joints[list(_KNEES), 1].mean()
    thighs = torch.sigmoid((crotch - points[:, 1]) / (_SOFT / 2))
    shanks = torch.sigmoid((knee - points[:, 1]) / (_SOFT / 2))
    left = torch.sigmoid(points[:, 0] / (_SIDES / 4))
    weights = points.new_zeros(len(points), 24)
    weights[:, PELVIS] = 1 - thighs
    for hip, below, share in zip(_HIPS, _KNEES, (left, 1 - left), strict=True):
        weights[:, hip] = thighs * (1 - shanks) * share
        weights[:, below] = thighs * shanks * share
    return weights


def _faces() -> Tensor:
    corners = torch.arange(DOWN * AROUND).view(DOWN, AROUND)
    above, below = corners[:-1], corners[1:]
    beside, beside_below = above.roll(-1, 1), below.roll(-1, 1)
    first = torch.stack([above, below, beside], dim=-1).flatten(0, 1)
    second = torch.stack([beside, below, beside_below], dim=-1).flatten(0, 1)
    return torch.cat([first, second])
