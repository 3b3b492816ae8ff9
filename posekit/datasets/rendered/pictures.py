"""Painting: colours, light, patterns and background of one picture, rendered into any crop.

All colours depend on the surface, or for the background on the place in the full picture, never on
the crop. So a crop rendered directly equals the same crop cut out of the full picture, but for
resampling.
"""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from posekit.bodies.body_map import BodyMap
from posekit.bodies.clothing import CLOTH, Dressed, surface_labels, vertex_normals
from posekit.bodies.outfits import Outfit
from posekit.bodies.rendering import hard
from posekit.bodies.semantic_labels import ID, LABELS
from posekit.datasets.rendered.cameras import HEIGHT, WIDTH

SAMPLES = 3
"""Samples per pixel and axis; odd, so that one lies in the pixel's centre and gives its label."""

_SKIN = ((0.95, 0.78, 0.66), (0.87, 0.67, 0.52), (0.72, 0.52, 0.38), (0.5, 0.34, 0.24))
_HAIR = ((0.1, 0.08, 0.07), (0.3, 0.18, 0.1), (0.55, 0.36, 0.2), (0.8, 0.66, 0.4), (0.6, 0.6, 0.6))
_BARE = ("face", "leftArm", "rightArm", "leftLeg", "rightLeg")
_AMBIENT = (0.3, 0.5)
_STRIPED, _PERIOD = 0.4, (0.05, 0.16)  # chance, and metres
_BLOTCHES, _BLOTCH = 5, (180.0, 900.0)  # waves of the background, and pixels of the full picture
_CONTRAST = 0.1
_NOISE = (0.005, 0.025)  # deviation of the sensor, of full scale


class Look(NamedTuple):
    """What a picture looks like.

    Attributes:
        colours: (20, 3) of the labels, 0 to 1.
        stripes: (20, 3) second colours of striped cloth; the same as ``colours`` for plain labels.
        across: (3,) radians per metre at rest, along which stripes follow each other.
        light: (3,) unit vector towards the lamp, in the camera of the full picture.
        ambient: share of light that comes from everywhere.
        waves: (n, 2) radians per pixel, phases (n,) and (n, 3) colours of the background's waves.
        ground: (3,) mean colour of the background.
        noise: deviation of the sensor's noise.
    """

    colours: Tensor
    stripes: Tensor
    across: Tensor
    light: Tensor
    ambient: float
    waves: tuple[Tensor, Tensor, Tensor]
    ground: Tensor
    noise: float


class Cut(NamedTuple):
    """How a crop is cut out of the full picture; the full picture is a cut, too.

    Attributes:
        rotation: (3, 3) from the camera of the full picture to that of the crop.
        affine: (3, 3) from the pixels of the (rotated) full picture to the crop's.
        intrinsics: (3, 3) of the crop.
        homography: (3, 3) from the pixels of the full picture, not rotated, to the crop's.
    """

    rotation: Tensor
    affine: Tensor
    intrinsics: Tensor
    homography: Tensor


class Surface(NamedTuple):
    """A dressed person before the camera, ready to be painted into any crop.

    Attributes:
        corners: (3 F, 3) of all faces in the camera of the full picture, metres.
        attributes: (3 F, 8), brightness, coordinates at rest and on the body, of the corners.
        parts: (F,) part of the body.
        outfit: the clothes.
    """

    corners: Tensor
    attributes: Tensor
    parts: Tensor
    outfit: Outfit


def draw_look(rng: np.random.Generator) -> Look:
    """Colours, light and background at random; the lamp is above and on the camera's side."""
    colours = np.array([_cloth_colour(rng) for _ in LABELS])
    colours[[ID[name] for name in _BARE]] = _SKIN[rng.integers(len(_SKIN))]
    colours[ID["hair"]] = _HAIR[rng.integers(len(_HAIR))]
    colours[ID["rightShoe"]] = colours[ID["leftShoe"]]
    colours[ID["sunglasses"]] = 0.05
    stripes = colours.copy()
    for label in CLOTH:
        if rng.random() < _STRIPED:
            stripes[label] = _cloth_colour(rng)
    direction = rng.normal(size=3)
    across = direction * (0.3, 1.0, 0.3)  # mostly rings around the body
    across *= 2 * np.pi / rng.uniform(*_PERIOD) / np.linalg.norm(across)
    light = rng.normal(size=3) * (1.0, 0.6, 0.7)
    light[1:] = -np.abs(light[1:])
    angles = rng.uniform(0, 2 * np.pi, (2, _BLOTCHES))
    lengths = rng.uniform(*_BLOTCH, _BLOTCHES)
    tints = _CONTRAST * (rng.normal(size=(_BLOTCHES, 1)) + 0.4 * rng.normal(size=(_BLOTCHES, 3)))
    waves = 2 * np.pi / lengths[:, None] * np.stack([np.cos(angles[0]), np.sin(angles[0])], -1)
    return Look(
        colours=torch.from_numpy(colours),
        stripes=torch.from_numpy(stripes),
        across=torch.from_numpy(across),
        light=torch.from_numpy(light / np.linalg.norm(light)),
        ambient=rng.uniform(*_AMBIENT),
        waves=tuple(map(torch.from_numpy, (waves, angles[1], tints))),
        ground=torch.from_numpy(rng.uniform(0.3, 0.7) + rng.uniform(-0.12, 0.12, 3)),
        noise=rng.uniform(*_NOISE),
    )


def lit_surface(dressed: Dressed, look: Look) -> Surface:
    """The brightness of a surface in the frame of the camera of the full picture (Lambert)."""
    facing = (vertex_normals(dressed.vertices, dressed.faces) @ look.light).clamp_min(0)
    bright = look.ambient + (1 - look.ambient) * facing
    corners, (parts, *coordinates) = dressed.faces.flatten(), dressed.corners
    attributes = [bright[corners, None], dressed.rest[corners], torch.stack(coordinates, dim=-1)]
    return Surface(
        dressed.vertices[corners], torch.cat(attributes, dim=-1), parts[::3], dressed.outfit
    )


def paint(
    surface: Surface, look: Look, cut: Cut, size: int | tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """A picture without noise, and the label in the centre of each pixel.

    Args:
        surface: the lit person.
        look: colours and background.
        cut: which crop.
        size: of the crop in pixels, its side or (height, width).

    Returns:
        (H, W, 3) from 0 to 1, black outside of the full picture, and (H, W) label ids, 0 there.
    """
    height, width = (size, size) if isinstance(size, int) else size
    finer = torch.diag(cut.intrinsics.new_tensor([SAMPLES, SAMPLES, 1.0]))
    # Corners are not shared: a face has coordinates of its own part up to its border.
    seen = hard(
        (surface.corners @ cut.rotation.T)[None],
        torch.arange(len(surface.corners)).view(-1, 3),
        (finer @ cut.intrinsics)[None],
        (SAMPLES * height, SAMPLES * width),
        vertex_attributes=surface.attributes,
    )
    person = seen.face[0] >= 0
    attributes = seen.attributes[0][:, person]
    where = BodyMap(surface.parts[seen.face[0][person]], *attributes[4:])
    labels = torch.zeros_like(seen.face[0])
    labels[person] = surface_labels(surface.outfit, where)
    # The background hardly changes within a pixel.
    behind, inside = _background(look, torch.linalg.inv(cut.homography), (height, width))
    colours = behind.repeat_interleave(SAMPLES, 0).repeat_interleave(SAMPLES, 1)
    colours[person] = _cloth(look, labels[person], attributes[:4].T)
    picture = F.avg_pool2d(colours.permute(2, 0, 1)[None], SAMPLES)[0].permute(1, 2, 0)
    middle = SAMPLES // 2
    return picture * inside[..., None], labels[middle::SAMPLES, middle::SAMPLES] * inside


def expose(picture: Tensor, look: Look, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What the sensor gives of a picture (H, W, 3): noise, and 8 bits; black beyond its edge."""
    noisy = picture.numpy() + look.noise * rng.normal(size=picture.shape)
    noisy[(picture == 0).all(-1).numpy()] = 0
    return np.round(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def _cloth(look: Look, labels: Tensor, attributes: Tensor) -> Tensor:
    """(N, 3) colours of points of the surface: labels (N,), attributes (N, 4)."""
    phase = torch.sin(attributes[:, 1:] @ look.across)
    colours = torch.where(phase[:, None] > 0, look.colours[labels], look.stripes[labels])
    return colours * attributes[:, :1]


def _background(look: Look, to_full: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """(H, W, 3) colours where nothing stands, and (H, W) whether the full picture has the pixel."""
    rows, columns = (torch.arange(count, dtype=to_full.dtype) + 0.5 for count in shape)
    grid = torch.stack(
        [columns.expand(shape), rows[:, None].expand(shape), torch.ones(shape).to(to_full)], dim=-1
    )
    full = grid @ to_full.T
    places = full[..., :2] / full[..., 2:]
    inside = (places > 0).all(-1) & (places < places.new_tensor([WIDTH, HEIGHT])).all(-1)
    waves, phases, tints = look.waves
    colours = look.ground + torch.sin(places @ waves.T + phases) @ tints
    return colours.clamp(0.02, 0.98), inside & (full[..., 2] > 0)


def _cloth_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.9), rng.uniform(0.25, 0.95))
