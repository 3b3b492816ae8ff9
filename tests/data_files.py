"""Short stand-ins of licensed data sets, and ways to damage their files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

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


@st.composite
def damaged(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Ways in which disks, downloads and editors damage a file.

    Bytes flipped, overwritten, cut out, said twice, or the end cut off, once or several times.
    """
    steps = draw(st.lists(st.tuples(st.sampled_from(_DAMAGES), _PLACES, _LENGTHS), min_size=1))

    def damage(content: bytes) -> bytes:
        for change, place, length in steps[:4]:
            start = int(place * len(content))
            content = change(content, start, start + length)
        return content

    return damage


def _cut(content: bytes, start: int, stop: int) -> bytes:
    return content[:start] + content[stop:]


def _truncate(content: bytes, start: int, _stop: int) -> bytes:
    return content[:start]


def _repeat(content: bytes, start: int, stop: int) -> bytes:
    return content[:stop] + content[start:]


def _flip(content: bytes, start: int, stop: int) -> bytes:
    return content[:start] + bytes(byte ^ 0x55 for byte in content[start:stop]) + content[stop:]


def _blank(content: bytes, start: int, stop: int) -> bytes:
    return content[:start] + bytes(len(content[start:stop])) + content[stop:]


_DAMAGES = (_cut, _truncate, _repeat, _flip, _blank)
# The ends of a file, which hold its headers and its lists, as often as its middle.
_PLACES = st.one_of(
    st.floats(0, 1, exclude_max=True), st.floats(0, 0.05), st.floats(0.95, 1, exclude_max=True)
)
_LENGTHS = st.sampled_from((1, 1, 2, 8, 100, 3000))


def same(found: Any, expected: Any) -> bool:
    """Whether two trees of containers, arrays, text and numbers are alike to the last bit."""
    if type(found) is not type(expected):
        return False
    if isinstance(found, dict):
        return list(found) == list(expected) and same([*found.values()], [*expected.values()])
    if isinstance(found, np.ndarray):
        alike = (found.dtype, found.shape) == (expected.dtype, expected.shape)
        return alike and found.tobytes() == expected.tobytes()
    if isinstance(found, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    return bool(found == expected)
