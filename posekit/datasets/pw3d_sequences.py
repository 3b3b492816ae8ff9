"""3DPW's sequence files: who moves how in the world, and where the moving camera is.

``sequenceFiles/<part>/<sequence>.pkl`` are pickles of Python 2; one or two persons each. They hold
SMPL's parameters and its 24 joints; a surface, or the joints regressed from one, takes SMPL's own
files as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.archives import load_pickle
from posekit.errors import InvalidData
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import SMPL_24
from posekit.machine.names_from_files import shown

PARTS = ("train", "validation", "test")
FPS = 30.0
COMPONENTS = 10  # shape parameters that are used; files may hold more
SIZES = ((1080, 1920), (1920, 1080))
GENDERS = {"m": "male", "f": "female"}
TEST_SEQUENCES = (
    *("flat_packBags_00", "downtown_weeklyMarket_00", "outdoors_fencing_01"),
    *("downtown_walkBridge_01", "downtown_enterShop_00", "downtown_rampAndStairs_00"),
    *("downtown_bar_00", "downtown_runForBus_00", "downtown_runForBus_01", "downtown_cafe_00"),
    *("flat_guitar_01", "downtown_sitOnStairs_00", "downtown_bus_00", "downtown_arguing_00"),
    *("downtown_crossStreets_00", "downtown_walkUphill_00", "downtown_walking_00"),
    *("downtown_car_00", "downtown_warmWelcome_00", "downtown_upstairs_00", "downtown_stairs_00"),
    *("downtown_windowShopping_00", "office_phoneCall_00", "downtown_downstairs_00"),
)

_PER_PERSON = ("poses", "trans", "betas", "genders", "jointPositions", "campose_valid")
MEMBERS = ("sequence", *_PER_PERSON, "cam_poses", "cam_intrinsics")
_MOST_PERSONS = 2
_OFF_CENTRE = 0.1  # share of a side by which the principal point may lie off the middle
_LARGEST_BETA = 20.0
_SHORTEST_FOCAL = 10.0  # pixels; in other units it is about 1
_FARTHEST = 1000.0  # metres from the world's origin


@dataclass(frozen=True)
class Person:
    """One person of a sequence of N frames, in the world.

    Attributes:
        poses: (N, 24, 3) axis and angle of SMPL's joints, radians.
        translation: (N, 3) metres.
        betas: (10,) of the shape.
        gender: "male" or "female".
        joints: (N, 24, 3) metres, of ``SMPL_24``.
        valid: (N,) bool, whether the camera's pose was aligned with the picture for this person.
    """

    poses: Tensor
    translation: Tensor
    betas: Tensor
    gender: str
    joints: Tensor
    valid: Tensor


@dataclass(frozen=True)
class PW3DSequence:
    """One sequence of N pictures.

    Attributes:
        name: as "downtown_cafe_00", also the folder of its pictures.
        intrinsics: (3, 3) pixels, the same for all pictures. float64.
        resolution: width and height of its pictures.
        rotation: (N, 3, 3) world to camera. float64.
        translation: (N, 3) world to camera, metres. float64.
        people: one or two.
    """

    name: str
    intrinsics: Tensor
    resolution: tuple[int, int]
    rotation: Tensor
    translation: Tensor
    people: tuple[Person, ...]

    @property
    def frames(self) -> int:
        """Number of pictures."""
        return len(self.rotation)

    @property
    def camera(self) -> Camera:
        """The camera with its own frame as the world."""
        matrix = self.intrinsics.tolist()
        return Camera.from_pixels(
            focal=(matrix[0][0], matrix[1][1]),
            centre=(matrix[0][2], matrix[1][2]),
            resolution=self.resolution,
            rotation=(1.0, 0.0, 0.0, 0.0),
            translation=(0.0, 0.0, 0.0),
        )

    def in_camera(self, points: Tensor) -> Tensor:
        """World points (N, J, 3) of each picture in its camera's frame, float64 metres."""
        turned = points.double() @ self.rotation.transpose(1, 2)
        return turned + self.translation[:, None]


def read_sequence(path: Path) -> PW3DSequence:
    """Read and check one sequence file.

    What no method here needs (clothed bodies, motion at 60 Hz) is not looked at.

    Raises:
        InvalidData: it cannot be read, or does not hold what it should; one line.
    """
    held = load_pickle(path, encoding="latin1")
    if not isinstance(held, dict) or not set(MEMBERS) <= set(held):
        missing = [name for name in MEMBERS if not isinstance(held, dict) or name not in held]
        raise InvalidData(
            f"{path}: no {', '.join(missing)}; is it a sequence file of 3DPW (sequenceFiles.zip)?"
        )
    if _text(held["sequence"]) != path.stem:
        raise InvalidData(
            f"{path}: holds the sequence {shown(_text(held['sequence']))!r}; give files their own "
            "names."
        )
    rotation, translation = _extrinsics(held["cam_poses"], f"{path}: cam_poses")
    intrinsics, resolution = _intrinsics(held["cam_intrinsics"], f"{path}: cam_intrinsics")
    people = _persons(held, path)
    return PW3DSequence(
        name=path.stem,
        intrinsics=intrinsics,
        resolution=resolution,
        rotation=rotation,
        translation=translation,
        people=tuple(
            _person(person, len(rotation), f"{path}: person {number}")
            for number, person in enumerate(people)
        ),
    )


def _persons(held: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    for name in _PER_PERSON:
        listed = held[name]
        if not isinstance(listed, list | tuple) or not 1 <= len(listed) <= _MOST_PERSONS:
            found = len(listed) if isinstance(listed, list | tuple) else type(listed).__name__
            raise InvalidData(
                f"{path}: {name} must list one or two persons, found {found}; get the file again."
            )
    numbers = {len(held[name]) for name in _PER_PERSON}
    if len(numbers) > 1:
        raise InvalidData(
            f"{path}: {', '.join(_PER_PERSON)} list different numbers of persons; get it again."
        )
    return [{name: held[name][k] for name in _PER_PERSON} for k in range(numbers.pop())]


def _person(held: Mapping[str, Any], frames: int, where: str) -> Person:
    joints = 3 * SMPL_24.joints
    poses = _numbers(held["poses"], (frames, joints), f"{where} poses")
    positions = _numbers(held["jointPositions"], (frames, joints), f"{where} jointPositions")
    trans = _numbers(held["trans"], (frames, 3), f"{where} trans")
    for name, array in (("jointPositions", positions), ("trans", trans)):
        if float(array.abs().amax()) > _FARTHEST:
            raise InvalidData(
                f"{where} {name} reach to {float(array.abs().amax()):.3g}; metres are due."
            )
    gender = _text(held["genders"])
    if gender not in GENDERS:
        raise InvalidData(f"{where} has gender {shown(gender)!r}; 'm' or 'f' is due.")
    return Person(
        poses=poses.reshape(frames, -1, 3),
        translation=trans,
        betas=_betas(held["betas"], f"{where} betas"),
        gender=GENDERS[gender],
        joints=positions.reshape(frames, -1, 3),
        valid=_valid(held["campose_valid"], frames, f"{where} campose_valid"),
    )


def _betas(held: Any, where: str) -> Tensor:
    shape = getattr(held, "shape", ())
    if len(shape) != 1 or shape[0] < COMPONENTS:
        raise InvalidData(f"{where} have shape {shape}, expected ({COMPONENTS} or more,).")
    betas = _numbers(held, shape, where)[:COMPONENTS]
    if float(betas.abs().amax()) > _LARGEST_BETA:
        raise InvalidData(
            f"{where} reach to {float(betas.abs().amax()):.3g}; no person has more than "
            f"{_LARGEST_BETA:g}: get the file again."
        )
    return betas


def _valid(held: Any, frames: int, where: str) -> Tensor:
    values = _numbers(held, (frames,), where)
    if not bool(((values == 0) | (values == 1)).all()):
        raise InvalidData(f"{where} must hold 0 or 1 for each picture; get the file again.")
    return values == 1


def _extrinsics(held: Any, where: str) -> tuple[Tensor, Tensor]:
    frames = getattr(held, "shape", (0,))[:1]
    matrices = _numbers(held, (*frames, 4, 4), where)
    if not len(matrices):
        raise InvalidData(f"{where}: no picture; get the file again.")
    rotation = matrices[:, :3, :3]
    upright = (rotation @ rotation.transpose(1, 2) - torch.eye(3)).abs().flatten(1).amax(1) < 1e-2
    last = (matrices[:, 3] - torch.tensor([0.0, 0.0, 0.0, 1.0])).abs().amax(1) < 1e-6
    proper = upright & last & (torch.linalg.det(rotation) > 0)
    if not bool(proper.all()):
        frame = int((~proper).nonzero()[0, 0])
        raise InvalidData(
            f"{where} of picture {frame} is no rotation and translation; get the file again."
        )
    return rotation, matrices[:, :3, 3]


def _intrinsics(held: Any, where: str) -> tuple[Tensor, tuple[int, int]]:
    matrix = _numbers(held, (3, 3), where)
    last_row = matrix[2].tolist() == [0.0, 0.0, 1.0]
    focal = min(float(matrix[0, 0]), float(matrix[1, 1]))
    if not last_row or focal < _SHORTEST_FOCAL:
        raise InvalidData(f"{where} is no matrix of a camera in pixels; get the file again.")
    centre = matrix[:2, 2]
    for size in SIZES:
        sides = torch.tensor(size, dtype=matrix.dtype)
        if bool(((centre - sides / 2).abs() <= _OFF_CENTRE * sides).all()):
            return matrix, size
    raise InvalidData(
        f"{where}: the principal point ({float(centre[0]):.0f}, {float(centre[1]):.0f}) is not "
        "near the middle of 1080 x 1920 or 1920 x 1080 pixels; use the pictures' own size."
    )


def _text(held: Any) -> str:
    """A text, or the name of the type of whatever else it is, which is never hashed."""
    return str(held) if isinstance(held, str) else type(held).__name__


def _numbers(held: Any, shape: tuple[int, ...], where: str) -> Tensor:
    """A finite array of one shape as float64."""
    found = getattr(held, "shape", None)
    if not isinstance(held, np.ndarray) or held.dtype.kind not in "fiub" or found != shape:
        raise InvalidData(
            f"{where} must be numbers of shape {shape}, found {type(held).__name__} of shape "
            f"{found}; get the file again."
        )
    numbers = torch.from_numpy(held.astype(np.float64))
    if not bool(torch.isfinite(numbers).all()):
        raise InvalidData(f"{where} hold NaN or infinity; get the file again.")
    return numbers
