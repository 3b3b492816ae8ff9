"""The stand-in for HumanEva-I: the layout of VideoPose3D's files, and the mark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posekit.datasets.archives import load_archive
from posekit.datasets.humaneva import KEYPOINTS, POSES_FILE
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.humaneva import write_layout, write_standin
from posekit.errors import StorageError

TRUTH, DETECTIONS = KEYPOINTS.values()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a stand-in of very short recordings."""
    root = tmp_path_factory.mktemp("data")
    write_layout(root / "humaneva", synthetic_takes("seed"), (40, 50), "seed")
    return root


def test_the_layout_is_that_of_the_released_files(data: Path) -> None:
    poses = load_archive(data / "humaneva" / POSES_FILE)["positions_3d"]
    assert list(poses) == [f"{fold}/S{k}" for fold in ("Train", "Validate") for k in (1, 2, 3)]
    assert "Walking 1 chunk0" in poses["Train/S1"]
    assert "Walking 1 chunk1" not in poses["Train/S1"]  # numbers have gaps
    assert not [take for take in poses["Train/S3"] if take.startswith("ThrowCatch")]
    for file, joints, layout in ((TRUTH, 15, "humaneva15"), (DETECTIONS, 17, "coco")):
        archive = load_archive(data / "humaneva" / file)
        assert archive["metadata"]["layout_name"] == layout
        assert archive["metadata"]["num_joints"] == joints
        assert "Unlabeled/S4" in archive["positions_2d"]
        for subject, takes in poses.items():
            for take, world in takes.items():
                assert (world.shape[1:], world.dtype) == ((15, 3), np.float32)
                views = archive["positions_2d"][subject][take]
                assert len(views) == 3
                assert all(view.shape[1:] == (joints, 2) for view in views)
                assert all(len(view) >= len(world) for view in views)


def test_the_same_seed_gives_the_same_files(data: Path, tmp_path: Path) -> None:
    write_layout(tmp_path / "humaneva", synthetic_takes("seed"), (40, 50), "seed")
    for name in (POSES_FILE, TRUTH, DETECTIONS):
        assert (tmp_path / "humaneva" / name).read_bytes() == (
            data / "humaneva" / name
        ).read_bytes()


def test_real_files_are_never_overwritten(tmp_path: Path) -> None:
    real = tmp_path / "humaneva" / TRUTH
    real.parent.mkdir()
    np.savez(real, positions_2d=np.zeros(1))
    before = real.read_bytes()
    with pytest.raises(StorageError, match="is not a stand-in and will not be overwritten"):
        write_standin(tmp_path, size="smoke")
    assert real.read_bytes() == before
    assert [path.name for path in real.parent.iterdir()] == [TRUTH]
