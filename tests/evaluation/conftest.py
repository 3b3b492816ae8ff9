"""A small lifter, and Human3.6M in MotionBERT's image units."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny
import torch

from posekit.datasets import PoseDataset, load_dataset
from posekit.datasets.h36m_motionbert import FILE

GOLDEN = Path(__file__).parents[1] / "goldens" / "protocol-motionbert-mini.pkl"


@pytest.fixture(scope="module")
def lifter() -> tiny.TinyLifter:
    torch.manual_seed(3)
    return tiny.TinyLifter().eval()


@pytest.fixture(scope="session")
def image_units(tmp_path_factory: pytest.TempPathFactory) -> PoseDataset:
    """The test split of the golden miniature of MotionBERT's file."""
    root = tmp_path_factory.mktemp("data")
    (root / "h36m_motionbert").mkdir()
    shutil.copy(GOLDEN, root / "h36m_motionbert" / FILE)
    return load_dataset("h36m_motionbert", "test", root=root)
