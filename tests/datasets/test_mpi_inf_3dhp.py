"""MPI-INF-3DHP: P-STMO's files at both scales, the raw test annotations, and every way to err."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_files import (
    change_archive,
    check_fingerprint,
    copy_of,
    nan_at_start,
    projection_mismatch,
    refusal,
)

from posekit.datasets import load_dataset
from posekit.datasets.mpi_inf_3dhp import FILES
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.mpi_inf_3dhp import write_layout
from posekit.datasets.status import data_status
from posekit.errors import DatasetNotFound, InvalidParameter
from posekit.geometry.skeletons import MPI_INF_3DHP_17

UNIVERSAL, METRIC = FILES
TRAIN, TEST = FILES[UNIVERSAL].values()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a stand-in of very short sequences."""
    root = tmp_path_factory.mktemp("data")
    write_layout(root / "mpi_inf_3dhp", synthetic_takes("seed"), (20, 30), "seed")
    return root


@pytest.fixture
def root(data: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return copy_of(data, tmp_path / "data")


def test_splits_hold_the_sequences_with_their_cameras(data: Path) -> None:
    train = load_dataset(UNIVERSAL, "train", root=data)
    assert len(train.clips) == 8 * 2 * 8
    assert {clip.fps for clip in train.clips} == {25.0, 50.0}
    test = load_dataset(UNIVERSAL, "test", root=data)
    assert test.skeleton is MPI_INF_3DHP_17
    assert test.keypoints == "gt"
    assert test.actions == tuple(f"TS{k}" for k in range(1, 7))
    sizes = [tuple(clip.camera.resolution.tolist()) for clip in test.clips]
    assert sizes == [(2048, 2048)] * 4 + [(1920, 1080)] * 2
    assert not all(bool(clip.valid.all()) for clip in test.clips)
    assert test.evidence == "STAND-IN"
    assert test.notes[0].startswith("STAND-IN")


def test_the_two_scales_are_two_data_sets_with_one_picture(data: Path) -> None:
    universal, metric = (load_dataset(name, "test", root=data) for name in FILES)
    for one, other in zip(universal.clips, metric.clips, strict=True):
        assert torch.equal(one.keypoints, other.keypoints)
        relative = [clip.pose - clip.pose[:, 14:15] for clip in (one, other)]
        torch.testing.assert_close(one.pose[:, 14], other.pose[:, 14])
        scale = relative[0].norm() / relative[1].norm()
        assert abs(float(scale) - 1) > 0.001
        torch.testing.assert_close(relative[0], scale * relative[1], atol=1e-5, rtol=0)
        assert projection_mismatch(other) < 0.1
    assert universal.fingerprint != metric.fingerprint
    assert any("univ_annot3" in note for note in universal.notes)
    assert any(" annot3" in note for note in metric.notes)


@pytest.mark.parametrize("name", FILES)
def test_raw_annotations_hold_what_the_converted_file_holds(root: Path, name: str) -> None:
    converted = load_dataset(name, "test", root=root)
    (root / "mpi_inf_3dhp" / FILES[name]["test"]).unlink()
    raw = load_dataset(name, "test", root=root)
    assert raw.fingerprint == converted.fingerprint
    assert raw.evidence == "STAND-IN"
    row = next(row for row in data_status(root) if row.name == name)
    assert (row.state, row.missing) == ("found", ())


def test_frames_with_undetected_joints_are_not_trained_on(root: Path) -> None:
    def undetect(members: dict[str, Any]) -> None:
        arrays = members["data"]["S3 Seq1"][0]["4"]
        arrays["data_2d"] = arrays["data_2d"].copy()
        arrays["data_2d"][5:8, 4] = 0

    change_archive(root / "mpi_inf_3dhp" / TRAIN, undetect)
    train = load_dataset(UNIVERSAL, "train", root=root)
    spoilt = [clip for clip in train.clips if not bool(clip.valid.all())]
    assert [clip.name for clip in spoilt] == ["S3/Seq1/4"]
    assert (~spoilt[0].valid).nonzero()[:, 0].tolist() == [5, 6, 7]
    assert train.notes[-1] == (
        f"Joints that were not detected, written as (0, 0): 3 in 3 of {train.frames:,} frames; "
        "these frames are left out of training."
    )


def test_short_sizes_keep_valid_frames(root: Path) -> None:
    def late(members: dict[str, Any]) -> None:
        for arrays in members["data"].values():
            repeats = 300 // len(arrays["data_3d"]) + 1
            for key, array in arrays.items():
                arrays[key] = np.concatenate([array] * repeats)
            arrays["valid"][:-20] = 0
            arrays["valid"][-20:] = 1

    change_archive(root / "mpi_inf_3dhp" / TEST, late)
    for clip in load_dataset(UNIVERSAL, "test", root=root, size="smoke").clips:
        assert clip.frames == 120
        assert int(clip.valid.sum()) == 20


def test_the_fingerprint_is_of_the_content(data: Path, tmp_path: Path) -> None:
    check_fingerprint(UNIVERSAL, data, tmp_path / "moved", "gt")


def test_missing_files_are_listed_with_what_to_do(root: Path, tmp_path: Path) -> None:
    for split, file in FILES[UNIVERSAL].items():
        with pytest.raises(DatasetNotFound) as caught:
            load_dataset(UNIVERSAL, split, root=tmp_path / "empty")
        message = str(caught.value)
        for part in (
            *(file, str(tmp_path / "empty" / "mpi_inf_3dhp"), "vcai.mpi-inf.mpg.de"),
            *("-p dataset synthetic", "posekit data standin mpi_inf_3dhp", "POSEKIT_DATA"),
        ):
            assert part in message
        assert "\n" not in message
    (root / "mpi_inf_3dhp" / TRAIN).unlink()
    row = next(row for row in data_status(root) if row.name == UNIVERSAL)
    assert (row.state, row.missing) == ("incomplete", (TRAIN,))
    assert row.contents.startswith("STAND-IN")


def test_only_true_keypoints_are_offered(data: Path) -> None:
    with pytest.raises(InvalidParameter, match="choose one of: gt"):
        load_dataset(UNIVERSAL, "test", root=data, keypoints="cpn")


def test_a_broken_annotation_file_is_named(root: Path) -> None:
    (root / "mpi_inf_3dhp" / TEST).unlink()
    path = root / "mpi_inf_3dhp" / "TS2" / "annot_data.mat"
    path.write_bytes(path.read_bytes()[:9000])
    assert f"{path}: not a readable MATLAB 7.3 file" in refusal(UNIVERSAL, root)


def of_ts1(key: str, edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    """Change one array of TS1."""

    def change(members: dict[str, Any]) -> None:
        members["data"]["TS1"][key] = edit(members["data"]["TS1"][key])

    return change


def of_s1(key: str, edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    """Change one array of S1's every camera."""

    def change(members: dict[str, Any]) -> None:
        for sequence in ("S1 Seq1", "S1 Seq2"):
            for arrays in members["data"][sequence][0].values():
                arrays[key] = edit(arrays[key])

    return change


def rename(old: str, new: str) -> Callable[[dict], None]:
    """Call a sequence something else."""

    def change(members: dict[str, Any]) -> None:
        members["data"][new] = members["data"].pop(old)

    return change


def swap_keypoints(members: dict[str, Any]) -> None:
    """Give TS1 the keypoints of TS4."""
    tree = members["data"]
    frames = min(len(tree["TS1"]["valid"]), len(tree["TS4"]["valid"]))
    for key in ("data_2d", "data_3d", "valid"):
        tree["TS1"][key] = tree["TS1"][key][:frames]
    tree["TS1"]["data_2d"] = tree["TS4"]["data_2d"][:frames]
    tree["TS1"]["valid"] = np.ones(frames)


BROKEN = {
    "no member": (TEST, lambda members: members.pop("data"), "no member 'data'"),
    "no dictionary": (TEST, lambda members: members.update(data=[1]), "expected a dictionary"),
    "other sequence": (TEST, rename("TS1", "TS9"), "sequence 'TS9' is none of TS1"),
    "no mask": (TEST, lambda members: members["data"]["TS1"].pop("valid"), "must hold data_2d"),
    "odd mask": (TEST, of_ts1("valid", lambda a: a + 2), "values 0 or 1"),
    "short mask": (TEST, of_ts1("valid", lambda a: a[:-1]), "values 0 or 1"),
    "16 joints": (TEST, of_ts1("data_3d", lambda a: a[:, :16]), "17 joints are due"),
    "lengths": (TEST, of_ts1("data_2d", lambda a: a[:-1]), "frames of keypoints for"),
    "flat array": (TEST, of_ts1("data_2d", lambda a: a[0]), "numeric array"),
    "NaN in 2D": (
        TEST,
        of_ts1("data_2d", lambda a: nan_at_start(a[::-1])[::-1]),
        "holds NaN or infinity",
    ),
    "NaN in 3D": (
        TEST,
        of_ts1("data_3d", lambda a: nan_at_start(a[::-1])[::-1]),
        "holds NaN or infinity",
    ),
    "normalised 2D": (TEST, of_ts1("data_2d", lambda a: a / 1024 - 1), "look normalised"),
    "metres": (TEST, of_ts1("data_3d", lambda a: a / 1000), "millimetres are due"),
    "other frames": (TEST, swap_keypoints, "keypoints of TS1/TS1/0 lie"),
    "other name": (TRAIN, rename("S1 Seq1", "S1_Seq1"), "none such as 'S1 Seq1'"),
    "no frame rate": (
        TRAIN,
        lambda members: members["data"].update({"S1 Seq1": members["data"]["S1 Seq1"][:1]}),
        "must hold [cameras, frames per second]",
    ),
    **{
        f"{rate} frames per second": (
            TRAIN,
            lambda members, rate=rate: members["data"]["S1 Seq1"].__setitem__(1, rate),
            "frames per second; 25 or 50 are due",
        )
        for rate in (0, -25, float("nan"), float("inf"), "25", None)
    },
    "joints in training": (TRAIN, of_s1("data_2d", lambda a: a[:, :15]), "17 joints are due"),
    "other takes": (
        TRAIN,
        of_s1("data_2d", lambda a: a[::-1, ::-1].copy()),
        "keypoints of S1/Seq1/",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_in_one_line(root: Path, name: str) -> None:
    file, edit, message = BROKEN[name]
    path = root / "mpi_inf_3dhp" / file
    change_archive(path, edit)
    told = refusal(UNIVERSAL, root, split="train" if file == TRAIN else "test")
    assert message in told
    assert str(path) in told


def test_a_truncated_archive_is_named(root: Path) -> None:
    path = root / "mpi_inf_3dhp" / TEST
    path.write_bytes(path.read_bytes()[:5000])
    assert str(path) in refusal(UNIVERSAL, root)
