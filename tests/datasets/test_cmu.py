"""CMU motion capture from Acclaim files and from converted takes, in view of four cameras."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from acclaim import write_subject
from data_files import projection_mismatch

from posekit.datasets import cmu, load_dataset
from posekit.datasets.clips import fingerprint
from posekit.datasets.synthetic.generate import generate_take
from posekit.errors import DatasetNotFound, InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.machine.storage import repository_root

JOINT = HUMAN36M_17.index


@pytest.fixture
def acclaim(tmp_path: Path) -> Path:
    """A data folder with a few Acclaim takes."""
    folder = tmp_path / "cmu" / "all_asfamc" / "subjects"
    write_subject(folder, "02", {"02_01": 300, "02_04": 240, "02_99": 240})
    write_subject(folder, "49", {"49_01": 300})
    return tmp_path


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """A data folder with three converted takes."""
    rng = np.random.default_rng(0)
    rest = generate_take("S9", "Walking", 1, 1, "seed")[0]
    index, arrays = {}, {}
    for name, subject, group in (
        *(("02_01", "S02", "walk"), ("x_run_1", "X", "run"), ("01_01", "S01", "jump")),
    ):
        path = np.linspace([0, 0, 0], rng.uniform(-2, 2, 3) * [1, 1, 0], 150)
        arrays[name] = (rest + path[:, None]).astype(np.float32)
        index[name] = {"subject": subject, "group": group, "frames": 150}
    np.savez(tmp_path / "cmu_h36m17.npz", **arrays)
    (tmp_path / "cmu_h36m17.json").write_text(json.dumps({"clips": index}))
    return tmp_path


def test_acclaim_folders_give_clips_of_the_listed_takes(acclaim: Path) -> None:
    dataset = load_dataset("cmu", "train", root=acclaim)
    assert [(clip.take, clip.action) for clip in dataset.clips[::4]] == [
        *(("02_01", "walk"), ("02_04", "jump")),
    ]
    assert dataset.clips[0].frames == 125
    assert load_dataset("cmu", "test", root=acclaim).subjects == ("S49",)


def test_converted_takes_give_clips_in_four_cameras(converted: Path) -> None:
    dataset = load_dataset("cmu", "train", root=converted, keypoints="gt")
    assert [clip.take for clip in dataset.clips] == ["02_01"] * 4 + ["x_run_1"] * 4
    assert dataset.subjects == ("S02", "X")
    assert dataset.evidence == "motion capture"
    assert cmu.ACKNOWLEDGEMENT in dataset.notes
    options = {"dataset": "cmu", "split": "train", "keypoints": "gt", "size": "standard"}
    assert dataset.fingerprint == fingerprint(dataset.clips, options)
    assert max(projection_mismatch(clip) for clip in dataset.clips) < 0.01
    assert load_dataset("cmu", "test", root=converted).subjects == ("S01",)


def test_motion_is_moved_and_turned_but_never_bent(converted: Path) -> None:
    recorded = np.load(converted / "cmu_h36m17.npz")["02_01"]
    clip = load_dataset("cmu", "train", root=converted).clips[0]
    placed = clip.camera.camera_to_world(clip.pose).numpy()
    middle = placed[:, 0, :2].max(0) + placed[:, 0, :2].min(0)
    np.testing.assert_allclose(middle, 0.0, atol=1e-4)
    np.testing.assert_allclose(placed[..., 2], recorded[..., 2], atol=1e-5)
    for other in (1, 10):
        distance = np.linalg.norm(placed[:, 0] - placed[::-1, other], axis=-1)
        expected = np.linalg.norm(recorded[:, 0] - recorded[::-1, other], axis=-1)
        np.testing.assert_allclose(distance, expected, atol=1e-5)


def test_detections_are_near_the_truth_and_the_same_every_time(converted: Path) -> None:
    first, again = (load_dataset("cmu", "train", root=converted) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    error = [projection_mismatch(clip) for clip in first.clips]
    assert 1.0 < np.mean(error) < 8.0
    noisy = load_dataset("cmu", "train", root=converted, keypoints="noisy")
    assert np.mean([projection_mismatch(clip) for clip in noisy.clips]) > np.mean(error)
    assert noisy.fingerprint != first.fingerprint


def test_without_files_the_download_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        load_dataset("cmu", "test", root=tmp_path)
    for part in ("posekit data download cmu", str(tmp_path), "mocap.cs.cmu.edu", "synthetic"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_converted_takes_need_their_index(converted: Path) -> None:
    path = converted / "cmu_h36m17.json"
    path.write_text('{"clips": {}}')
    with pytest.raises(InvalidData, match=r"take 02_01 is not in cmu_h36m17\.json"):
        load_dataset("cmu", "test", root=converted)
    path.write_text("{")
    with pytest.raises(InvalidData, match="not the index"):
        load_dataset("cmu", "test", root=converted)
    path.unlink()
    with pytest.raises(DatasetNotFound, match=r"cmu_h36m17\.json"):
        load_dataset("cmu", "test", root=converted)


def declare(folder: Path, **fields: object) -> Path:
    """The converted takes with more in their index."""
    path = folder / "cmu_h36m17.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return folder


def rewrite(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    path = folder / "cmu_h36m17.npz"
    held = np.load(path)
    np.savez(path, **{name: change(held[name]) for name in held})


def walked(folder: Path) -> np.ndarray:
    _, read = cmu.open_takes(folder)
    return read("02_01")


@pytest.mark.parametrize(("units", "scale"), [("m", 1.0), ("cm", 100.0), ("mm", 1000.0)])
def test_units_of_converted_takes_are_those_that_their_index_declares(
    converted: Path, units: str, scale: float
) -> None:
    expected = walked(converted)
    rewrite(converted, lambda array: array * scale)
    np.testing.assert_allclose(walked(declare(converted, units=units)), expected, rtol=1e-6)


def test_takes_with_y_up_are_turned_upright(converted: Path) -> None:
    expected = walked(converted)
    rewrite(converted, lambda array: array[..., [0, 2, 1]] * np.float32([1, 1, -1]))
    np.testing.assert_allclose(walked(declare(converted, up="y")), expected, atol=1e-6)


def test_takes_of_another_frame_rate_are_resampled(converted: Path) -> None:
    expected = walked(converted)
    rewrite(converted, lambda array: np.repeat(array, 2, axis=0))
    path = converted / "cmu_h36m17.json"
    path.write_text(path.read_text().replace("150", "300"))
    found = walked(declare(converted, fps=100))
    assert (found.shape, found.dtype) == ((150, 17, 3), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    "fields",
    [
        *({"fps": fps} for fps in (0, -50, 1e9, float("nan"), float("inf"), "50", True, None)),
        *({"fps": fps} for fps in (10**400, [50])),
        *({"units": units} for units in ("inch", 1, None, ["m"], "m\n")),
        *({"up": up} for up in ("x", "-z", 2, None)),
        {"parents": [-1, *range(16)]},
        {"parents": "0"},
        {"joints": ["hip"] * 17},
        {"joints": 17},
        {"clips": []},
        {"clips": {"02_01": None}},
        {"clips": {"02_01": {"subject": 2, "group": "walk", "frames": 150}}},
        {"clips": {"02_01": {"subject": "S02", "group": "a\nb", "frames": 150}}},
        {"clips": {"02_01": {"subject": "S02", "group": "walk", "frames": 1e9}}},
        {"clips": {"x" * 100_000: {"subject": "S02", "group": "walk", "frames": 9}}},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_an_index_that_declares_what_is_not_known_is_refused(
    converted: Path, fields: dict[str, object]
) -> None:
    declare(converted, **fields)
    with pytest.raises(InvalidData, match="not the index of converted takes") as caught:
        load_dataset("cmu", "train", root=converted)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array[:-3],
        lambda array: array[:, :16],
        lambda array: array[..., 0],
        lambda array: array.astype(str),
        lambda array: array * np.nan,
        lambda array: np.where(array == array.max(), np.inf, array),
        lambda array: array.astype(np.float64) * 1e300,
    ],
    ids=["cut", "16 joints", "flat", "text", "nan", "infinity", "overflow"],
)
def test_converted_takes_that_are_not_what_the_index_names_are_refused(
    converted: Path, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    rewrite(converted, change)
    with pytest.raises(InvalidData, match=r"cmu_h36m17\.npz") as caught:
        load_dataset("cmu", "train", root=converted)
    assert str(caught.value).isprintable()


def real_motion() -> Path | None:
    """The folder of the converted CMU takes, if this machine has them."""
    places = [os.environ.get("POSEKIT_DATA"), repository_root().parent / "shared" / "data"]
    folders = [Path(place) for place in places if place]
    return next((folder for folder in folders if cmu.find_converted(folder)), None)


@pytest.mark.skipif(real_motion() is None, reason="converted CMU motion is not on this machine")
def test_real_motion_is_complete_in_view_and_split_by_subject() -> None:
    train, test = (
        load_dataset("cmu", split, root=real_motion(), size="quick") for split in ("train", "test")
    )
    assert len(train.clips) == 111
    assert len(test.clips) == 8
    assert not set(train.subjects) & set(test.subjects)
    assert {"S02", "X"} <= set(train.subjects)
    in_view = [
        float((clip.keypoints[..., :2].abs() <= 1.0).float().mean())
        for clip in train.clips + test.clips
    ]
    assert min(in_view) > 0.97
    depth = torch.cat([clip.pose[:, 0, 2] for clip in train.clips])
    assert 1.5 < float(depth.min()) < float(depth.max()) < 9.0
