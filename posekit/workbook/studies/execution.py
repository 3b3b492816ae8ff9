"""Executing one run: data, network, training, evaluation, files.

A run computes with one thread on a CPU, whatever the machine offers, so that its numbers do not
depend on the number of cores; a study keeps all cores busy by running several runs at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn

from posekit.errors import DataChanged, InvalidSnapshot
from posekit.machine.memory import freed_memory_kept
from posekit.machine.provenance import environment, peak_memory_megabytes
from posekit.machine.random_state import check_seed, random_state_kept
from posekit.machine.storage import atomic_path, write_json
from posekit.training import TrainingLog, seed_torch
from posekit.training.snapshots import LOG_FILE, SNAPSHOT_FILE
from posekit.workbook.studies.runs import (
    CONFIG_FILE,
    TRAINING_FILES,
    RunStore,
    StoredRun,
    run_id,
    write_arrays,
    write_manifest,
)
from posekit.workbook.tasks import Scores, Task, find_task, metrics_of
from posekit.workbook.tasks.data import forget_fingerprints

WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class Job:
    """One run to execute, and where things lie on this machine.

    Attributes:
        id: name of the run.
        config: everything that decides its numbers.
        runs: folder of runs.
        data: folder of data sets.
        device: see ``posekit.machine.devices.choose_device``.
        snapshot_seconds: how much computing an interruption can cost.
    """

    id: str
    config: Mapping[str, Any]
    runs: Path
    data: Path
    device: str
    snapshot_seconds: float = 30.0

    @property
    def task(self) -> Task:
        """What the run does."""
        return find_task(self.config["task"])


def execute(job: Job) -> StoredRun:
    """Train and evaluate one configuration, or return the run if another process finished it.

    Raises:
        PosekitError: no seed, data that changed, training that diverged, a folder that cannot be
            written.
    """
    check_seed(job.config["seed"])
    store = RunStore(job.runs)
    with store.working_folder(job.id) as folder:
        finished = store.load(job.id)
        if finished is None:
            with (
                one_thread(),
                freed_memory_kept(),
                random_state_kept(torch.device(job.device)),
            ):
                try:
                    _execute(job, store, folder)
                except DataChanged:
                    forget_fingerprints(job.runs)  # so that starting again finds the new ones
                    raise
            store.finish(job.id, folder)
            finished = store.load(job.id)
    assert finished is not None
    return finished


def _execute(job: Job, store: RunStore, folder: Path) -> None:
    network, seconds = _train(job, store, folder)
    started = time.monotonic()
    _seed(job)
    scored = job.task.evaluate(network, job.config, job.data, job.device)
    write_json(folder / CONFIG_FILE, job.config)
    write_json(
        folder / "metrics.json",
        {
            "evidence": scored.evidence,
            "card": scored.card,
            "estimates": {name: metrics_of(scores) for name, scores in scored.estimates.items()},
        },
    )
    write_arrays(folder / "per_clip.npz", _per_clip(scored.estimates, job.task.paired_metrics))
    write_json(
        folder / "environment.json",
        {
            **environment(job.device),
            "seconds": round(seconds + time.monotonic() - started, 2),
            "peak_memory_mb": peak_memory_megabytes(job.device),
        },
    )


def training_id(job: Job) -> str:
    """Name of the training that a run needs: rows that only evaluate otherwise share one."""
    return run_id(job.task.label(job.config), training_config(job))


def training_config(job: Job) -> dict[str, Any]:
    """What decides the training of a run."""
    return {**job.config, "evaluation": None}


def _train(job: Job, store: RunStore, folder: Path) -> tuple[nn.Module, float]:
    """The trained network of a run and the seconds that training took; 0 if it was there already.

    Leaves ``weights.safetensors`` and ``log.csv`` in the folder of the run.
    """
    _seed(job)
    network = job.task.build(job.config, job.data)
    seconds = 0.0
    with store.training_folder(training_id(job)) as training:
        if not store.trained(training):
            seconds = _train_in(training, job, network)
        for name in (WEIGHTS_FILE, LOG_FILE):
            with atomic_path(folder / name) as path:
                path.write_bytes((training / name).read_bytes())
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return network.eval(), seconds


def _train_in(training: Path, job: Job, network: nn.Module) -> float:
    """Train the network of a run and leave the proof in a folder; the seconds that it took."""
    try:
        log = _train_from_snapshot(training, job, network)
    except InvalidSnapshot as error:
        fault = str(error).partition(";")[0]
        print(f"{fault}; the training begins again from its first step.", flush=True)
        (training / SNAPSHOT_FILE).unlink()
        log = _train_from_snapshot(training, job, network)
    with atomic_path(training / WEIGHTS_FILE) as path:
        path.write_bytes(save(_contiguous(network)))
    write_json(training / CONFIG_FILE, training_config(job))
    write_manifest(training, TRAINING_FILES)
    (training / SNAPSHOT_FILE).unlink(missing_ok=True)
    return log.seconds


def _train_from_snapshot(training: Path, job: Job, network: nn.Module) -> TrainingLog:
    _seed(job)
    return job.task.train(
        network,
        job.config,
        job.data,
        device=job.device,
        folder=training,
        label=job.id,
        snapshot_seconds=job.snapshot_seconds,
    )


def _seed(job: Job) -> None:
    """Before building, training and evaluating alike: a stored training changes none of them."""
    seed_torch(job.config["seed"], torch.device(job.device))


def trained_network(run: StoredRun, data: Path) -> nn.Module:
    """The network of a finished run with its weights, in evaluation mode."""
    network = find_task(run.config["task"]).build(run.config, data, run.metrics["card"])
    network.load_state_dict(load_file(run.folder / WEIGHTS_FILE))
    return network.eval()


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _per_clip(
    estimates: Mapping[str, Scores], paired_metrics: tuple[str, ...]
) -> dict[str, np.ndarray]:
    first = next(iter(estimates.values()))
    arrays = {
        "clips": np.array(first.clips),
        "actions": np.array(first.clip_actions),
        "frames": np.asarray(first.clip_frames),
    }
    for name, scores in estimates.items():
        for metric in paired_metrics:
            if metric in scores.per_clip:
                arrays[f"{name}/{metric}"] = np.asarray(scores.per_clip[metric])
    return arrays


def _contiguous(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
