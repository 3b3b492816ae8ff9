"""3DPW for methods that see pictures: bodies in the camera's frame, boxes, and the pictures.

What a protocol needs: scores of a surface, boxes, and the 14 joints regressed from the surface
take SMPL's model of each person's gender beside the sequence files; pictures are a third download.
SMPL's 24 joints alone, for lifters, need neither (``pw3d``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posekit.bodies import BodyModel, open_body
from posekit.bodies.body_joints import human36m_17
from posekit.datasets.locate import is_standin
from posekit.datasets.picture_files import read_jpeg
from posekit.datasets.pw3d import NEAREST, sequence_folder, sequence_paths
from posekit.datasets.pw3d_sequences import GENDERS, Person, PW3DSequence, read_sequence
from posekit.datasets.smpl_files import read_body
from posekit.datasets.source import DATASETS
from posekit.errors import DatasetNotFound, InvalidData
from posekit.geometry.rotations import axis_angle_to_matrix

BODY_FILES = {"male": "SMPL_MALE.pkl", "female": "SMPL_FEMALE.pkl"}
BODY_FOLDER = "smpl"
BOX_LIMITS = (-0.2, 1.2)  # of the picture's larger side, to which boxes are clipped (PersPose)
FARTHEST_JOINT = 0.03  # metres between a body's joints and those in the file, mean
_CHUNK = 64  # bodies that are posed at once


@dataclass(frozen=True)
class PersonPictures:
    """N times a person in a picture.

    Attributes:
        pictures: (N,) paths below the data set's folder, as "imageFiles/<name>/image_00012.jpg".
        persons: (N,) as "downtown_cafe_00/0".
        genders: (N,) "male" or "female": whose model betas belong to.
        resolution: (N, 2) width and height of the picture.
        intrinsics: (N, 3, 3) pixels.
        rotations: (N, 24, 3, 3) relative to the parents; the root's against the camera.
        betas: (N, 10).
        translation: (N, 3) metres, in the camera's frame.
        box: (N, 4) x, y, width, height of the surface in the picture, pixels, clipped to
            ``BOX_LIMITS``.
        notes: sentences to print beside results.
    """

    pictures: tuple[str, ...]
    persons: tuple[str, ...]
    genders: tuple[str, ...]
    resolution: Tensor
    intrinsics: Tensor
    rotations: Tensor
    betas: Tensor
    translation: Tensor
    box: Tensor
    notes: tuple[str, ...]


def read_bodies(root: Path) -> dict[str, BodyModel]:
    """Gender -> the body model that 3DPW's parameters are of: SMPL's; the open body for a stand-in.

    Raises:
        DatasetNotFound: no sequence files, or SMPL's are missing from ``root/smpl``.
        InvalidData: files that are not SMPL's.
    """
    folder = sequence_folder(root, ("test", "train"))
    if folder is None:
        sequence_paths("test", root, "pw3d")
    assert folder is not None
    if is_standin(next(iter(sorted(folder.glob("sequenceFiles/*/*.pkl"))))):
        return dict.fromkeys(GENDERS.values(), open_body())
    missing = [name for name in BODY_FILES.values() if not (root / BODY_FOLDER / name).is_file()]
    if missing:
        raise DatasetNotFound(
            f"3DPW: {' and '.join(missing)} not found in {root / BODY_FOLDER}; surfaces, boxes and "
            "the 14 regressed joints are made with the persons' own models. Get them from "
            "https://smpl.is.tue.mpg.de/, with J_regressor_h36m.npy beside them; 24 joints "
            "without a surface need none of it: -p dataset pw3d."
        )
    return {gender: read_scored(root / BODY_FOLDER / name) for gender, name in BODY_FILES.items()}


def read_scored(path: Path, components: int = 10) -> BodyModel:
    """One of SMPL's models with the regressor of Human3.6M's joints, which are scored.

    Args:
        path: of the model; the regressor stands beside it.
        components: see ``read_body``.

    Raises:
        DatasetNotFound: the regressor is missing.
        InvalidData, InvalidParameter: see ``read_body``.
    """
    body = read_body(path, components)
    if body.human36m_regressor is None:
        raise DatasetNotFound(
            f"SMPL: J_regressor_h36m.npy not found in {path.parent}; it gives the joints that are "
            "scored: take it from SPIN's data, https://github.com/nkolot/SPIN."
        )
    return body


def human36m_joints(person: Person, body: BodyModel, where: str) -> Tensor:
    """(N, 17, 3) joints of ``HUMAN36M_17`` regressed from the person's surface, in the world.

    Raises:
        InvalidData: the body model is not that of the person's parameters.
    """
    found = []
    for frames in torch.arange(len(person.poses)).split(_CHUNK):
        rotations = axis_angle_to_matrix(person.poses[frames]).float()
        betas = person.betas.float().expand(len(frames), -1)
        posed = body(rotations, betas, person.translation[frames].float())
        _check_joints(posed.joints, person.joints[frames], where)
        found.append(human36m_17(body, posed))
    return torch.cat(found)


def load_people(
    part: str, *, root: Path, bodies: Mapping[str, BodyModel], every: int = 1
) -> PersonPictures:
    """All persons in all pictures of a part whose camera is known.

    Args:
        part: "train", "validation" or "test".
        root: data folder.
        bodies: by gender, as ``read_bodies`` gives them.
        every: one picture in so many.

    Raises:
        DatasetNotFound: no sequence files.
        InvalidData: files that do not hold what they should, or of other bodies.
    """
    found, hidden = [], 0
    for path in sequence_paths(part, root, "pw3d"):
        sequence = read_sequence(path)
        for number, person in enumerate(sequence.people):
            frames = person.valid.nonzero()[::every, 0]
            for chunk in frames.split(_CHUNK) if len(frames) else ():
                where = f"{path}: person {number}"
                view, behind = _view(sequence, number, chunk, bodies[person.gender], where)
                hidden += behind
                found.append(view)
    notes = [f"Bodies behind the camera or in its plane, left out: {hidden:,}."] if hidden else []
    if not any(view.pictures for view in found):
        raise InvalidData(
            f"{root}: no picture of the {part} part has a person before an aligned camera; get "
            "the files again."
        )
    return PersonPictures(
        *(sum((getattr(view, name) for view in found), ()) for name in _NAMES),
        *(torch.cat([getattr(view, name) for view in found]) for name in _ARRAYS),
        notes=tuple(notes),
    )


_NAMES = ("pictures", "persons", "genders")
_ARRAYS = ("resolution", "intrinsics", "rotations", "betas", "translation", "box")


def read_picture(root: Path, name: str, resolution: Sequence[int]) -> np.ndarray:
    """One picture, (H, W, 3) uint8.

    Args:
        root: data folder.
        name: one of ``PersonPictures.pictures``.
        resolution: width and height that are due.

    Raises:
        DatasetNotFound: it is not there.
        InvalidData: no JPEG, or of another size than the camera's.
    """
    folder = sequence_folder(root, ("test", "train")) or root / "pw3d"
    path = folder / name
    if not path.is_file():
        raise DatasetNotFound(
            f"3DPW: the picture {path} is missing; unpack imageFiles.zip of "
            f"{DATASETS['pw3d'].page} in {folder}."
        )
    width, height = (int(side) for side in resolution)
    return read_jpeg(path, (width, height))


def box_of(vertices: Tensor, intrinsics: Tensor, resolution: tuple[int, int]) -> Tensor:
    """(B, 4) x, y, width, height around the projected vertices, clipped to ``BOX_LIMITS``.

    Args:
        vertices: (B, V, 3) metres, before the camera.
        intrinsics: (3, 3).
        resolution: width and height of the picture.
    """
    seen = vertices @ intrinsics.to(vertices).T
    low, high = (limit * max(resolution) for limit in BOX_LIMITS)
    pixels = (seen[..., :2] / seen[..., 2:]).clamp(low, high)
    first, last = pixels.amin(1), pixels.amax(1)
    return torch.cat([first, last - first], dim=-1)


def _view(
    sequence: PW3DSequence, number: int, frames: Tensor, body: BodyModel, where: str
) -> tuple[PersonPictures, int]:
    """Some frames of one person, and how many of them are behind the camera."""
    person: Person = sequence.people[number]
    world = axis_angle_to_matrix(person.poses[frames]).float()
    betas = person.betas.float().expand(len(frames), -1)
    rotation = sequence.rotation[frames].float()
    rotations, translation = body.turned(rotation, world, betas, person.translation[frames].float())
    translation = translation + sequence.translation[frames].float()
    posed = body(rotations, betas, translation)
    _check_joints(posed.joints, sequence.in_camera(person.joints)[frames], where)
    seen = (posed.vertices[..., 2].amin(1) >= NEAREST).nonzero()[:, 0]
    count = len(seen)
    pictures = tuple(
        f"imageFiles/{sequence.name}/image_{frame:05d}.jpg" for frame in frames[seen].tolist()
    )
    view = PersonPictures(
        pictures=pictures,
        persons=(f"{sequence.name}/{number}",) * count,
        genders=(person.gender,) * count,
        resolution=torch.tensor(sequence.resolution).expand(count, -1),
        intrinsics=sequence.intrinsics.float().expand(count, -1, -1),
        rotations=rotations[seen],
        betas=betas[seen],
        translation=translation[seen],
        box=box_of(posed.vertices[seen], sequence.intrinsics, sequence.resolution),
        notes=(),
    )
    return view, len(frames) - count


def _check_joints(posed: Tensor, written: Tensor, where: str) -> None:
    apart = float((posed - written).norm(dim=-1).mean())
    if not apart <= FARTHEST_JOINT:
        raise InvalidData(
            f"{where}: the joints of its poses lie {1000 * apart:.0f} mm from jointPositions; the "
            "body model is another one: give SMPL's of the person's gender."
        )
