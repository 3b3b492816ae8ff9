"""Random camera rigs around the middle of the room, for other views than Human3.6M's own."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch

from posekit.errors import InvalidParameter
from posekit.geometry.cameras import Camera
from posekit.geometry.rotations import matrix_to_quaternion

_BODY_HEIGHT = 0.95


class _Mount(NamedTuple):
    """Where one camera stands (metres, degrees) and where it looks.

    ``pitch`` is downward; ``aside`` turns the view to the left of the room's middle.
    """

    azimuth: float
    distance: float
    height: float
    pitch: float
    roll: float
    aside: float
    focal: float
    resolution: tuple[int, int]


def draw_rig(style: str, rng: np.random.Generator) -> dict[str, Camera]:
    """Cameras of a random rig, by name.

    Args:
        style: ``"h36m-like"``: four cameras that vary as Human3.6M's do between subjects;
            ``"3dhp-like"``: eight cameras around the room at 0.6 to 2.3 m, 2048 px, closer, as in
            MPI-INF-3DHP; ``"outdoor"``: one camera of 1920 x 1080 px.
        rng: source of randomness.

    Raises:
        InvalidParameter: an unknown style.
    """
    if style not in _RIGS:
        raise InvalidParameter(f"unknown camera rig {style!r}; choose one of {', '.join(_RIGS)}.")
    return {f"{style}-{k}": _camera(mount) for k, mount in enumerate(_RIGS[style](rng))}


def _human36m_like(rng: np.random.Generator) -> list[_Mount]:
    return [
        _Mount(
            azimuth=rng.normal(azimuth, 1.25),
            distance=float(np.clip(rng.normal(5.1, 0.5), 4.1, 5.6)),
            height=rng.normal(1.56, 0.05),
            pitch=rng.normal(12.6, 1.5),
            roll=rng.normal(0.8, 2.8),
            aside=rng.normal(-0.3, 3.3),
            focal=rng.normal(1147, 2),
            resolution=(1000, 1000),
        )
        for azimuth in (68, -69, 108, -113)
    ]


def _mpi_inf_3dhp_like(rng: np.random.Generator) -> list[_Mount]:
    return [
        _aimed(
            rng,
            azimuth=45 * k + rng.normal(0, 5),
            distance=rng.uniform(3.3, 4.5),
            height=rng.uniform(0.6, 2.3),
            focal=1500,
            resolution=(2048, 2048),
        )
        for k in range(8)
    ]


def _outdoor(rng: np.random.Generator) -> list[_Mount]:
    return [
        _aimed(
            rng,
            azimuth=rng.uniform(-180, 180),
            distance=rng.uniform(4.5, 6.5),
            height=rng.uniform(1.0, 1.8),
            focal=1684,
            resolution=(1920, 1080),
        )
    ]


_RIGS = {"h36m-like": _human36m_like, "3dhp-like": _mpi_inf_3dhp_like, "outdoor": _outdoor}


def _aimed(
    rng: np.random.Generator,
    azimuth: float,
    distance: float,
    height: float,
    focal: float,
    resolution: tuple[int, int],
) -> _Mount:
    """A camera that looks at the middle of a body in the middle of the room, roughly."""
    pitch = math.degrees(math.atan2(height - _BODY_HEIGHT, distance)) + rng.normal(0, 2)
    return _Mount(
        azimuth=azimuth,
        distance=distance,
        height=height,
        pitch=float(np.clip(pitch, -10, 25)),
        roll=rng.normal(0, 1.5),
        aside=rng.normal(0, 2),
        focal=focal,
        resolution=resolution,
    )


def _camera(mount: _Mount) -> Camera:
    azimuth, pitch = math.radians(mount.azimuth), math.radians(mount.pitch)
    view = azimuth + math.pi + math.radians(mount.aside)
    forward = np.array(
        [math.cos(pitch) * math.cos(view), math.cos(pitch) * math.sin(view), -math.sin(pitch)]
    )
    level = np.array([math.sin(view), -math.cos(view), 0.0])
    down = np.cross(forward, level)
    roll = math.radians(mount.roll)
    right = math.cos(roll) * level + math.sin(roll) * down
    axes = np.stack([right, np.cross(forward, right), forward], axis=-1)
    width, height = mount.resolution
    return Camera.from_pixels(
        focal=(mount.focal, mount.focal),
        centre=(width / 2, height / 2),
        resolution=mount.resolution,
        rotation=matrix_to_quaternion(torch.from_numpy(axes)).tolist(),
        translation=(
            mount.distance * math.cos(azimuth),
            mount.distance * math.sin(azimuth),
            mount.height,
        ),
    )
