"""The stand-in for Human3.6M: the real layout with its quirks, and the mark on everything."""

from __future__ import annotations

import json
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from data_files import projection_mismatch

from posekit.datasets import load_dataset
from posekit.datasets.archives import load_archive
from posekit.datasets.human36m import KEYPOINTS, KEYPOINTS_FILE, POSES_FILE
from posekit.datasets.locate import README
from posekit.datasets.standins import human36m as standin
from posekit.datasets.synthetic import generate_take
from posekit.errors import DatasetNotFound, InvalidParameter, StorageError
from posekit.geometry.calibration import load_calibration
from posekit.geometry.skeletons import HUMAN36M_17

TRUTH, DETECTIONS = (KEYPOINTS_FILE.format(KEYPOINTS[name]) for name in ("gt", "cpn"))


@cache
def walk() -> np.ndarray:
    """A little of a walk, the same for everybody."""
    return generate_take("S9", "Walking", 1, 30, "seed")


def walking(subject: str, action: str, number: int, frames: int) -> np.ndarray:
    """That walk a little further on, at another place for every take."""
    start = (len(action) + number) % 10
    return walk()[start : start + frames] + np.float32([0.05 * number, 0.01 * len(action), 0])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a stand-in of very short takes."""
    root = tmp_path_factory.mktemp("data")
    standin.write_layout(root / "h36m", walking, (6, 9), "a walk", "seed")
    return root


def test_takes_are_those_of_the_community_files(root: Path) -> None:
    poses = load_archive(root / "h36m" / POSES_FILE)["positions_3d"]
    listing = load_calibration("h36m_takes")
    assert list(poses) == ["S1", "S5", "S6", "S7", "S8", "S9", "S11"]
    for subject, takes in poses.items():
        names = [name for names in listing["takes"][subject].values() for name in names]
        assert list(takes) == names
        assert len(takes) == (29 if subject == "S11" else 30)
    assert "Directions" not in poses["S11"]
    assert "Directions 1" in poses["S11"]


def test_arrays_have_the_shapes_and_types_of_the_community_files(root: Path) -> None:
    poses = load_archive(root / "h36m" / POSES_FILE)["positions_3d"]
    truth = load_archive(root / "h36m" / TRUTH)
    detections = load_archive(root / "h36m" / DETECTIONS)
    longer = 0
    for subject, takes in poses.items():
        for take, world in takes.items():
            assert world.shape[1:] == (32, 3)
            assert world.dtype == np.float32
            views = truth["positions_2d"][subject][take]
            assert [(view.shape, view.dtype) for view in views] == [
                ((len(world), 17, 2), np.float32)
            ] * 4
            detected = detections["positions_2d"][subject][take]
            assert len({len(view) for view in detected}) == 1
            assert len(detected[0]) >= len(world)
            longer += len(detected[0]) > len(world)
    assert 0 < longer < 209
    assert set(detections["positions_2d"]) - set(poses) == {"S2", "S3", "S4"}
    symmetry = truth["metadata"]["keypoints_symmetry"]
    assert symmetry == [list(HUMAN36M_17.left), list(HUMAN36M_17.right)]
    assert isinstance(symmetry[0][0], np.int64)
    assert detections["metadata"]["layout_name"] == "h36m"


def test_the_files_open_with_numpy_as_the_released_code_opens_them(root: Path) -> None:
    with np.load(root / "h36m" / POSES_FILE, allow_pickle=True) as archive:
        world = archive["positions_3d"].item()["S9"]["Walking"]
    assert world.shape[1:] == (32, 3)
    with zipfile.ZipFile(root / "h36m" / POSES_FILE) as archive:
        assert b"\x80\x03" in archive.read("positions_3d.npy")[:200]  # pickle protocol 3


@pytest.mark.parametrize(("split", "clips"), [("train", 5 * 30 * 4), ("test", 59 * 4)])
def test_it_loads_as_human36m_and_says_that_it_is_not(root: Path, split: str, clips: int) -> None:
    dataset = load_dataset("h36m", split, root=root, keypoints="gt")
    assert len(dataset.clips) == clips
    assert dataset.actions == tuple(load_calibration("h36m_takes")["actions"])
    assert dataset.evidence == "STAND-IN"
    assert dataset.notes[0].startswith("STAND-IN")
    assert "STAND-IN" in (root / "h36m" / README).read_text()


def test_true_keypoints_are_the_projected_poses(root: Path) -> None:
    dataset = load_dataset("h36m", "test", root=root, keypoints="gt")
    assert max(projection_mismatch(clip) for clip in dataset.clips) < 0.1
    detected = load_dataset("h36m", "test", root=root)
    assert 1.0 < np.mean([projection_mismatch(clip) for clip in detected.clips]) < 10.0


def test_poses_of_synthetic_motion_survive_the_way_through_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(standin.FRAMES, "smoke", (12, 12))
    standin.write_standin(tmp_path, seed="posekit", size="smoke")
    dataset = load_dataset("h36m", "test", root=tmp_path, keypoints="gt")
    clip = next(clip for clip in dataset.clips if clip.name == "S9/Walking/55011271")
    poses = load_archive(tmp_path / "h36m" / POSES_FILE)["positions_3d"]
    detections = load_archive(tmp_path / "h36m" / DETECTIONS)["positions_2d"]
    generated = len(detections["S9"]["Walking"][0])
    expected = generate_take("S9", "Walking", 0, generated, "posekit")[:12]
    restored = clip.camera.camera_to_world(clip.pose).numpy()
    np.testing.assert_allclose(restored, expected, atol=1e-5)
    assert poses["S9"]["Walking"].shape == (12, 32, 3)


def test_recorded_motion_fills_the_layout_too(tmp_path: Path) -> None:
    arrays, index = {}, {}
    for name, subject in (("02_01", "S02"), ("01_01", "S01")):
        arrays[name] = walk()
        index[name] = {"subject": subject, "group": "walk", "frames": 30}
    np.savez(tmp_path / "cmu_h36m17.npz", **arrays)
    (tmp_path / "cmu_h36m17.json").write_text(json.dumps({"clips": index}))
    standin.write_standin(tmp_path / "out", motion="cmu", size="smoke", source=tmp_path)
    dataset = load_dataset("h36m", "test", root=tmp_path / "out", keypoints="gt")
    assert max(clip.frames for clip in dataset.clips) <= 30
    assert max(projection_mismatch(clip) for clip in dataset.clips) < 0.1


def test_the_same_seed_gives_the_same_files(root: Path, tmp_path: Path) -> None:
    standin.write_layout(tmp_path / "same", walking, (6, 9), "a walk", "seed")
    standin.write_layout(tmp_path / "other", walking, (6, 9), "a walk", "other seed")
    for name in (POSES_FILE, TRUTH, DETECTIONS):
        written = (root / "h36m" / name).read_bytes()
        assert (tmp_path / "same" / name).read_bytes() == written
    assert (tmp_path / "other" / POSES_FILE).read_bytes() != (
        root / "h36m" / POSES_FILE
    ).read_bytes()


def test_real_files_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "h36m").mkdir()
    real = tmp_path / "h36m" / DETECTIONS
    np.savez(real, positions_2d=np.zeros(1))
    before = real.read_bytes()
    with pytest.raises(StorageError, match="is not a stand-in and will not be overwritten"):
        standin.write_standin(tmp_path, size="smoke")
    assert real.read_bytes() == before
    assert [path.name for path in (tmp_path / "h36m").iterdir()] == [DETECTIONS]


@pytest.mark.parametrize(
    ("options", "named"), [({"motion": "dance"}, "synthetic, cmu"), ({"size": "full"}, "smoke")]
)
def test_unknown_options_are_answered_with_the_known_ones(
    tmp_path: Path, options: dict, named: str
) -> None:
    with pytest.raises(InvalidParameter, match=named):
        standin.write_standin(tmp_path, **options)


def test_recorded_motion_must_be_on_disk(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound, match="posekit data download cmu"):
        standin.write_standin(tmp_path, motion="cmu", source=tmp_path)
    assert not (tmp_path / "h36m").exists()
