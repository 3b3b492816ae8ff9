"""The stand-in for MPI-INF-3DHP: converted files, raw annotations, and the mark."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from posekit.datasets.archives import load_archive
from posekit.datasets.mpi_inf_3dhp import FILES
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.mpi_inf_3dhp import write_layout, write_standin
from posekit.errors import StorageError

TRAIN, TEST = FILES["mpi_inf_3dhp"].values()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a stand-in of very short sequences."""
    root = tmp_path_factory.mktemp("data")
    write_layout(root / "mpi_inf_3dhp", synthetic_takes("seed"), (20, 30), "seed")
    return root


def test_the_layout_is_that_of_the_released_files(data: Path) -> None:
    train = load_archive(data / "mpi_inf_3dhp" / TRAIN)["data"]
    assert list(train) == [f"S{s} Seq{q}" for s in range(1, 9) for q in (1, 2)]
    cameras, fps = train["S3 Seq2"]
    assert list(cameras) == ["0", "1", "2", "4", "5", "6", "7", "8"]
    assert fps == 50
    for arrays in cameras.values():
        assert arrays["data_2d"].shape[1:] == (17, 2)
        assert arrays["data_3d"].shape[1:] == (17, 3)
    test = load_archive(data / "mpi_inf_3dhp" / TEST)["data"]
    assert list(test) == [f"TS{k}" for k in range(1, 7)]
    for arrays in test.values():
        assert {array.dtype for array in arrays.values()} == {np.dtype("float64")}
        assert arrays["valid"].shape == (len(arrays["data_3d"]),)
        assert set(np.unique(arrays["valid"])) <= {0.0, 1.0}
    with h5py.File(data / "mpi_inf_3dhp" / "TS5" / "annot_data.mat") as file:
        frames = len(file["valid_frame"])
        assert file["annot2"].shape == (frames, 1, 17, 2)
        assert file["annot3"].shape == file["univ_annot3"].shape == (frames, 1, 17, 3)
        assert file["bb_crop"].shape == (frames, 1)
        assert "#refs#" in file


def test_the_same_seed_gives_the_same_files(data: Path, tmp_path: Path) -> None:
    again = tmp_path / "mpi_inf_3dhp"
    write_layout(again, synthetic_takes("seed"), (20, 30), "seed")
    for path in (data / "mpi_inf_3dhp").rglob("*"):
        if path.is_file():
            assert (again / path.relative_to(data / "mpi_inf_3dhp")).read_bytes() == (
                path.read_bytes()
            ), path.name


def test_real_files_are_never_overwritten(tmp_path: Path) -> None:
    real = tmp_path / "mpi_inf_3dhp" / "TS3" / "annot_data.mat"
    real.parent.mkdir(parents=True)
    with h5py.File(real, "w") as file:
        file["annot2"] = np.zeros(3)
    before = real.read_bytes()
    with pytest.raises(StorageError, match="is not a stand-in and will not be overwritten"):
        write_standin(tmp_path, size="smoke")
    assert real.read_bytes() == before
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [real]
