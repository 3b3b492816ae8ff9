"""Test pictures of Human3.6M and MPI-INF-3DHP by SPIN's lists, as ``BodyImages``.

A list has boxes and joints, and no body: those arrays are NaN, and networks are scored by joints
alone. The camera is that of the data set's calibration (``posekit.datasets.spin_cameras``).

- The plain crop is the list's box, a square, as SPIN and DSR have it.
- The rotated crop is PersPose's for MPI-INF-3DHP, around the corners of the box as the turned
  camera sees them; the box is the list's. For Human3.6M its release takes the surface of MoSh's
  bodies, which no list holds; here it is the same as for MPI-INF-3DHP (reconstruction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.bodies.semantic_labels import LABELS
from posekit.datasets.picture_crops import UNKNOWN, binned, both_crops
from posekit.datasets.picture_files import read_jpeg
from posekit.datasets.rendered import BodyImages
from posekit.datasets.rendered.body_images import COMPONENTS, JOINTS, contents_hash
from posekit.datasets.spin_archives import SpinArchive, human36m_every_20th, read_spin_archive
from posekit.datasets.spin_cameras import cameras_of, pixel_matrix
from posekit.errors import DatasetNotFound, InvalidData
from posekit.geometry.cameras import Camera
from posekit.geometry.perspective import (
    Crop,
    box_around,
    box_corners,
    crop,
    map_pixels,
    perspective_rotation,
    rotation_homography,
)
from posekit.geometry.weak_perspective import crop_affine
from posekit.machine.names_from_files import shown


@dataclass(frozen=True)
class SpinList:
    """One of SPIN's lists.

    Attributes:
        title: for print.
        folder: of list and pictures, below the data folder.
        file: its name.
        dataset: whose protocol scores it, as ``SpinArchive.scored_joints`` knows it.
    """

    title: str
    folder: str
    file: str
    dataset: str


LISTS = {
    "h36m_p1": SpinList(
        "Human3.6M, protocol 1 (all cameras)", "h36m", "h36m_valid_protocol1.npz", "h36m"
    ),
    "h36m_p2": SpinList(
        "Human3.6M, protocol 2 (the frontal camera)", "h36m", "h36m_valid_protocol2.npz", "h36m"
    ),
    "mpi_inf_3dhp": SpinList(
        "MPI-INF-3DHP", "mpi_inf_3dhp", "mpi_inf_3dhp_valid.npz", "mpi_inf_3dhp"
    ),
}


@dataclass(frozen=True, eq=False)
class SpinPictures:
    """N persons in pictures, whose crops are not cut out yet.

    Attributes:
        source: the list.
        folder: of the pictures.
        archive: what it holds.
        cameras: (N,) of the pictures.
        crop_px: side of the crops.
    """

    source: SpinList
    folder: Path
    archive: SpinArchive
    cameras: tuple[Camera, ...]
    crop_px: int

    @cached_property
    def intrinsics(self) -> Tensor:
        """(N, 3, 3) of the pictures, pixels, float64."""
        return torch.stack([pixel_matrix(camera) for camera in self.cameras])

    def __len__(self) -> int:
        return len(self.archive.pictures)

    def crops(self, rows: Sequence[int]) -> BodyImages:
        """Some of them, cut out of their pictures now.

        Raises:
            DatasetNotFound: a picture is missing.
            InvalidData: one that cannot be read, of another size than its camera's, or a box that
                lies outside of it.
        """
        made = [self._cropped(row) for row in rows]
        arrays = {name: np.stack([one[name] for one in made]) for name in made[0]}
        count = len(made)
        arrays |= {
            "rotations": _unknown(count, JOINTS, 3, 3),
            "betas": _unknown(count, COMPONENTS),
            "translation": _unknown(count, 3),
            "intrinsics": self.intrinsics[list(rows)].float().numpy(),
            "box": self.archive.boxes()[list(rows)].numpy(),
            "persons": np.array([self.archive.pictures[row] for row in rows]),
            "actions": np.full(count, UNKNOWN),
        }
        of_split = {"motion": self.source.dataset, "split": "test"}
        return BodyImages(
            **arrays,
            bins=binned(arrays["off_axis"], arrays["field_of_view"]),
            prior=np.zeros((0, len(LABELS)), dtype=np.float32),
            **of_split,
            fingerprint=contents_hash(arrays, **of_split),
        )

    def _cropped(self, row: int) -> dict[str, NDArray]:
        """Both crops of one person, and their cameras, without the leading N."""
        name, size = self.archive.pictures[row], self.crop_px
        path = self.folder / name
        if not path.is_file():
            raise DatasetNotFound(
                f"{self.source.title}: the picture {shown(path)} is missing; unpack the pictures "
                f"that {self.source.file} names in {self.folder}."
            )
        width, height = self.cameras[row].resolution.long().tolist()
        picture = read_jpeg(path, (width, height))
        full = self.intrinsics[row, None]
        box = self.archive.boxes()[row, None].double()
        middle = box[:, :2] + box[:, 2:] / 2
        affine = crop_affine(middle, box[:, 2], size)
        try:
            rotation = perspective_rotation(full, middle)
            corners = map_pixels(rotation_homography(full, rotation), box_corners(box))
            turned = crop(full, rotation, box_around(corners, full[:, :2, 2]), size)
            plain = Crop(affine, affine @ full, affine)
            return both_crops(picture, full, box, plain, rotation, turned, size)
        except InvalidData as error:
            raise InvalidData(f"{shown(path)}: {error}") from error


def lists_on_disk(root: Path) -> tuple[str, ...]:
    """Keys of ``LISTS`` whose files lie below the data folder."""
    return tuple(
        name for name, source in LISTS.items() if (root / source.folder / source.file).is_file()
    )


def load_spin_pictures(
    name: str, *, root: Path, crop_px: int, every: int = 1, one_frame_in_20: bool = False
) -> SpinPictures:
    """The persons of a list.

    Args:
        name: a key of ``LISTS``.
        root: data folder.
        crop_px: side of the crops.
        every: one person in so many.
        one_frame_in_20: PersPose's choice of Human3.6M's pictures, see ``human36m_every_20th``;
            other lists are taken whole.

    Raises:
        DatasetNotFound: the list is not there.
        InvalidData: it does not hold what it should.
    """
    source = LISTS[name]
    path = root / source.folder / source.file
    if not path.is_file():
        raise DatasetNotFound(
            f"{source.title}: {path} not found; it is one of SPIN's dataset_extras, "
            "https://github.com/nkolot/SPIN."
        )
    archive = read_spin_archive(path)
    rows = torch.arange(len(archive))
    if one_frame_in_20 and source.dataset == "h36m":
        rows = human36m_every_20th(archive)
    archive = archive.rows(rows[::every])
    cameras = cameras_of(archive.pictures, source.dataset)
    return SpinPictures(source, path.parent, archive, cameras, crop_px)


def _unknown(*shape: int) -> NDArray[np.float32]:
    return np.full(shape, np.nan, dtype=np.float32)
