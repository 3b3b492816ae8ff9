"""Damaged files of every format that data sets come in: one line that names the file, or the data.

Properties: an intact file is damaged in some way that disks, downloads and editors damage files,
and read. What has a checksum gives the intact data or an error; what has none gives an error or
something that passes every check of its loader.
"""

from __future__ import annotations

import importlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from acclaim import motion_text, skeleton_text, write_subject
from data_files import damaged, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posekit.datasets import PoseDataset, annot_data, load_dataset
from posekit.datasets.archives import load_archive, load_pickle, member_names
from posekit.datasets.asf_amc import read_joints
from posekit.datasets.cmu import read_index
from posekit.datasets.locate import is_standin
from posekit.datasets.status import data_status
from posekit.errors import PosekitError

GOLDENS = Path(__file__).parents[1] / "goldens"
MOST_CHARACTERS = 1000

fast = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
whole = settings(fast, max_examples=25)


def tree() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    takes = [rng.random((4, 17, 2)).astype(np.float32), np.asfortranarray(rng.random((3, 2)))]
    return {"S9": {"Walking 1": takes}, "fps": np.int64(50), "names": ["a", ("é", 1.5, None)]}


def write_npz(path: Path) -> None:
    held = np.array(tree(), dtype=object)
    np.savez(path, positions_2d=held, pose=np.arange(12.0).reshape(3, 4), standin="STAND-IN: x")


def write_packed_npz(path: Path) -> None:
    held = np.array(tree(), dtype=object)
    np.savez_compressed(path, positions_2d=held, pose=np.arange(12.0).reshape(3, 4))


def write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(tree(), protocol=4))


def write_mat(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, shape in (("annot2", (17, 2)), ("annot3", (17, 3)), ("valid_frame", ())):
            values = np.ones((5, 1, *shape), dtype=np.float32)
            file.create_dataset(name, data=values, chunks=values.shape, compression="gzip")


def write_index(path: Path) -> None:
    takes = {name: {"subject": "S01", "group": "walk", "frames": 9} for name in ("01_01", "01_02")}
    path.write_text(json.dumps({"fps": 50, "units": "m", "up": "z", "clips": takes}))


def write_skeleton(path: Path) -> None:
    path.write_text(skeleton_text())
    path.with_suffix(".amc").write_text(motion_text(4))


def write_motion(path: Path) -> None:
    path.write_text(motion_text(4))
    path.with_suffix(".asf").write_text(skeleton_text())


def read_npz(path: Path) -> Any:
    return member_names(path), is_standin(path), load_archive(path)


# file name -> how it is written, how it is read, and whether checksums protect what it holds
FORMATS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any], bool]] = {
    "stored.npz": (write_npz, read_npz, True),
    "packed.npz": (write_packed_npz, read_npz, True),
    "file.pkl": (write_pickle, load_pickle, False),
    "annot_data.mat": (write_mat, lambda path: annot_data.read(path, "annot3"), False),
    "index.json": (write_index, read_index, False),
    "02.asf": (write_skeleton, lambda path: read_joints(path.with_suffix(".amc"), path), False),
    "02.amc": (write_motion, lambda path: read_joints(path, path.with_suffix(".asf")), False),
}


def tried(read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What is read, or None after an error in one printable line."""
    told = ""
    try:
        return read(*arguments, **options)
    except PosekitError as error:
        told = str(error)
    assert told.isprintable(), repr(told)
    assert len(told) < MOST_CHARACTERS, told
    return None


@pytest.mark.parametrize("name", FORMATS)
@fast
@given(damage=damaged())
def test_a_damaged_file_is_one_line_or_the_intact_data(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    write, read, protected = FORMATS[name]
    write(tmp_path / name)
    intact = read(tmp_path / name)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))
    found = tried(read, tmp_path / name)
    assert found is None or not protected or same(found, intact)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, read, _ = FORMATS[name]
    write(tmp_path / name)

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")  # the rights of root hide this

    monkeypatch.setattr("io.open", refused)
    monkeypatch.setattr(h5py, "File", refused)
    with pytest.raises(PosekitError, match=f"{Path(name).stem}.*Permission denied") as caught:
        read(tmp_path / name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_in_place_of_a_file_is_one_line(tmp_path: Path, name: str) -> None:
    write, read, _ = FORMATS[name]
    write(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert tried(read, tmp_path / name) is None


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files of several data sets, one of each layout."""
    root = tmp_path_factory.mktemp("data")
    (root / "h36m").mkdir()
    for golden, name in (
        ("protocol-h36m-mini-3d.npz", "data_3d_h36m.npz"),
        ("protocol-h36m-mini-2d-gt.npz", "data_2d_h36m_gt.npz"),
    ):
        shutil.copy(GOLDENS / golden, root / "h36m" / name)
    write_subject(root / "cmu" / "all_asfamc" / "subjects", "49", {"49_01": 60, "49_18": 60})
    made = root / "made"
    writer = importlib.import_module("posekit.datasets.standins.mpi_inf_3dhp")
    writer.write_standin(made, size="smoke")
    for path in list((made / "mpi_inf_3dhp").glob("TS[12]/*.mat")):
        shutil.copytree(path.parent, root / "mpi_inf_3dhp" / path.parent.name)
    tree = load_archive(made / "mpi_inf_3dhp" / "data_train_3dhp.npz")["data"]
    tree = {"S1 Seq1": [{"0": tree["S1 Seq1"][0]["0"]}, 25]}
    np.savez(root / "mpi_inf_3dhp" / "data_train_3dhp.npz", data=np.array(tree, dtype=object))
    shutil.rmtree(made)
    return root


@pytest.fixture
def some_folder(data_folder: Path, tmp_path: Path) -> Path:
    """A copy of ``data_folder`` that examples of a property may damage and mend."""
    shutil.copytree(data_folder, tmp_path / "copy")
    return tmp_path / "copy"


FILES = (
    ("h36m", "gt", "h36m/data_3d_h36m.npz"),
    ("h36m", "gt", "h36m/data_2d_h36m_gt.npz"),
    ("mpi_inf_3dhp", "gt", "mpi_inf_3dhp/TS1/annot_data.mat"),
    ("cmu", "gt", "cmu/all_asfamc/subjects/49/49.asf"),
    ("cmu", "gt", "cmu/all_asfamc/subjects/49/49_18.amc"),
)


@pytest.mark.parametrize(("name", "keypoints", "file"), FILES)
@whole
@given(damage=damaged())
def test_a_data_set_with_a_damaged_file_is_one_line_or_a_data_set(
    some_folder: Path, name: str, keypoints: str, file: str, damage: Callable[[bytes], bytes]
) -> None:
    before = (some_folder / file).read_bytes()
    try:
        (some_folder / file).write_bytes(damage(before))
        found = tried(load_dataset, name, "test", root=some_folder, keypoints=keypoints)
        assert found is None or isinstance(found, PoseDataset)
        rows = {row.name: row for row in data_status(some_folder)}
        assert all(row.contents.isprintable() for row in rows.values())
        assert rows["synthetic"].state == "generated"
    finally:
        (some_folder / file).write_bytes(before)


# What may stand where a name, a number, an array or a container is due.
STRANGERS = (
    *(None, True, 7, -1, 10**30, 1.5, float("nan"), float("inf"), b"bytes", "", "text"),
    *("line\nbreak\x1b[31m" * 100, "\u202e" * 5, [], {}, (), [None], {"a": None}, {7: []}),
    *(np.zeros(0), np.zeros((3, 17, 2)), np.full((9, 17, 3), np.nan), np.array(["a"] * 5)),
    *(np.array([None, {}], dtype=object), np.float64("nan"), np.int64(-3), np.zeros((0, 17, 3))),
)
NAMES = (None, True, 7, -1, 1.5, b"bytes", "", "text", "line\nbreak\x1b[31m" * 100, "\u202e", "S9")


def places(tree: Any) -> list[tuple[Any, Any]]:
    """(container, key or index) of everything in a tree."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if _is_list(tree) else ()
    return [(tree, key) for key in keys] + [place for key in keys for place in places(tree[key])]


def _is_list(tree: Any) -> bool:
    return isinstance(tree, list) or (isinstance(tree, np.ndarray) and tree.dtype.hasobject)


TREES = (
    ("h36m", "test", "h36m/data_3d_h36m.npz", "positions_3d"),
    ("h36m", "test", "h36m/data_2d_h36m_gt.npz", "positions_2d"),
    ("h36m", "test", "h36m/data_2d_h36m_gt.npz", "metadata"),
    ("mpi_inf_3dhp", "train", "mpi_inf_3dhp/data_train_3dhp.npz", "data"),
)


@pytest.mark.parametrize(("name", "split", "file", "member"), TREES)
@whole
@given(data=st.data())
def test_a_stranger_in_a_data_set_is_one_line_or_a_data_set(
    some_folder: Path, name: str, split: str, file: str, member: str, data: st.DataObject
) -> None:
    before = (some_folder / file).read_bytes()
    held = load_archive(some_folder / file)
    found = places(held[member])
    container, key = found[data.draw(st.integers(0, len(found) - 1))]
    if isinstance(container, dict) and data.draw(st.booleans()):
        container[data.draw(st.sampled_from(NAMES))] = container.pop(key)
    else:
        container[key] = data.draw(st.sampled_from(STRANGERS))
    boxes = {name: np.empty((), dtype=object) for name in held}
    for box in boxes:
        boxes[box][()] = held[box]
    try:
        np.savez(some_folder / file, **boxes)
        read = tried(load_dataset, name, split, root=some_folder, keypoints="gt")
        assert read is None or isinstance(read, PoseDataset)
        assert read is None or all(clip.name.isprintable() for clip in read.clips)
    finally:
        (some_folder / file).write_bytes(before)
