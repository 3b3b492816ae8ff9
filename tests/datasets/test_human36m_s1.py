"""Human3.6M with S1 for training and S5 to S8 for the test: parts of its training split."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posekit.datasets import load_dataset, on_disk
from posekit.datasets.standins import human36m as standin
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.status import data_status
from posekit.errors import DatasetNotFound, InvalidParameter
from posekit.evaluation.protocols import POSEAUG_H36M, scored_on


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a stand-in of very short takes."""
    root = tmp_path_factory.mktemp("data")
    still = synthetic_takes("seed")("S1", "Walking", 1, 9)
    standin.write_layout(
        root / "h36m", lambda *wanted: still[: wanted[3]], (4, 5), "one walk", "seed"
    )
    return root


def test_the_splits_are_parts_of_the_training_split(data: Path) -> None:
    whole = load_dataset("h36m", "train", root=data, keypoints="gt")
    train, test = (
        load_dataset("h36m_s1", split, root=data, keypoints="gt") for split in ("train", "test")
    )
    assert (train.subjects, test.subjects) == (("S1",), ("S5", "S6", "S7", "S8"))
    both = [*train.clips, *test.clips]
    assert [clip.name for clip in both] == [clip.name for clip in whole.clips]
    pairs = zip(both, whole.clips, strict=True)
    assert all(torch.equal(one.pose, other.pose) for one, other in pairs)
    assert train.evidence == test.evidence == "STAND-IN"
    assert "tested on S5, S6, S7 and S8" in test.notes[-1]
    assert len({train.fingerprint, test.fingerprint, whole.fingerprint}) == 3


def test_small_sizes_hold_clips_of_both_sides(data: Path) -> None:
    for size in ("smoke", "quick"):
        for split in ("train", "test"):
            assert load_dataset("h36m_s1", split, root=data, size=size).clips


def test_its_files_are_listed_and_asked_for(data: Path, tmp_path: Path) -> None:
    found = on_disk("h36m_s1", data)
    assert (found, found.missing) == (on_disk("h36m", data), ())
    row = next(row for row in data_status(data) if row.name == "h36m_s1")
    assert (row.state, row.folder) == ("found", data / "h36m")
    assert row.contents.startswith("STAND-IN")
    with pytest.raises(DatasetNotFound) as refused:
        load_dataset("h36m_s1", "test", root=tmp_path)
    for word in ("data_3d_h36m.npz", str(tmp_path), "vision.imar.ro", "posekit data standin h36m"):
        assert word in str(refused.value)
    with pytest.raises(InvalidParameter, match="unknown 2D keypoints of h36m 'mine'"):
        load_dataset("h36m_s1", "test", root=data, keypoints="mine")


def test_it_is_scored_as_human36m_is() -> None:
    assert scored_on(POSEAUG_H36M, "h36m_s1") is POSEAUG_H36M
