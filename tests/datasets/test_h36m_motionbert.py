"""MotionBERT's pickle of Human3.6M: units, confidences, and every way to err."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_files import check_fingerprint, refusal
from tiny import TinyLifter

from posekit.datasets import PoseDataset, load_dataset
from posekit.datasets.archives import load_pickle
from posekit.datasets.h36m_motionbert import FILE
from posekit.datasets.status import data_status
from posekit.errors import DatasetNotFound, InvalidData, InvalidParameter
from posekit.evaluation.prediction import predict
from posekit.evaluation.protocols import MOTIONBERT
from posekit.evaluation.scoring import score

GOLDEN = Path(__file__).parents[1] / "goldens" / "protocol-motionbert-mini.pkl"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data folder with the golden miniature."""
    (tmp_path / "data" / "h36m_motionbert").mkdir(parents=True)
    shutil.copy(GOLDEN, tmp_path / "data" / "h36m_motionbert" / FILE)
    return tmp_path / "data"


def change(root: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite the file after ``edit`` has changed its test split."""
    path = root / "h36m_motionbert" / FILE
    tree = load_pickle(path)
    edit(tree["test"])
    path.write_bytes(pickle.dumps(tree, protocol=3))


def loaded(root: Path, split: str = "test") -> PoseDataset:
    return load_dataset("h36m_motionbert", split, root=root)


def test_the_miniature_has_the_sources_that_it_lists(root: Path) -> None:
    dataset = loaded(root)
    assert [(clip.name, clip.frames) for clip in dataset.clips] == [
        ("S9/act_05_subact_01/54138969", 22),
        ("S9/act_05_subact_02/54138969", 18),
        ("S9/act_14_subact_01/58860488", 19),
        ("S11/act_14_subact_01/60457274", 27),
        ("S11/act_09_subact_02/55011271", 10),
    ]
    assert dataset.actions == ("Greeting", "Walking", "Sitting")
    assert dataset.keypoints == "sh"
    assert dataset.evidence == "licensed"
    assert loaded(root, "train").subjects == ("S1", "S5")


def test_poses_become_millimetres_by_the_factor_of_each_frame(root: Path) -> None:
    held = load_pickle(root / "h36m_motionbert" / FILE)["test"]
    clip = loaded(root).clips[2]
    rows = slice(40, 59)
    relative = (clip.pose - clip.pose[:, :1]).double()
    found = 1000 * relative * clip.metres_per_unit[:, None, None]
    true = held["joints_2.5d_image"][rows]
    np.testing.assert_allclose(found.numpy(), true - true[:, :1], atol=0.02)
    np.testing.assert_array_equal(clip.keypoints[..., 2].numpy(), held["confidence"][rows])


def test_the_truth_is_what_the_released_evaluation_compares_with(root: Path) -> None:
    before = loaded(root).clips[0]
    change(root, with_array("joints_2.5d_image", lambda a: a * np.float32(1.01)))
    after = loaded(root).clips[0]
    relative = [clip.pose - clip.pose[:, :1] for clip in (before, after)]
    torch.testing.assert_close(relative[1], 1.01 * relative[0], atol=1e-5, rtol=0)


def test_confidence_may_be_missing_or_have_an_axis_more(root: Path) -> None:
    before = loaded(root).fingerprint
    change(root, lambda held: held.update(confidence=held["confidence"][..., None]))
    assert loaded(root).fingerprint == before
    change(root, lambda held: held.pop("confidence"))
    dataset = loaded(root)
    assert bool((dataset.clips[0].keypoints[..., 2] == 1).all())
    assert any("no confidence" in note for note in dataset.notes)


def test_training_rows_need_neither_actions_nor_factors(root: Path) -> None:
    path = root / "h36m_motionbert" / FILE
    tree = load_pickle(path)
    for key in ("action", "2.5d_factor", "joints_2.5d_image"):
        tree["train"].pop(key)
    path.write_bytes(pickle.dumps(tree, protocol=3))
    train = loaded(root, "train")
    assert train.actions == ("Directions", "Walking")
    assert any("no 2.5d_factor" in note for note in train.notes)
    predictions = predict(TinyLifter(), train, protocol=MOTIONBERT, device="cpu")
    with pytest.raises(InvalidData):
        score(predictions, MOTIONBERT)


def test_the_fingerprint_is_of_the_content(root: Path, tmp_path: Path) -> None:
    change(root, lambda held: held.update({k: _repeated(held, k) for k in list(held)}))
    check_fingerprint("h36m_motionbert", root, tmp_path / "moved", "sh")


def _repeated(held: dict[str, Any], key: str) -> Any:
    """The first source again and again, so that a size shortens it."""
    values = held[key]
    first = values[:22]
    return first * 8 if isinstance(values, list) else np.concatenate([first] * 8)


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        loaded(tmp_path)
    for part in (
        *(FILE, str(tmp_path / "h36m_motionbert"), "MotionBERT/blob/main/docs/pose3d.md"),
        *("-p dataset synthetic", "posekit data standin h36m_motionbert", "POSEKIT_DATA"),
    ):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    row = next(row for row in data_status(tmp_path) if row.name == "h36m_motionbert")
    assert (row.state, row.missing) == ("missing", (FILE,))
    with pytest.raises(InvalidParameter, match="choose one of: sh"):
        load_dataset("h36m_motionbert", "test", root=tmp_path, keypoints="cpn")


def with_array(key: str, edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    return lambda held: held.update({key: edit(np.array(held[key]))})


def nan_in(array: np.ndarray) -> np.ndarray:
    array[3] = np.nan
    return array


BROKEN = {
    "no keypoints": (lambda held: held.pop("joint_2d"), "test lacks joint_2d"),
    "no factor": (lambda held: held.pop("2.5d_factor"), "test lacks 2.5d_factor"),
    "lengths": (with_array("joint_2d", lambda a: a[:-1]), "different lengths (joint_2d 95"),
    "16 joints": (with_array("joint_2d", lambda a: a[:, :16]), "17 joints are due"),
    "2D truth": (with_array("joint3d_image", lambda a: a[..., :2]), "expected (frames, 17, 3)"),
    "NaN in 2D": (with_array("joint_2d", nan_in), "NaN or infinity, first in frame 3"),
    "NaN in 3D": (with_array("joint3d_image", nan_in), "NaN or infinity"),
    "NaN in confidence": (with_array("confidence", nan_in), "confidence holds NaN"),
    "NaN in factor": (with_array("2.5d_factor", nan_in), "2.5d_factor must hold one positive"),
    "normalised 2D": (with_array("joint_2d", lambda a: a / 500 - 1), "look normalised"),
    "other videos": (with_array("joint_2d", lambda a: a[::-1, ::-1]), "keypoints of S9/act_0"),
    "other factor": (with_array("2.5d_factor", lambda a: a * 1.2), "not joint3d_image times"),
    "odd source": (
        lambda held: held.update(source=["S9"] * len(held["source"])),
        "source 'S9' is none such as",
    ),
    "other camera": (
        lambda held: held.update(camera_name=["1"] * len(held["camera_name"])),
        "camera_name is 1; one of 54138969",
    ),
    "uncalibrated subject": (
        lambda held: held.update(source=[s.replace("s_09", "s_02") for s in held["source"]]),
        "no camera extrinsics for subject 'S2'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_in_one_line(root: Path, name: str) -> None:
    edit, message = BROKEN[name]
    change(root, edit)
    told = refusal("h36m_motionbert", root)
    assert message in told
    assert str(root / "h36m_motionbert" / FILE) in told


def test_a_source_in_two_pieces_is_refused(root: Path) -> None:
    def split_first(held: dict[str, Any]) -> None:
        names = list(held["source"])
        names[40:59] = [names[0]] * 19
        held["source"] = names
        cameras = list(held["camera_name"])
        cameras[40:59] = [cameras[0]] * 19
        held["camera_name"] = cameras

    change(root, split_first)
    assert "two clips are called S9/act_05_subact_01/54138969" in refusal("h36m_motionbert", root)


def test_a_truncated_or_other_pickle_is_named(root: Path) -> None:
    path = root / "h36m_motionbert" / FILE
    path.write_bytes(path.read_bytes()[:5000])
    assert str(path) in refusal("h36m_motionbert", root)
    path.write_bytes(pickle.dumps({"poses": 1}))
    assert "no split 'test', the file holds poses" in refusal("h36m_motionbert", root)


class Attack:
    """Pickles as a call of ``os.system``."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


def test_a_file_that_would_run_code_is_refused_unrun(root: Path, tmp_path: Path) -> None:
    witness = tmp_path / "it-was-run"
    content = {"train": {}, "test": Attack(f"touch {witness}")}
    (root / "h36m_motionbert" / FILE).write_bytes(pickle.dumps(content))
    assert "refused" in refusal("h36m_motionbert", root)
    assert not witness.exists()
