"""SPIN's lists of annotated pictures, one ``.npz`` for each data set and part.

Kolotouros et al. 2019, https://github.com/nkolot/SPIN; DSR reads the same. Each row is one person
in one picture. Which members a file has depends on its data set: 3DPW's has bodies and no joints,
Human3.6M's and MPI-INF-3DHP's test lists have joints and no bodies.

What scores are taken on: 3DPW needs ``pose``, ``shape``, ``gender`` and SMPL's models;
Human3.6M and 3DHP need ``S``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.archives import load_archive
from posekit.errors import InvalidData, InvalidParameter, unknown
from posekit.machine.names_from_files import shown

BOX_UNIT = 200.0  # pixels of a box's side at scale 1
GENDERS = {"m": "male", "f": "female"}
# Rows of ``S`` (24 joints that data sets annotate) that are scored.
SCORED_24 = {
    "h36m": tuple(range(14)),
    "mpi_inf_3dhp": (*range(13), 18, 14, 16, 17),
}
HUMAN36M_EVERY = 20  # frames of Human3.6M: PersPose is tested on one in so many
# Human3.6M's pictures are named by subject, action, camera and frame.
HUMAN36M_PICTURE = re.compile(r"S(\d+)_([A-Za-z0-9 _]+)\.(\d{8})_(\d{6})\.jpg")

_LARGEST_BETA = 20.0
_LARGEST_SCALE = 100.0
# Shape behind the rows, kinds of elements, and whether every file has it.
_MEMBERS: Mapping[str, tuple[tuple[int, ...], str, bool]] = {
    "imgname": ((), "SU", True),
    "center": ((2,), "fiu", True),
    "scale": ((), "fiu", True),
    "pose": ((72,), "f", False),
    "shape": ((10,), "f", False),
    "has_smpl": ((), "fiub", False),
    "gender": ((), "SU", False),
    "part": ((24, 3), "f", False),
    "openpose": ((25, 3), "f", False),
    "S": ((24, 4), "f", False),
}


@dataclass(frozen=True)
class SpinArchive:
    """N persons in pictures; None for members that the file lacks.

    Attributes:
        pictures: (N,) paths of pictures below the data set's own folder.
        centre: (N, 2) middle of the person's box, pixels.
        scale: (N,) side of the box divided by ``BOX_UNIT``.
        pose: (N, 24, 3) axis and angle of SMPL's joints, the root's against the camera, radians.
        shape: (N, 10) betas.
        has_body: (N,) bool, whether pose and shape are known.
        genders: (N,) "male" or "female".
        keypoints: (N, 24, 3) annotated joints, pixels and confidence.
        openpose: (N, 25, 3) OpenPose's detections, pixels and confidence.
        joints: (N, 24, 4) annotated joints relative to the pelvis, metres, and a confidence.
    """

    pictures: tuple[str, ...]
    centre: Tensor
    scale: Tensor
    pose: Tensor | None
    shape: Tensor | None
    has_body: Tensor | None
    genders: tuple[str, ...] | None
    keypoints: Tensor | None
    openpose: Tensor | None
    joints: Tensor | None

    def __len__(self) -> int:
        return len(self.pictures)

    def rows(self, chosen: Tensor) -> SpinArchive:
        """The rows (K,) of an index."""
        numbers = chosen.tolist()
        return SpinArchive(
            **{
                field.name: _rows(getattr(self, field.name), chosen, numbers)
                for field in fields(self)
            }
        )

    def boxes(self) -> Tensor:
        """(N, 4) x, y, width, height of the square boxes, pixels."""
        side = BOX_UNIT * self.scale[:, None]
        return torch.cat([self.centre - side / 2, side, side], dim=1)

    def scored_joints(self, dataset: str) -> Tensor:
        """The joints that a data set's protocol scores, root-relative as the file has them.

        Args:
            dataset: "h36m" (14 joints, LSP's order) or "mpi_inf_3dhp" (17).

        Returns:
            (N, 14 or 17, 3) metres.

        Raises:
            InvalidParameter: a data set that is not scored on ``S``.
            InvalidData: the file has none, or not of all persons.
        """
        if dataset not in SCORED_24:
            raise InvalidParameter(unknown("data set with scored joints", dataset, SCORED_24))
        if self.joints is None:
            raise InvalidData(
                f"the list has no member S; the protocol of {dataset} scores its joints: take the "
                "test list of SPIN's dataset_extras."
            )
        scored = self.joints[:, list(SCORED_24[dataset])]
        if not bool((scored[..., 3] > 0).all()):
            row = int((scored[..., 3] <= 0).any(1).nonzero()[0, 0])
            raise InvalidData(
                f"{shown(self.pictures[row])}: joints that {dataset} scores are not annotated "
                "(confidence 0 in S); take the test list of SPIN's dataset_extras."
            )
        return scored[..., :3]


def read_spin_archive(path: Path) -> SpinArchive:
    """Read and check one of SPIN's lists.

    Raises:
        InvalidData: it cannot be read, or does not hold what it should; one line.
    """
    held = load_archive(path)
    missing = [name for name, (_, _, due) in _MEMBERS.items() if due and name not in held]
    if missing:
        raise InvalidData(
            f"{path}: no member {', '.join(missing)}, the archive holds "
            f"{', '.join(shown(name) for name in sorted(held)[:8]) or 'nothing'}; is it a list of "
            "SPIN's dataset_extras?"
        )
    rows = len(held["imgname"]) if getattr(held["imgname"], "ndim", 0) else 0
    arrays = {
        name: _checked(held[name], (rows, *shape), kinds, f"{path}: {name}")
        for name, (shape, kinds, _) in _MEMBERS.items()
        if name in held
    }
    if not rows:
        raise InvalidData(f"{path}: lists no picture; get the file again.")
    numbers = {
        name: torch.from_numpy(array.astype(np.float32))
        for name, array in arrays.items()
        if array.dtype.kind not in "SU"
    }
    pose, known = numbers.get("pose"), numbers.get("has_smpl")
    if (pose is None) != ("shape" not in numbers):
        raise InvalidData(f"{path}: pose without shape, or shape without pose; get it again.")
    _check_values(numbers, path)
    return SpinArchive(
        pictures=_pictures(arrays["imgname"], path),
        centre=numbers["center"],
        scale=numbers["scale"],
        pose=None if pose is None else pose.reshape(rows, 24, 3),
        shape=numbers.get("shape"),
        has_body=_known(known, pose, rows),
        genders=_genders(arrays.get("gender"), path),
        keypoints=numbers.get("part"),
        openpose=numbers.get("openpose"),
        joints=numbers.get("S"),
    )


def human36m_every_20th(archive: SpinArchive) -> Tensor:
    """Rows of Human3.6M's pictures that PersPose is tested on, (K,) long.

    One frame in ``HUMAN36M_EVERY`` of each take and camera from its first on, without S11's
    Directions. PersPose leaves out four broken takes more, which its page does not name.

    Raises:
        InvalidData: a picture that is not named as Human3.6M's, or no row is left.
    """
    takes: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for row, name in enumerate(archive.pictures):
        match = HUMAN36M_PICTURE.fullmatch(PurePosixPath(name).name)
        if match is None:
            raise InvalidData(
                f"picture {shown(name)!r} is not named as Human3.6M's (S9_Directions "
                "1.60457274_000021.jpg); is it a list of another data set?"
            )
        subject, action, camera, frame = match.groups()
        if (subject, action.rstrip(" _0123456789")) != ("11", "Directions"):
            takes.setdefault((subject, action, camera), []).append((int(frame), row))
    chosen = [
        row
        for first, frames in ((min(frames)[0], frames) for frames in takes.values())
        for frame, row in frames
        if (frame - first) % HUMAN36M_EVERY == 0
    ]
    if not chosen:
        raise InvalidData("the list holds S11's Directions alone; take all of S9 and S11.")
    return torch.tensor(sorted(chosen))


def _rows(held: object, chosen: Tensor, numbers: list[int]) -> object:
    if held is None:
        return None
    return held[chosen] if isinstance(held, Tensor) else tuple(held[k] for k in numbers)


def _checked(held: object, shape: tuple[int, ...], kinds: str, where: str) -> np.ndarray:
    found = getattr(held, "shape", None)
    # SPIN's files spell 1-D members as columns now and then.
    if isinstance(held, np.ndarray) and len(shape) == 1 and found == (*shape, 1):
        held, found = held[:, 0], shape
    if not isinstance(held, np.ndarray) or held.dtype.kind not in kinds or found != shape:
        what = f"{held.dtype} of shape {found}" if isinstance(held, np.ndarray) else "no array"
        raise InvalidData(f"{where} must have shape {shape}, found {what}; get the file again.")
    return held


def _check_values(numbers: Mapping[str, Tensor], path: Path) -> None:
    for name, values in numbers.items():
        if not bool(torch.isfinite(values).all()):
            raise InvalidData(f"{path}: {name} holds NaN or infinity; get the file again.")
    low, high = float(numbers["scale"].min()), float(numbers["scale"].max())
    if not 0 < low <= high <= _LARGEST_SCALE:
        raise InvalidData(
            f"{path}: scale goes from {low:.3g} to {high:.3g}; the box's side divided by "
            f"{BOX_UNIT:g} px is due."
        )
    if "shape" in numbers and float(numbers["shape"].abs().max()) > _LARGEST_BETA:
        raise InvalidData(
            f"{path}: shape reaches to {float(numbers['shape'].abs().max()):.3g}; betas of SMPL "
            f"are due, no person has more than {_LARGEST_BETA:g}."
        )
    if "S" in numbers and float(numbers["S"][..., :3].abs().max()) > 10:
        raise InvalidData(
            f"{path}: S reaches to {float(numbers['S'][..., :3].abs().max()):.3g}; metres from the "
            "pelvis are due."
        )
    if "has_smpl" in numbers and not bool(
        ((numbers["has_smpl"] == 0) | (numbers["has_smpl"] == 1)).all()
    ):
        raise InvalidData(f"{path}: has_smpl must hold 0 or 1; get the file again.")


def _known(known: Tensor | None, pose: Tensor | None, rows: int) -> Tensor | None:
    """Lists with bodies and no ``has_smpl`` have those of all persons."""
    if pose is None:
        return None
    return torch.ones(rows, dtype=torch.bool) if known is None else known == 1


def _texts(array: np.ndarray) -> list[str]:
    if array.dtype.kind == "S":
        return [bytes(item).decode("latin1") for item in array]
    return [str(item) for item in array]


def _pictures(array: np.ndarray, path: Path) -> tuple[str, ...]:
    """Names of pictures, none of which leads out of the data set's folder."""
    names = tuple(_texts(array))
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or not name.isprintable():
            raise InvalidData(
                f"{path}: the picture {shown(name)!r} lies outside of its data set's folder; get "
                "the file again."
            )
    return names


def _genders(array: np.ndarray | None, path: Path) -> tuple[str, ...] | None:
    if array is None:
        return None
    names = _texts(array)
    for name in names:
        if name not in GENDERS:
            raise InvalidData(f"{path}: gender {shown(name)!r}; 'm' or 'f' is due.")
    return tuple(GENDERS[name] for name in names)
