"""The stand-in for PoseAug's test file: its layout, and Human3.6M beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posekit.datasets.archives import load_archive
from posekit.datasets.poseaug_3dhp import FILE
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.poseaug_3dhp import write_layout, write_standin
from posekit.errors import StorageError


def test_the_layout_is_that_of_the_released_file(tmp_path: Path) -> None:
    write_layout(tmp_path, synthetic_takes("seed"), "seed")
    held = load_archive(tmp_path / FILE)
    assert held["pose3d"].shape == (2929, 16, 3)
    assert held["pose2d"].shape == (2929, 16, 2)
    assert np.abs(held["pose2d"]).max() < 1.5


def test_real_files_are_never_overwritten(tmp_path: Path) -> None:
    real = tmp_path / "poseaug_3dhp" / FILE
    real.parent.mkdir()
    np.savez(real, pose3d=np.zeros(1))
    with pytest.raises(StorageError, match="is not a stand-in and will not be overwritten"):
        write_standin(tmp_path, size="smoke")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [real]
