"""What all writers of stand-ins refuse, and the mark that their files carry."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from posekit.datasets import DATASETS
from posekit.datasets.archives import load_archive, load_pickle
from posekit.datasets.locate import STANDIN_MEMBER, is_standin
from posekit.datasets.standins.files import (
    made_note,
    refuse_real_files,
    write_archive,
    write_pickle,
)
from posekit.errors import InvalidParameter, StorageError

WRITERS = sorted({source.standin for source in DATASETS.values() if source.standin})


@pytest.mark.parametrize("writer", WRITERS)
def test_unknown_sizes_are_answered_with_the_known_ones(tmp_path: Path, writer: str) -> None:
    with pytest.raises(InvalidParameter, match="smoke, quick, standard"):
        import_module(writer).write_standin(tmp_path, size="full")
    assert not list(tmp_path.iterdir())


def test_files_carry_the_mark_and_may_be_written_again(tmp_path: Path) -> None:
    note = made_note("humaneva", "seed")
    archive, pickled = tmp_path / "data.npz", tmp_path / "data.pkl"
    write_archive(archive, {"tree": {"S1": [1, 2]}, "plain": np.arange(3)}, note)
    write_pickle(pickled, {"tree": {"S1": [1, 2]}}, note)
    held = load_archive(archive)
    assert held["tree"] == load_pickle(pickled)["tree"] == {"S1": [1, 2]}
    assert held["plain"].tolist() == [0, 1, 2]
    assert held[STANDIN_MEMBER] == note
    assert note.startswith("STAND-IN: generated files in the layout of HumanEva-I")
    assert is_standin(archive)
    assert is_standin(pickled)
    refuse_real_files([archive, pickled, tmp_path / "absent.npz"])


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 damaged"])
def test_what_cannot_be_read_is_somebodys(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(StorageError, match="is not a stand-in and will not be overwritten"):
        refuse_real_files([tmp_path / "data.npz"])
