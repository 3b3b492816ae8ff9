"""Run folders: whole or missing."""

import errno
import hashlib
import json
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import StorageError
from posekit.machine.storage import write_json
from posekit.workbook.studies.runs import (
    MANIFEST_FILE,
    RUN_FILES,
    TRAINING_FILES,
    RunStore,
    run_id,
    write_arrays,
    write_manifest,
)

CONFIG = {"dataset": "synthetic", "seed": 0}
NAME = run_id("any", CONFIG)
FILES = (*RUN_FILES, MANIFEST_FILE)


def finished_run(store, name=NAME):
    with store.working_folder(name) as folder:
        write_json(folder / "config.json", CONFIG)
        write_json(folder / "metrics.json", {"estimates": {}})
        write_json(folder / "environment.json", {"seconds": 1.0})
        write_arrays(folder / "per_clip.npz", {"clips": np.array(["a"])})
        (folder / "log.csv").write_text("step,total\n1,2.0\n")
        (folder / "weights.safetensors").write_bytes(bytes(range(100)))
        store.finish(name, folder)
    return store.folder(name)


def finished_training(store, name=NAME):
    with store.training_folder(name) as folder:
        write_json(folder / "config.json", CONFIG)
        (folder / "log.csv").write_text("step,total\n1,2.0\n")
        (folder / "weights.safetensors").write_bytes(bytes(range(100)))
        write_manifest(folder, TRAINING_FILES)
    return folder


def flipped(content, at):
    changed = bytearray(content)
    changed[at % len(changed)] ^= 1
    return bytes(changed)


def test_equal_configurations_have_equal_names(configuration):
    again = json.loads(json.dumps(configuration))
    assert run_id("any", configuration) == run_id("any", dict(reversed(again.items())))
    assert run_id("any", configuration) != run_id("any", {**configuration, "seed": 4})
    assert run_id("mixste-9f-gt", configuration).startswith("synthetic-mixste-9f-gt-s3-")


def test_a_finished_run_is_read_back(tmp_path):
    store = RunStore(tmp_path)
    assert store.load(NAME) is None
    finished_run(store)
    run = store.load(NAME)
    assert run.config == CONFIG
    assert run.per_clip["clips"].tolist() == ["a"]
    assert run.log["total"] == (2.0,)
    assert "total" in run.log


def test_the_manifest_is_one_that_others_can_check(tmp_path):
    folder = finished_run(RunStore(tmp_path))
    for line in (folder / MANIFEST_FILE).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def damages():
    """Name of a file, what is done to it, and words of the line that tells."""
    for file in FILES:
        yield file, lambda path: path.unlink(), f"{file} is missing"
        for at in (0, 7, -1):
            change = partial(
                lambda path, at: path.write_bytes(flipped(path.read_bytes(), at)), at=at
            )
            yield file, change, "SHA-256|lists other files|unreadable"
        for kept in (0, 5):
            cut = partial(lambda path, n: path.write_bytes(path.read_bytes()[:n]), n=kept)
            yield file, cut, "SHA-256|lists other files"


@pytest.mark.parametrize(("file", "damage", "told"), list(damages()))
def test_a_damaged_run_is_named_and_makes_room_for_a_whole_one(
    tmp_path, capsys, file, damage, told
):
    store = RunStore(tmp_path)
    damage(finished_run(store) / file)
    assert store.load(NAME) is None
    said = capsys.readouterr().out
    assert re.search(rf"run {NAME} is damaged \(.*({told}).*\) and will be run again\.\n$", said)
    assert said.count("\n") == 1
    finished_run(store)
    assert store.load(NAME) is not None
    assert capsys.readouterr().out == ""


@given(st.sampled_from(FILES), st.integers(0, 2**16), st.integers(1, 255))
def test_no_changed_byte_passes(tmp_path_factory, file, at, change):
    store = RunStore(tmp_path_factory.mktemp("runs"))
    path = finished_run(store) / file
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= change
    path.write_bytes(content)
    assert store.load(NAME) is None


def test_a_renamed_run_and_an_edited_configuration_are_not_used(tmp_path, capsys):
    store = RunStore(tmp_path)
    other = run_id("any", {**CONFIG, "seed": 1})
    finished_run(store).rename(store.folder(other))
    assert store.load(other) is None
    assert "its name is not that of the configuration" in capsys.readouterr().out
    folder = finished_run(store)
    write_json(folder / "config.json", {**CONFIG, "seed": 1})
    assert store.load(NAME) is None
    assert "config.json does not match its SHA-256" in capsys.readouterr().out
    write_manifest(folder, RUN_FILES)  # not even by one who can make the manifest
    assert store.load(NAME) is None
    assert "its name is not that of the configuration" in capsys.readouterr().out
    finished_run(store)
    assert store.load(NAME) is not None


def test_a_file_in_the_place_of_a_run_makes_room(tmp_path):
    store = RunStore(tmp_path)
    store.folder(NAME).write_text("no folder")
    assert store.load(NAME) is None
    finished_run(store)
    assert store.load(NAME) is not None


@pytest.mark.parametrize("file", [*TRAINING_FILES, MANIFEST_FILE])
@pytest.mark.parametrize("removed", [False, True])
def test_a_damaged_training_is_named_and_done_again(tmp_path, capsys, file, removed):
    store = RunStore(tmp_path)
    folder = finished_training(store)
    assert store.trained(folder)
    path = folder / file
    content = path.read_bytes()
    path.unlink()
    if not removed:
        path.write_bytes(flipped(content, 3))
    assert not store.trained(folder)
    said = capsys.readouterr().out
    assert said.startswith(f"training {NAME} is damaged (")
    assert said.count("\n") == 1
    assert list(folder.iterdir()) == []
    assert store.trained(finished_training(store))


def test_a_renamed_training_is_not_used(tmp_path):
    store = RunStore(tmp_path)
    folder = finished_training(store)
    other = folder.with_name(run_id("any", {**CONFIG, "seed": 1}))
    folder.rename(other)
    assert not store.trained(other)


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
