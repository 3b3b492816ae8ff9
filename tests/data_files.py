"""Short stand-ins of licensed data sets, and ways to damage their files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posekit.datasets import Clip, PoseDataset, load_dataset
from posekit.datasets.archives import load_archive
from posekit.errors import InvalidData


def copy_of(folder: Path, target: Path) -> Path:
    """A copy of a data folder that a test may damage."""
    shutil.copytree(folder, target)
    return target


def change_archive(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite an npz after ``edit`` has changed its members."""
    members = load_archive(path)
    edit(members)
    np.savez(path, **{key: _held(value) for key, value in members.items()})


def _held(value: Any) -> np.ndarray:
    return value if isinstance(value, np.ndarray) else np.array(value, dtype=object)


def refusal(name: str, root: Path, *, split: str = "test", keypoints: str | None = None) -> str:
    """The one line with which a damaged data set is refused, nothing having been written."""
    before = sorted(root.rglob("*"))
    with pytest.raises(InvalidData) as caught:
        load_dataset(name, split, root=root, keypoints=keypoints)
    assert "\n" not in str(caught.value)
    assert sorted(root.rglob("*")) == before
    return str(caught.value)


def check_fingerprint(name: str, root: Path, moved: Path, keypoints: str) -> None:
    """The same content has the same fingerprint wherever it lies; sizes and splits differ."""
    copy_of(root, moved)

    def load(place: Path, split: str, size: str) -> PoseDataset:
        return load_dataset(name, split, root=place, keypoints=keypoints, size=size)

    here = load(root, "test", "full").fingerprint
    assert load(moved, "test", "full").fingerprint == here
    assert len({here, load(root, "test", "smoke").fingerprint}) == 2
    assert load(root, "train", "full").fingerprint != here


def projection_mismatch(clip: Clip) -> float:
    """Median distance in pixels of a clip's keypoints from its projected poses, valid frames."""
    apart = (clip.keypoints[..., :2] - clip.camera.project(clip.pose))[clip.valid]
    return float(apart.norm(dim=-1).median() * clip.camera.resolution[0] / 2)


def nan_at_start(array: np.ndarray) -> np.ndarray:
    """The array with NaN in its first frame."""
    changed = np.array(array)
    changed[0, 0] = np.nan
    return changed
