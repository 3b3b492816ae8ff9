"""The transfer from Human3.6M to 3DPW on PoseAug's joints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pw3d_files import write_small

from posekit.datasets import load_dataset
from posekit.datasets.standins import human36m as standin
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.status import data_status
from posekit.errors import DatasetNotFound
from posekit.geometry.skeletons import HUMAN36M_16, SMPL_24


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_small(root)
    still = synthetic_takes("seed")("S1", "Walking", 1, 9)
    standin.write_layout(
        root / "h36m", lambda *wanted: still[: wanted[3]], (4, 5), "one walk", "seed"
    )
    return root


def test_both_splits_have_poseaugs_joints(data: Path) -> None:
    train, test = (
        load_dataset("h36m_pw3d", split, root=data, size="smoke") for split in ("train", "test")
    )
    assert train.skeleton is test.skeleton is HUMAN36M_16
    full = load_dataset("h36m", "train", root=data, keypoints="gt", size="smoke").clips[3]
    kept = [joint for joint in range(17) if joint != 9]
    assert torch.equal(train.clips[3].pose, full.pose[:, kept])
    whole = load_dataset("pw3d", "test", root=data, size="smoke").clips[1].pose
    wrist = (HUMAN36M_16.index("left wrist"), SMPL_24.index("left wrist"))
    torch.testing.assert_close(
        test.clips[1].pose[:, wrist[0]], whole[:, wrist[1]], atol=1e-5, rtol=0
    )


def test_keypoints_are_projections_of_the_pose(data: Path) -> None:
    clip = load_dataset("h36m_pw3d", "test", root=data).clips[0]
    assert torch.equal(clip.keypoints, clip.camera.project(clip.pose))


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound, match=r"3DPW: sequenceFiles/test/\*\.pkl"):
        load_dataset("h36m_pw3d", "test", root=tmp_path)
    with pytest.raises(DatasetNotFound, match=r"Human3\.6M"):
        load_dataset("h36m_pw3d", "train", root=tmp_path)
    write_small(tmp_path)
    row = next(row for row in data_status(tmp_path) if row.name == "h36m_pw3d")
    assert row.state == "incomplete"
    assert row.missing[:2] == ("data_3d_h36m.npz", "data_2d_h36m_gt.npz")
    assert "posekit data standin h36m_pw3d" in row.remedy
