"""3DPW's pictures as ``BodyImages``: persons cropped by the protocols of DSR and of PersPose.

Crops are cut out when they are asked for, some at a time; those of all test pictures would fill
14 GB. Nobody labelled the clothes: labels are background throughout, looseness is NaN and its bin
"unknown".

- The plain crop is DSR's (and SPIN's): a square, 1.2 times the longer side of a person's keypoints.
  The release reads detected ones from a list; here they are the true joints that OpenPose's 18 have
  a counterpart of (reconstruction).
- The rotated crop is PersPose's: the camera is turned to the box of the true surface, and the crop
  holds the turned surface, symmetric about the principal point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.bodies import BodyModel, open_body
from posekit.bodies.semantic_labels import LABELS
from posekit.datasets.locate import is_standin, standin_note
from posekit.datasets.picture_crops import UNKNOWN, binned, both_crops
from posekit.datasets.pw3d import sequence_paths
from posekit.datasets.pw3d_people import (
    BODY_FOLDER,
    PersonPictures,
    load_people,
    read_bodies,
    read_picture,
    read_scored,
)
from posekit.datasets.rendered import BodyImages
from posekit.datasets.rendered.body_images import contents_hash
from posekit.errors import DatasetNotFound, InvalidData
from posekit.geometry.perspective import (
    Crop,
    box_around,
    crop,
    perspective_rotation,
    project,
)
from posekit.geometry.skeletons import SMPL_24
from posekit.geometry.weak_perspective import crop_affine

NEUTRAL = "SMPL_NEUTRAL.pkl"
LEAST_SEEN = 0.02  # of a box's longer side; of less, no pixel of a crop would show anything
KEYPOINTS_MARGIN = 1.2  # SPIN, datasets/preprocess/pw3d.py
_NO_KEYPOINTS = ("foot", "hand", "collar", "spine", "pelvis")
_KEYPOINTS = [
    number
    for number, name in enumerate(SMPL_24.joint_names)
    if not any(part in name for part in _NO_KEYPOINTS)
]


@dataclass(frozen=True, eq=False)
class PW3DPictures:
    """N persons in pictures, whose crops are not cut out yet.

    Attributes:
        part: "train", "validation" or "test".
        root: data folder.
        people: who stands where, in which picture.
        bodies: by gender, the models of their parameters.
        crop_px: side of the crops.
        standin: whether the files are a stand-in.
        notes: sentences to print beside results.
    """

    part: str
    root: Path
    people: PersonPictures
    bodies: Mapping[str, BodyModel]
    crop_px: int
    standin: bool
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.people.pictures)

    def crops(self, rows: Sequence[int]) -> BodyImages:
        """Some of them, cut out of their pictures now.

        Raises:
            DatasetNotFound: a picture is missing.
            InvalidData: one that cannot be read, of another size than its camera's, or that shows
                nothing of its person.
        """
        made = [self._cropped(row) for row in rows]
        arrays = {name: np.stack([one[name] for one in made]) for name in made[0]}
        of_rows = torch.tensor(list(rows))
        for name in ("rotations", "betas", "translation", "intrinsics", "box"):
            arrays[name] = getattr(self.people, name)[of_rows].numpy()
        persons = np.array([self.people.persons[row] for row in rows])
        arrays |= {"persons": persons, "actions": np.full(len(persons), UNKNOWN)}
        names = {"motion": "pw3d", "split": self.part}
        return BodyImages(
            **arrays,
            bins=binned(arrays["off_axis"], arrays["field_of_view"]),
            prior=np.zeros((0, len(LABELS)), dtype=np.float32),
            **names,
            fingerprint=contents_hash(arrays, **names),
        )

    def _cropped(self, row: int) -> dict[str, NDArray]:
        """Both crops of one person, and their cameras, without the leading N."""
        people, size = self.people, self.crop_px
        picture = read_picture(self.root, people.pictures[row], people.resolution[row].tolist())
        body = self.bodies[people.genders[row]]
        given = (people.rotations, people.betas, people.translation)
        posed = body(*(values[row, None] for values in given))
        full, box = people.intrinsics[row, None].double(), people.box[row, None].double()
        where = f"{people.pictures[row]}, person {people.persons[row].rpartition('/')[2]}"
        try:
            plain = keypoint_crop(posed.joints.double(), full, size)
            rotation, turned = turned_crop(posed.vertices.double(), full, box, size)
            return both_crops(picture, full, box, plain, rotation, turned, size)
        except InvalidData as error:
            raise InvalidData(f"{where}: {error}") from error


def load_pw3d_pictures(part: str, *, root: Path, crop_px: int, every: int = 1) -> PW3DPictures:
    """All persons of a part that are to be seen in their pictures.

    Persons whose box lies outside of their picture are left out, and a note counts them.

    Args:
        part: "train", "validation" or "test".
        root: data folder.
        crop_px: side of the crops.
        every: one picture of each person in so many.

    Raises:
        DatasetNotFound: no sequence files, or SMPL's are missing.
        InvalidData: files that do not hold what they should, or nobody is to be seen.
    """
    bodies = read_bodies(root)
    people = load_people(part, root=root, bodies=bodies, every=every)
    first, sides = people.box[:, :2], people.box[:, 2:]
    overlap = torch.minimum(first + sides, people.resolution) - first.clamp_min(0)
    seen = (overlap > LEAST_SEEN * sides.amax(1, keepdim=True)).all(1)
    if not bool(seen.any()):
        raise InvalidData(
            f"3DPW: all {len(seen)} boxes of the {part} part in {root} lie outside of their "
            "pictures; get the sequence files again."
        )
    outside = int((~seen).sum())
    notes = (f"Boxes outside of their pictures, left out: {outside:,}.",) if outside else ()
    standin = is_standin(sequence_paths(part, root, "pw3d")[0])
    first_notes = (standin_note("pw3d"),) if standin else ()
    return PW3DPictures(
        part=part,
        root=root,
        people=_chosen(people, seen),
        bodies=bodies,
        crop_px=crop_px,
        standin=standin,
        notes=(*first_notes, *people.notes, *notes),
    )


def neutral_body(pictures: PW3DPictures, components: int) -> BodyModel:
    """The model whose parameters networks find: SMPL's neutral one, or a stand-in's open body.

    Args:
        pictures: tells whether it is a stand-in, and the data folder.
        components: of the network's shapes.

    Raises:
        DatasetNotFound: SMPL's file, or the regressor of Human3.6M's joints, is not there.
        InvalidData: a file that is not SMPL's, or more components than the open body has.
        InvalidParameter: more components than SMPL's file has.
    """
    if pictures.standin:
        body = open_body()
        if components > body.components:
            raise InvalidData(
                f"the network finds {components} shape parameters and the open body of 3DPW's "
                f"stand-in has {body.components}; such networks need the real files."
            )
        return body
    return read_neutral(pictures.root, components)


def read_neutral(root: Path, components: int) -> BodyModel:
    """SMPL's neutral model with Human3.6M's joints.

    Args:
        root: data folder.
        components: shape parameters.

    Raises:
        DatasetNotFound: SMPL's file, or the regressor of Human3.6M's joints, is not there.
        InvalidData: a file that is not SMPL's.
        InvalidParameter: more components than the file has.
    """
    path = root / BODY_FOLDER / NEUTRAL
    if not path.is_file():
        raise DatasetNotFound(
            f"SMPL: {path} not found; networks find bodies of SMPL's neutral model. Get it from "
            "https://smplify.is.tue.mpg.de/ (version 1.0) or https://smpl.is.tue.mpg.de/ (1.1)."
        )
    return read_scored(path, components)


def keypoint_crop(joints: Tensor, intrinsics: Tensor, crop_px: int) -> Crop:
    """DSR's crop of a camera that is not turned.

    Args:
        joints: (B, 24, 3) of ``SMPL_24`` before the camera, metres.
        intrinsics: (B, 3, 3) of the pictures.
        crop_px: side of the crop.
    """
    box = box_around(project(joints[:, _KEYPOINTS], intrinsics))
    side = KEYPOINTS_MARGIN * box[:, 2:].amax(1)
    affine = crop_affine(box[:, :2] + box[:, 2:] / 2, side, crop_px)
    return Crop(affine, affine @ intrinsics, affine)


def turned_crop(
    vertices: Tensor, intrinsics: Tensor, box: Tensor, crop_px: int
) -> tuple[Tensor, Crop]:
    """PersPose's perspective rotation (B, 3, 3) and the crop behind it.

    Args:
        vertices: (B, V, 3) of the true surface before the camera, metres.
        intrinsics: (B, 3, 3) of the pictures.
        box: (B, 4) x, y, width, height in the pictures, to whose centre the camera is turned.
        crop_px: side of the crop.

    Raises:
        InvalidData: a box more than 80 degrees off the optical axis.
    """
    rotation = perspective_rotation(intrinsics, box[:, :2] + box[:, 2:] / 2)
    around = box_around(project(vertices @ rotation.mT, intrinsics), intrinsics[:, :2, 2])
    return rotation, crop(intrinsics, rotation, around, crop_px)


def _chosen(people: PersonPictures, seen: Tensor) -> PersonPictures:
    numbers = seen.nonzero()[:, 0].tolist()
    held = {field.name: getattr(people, field.name) for field in fields(people)}
    del held["notes"]
    return replace(
        people,
        **{
            name: values[seen] if isinstance(values, Tensor) else tuple(values[k] for k in numbers)
            for name, values in held.items()
        },
    )
