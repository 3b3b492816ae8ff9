"""Files of a data set are found in two places, and a stand-in is called one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny

from posekit.datasets.locate import find_folder, is_standin, licensed, listing, not_found
from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17


def write(path: Path, **members: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **members)
    return path


def test_the_folder_of_the_data_set_comes_before_the_data_folder(tmp_path: Path) -> None:
    name, pattern = "mpi_inf_3dhp_annot3", "data_*.npz"
    assert find_folder(tmp_path, name, [pattern]) is None
    write(tmp_path / "data_test.npz", data=1)
    assert find_folder(tmp_path, name, ["other.npz", pattern]) == tmp_path
    write(tmp_path / "mpi_inf_3dhp" / "data_test.npz", data=1)
    assert find_folder(tmp_path, name, [pattern]) == tmp_path / "mpi_inf_3dhp"


def test_missing_files_are_told_with_a_way_out() -> None:
    message = str(not_found("humaneva", ["a.npz", "b.npz"], Path("data"), "convert them"))
    for part in (
        *("HumanEva-I: a.npz and b.npz not found in data/humaneva or data", "; convert them."),
        *("humaneva.is.tue.mpg.de", "posekit data standin humaneva --root data", "synthetic"),
    ):
        assert part in message


def test_the_mark_is_found_in_every_kind_of_file(tmp_path: Path) -> None:
    assert is_standin(write(tmp_path / "marked.npz", standin="STAND-IN: x", data=1))
    assert not is_standin(write(tmp_path / "real.npz", data=1))
    (tmp_path / "marked.mat").write_bytes(b"MATLAB 7.3 MAT-file. STAND-IN: x".ljust(512))
    (tmp_path / "real.pkl").write_bytes(b" " * 512 + b"STAND-IN:")
    assert is_standin(tmp_path / "marked.mat")
    assert not is_standin(tmp_path / "real.pkl")
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    with pytest.raises(InvalidData, match="not a readable npz archive"):
        is_standin(tmp_path / "damaged.npz")


def test_one_marked_file_makes_it_all_a_stand_in(tmp_path: Path) -> None:
    real = write(tmp_path / "real.npz", data=1)
    marked = write(tmp_path / "marked.npz", standin="STAND-IN: x")
    clips = [tiny.clip(3)]
    read = licensed("h36m", [real], HUMAN36M_17, clips, ["A note."])
    assert (read.evidence, read.notes) == ("licensed", ("A note.",))
    read = licensed("h36m", [real, marked], HUMAN36M_17, clips, ["A note."])
    assert read.evidence == "STAND-IN"
    assert read.notes == (
        "STAND-IN: generated files in the layout of Human3.6M, not Human3.6M itself.",
        "A note.",
    )
    assert listing(tmp_path, [real], ["b"], "2D: gt").contents == "2D: gt"
    assert listing(tmp_path, [real, marked], (), "2D: gt").contents == "STAND-IN, 2D: gt"
    absent = listing(None, [real], ["b"], "2D: gt")
    assert (absent.folder, absent.present, absent.missing) == (None, (), ("b",))
