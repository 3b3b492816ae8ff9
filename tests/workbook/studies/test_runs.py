"""Run folders: whole or missing."""

import errno
import json

import numpy as np
import pytest

from posekit.errors import StorageError
from posekit.machine.storage import write_json
from posekit.workbook.studies.runs import RUN_FILES, RunStore, run_id, write_arrays


def finished_run(store, name="run"):
    with store.working_folder(name) as folder:
        for file in RUN_FILES:
            (folder / file).write_bytes(b"")
        write_json(folder / "config.json", {"seed": 0})
        write_json(folder / "metrics.json", {"estimates": {}})
        write_json(folder / "environment.json", {"seconds": 1.0})
        write_arrays(folder / "per_clip.npz", {"clips": np.array(["a"])})
        store.finish(name, folder)
    return store.folder(name)


def test_equal_configurations_have_equal_names(configuration):
    again = json.loads(json.dumps(configuration))
    assert run_id("any", configuration) == run_id("any", dict(reversed(again.items())))
    assert run_id("any", configuration) != run_id("any", {**configuration, "seed": 4})
    assert run_id("mixste-9f-gt", configuration).startswith("synthetic-mixste-9f-gt-s3-")


def test_a_finished_run_is_read_back(tmp_path):
    store = RunStore(tmp_path)
    assert store.load("run") is None
    finished_run(store)
    run = store.load("run")
    assert run.config == {"seed": 0}
    assert run.per_clip["clips"].tolist() == ["a"]


@pytest.mark.parametrize("file", [*RUN_FILES, "environment.json"])
def test_a_missing_file_is_said_and_counts_as_not_run(tmp_path, capsys, file):
    store = RunStore(tmp_path)
    (finished_run(store) / file).unlink()
    assert store.load("run") is None
    assert f"run is damaged ({file} is missing)" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["metrics.json", "environment.json", "per_clip.npz"])
def test_a_truncated_file_is_said_and_counts_as_not_run(tmp_path, capsys, file):
    store = RunStore(tmp_path)
    path = finished_run(store) / file
    path.write_bytes(path.read_bytes()[:-5])
    assert store.load("run") is None
    assert "damaged" in capsys.readouterr().out


def test_a_damaged_run_makes_room_for_a_whole_one(tmp_path):
    store = RunStore(tmp_path)
    (finished_run(store) / "metrics.json").write_text("{")
    finished_run(store)
    assert store.load("run") is not None


def test_half_written_files_of_a_killed_process_are_removed(tmp_path):
    store = RunStore(tmp_path)
    with store.working_folder("run") as folder:
        (folder / ".snapshot.pt.ab12cd_3.pt").write_bytes(b"half")
        (folder / "snapshot.pt").write_bytes(b"whole")
    with store.working_folder("run") as folder:
        assert [path.name for path in folder.iterdir()] == ["snapshot.pt"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    place = tmp_path / "runs"
    place.write_text("a file, not a folder")
    with (
        pytest.raises(StorageError, match="choose another folder") as caught,
        RunStore(place).working_folder("run"),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_arrays(tmp_path / "per_clip.npz", {})
    assert list(tmp_path.iterdir()) == []
