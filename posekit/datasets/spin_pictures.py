"""Test pictures of Human3.6M and MPI-INF-3DHP by SPIN's lists, as ``BodyImages``.

A list has boxes and joints, but no camera and no body: those arrays are NaN, crops behind a
perspective rotation are black, and bins are "unknown". So only networks that ask for nothing but
the crop are scored on them, by joints alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from posekit.bodies.semantic_labels import LABELS
from posekit.datasets.picture_files import read_jpeg
from posekit.datasets.pw3d_pictures import UNKNOWN
from posekit.datasets.rendered import BINS, BodyImages
from posekit.datasets.rendered.body_images import COMPONENTS, JOINTS, contents_hash
from posekit.datasets.spin_archives import BOX_UNIT, SpinArchive, read_spin_archive
from posekit.errors import DatasetNotFound, InvalidData
from posekit.geometry.perspective import warp
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
        crop_px: side of the crops.
    """

    source: SpinList
    folder: Path
    archive: SpinArchive
    crop_px: int

    def __len__(self) -> int:
        return len(self.archive.pictures)

    def crops(self, rows: Sequence[int]) -> BodyImages:
        """Some of them, cut out of their pictures now: squares of 200 px x scale.

        Raises:
            DatasetNotFound: a picture is missing.
            InvalidData: one that cannot be read, or a box that lies outside of it.
        """
        chosen, count, size = torch.tensor(list(rows)), len(rows), self.crop_px
        side = BOX_UNIT * self.archive.scale[chosen]
        affine = crop_affine(self.archive.centre[chosen], side, size)
        images = np.stack([self._cut(row, affine[k]) for k, row in enumerate(rows)])
        nothing = np.zeros((count, size, size), dtype=np.uint8)
        cameras = ("intrinsics", "rotation", "crop_intrinsics")
        of_rotated = ("crop_affine_rotated", "crop_intrinsics_rotated")
        scalars = ("looseness", "off_axis", "field_of_view")
        names = np.array([self.archive.pictures[row] for row in rows])
        arrays = {
            "images": images,
            "images_rotated": np.zeros_like(images),
            **dict.fromkeys(("labels", "labels_rotated", "parsed", "parsed_rotated"), nothing),
            "rotations": _unknown(count, JOINTS, 3, 3),
            "betas": _unknown(count, COMPONENTS),
            "translation": _unknown(count, 3),
            **dict.fromkeys((*cameras, *of_rotated), _unknown(count, 3, 3)),
            **dict.fromkeys(scalars, _unknown(count)),
            "box": self.archive.boxes()[chosen].numpy(),
            "crop_affine": affine.numpy(),
            "persons": names,
            "actions": np.full(count, UNKNOWN),
        }
        of_split = {"motion": self.source.dataset, "split": "test"}
        return BodyImages(
            **arrays,
            bins={kind: np.full(count, UNKNOWN) for kind in BINS},
            prior=np.zeros((0, len(LABELS)), dtype=np.float32),
            **of_split,
            fingerprint=contents_hash(arrays, **of_split),
        )

    def _cut(self, row: int, affine: torch.Tensor) -> NDArray[np.uint8]:
        name = self.archive.pictures[row]
        path = self.folder / name
        if not path.is_file():
            raise DatasetNotFound(
                f"{self.source.title}: the picture {shown(path)} is missing; unpack the pictures "
                f"that {self.source.file} names in {self.folder}."
            )
        picture = torch.from_numpy(read_jpeg(path)).permute(2, 0, 1)[None].float()
        try:
            crop = warp(picture, affine[None], self.crop_px)[0]
        except InvalidData as error:
            raise InvalidData(f"{shown(path)}: {error}") from error
        return crop.permute(1, 2, 0).round().clamp(0, 255).byte().numpy()


def lists_on_disk(root: Path) -> tuple[str, ...]:
    """Keys of ``LISTS`` whose files lie below the data folder."""
    return tuple(
        name for name, source in LISTS.items() if (root / source.folder / source.file).is_file()
    )


def load_spin_pictures(name: str, *, root: Path, crop_px: int, every: int = 1) -> SpinPictures:
    """The persons of a list.

    Args:
        name: a key of ``LISTS``.
        root: data folder.
        crop_px: side of the crops.
        every: one person in so many.

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
    rows = torch.arange(len(archive.pictures))[::every]
    return SpinPictures(source, path.parent, archive.rows(rows), crop_px)


def _unknown(*shape: int) -> NDArray[np.float32]:
    return np.full(shape, np.nan, dtype=np.float32)
