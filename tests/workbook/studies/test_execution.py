"""One run: resumable after SIGKILL, its training shared, safe between processes."""

import contextlib
import multiprocessing
import os
import random
from pathlib import Path

import pytest

from posekit.datasets.selection import downsample
from posekit.evaluation import evaluate
from posekit.evaluation.protocols import PROTOCOLS
from posekit.workbook.studies import Study
from posekit.workbook.studies.execution import Job, execute, training_id
from posekit.workbook.studies.runs import RunStore, run_id
from posekit.workbook.tasks.data import load_split


@pytest.fixture(scope="module")
def config(configuration):
    data = {
        split: load_split("synthetic", split, "gt", "smoke", Path("unused")).fingerprint
        for split in ("train", "test")
    }
    return {**configuration, "data": data}


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


def test_rows_that_optimise_share_the_training_of_the_row_that_does_not(runs):
    study = Study("uao", "synthetic", "tiny", runs=runs, device="cpu")
    tables = ("h36m-readme", "loss-terms", "uncertainty", "optimise-target", "iterations")
    rows = [row for name in tables for row in study.paper.table(f"table-{name}").rows if row.run]
    jobs = [study.job(row, 0) for row in rows]
    assert len({job.id for job in jobs}) > 10
    assert len({training_id(job) for job in jobs}) == 1


def test_the_trained_network_is_handed_out_with_its_log(study):
    (first, _) = study.run("kpa-tpa/both")
    lifter = study.network("kpa-tpa/both")
    test = downsample(load_split("synthetic", "test", "cpn", "smoke", study.data), 3)
    found = evaluate(lifter, test, protocol=PROTOCOLS["MixSTE"], device="cpu").metrics["mpjpe"]
    stored = first.metrics["estimates"]["prediction"]["aggregate"]["mpjpe"]
    assert found == pytest.approx(stored, abs=1e-3)
    assert first.log_column("step") == (1.0, 2.0)


def test_the_same_seed_gives_the_same_numbers(study, tmp_path):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[1], runs=tmp_path, device="cpu")
    (run,) = again.run("kpa-tpa/neither")
    (first,) = [r for r in study.run("kpa-tpa/neither") if r.config["seed"] == 1]
    for name in ("metrics.json", "per_clip.npz", "weights.safetensors"):
        assert (run.folder / name).read_bytes() == (first.folder / name).read_bytes()
