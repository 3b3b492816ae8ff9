"""PoseAug's 16 joints: trained on Human3.6M, tested on 3DHP, and every way to err."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import change_archive, check_fingerprint, copy_of, nan_at_start, refusal

from posekit.datasets import load_dataset
from posekit.datasets.poseaug_3dhp import FILE, FRAMES
from posekit.datasets.standins import human36m as standin
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.poseaug_3dhp import write_layout
from posekit.datasets.status import data_status
from posekit.datasets.windows import ClipBank, evaluation_windows
from posekit.errors import DatasetNotFound
from posekit.evaluation.prediction import Predictions
from posekit.evaluation.protocols import MIXSTE, POSEAUG_3DHP, POSEAUG_H36M, scored_on
from posekit.evaluation.scoring import score
from posekit.geometry.skeletons import HUMAN36M_16


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with stand-ins of the test file and of a very short Human3.6M."""
    root = tmp_path_factory.mktemp("data")
    write_layout(root / "poseaug_3dhp", synthetic_takes("seed"), "seed")
    still = synthetic_takes("seed")("S1", "Walking", 1, 9)
    standin.write_layout(
        root / "h36m", lambda *wanted: still[: wanted[3]], (4, 5), "one walk", "seed"
    )
    return root


@pytest.fixture
def root(data: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return copy_of(data, tmp_path / "data")


def test_the_test_split_is_3dhp_and_the_training_split_human36m(data: Path) -> None:
    test = load_dataset("poseaug_3dhp", "test", root=data)
    assert {clip.subject: clip.frames for clip in test.clips} == FRAMES
    assert test.skeleton is HUMAN36M_16
    assert test.evidence == "STAND-IN"
    assert test.clips[4].camera.resolution.tolist() == [1920, 1080]
    train = load_dataset("poseaug_3dhp", "train", root=data)
    assert train.skeleton is HUMAN36M_16
    assert train.subjects == ("S1", "S5", "S6", "S7", "S8")
    assert train.clips[0].keypoints.shape[1:] == (16, 2)
    full = load_dataset("h36m", "train", root=data, keypoints="gt")
    kept = [joint for joint in range(17) if joint != 9]
    assert torch.equal(train.clips[7].pose, full.clips[7].pose[:, kept])
    assert train.fingerprint != full.fingerprint


def test_root_relative_poses_are_read_too(root: Path) -> None:
    def relative(members: dict) -> None:
        members["pose3d"] = members["pose3d"] - members["pose3d"][:, :1]

    before = load_dataset("poseaug_3dhp", "test", root=root)
    change_archive(root / "poseaug_3dhp" / FILE, relative)
    after = load_dataset("poseaug_3dhp", "test", root=root)
    pose = before.clips[1].pose
    torch.testing.assert_close(after.clips[1].pose, pose - pose[:, :1], atol=1e-6, rtol=0)


def test_the_root_is_subtracted_and_frames_are_pooled(data: Path) -> None:
    test = load_dataset("poseaug_3dhp", "test", root=data)
    bank = ClipBank(test, torch.device("cpu"), 2)
    windows = evaluation_windows(bank.lengths, 1, "centred")
    shifted = bank.pose[windows.outputs] + torch.tensor([0.3, 0.0, -0.2])
    shifted[..., 3, 0] += 0.16
    predictions = Predictions(bank, windows, "centred", 1, 1, shifted, shifted)
    found = score(predictions, POSEAUG_3DHP).metrics
    assert found["mpjpe"] == pytest.approx(160 / 16, rel=1e-4)
    assert found["pck"] == pytest.approx(100 * 15 / 16)
    assert (POSEAUG_H36M.flip, POSEAUG_3DHP.flip) == (False, True)
    assert scored_on(MIXSTE, "poseaug_3dhp").average == "frames"


def test_the_fingerprint_is_of_the_content(data: Path, tmp_path: Path) -> None:
    check_fingerprint("poseaug_3dhp", data, tmp_path / "moved", "gt")


def test_missing_files_are_listed_with_what_to_do(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        load_dataset("poseaug_3dhp", "test", root=tmp_path / "empty")
    for part in (
        *(FILE, str(tmp_path / "empty" / "poseaug_3dhp"), "prepare_data_3dhp.py"),
        *("-p dataset synthetic", "posekit data standin poseaug_3dhp", "POSEKIT_DATA"),
    ):
        assert part in str(caught.value)
    with pytest.raises(DatasetNotFound, match=r"Human3\.6M"):
        load_dataset("poseaug_3dhp", "train", root=tmp_path / "empty")
    (root / "h36m" / "data_3d_h36m.npz").unlink()
    row = next(row for row in data_status(root) if row.name == "poseaug_3dhp")
    assert (row.state, row.missing) == ("incomplete", ("data_3d_h36m.npz",))


def of(key: str, edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    return lambda members: members.update({key: edit(members[key])})


BROKEN = {
    "no poses": (lambda members: members.pop("pose3d"), "no member 'pose3d'"),
    "17 joints": (of("pose3d", lambda a: np.concatenate([a, a[:, :1]], 1)), "16 joints are due"),
    "frames": (of("pose2d", lambda a: a[:-1]), "2928 keypoints for 2929 poses"),
    "NaN in 2D": (of("pose2d", nan_at_start), "pose2d holds NaN"),
    "NaN in 3D": (of("pose3d", nan_at_start), "holds NaN or infinity"),
    "pixels": (of("pose2d", lambda a: (a + 1) * 1024), "looks like pixels"),
    "millimetres": (of("pose3d", lambda a: a * 1000), "metres are due"),
    "other frames": (of("pose2d", lambda a: a[:, ::-1].copy()), "keypoints of TS1/TS1/0 lie"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_in_one_line(root: Path, name: str) -> None:
    edit, message = BROKEN[name]
    path = root / "poseaug_3dhp" / FILE
    change_archive(path, edit)
    told = refusal("poseaug_3dhp", root)
    assert message in told
    assert str(path) in told


def test_a_truncated_file_is_named(root: Path) -> None:
    path = root / "poseaug_3dhp" / FILE
    path.write_bytes(path.read_bytes()[:5000])
    assert str(path) in refusal("poseaug_3dhp", root)
