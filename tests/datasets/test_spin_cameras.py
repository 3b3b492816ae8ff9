"""Cameras by the names of pictures: the published calibration, and names that tell none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posekit.datasets.spin_cameras import cameras_of, pixel_matrix
from posekit.errors import InvalidData
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.perspective import project

HUMAN36M = "images/S11_Walking 1.{}_000021.jpg"
MPI_INF_3DHP = "mpi_inf_3dhp_test_set/TS{}/imageSequence/img_000001.jpg"


@pytest.mark.parametrize(
    ("dataset", "picture", "focal", "middle"),
    [
        ("h36m", HUMAN36M.format(60457274), (1145.5113, 1144.7739), (514.9682, 501.8820)),
        ("h36m", HUMAN36M.format(54138969), (1145.0494, 1143.7811), (512.5415, 515.4515)),
        ("mpi_inf_3dhp", MPI_INF_3DHP.format(1), (1500.172, 1500.172), (1017.3873, 1043.0320)),
        ("mpi_inf_3dhp", MPI_INF_3DHP.format(6), (1683.983, 1683.983), (939.8575, 560.1407)),
    ],
)
def test_cameras_are_those_of_the_calibration(
    dataset: str, picture: str, focal: tuple[float, float], middle: tuple[float, float]
) -> None:
    (camera,) = cameras_of([picture], dataset)
    matrix = pixel_matrix(camera).numpy()
    np.testing.assert_allclose(np.diag(matrix), (*focal, 1), rtol=1e-5)
    np.testing.assert_allclose(matrix[:2, 2], middle, rtol=1e-5)
    assert matrix[0, 1] == matrix[1, 0] == matrix[2, 0] == matrix[2, 1] == 0


def test_pixels_are_those_of_the_camera_but_for_its_distortion() -> None:
    camera = human36m_cameras("S9")["54138969"]
    points = torch.tensor([[0.4, -0.3, 4.0], [-0.8, 0.9, 6.0]])
    width, height = camera.resolution.tolist()
    normalised = camera.focal * points[:, :2] / points[:, 2:] + camera.centre
    pixels = (normalised * width + torch.tensor([width, height])) / 2
    found = project(points.double(), pixel_matrix(camera))
    torch.testing.assert_close(found, pixels.double(), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("dataset", "picture", "message"),
    [
        ("h36m", HUMAN36M.format(12345678), "no camera of Human3.6M"),
        ("h36m", "images/someone.jpg", "no camera of Human3.6M"),
        ("h36m", MPI_INF_3DHP.format(1), "no camera of Human3.6M"),
        ("mpi_inf_3dhp", MPI_INF_3DHP.format(7), "no folder of MPI-INF-3DHP"),
        ("mpi_inf_3dhp", "S1/Seq1/video_0/img.jpg", "no folder of MPI-INF-3DHP"),
    ],
)
def test_pictures_whose_names_tell_no_camera_are_refused(
    dataset: str, picture: str, message: str
) -> None:
    with pytest.raises(InvalidData, match=message) as caught:
        cameras_of([picture], dataset)
    assert str(caught.value).isprintable()
