"""The stand-in for 3DPW: its members, the camera before its persons, and the mark."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from pw3d_files import ONE, SEQUENCES, write_small

from posekit.datasets.archives import load_pickle
from posekit.datasets.locate import is_standin
from posekit.datasets.pw3d_sequences import TEST_SEQUENCES
from posekit.datasets.standins import pw3d as standin
from posekit.errors import StorageError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_small(root)
    return root


def test_the_members_are_those_of_the_data_set(data: Path) -> None:
    path = data / "pw3d" / ONE
    assert path.read_bytes()[:2] == b"\x80\x02"
    held = load_pickle(path, encoding="latin1")
    frames = len(held["cam_poses"])
    assert held.pop("standin").startswith("STAND-IN: ")
    assert set(held) == {
        *("sequence", "poses", "trans", "betas", "betas_clothed", "v_template_clothed"),
        *("texture_maps", "genders", "poses2d", "jointPositions", "img_frame_ids", "cam_poses"),
        *("campose_valid", "cam_intrinsics", "poses_60Hz", "trans_60Hz"),
    }
    assert held["cam_poses"].shape == (frames, 4, 4)
    for name, shape in (
        *(("poses", (frames, 72)), ("jointPositions", (frames, 72)), ("trans", (frames, 3))),
        *(("betas", (10,)), ("poses2d", (frames, 3, 18)), ("poses_60Hz", (2 * frames, 72))),
    ):
        assert [array.shape for array in held[name]] == [shape, shape], name
    assert standin.SEQUENCES["test"] == TEST_SEQUENCES
    assert len(TEST_SEQUENCES) == 24


def test_persons_are_in_the_picture(data: Path) -> None:
    held = load_pickle(data / "pw3d" / ONE, encoding="latin1")
    for found in held["poses2d"]:
        seen = found[1:, :2]
        seen = seen[(seen != 0).any((1, 2))]
        assert (seen > -100).all()
        assert (seen[:, 0] < 2020).all()
        assert (seen[:, 1] < 1180).all()


def test_the_same_seed_gives_the_same_files(data: Path, tmp_path: Path) -> None:
    write_small(tmp_path)
    for name in SEQUENCES["test"]:
        path = f"pw3d/sequenceFiles/test/{name}.pkl"
        assert (data / path).read_bytes() == (tmp_path / path).read_bytes()


def test_real_files_are_never_overwritten(tmp_path: Path) -> None:
    real = tmp_path / "pw3d" / "sequenceFiles" / "test" / "downtown_bar_00.pkl"
    real.parent.mkdir(parents=True)
    real.write_bytes(pickle.dumps({"poses": np.zeros(3)}, protocol=2))
    before = real.read_bytes()
    assert not is_standin(real)
    with pytest.raises(StorageError, match="is not a stand-in and will not be overwritten"):
        standin.write_standin(tmp_path, size="smoke")
    assert real.read_bytes() == before
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [real]
