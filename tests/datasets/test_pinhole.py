"""A pinhole camera is found from what it saw."""

from __future__ import annotations

import pytest
import torch

from posekit.datasets.pinhole import fit_pinhole
from posekit.errors import InvalidData


def test_a_pinhole_is_found_from_points_and_pixels() -> None:
    points = torch.rand(50, 3) * torch.tensor([2.0, 2.0, 1.0]) + torch.tensor([-1.0, -1.0, 3.0])
    pixels = points[:, :2] / points[:, 2:] * torch.tensor([700.0, 690.0]) + 300
    focal, centre = fit_pinhole(points, pixels, "C1")
    assert focal == pytest.approx([700, 690], rel=1e-4)
    assert centre == pytest.approx([300, 300], rel=1e-4)
    with pytest.raises(InvalidData, match="C1: poses and keypoints fit no camera"):
        fit_pinhole(points, -pixels, "C1")
