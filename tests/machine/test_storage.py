"""Folders, and files that are there whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from posekit.errors import InvalidParameter, StorageError
from posekit.machine import storage
from posekit.machine.storage import (
    atomic_path,
    data_root,
    paper_folders,
    repository_root,
    runs_root,
    storage_error,
)


def test_the_repository_is_the_folder_of_the_project_file(monkeypatch, tmp_path):
    assert (repository_root() / "pyproject.toml").is_file()
    monkeypatch.setattr(storage, "__file__", str(tmp_path / "site" / "posekit" / "a" / "b.py"))
    assert repository_root() is None


def test_data_lie_where_the_argument_or_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("POSEKIT_DATA", raising=False)
    assert data_root() == Path("data")
    monkeypatch.setenv("POSEKIT_DATA", "~/mocap")
    assert data_root() == Path.home() / "mocap"
    assert data_root(tmp_path) == tmp_path


def test_notebooks_find_the_data_of_their_checkout(tmp_path, monkeypatch):
    monkeypatch.delenv("POSEKIT_DATA", raising=False)
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    monkeypatch.setattr(storage, "repository_root", lambda: tmp_path)
    monkeypatch.chdir(notebooks)
    assert data_root() == tmp_path / "data"
    (notebooks / "data").mkdir()
    assert data_root() == Path("data")
    monkeypatch.chdir(tmp_path.parent)
    assert data_root() == Path("data")


def test_runs_lie_where_the_argument_or_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("POSEKIT_RUNS", raising=False)
    assert runs_root() == repository_root() / "reports" / "runs"
    monkeypatch.setattr(storage, "repository_root", lambda: None)
    assert runs_root() == Path.home() / ".cache" / "posekit" / "runs"
    monkeypatch.setenv("POSEKIT_RUNS", str(tmp_path / "environment"))
    assert runs_root() == tmp_path / "environment"
    assert runs_root(tmp_path) == tmp_path


def test_folders_of_own_papers_are_separated_like_a_path(monkeypatch, tmp_path):
    monkeypatch.delenv("POSEKIT_PAPERS", raising=False)
    assert paper_folders() == ()
    folders = (tmp_path / "mine", tmp_path / "yours")
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv("POSEKIT_PAPERS", os.pathsep.join(map(str, folders)))
    assert paper_folders() == folders


def test_a_folder_of_papers_that_is_none_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("POSEKIT_PAPERS", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidParameter, match=r"nowhere, which is no folder; correct or unset"):
        paper_folders()


def test_a_file_takes_its_place_when_the_block_ends_well(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert (temporary.parent, temporary.suffix) == (path.parent, path.suffix)
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077, 0o000])
def test_a_file_has_the_rights_that_the_umask_gives(tmp_path, umask):
    path = tmp_path / "file.txt"
    path.touch(mode=0o640)
    before = os.umask(umask)
    try:
        with atomic_path(path) as temporary:
            temporary.write_text("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_block_that_raises_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_is_one_line_and_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(StorageError, match=r"file\.txt: the disk is full; free"), atomic_path(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "a file").touch()
    place = tmp_path / "a file" / "runs" / "log.csv"
    with (
        pytest.raises(StorageError, match=r"is a file, not a folder|stands where a folder"),
        atomic_path(place),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EROFS, "Read-only"), "cannot write a: the file system is read-only; choose"),
        (OSError(errno.EIO, "Input/output error"), "a: Input/output error; choose another folder."),
        (OSError("odd"), "cannot write a: odd; choose another folder."),
    ],
    ids=["known", "unforeseen", "without a number"],
)
def test_an_error_of_the_system_is_told_with_its_remedy(error, said):
    told = str(storage_error(error, Path("a")))
    assert said in told
    assert "\n" not in told


def test_json_is_written_whole_with_sorted_keys(tmp_path):
    path = tmp_path / "folder" / "content.json"
    storage.write_json(path, {"b": 1, "a": [2.5, None]})
    assert path.read_text() == '{\n "a": [\n  2.5,\n  null\n ],\n "b": 1\n}\n'
    with pytest.raises(TypeError):
        storage.write_json(path, {"c": object()})
    assert '"b": 1' in path.read_text()
