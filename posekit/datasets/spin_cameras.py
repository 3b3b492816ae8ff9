"""Cameras of the pictures that SPIN's lists name: the calibration of their data sets.

A list holds none; the name of a picture tells which camera took it. Lens distortion is left out, as
every network on these pictures does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import torch
from torch import Tensor

from posekit.datasets.mpi_inf_3dhp import camera_of_test
from posekit.datasets.spin_archives import HUMAN36M_PICTURE
from posekit.errors import InvalidData
from posekit.geometry.cameras import Camera, human36m_cameras
from posekit.machine.names_from_files import shown

# mpi_inf_3dhp_test_set/TS1/imageSequence/img_000001.jpg
MPI_INF_3DHP_SEQUENCE = re.compile(r"TS[1-6]")


def cameras_of(pictures: Sequence[str], dataset: str) -> tuple[Camera, ...]:
    """The camera of each picture, by its name.

    Args:
        pictures: paths as the list has them.
        dataset: "h36m" or "mpi_inf_3dhp".

    Raises:
        InvalidData: a name that tells no camera of the data set.
    """
    find = {"h36m": _human36m, "mpi_inf_3dhp": _mpi_inf_3dhp}[dataset]
    return tuple(find(name) for name in pictures)


def pixel_matrix(camera: Camera) -> Tensor:
    """K (3, 3) of one camera in pixels, float64, without its distortion."""
    size = camera.resolution.double()
    focal = camera.focal.double() * size[0] / 2
    centre = (camera.centre.double() * size[0] + size) / 2
    matrix = torch.diag(torch.cat([focal, focal.new_ones(1)]))
    matrix[:2, 2] = centre
    return matrix


def _human36m(picture: str) -> Camera:
    match = HUMAN36M_PICTURE.fullmatch(PurePosixPath(picture).name)
    # Intrinsics are the same for all subjects; extrinsics, which are not read, need one.
    camera = human36m_cameras("S9").get(match.group(3)) if match else None
    if camera is None:
        raise InvalidData(
            f"picture {shown(picture)!r} names no camera of Human3.6M (S9_Directions "
            "1.60457274_000021.jpg); is it a list of another data set?"
        )
    return camera


def _mpi_inf_3dhp(picture: str) -> Camera:
    found = [part for part in PurePosixPath(picture).parts if MPI_INF_3DHP_SEQUENCE.fullmatch(part)]
    if not found:
        raise InvalidData(
            f"picture {shown(picture)!r} is in no folder of MPI-INF-3DHP's test sequences "
            "(TS1/imageSequence/img_000001.jpg); is it a list of another data set?"
        )
    return camera_of_test(found[0])
