"""Raw annotations of MPI-INF-3DHP's test set, MATLAB 7.3: read, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from posekit.datasets import annot_data
from posekit.datasets.standins.mpi_inf_3dhp import Seen, write_annotations
from posekit.errors import InvalidData

VALID = np.array([0.0, 1, 1, 1, 1, 1, 1, 1, 0])


def raw_without(name: str) -> Callable[[Path], None]:
    """Take a data set out of an annotation file."""

    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            del file[name]

    return change


def raw_with(name: str, values: Any) -> Callable[[Path], None]:
    """Put another data set or link into an annotation file."""

    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            del file[name]
            file[name] = values

    return change


BROKEN = {
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:9000]), "not a readable"),
    "other file": (lambda path: path.write_bytes(b"MATLAB 5.0"), "not a readable"),
    "no mask": (raw_without("valid_frame"), "no data set 'valid_frame'"),
    "16 joints": (raw_with("univ_annot3", np.zeros((9, 1, 16, 3))), "univ_annot3 is float64"),
    "link": (raw_with("annot2", h5py.ExternalLink("/etc/hostname", "/")), "no data set 'annot2'"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The annotations of a sequence of nine frames."""
    path = tmp_path / "TS2" / "annot_data.mat"
    points = np.random.default_rng(0).random((9, 17, 3))
    write_annotations(path, Seen(points[..., :2], points, 1.1 * points), VALID, "STAND-IN:")
    return path


@pytest.mark.parametrize(("scale", "factor"), [("annot3", 1.0), ("univ_annot3", 1.1)])
def test_a_sequence_comes_without_matlabs_extra_axis(path: Path, scale: str, factor: float) -> None:
    held = annot_data.read(path, scale)
    points = np.random.default_rng(0).random((9, 17, 3))
    np.testing.assert_array_equal(held["data_2d"], points[..., :2])
    np.testing.assert_array_equal(held["data_3d"], factor * points)
    np.testing.assert_array_equal(held["valid"], VALID)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_annotations_are_refused_in_one_line(path: Path, name: str) -> None:
    edit, message = BROKEN[name]
    edit(path)
    with pytest.raises(InvalidData) as caught:
        annot_data.read(path, "univ_annot3")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
