"""One run: resumable after SIGKILL, its training shared, safe between processes."""

import contextlib
import json
import multiprocessing
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.datasets.selection import downsample
from posekit.errors import DataChanged, InvalidParameter
from posekit.evaluation import evaluate
from posekit.evaluation.protocols import PROTOCOLS
from posekit.training.snapshots import SNAPSHOT_FILE, save_snapshot
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
def short(config):
    """The same in a few steps."""
    return {**config, "seed": 6, "recipe": {**config["recipe"], "max_steps": 12}}


@pytest.fixture(scope="module")
def whole(short, tmp_path_factory):
    """The folder of a finished run of ``short``, to compare with."""
    return execute(job_in(tmp_path_factory.mktemp("whole"), short)).folder


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
    # Where the machine is busy, progress is told as well.
    said = [line for path in outputs for line in path.read_text().splitlines() if "wait" in line]
    assert said == [f"another process computes run {job.id}; waiting for it."]
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
    assert first.log["step"] == (1.0, 2.0)


def test_the_same_seed_gives_the_same_numbers(study, tmp_path):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[1], runs=tmp_path, device="cpu")
    (run,) = again.run("kpa-tpa/neither")
    (first,) = [r for r in study.run("kpa-tpa/neither") if r.config["seed"] == 1]
    for name in ("metrics.json", "per_clip.npz", "weights.safetensors"):
        assert (run.folder / name).read_bytes() == (first.folder / name).read_bytes()


def contents(run):
    names = ("config.json", "metrics.json", "per_clip.npz", "weights.safetensors")
    return [(run / name).read_bytes() for name in names]


def test_what_is_damaged_is_run_again_to_the_same_numbers(tmp_path, short, whole, capsys):
    job = job_in(tmp_path, short)
    run = execute(job).folder
    training = tmp_path / ".trainings" / training_id(job)
    for damaged in (run / "metrics.json", training / "weights.safetensors"):
        content = bytearray(damaged.read_bytes())
        content[40] ^= 1
        damaged.write_bytes(content)
    execute(job)
    assert contents(run) == contents(whole)
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(" (")[0] for line in said] == [
        f"run {job.id} is damaged",
        f"training {training.name} is damaged",
    ]


@pytest.mark.parametrize("fault", ["flipped", "truncated", "of another run"])
def test_a_damaged_snapshot_is_no_dead_end(tmp_path, short, whole, capsys, fault):
    job = job_in(tmp_path, short)
    place = tmp_path / ".trainings"
    state = {"identity": {"seed": 0}, "rows": [{"step": 1}], "weights": torch.zeros(100)}
    save_snapshot(place / training_id(job), state)
    snapshot = place / training_id(job) / SNAPSHOT_FILE
    if fault != "of another run":
        content = bytearray(snapshot.read_bytes())
        content[len(content) // 2] ^= 1
        snapshot.write_bytes(content[:-1] if fault == "truncated" else content)
    assert contents(execute(job).folder) == contents(whole)
    said = capsys.readouterr().out
    assert "the training begins again from its first step" in said
    assert said.count("\n") == 1


def test_data_that_changed_unseen_are_found_by_starting_again(tmp_path):
    study = Study("ktpformer", "synthetic", "tiny", seeds=[1], runs=tmp_path, device="cpu")
    row = study.paper.row("kpa-tpa/neither")
    job = study.job(row, 1)
    (remembered,) = (tmp_path / ".fingerprints").iterdir()
    remembered.write_text(remembered.read_text().replace(job.config["data"]["train"], "other"))
    with pytest.raises(DataChanged, match="start it again"):
        execute(study.job(row, 1))
    assert execute(study.job(row, 1)).id == job.id


def test_the_callers_random_states_survive(tmp_path, short):
    def states():
        numpy = np.random.get_state()[1].tolist()  # noqa: NPY002
        return random.getstate(), numpy, torch.get_rng_state().tolist(), torch.get_num_threads()

    before = states()
    execute(job_in(tmp_path, short))
    assert states() == before


@pytest.mark.parametrize("seed", [-1, 2**32, True, 1.0, "1"])
def test_what_is_no_seed_is_refused(tmp_path, config, seed):
    with pytest.raises(InvalidParameter, match="seed is"):
        execute(job_in(tmp_path, {**config, "seed": seed}))


RUN_ALONE = """
import json, sys
from pathlib import Path
from posekit.workbook.studies.execution import Job, execute
config, runs, run = json.loads(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
execute(Job(run, config, runs, Path("unused"), "cpu"))
"""


def test_threads_of_the_machine_do_not_decide_numbers(tmp_path, short, whole):
    for number in ("1", "2"):
        job = job_in(tmp_path / number, short)
        command = [sys.executable, "-c", RUN_ALONE, json.dumps(short), str(job.runs), job.id]
        threads = {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}
        subprocess.run(command, check=True, env={**os.environ, **threads})
        assert contents(job.runs / job.id) == contents(whole)


def test_the_learning_curve_has_points_enough(tmp_path, config):
    run = execute(job_in(tmp_path, {**config, "recipe": {**config["recipe"], "max_steps": 250}}))
    steps = run.log["step"]
    assert steps == tuple(range(1, int(steps[-1]) + 1))
    assert len(steps) > 200
    assert len(run.log["total"]) == len(steps)
