"""Run folders: whole or missing, resumable after SIGKILL, safe between processes."""

import contextlib
import errno
import json
import multiprocessing
import os
import random
from pathlib import Path

import numpy as np
import pytest

from posekit.errors import StorageError
from posekit.machine.storage import write_json
from posekit.workbook.studies.execution import Job, execute
from posekit.workbook.studies.runs import RUN_FILES, RunStore, run_id, write_arrays
from posekit.workbook.tasks.data import load_split

CONFIG = {
    "task": "lifting",
    "dataset": "synthetic",
    "size": "smoke",
    "one_frame_in": 1,
    "keypoints": "gt",
    "model": "mixste",
    "options": {"frames": 9, "embed_dim": 8, "depth": 1, "heads": 1},
    "recipe": {"learning_rate": 1e-3, "decay": 0.9, "epochs": 4, "batch_size": 12},
    "evaluation": {
        "hypotheses": None,
        "iterations": None,
        "cameras": 1,
        "protocol": "MixSTE",
        "optimise": None,
    },
    "seed": 3,
    "code": "test",
}


@pytest.fixture(scope="module")
def config():
    data = {
        split: load_split("synthetic", split, "gt", "smoke", Path("unused")).fingerprint
        for split in ("train", "test")
    }
    return {**CONFIG, "data": data}


@pytest.fixture(scope="module")
def processes():
    """Starts a function in a new process that has imported posekit already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["posekit.workbook.studies.execution", "posekit.models.mixste"])

    # The server imports posekit once; timings in the tests begin after that.
    first = context.Process(target=int)
    first.start()
    first.join()

    def start(job, output=os.devnull):
        process = context.Process(target=execute_saying, args=(job, output))
        process.start()
        return process

    return start


def execute_saying(job, output):
    with open(output, "w") as file, contextlib.redirect_stdout(file):
        execute(job)


def job_in(folder, config, **options):
    return Job(run_id("mixste-9f-gt", config), config, folder, Path("unused"), "cpu", **options)


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


def test_equal_configurations_have_equal_names():
    again = json.loads(json.dumps(CONFIG))
    assert run_id("any", CONFIG) == run_id("any", dict(reversed(again.items())))
    assert run_id("any", CONFIG) != run_id("any", {**CONFIG, "seed": 4})
    assert run_id("mixste-9f-gt", CONFIG).startswith("synthetic-mixste-9f-gt-s3-")


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


def _snapshots(folder):
    """When the last snapshot below a folder was written, 0 for none."""
    times = [0]
    with contextlib.suppress(FileNotFoundError):  # one that takes the place of another just now
        times += [path.stat().st_mtime_ns for path in folder.rglob("snapshot.pt")]
    return max(times)


def test_killed_runs_end_with_the_same_numbers(tmp_path, config, processes):
    # A few hundred steps; a snapshot after nearly every one of them.
    whole = job_in(tmp_path / "whole", config, snapshot_seconds=0.05)
    process = processes(whole)
    process.join(60)
    assert process.exitcode == 0

    broken = job_in(tmp_path / "broken", config, snapshot_seconds=0.05)
    moments = random.Random()
    killed = 0
    for _ in range(3):
        before = _snapshots(broken.runs)
        process = processes(broken)
        # By progress and not by the clock: other work on the machine stretches the start alone.
        while process.is_alive() and _snapshots(broken.runs) <= before:
            process.join(0.005)
        process.join(moments.uniform(0.0, 0.2))
        killed += process.is_alive()
        process.kill()
        process.join()
    assert killed
    process = processes(broken)
    process.join(60)
    assert process.exitcode == 0
    for name in ("config.json", "metrics.json", "per_clip.npz", "weights.safetensors"):
        first, second = ((job.runs / job.id / name).read_bytes() for job in (whole, broken))
        assert first == second, f"{name} differs after {killed} kills"


def test_runs_that_differ_in_their_evaluation_share_a_training(tmp_path, config):
    other = {**config, "evaluation": {**config["evaluation"], "protocol": "VideoPose3D"}}
    first, second = (execute(job_in(tmp_path, each)) for each in (config, other))
    assert first.id != second.id
    assert len(list((tmp_path / ".trainings").iterdir())) == 1
    for name in ("weights.safetensors", "log.csv"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
    windows = [run.metrics["card"]["Windows"] for run in (first, second)]
    assert windows[0] != windows[1]
    execute(job_in(tmp_path, {**config, "seed": 9}))
    assert len(list((tmp_path / ".trainings").iterdir())) == 2


def test_a_second_process_waits_and_says_so(tmp_path, config, processes):
    job = job_in(tmp_path / "runs", {**config, "seed": 4})
    outputs = [tmp_path / "first", tmp_path / "second"]
    for process in [processes(job, output) for output in outputs]:
        process.join(60)
        assert process.exitcode == 0
    said = [output.read_text() for output in outputs]
    assert sorted(said)[0] == ""
    assert sorted(said)[1] == f"another process computes run {job.id}; waiting for it.\n"
    run = RunStore(job.runs).load(job.id)
    assert run is not None
    assert run.config["seed"] == 4
    assert {path.name for path in job.runs.iterdir()} == {".locks", ".trainings", job.id}
