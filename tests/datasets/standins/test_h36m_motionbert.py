"""The stand-in for MotionBERT's pickle of Human3.6M: its layout, and the mark."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.datasets import load_dataset
from posekit.datasets.archives import load_pickle
from posekit.datasets.h36m_motionbert import FILE
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.h36m_motionbert import write_layout, write_standin
from posekit.datasets.status import data_status
from posekit.errors import StorageError
from posekit.geometry.skeletons import HUMAN36M_17

GOLDEN = Path(__file__).parents[2] / "goldens" / "protocol-motionbert-mini.pkl"


def test_the_stand_in_has_the_layout_and_the_mark(tmp_path: Path) -> None:
    folder = tmp_path / "h36m_motionbert"
    write_layout(folder, lambda *_: synthetic_takes("seed")("S9", "Walking", 1, 6), (6, 6), "seed")
    tree = load_pickle(folder / FILE)
    golden = load_pickle(GOLDEN)
    for split in ("train", "test"):
        for key, expected in golden[split].items():
            held = tree[split][key]
            assert type(held) is type(expected), key
            if isinstance(expected, np.ndarray):
                assert (held.dtype, held.shape[1:]) == (expected.dtype, expected.shape[1:]), key
    videos = {split: len(dict.fromkeys(tree[split]["source"])) for split in ("train", "test")}
    assert videos == {"train": 5 * 15 * 2 * 4, "test": 59 * 4}
    dataset = load_dataset("h36m_motionbert", "test", root=tmp_path)
    assert dataset.evidence == "STAND-IN"
    assert len(dataset.actions) == 15
    assert dataset.skeleton is HUMAN36M_17
    assert torch.isfinite(dataset.clips[0].metres_per_unit).all()
    row = next(row for row in data_status(tmp_path) if row.name == "h36m_motionbert")
    assert row.contents.startswith("STAND-IN")


def test_real_files_are_never_overwritten(tmp_path: Path) -> None:
    real = tmp_path / "h36m_motionbert" / FILE
    real.parent.mkdir()
    shutil.copy(GOLDEN, real)
    with pytest.raises(StorageError, match="is not a stand-in and will not be overwritten"):
        write_standin(tmp_path, size="smoke")
    assert real.read_bytes() == GOLDEN.read_bytes()
