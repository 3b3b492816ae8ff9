"""Executing one run: data, network, training, evaluation, files.

A run computes with one thread on a CPU, whatever the machine offers, so that its numbers do not
depend on the number of cores; a study keeps all cores busy by running several runs at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save

from posekit.datasets import Clip, PoseDataset, load_dataset
from posekit.errors import InvalidData
from posekit.evaluation import evaluate_hypotheses
from posekit.evaluation.optimisation import Optimisation
from posekit.evaluation.prediction import predict, predict_optimised
from posekit.evaluation.protocols import PROTOCOLS, downsample, scored_on
from posekit.evaluation.scoring import Evaluation, score
from posekit.evaluation.uncertainty import with_rank_correlation
from posekit.geometry.skeletons import SKELETONS
from posekit.machine.provenance import environment, peak_memory_megabytes
from posekit.machine.storage import atomic_path
from posekit.models import build
from posekit.models.layers import Lifter
from posekit.training import Recipe, fit
from posekit.training.snapshots import CHECKPOINT_FILE, LOG_FILE
from posekit.workbook.studies.runs import RunStore, StoredRun, run_id, write_arrays, write_json

# Metrics whose values per clip are kept for paired statistics.
PAIRED_METRICS = ("mpjpe", "p_mpjpe", "mpjve", "rank_correlation")
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
        checkpoint_seconds: how much computing an interruption can cost.
    """

    id: str
    config: Mapping[str, Any]
    runs: Path
    data: Path
    device: str
    checkpoint_seconds: float = 30.0


def execute(job: Job) -> StoredRun:
    """Train and evaluate one configuration, or return the run if another process finished it.

    Raises:
        PosekitError: data that changed, training that diverged, a folder that cannot be written.
    """
    store = RunStore(job.runs)
    with store.working_folder(job.id) as folder:
        finished = store.load(job.id)
        if finished is None:
            with one_thread():
                _execute(job, store, folder)
            store.finish(job.id, folder)
            finished = store.load(job.id)
    assert finished is not None
    return finished


def _execute(job: Job, store: RunStore, folder: Path) -> None:
    config = job.config
    lifter, seconds = _train(job, store, folder)
    started = time.monotonic()
    test = scored_part(_split(job, "test"), config["evaluation"]["cameras"])
    estimates = evaluations(lifter, test, config["evaluation"], job.device, config["seed"])
    write_json(folder / "config.json", config)
    write_json(folder / "metrics.json", _metrics(estimates, test))
    write_arrays(folder / "per_clip.npz", _per_clip(estimates))
    write_json(
        folder / "environment.json",
        {
            **environment(job.device),
            "seconds": round(seconds + time.monotonic() - started, 2),
            "peak_memory_mb": peak_memory_megabytes(job.device),
        },
    )


def training_id(config: Mapping[str, Any]) -> str:
    """Name of the training that a run needs: rows that only evaluate otherwise share one."""
    evaluation = {"hypotheses": None, "iterations": None, "cameras": None}
    return run_id({**config, "evaluation": evaluation})


def _train(job: Job, store: RunStore, folder: Path) -> tuple[Lifter, float]:
    """The trained network of a run and the seconds that training took; 0 if it was there already.

    Leaves ``weights.safetensors`` and ``log.csv`` in the folder of the run.
    """
    config = job.config
    train = _split(job, "train")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config["seed"])
        lifter = build(config["model"], skeleton=train.skeleton, **config["options"])
    seconds = 0.0
    with store.training_folder(training_id(config)) as training:
        if not (training / WEIGHTS_FILE).exists():
            log = fit(
                lifter,
                train,
                Recipe(**config["recipe"]),
                seed=config["seed"],
                device=job.device,
                folder=training,
                label=job.id,
                checkpoint_seconds=job.checkpoint_seconds,
            )
            with atomic_path(training / WEIGHTS_FILE) as path:
                path.write_bytes(save(_contiguous(lifter)))
            (training / CHECKPOINT_FILE).unlink(missing_ok=True)
            seconds = log.seconds
        for name in (WEIGHTS_FILE, LOG_FILE):
            with atomic_path(folder / name) as path:
                path.write_bytes((training / name).read_bytes())
    lifter.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return lifter.eval(), seconds


def trained_lifter(run: StoredRun) -> Lifter:
    """The network of a finished run with its weights, in evaluation mode."""
    skeleton = SKELETONS[run.metrics["card"]["Skeleton"]]
    lifter = build(run.config["model"], skeleton=skeleton, **run.config["options"])
    lifter.load_state_dict(load_file(run.folder / WEIGHTS_FILE))
    return lifter.eval()


def evaluations(
    lifter: Lifter, test: PoseDataset, how: Mapping[str, Any], device: str, seed: int
) -> dict[str, Evaluation]:
    """Evaluations by estimate: ``prediction``, or ``<aggregation>@<iteration>`` of hypotheses."""
    protocol = scored_on(PROTOCOLS[how["protocol"]], test.name)
    if how["optimise"] is not None:
        settings = Optimisation(**how["optimise"])
        predictions = predict_optimised(lifter, test, settings, protocol=protocol, device=device)
        return {"prediction": score(predictions, protocol)}
    if how["hypotheses"] is None:
        predictions = predict(lifter, test, protocol=protocol, device=device)
        evaluation = score(predictions, protocol)
        if hasattr(lifter, "estimate"):
            evaluation = with_rank_correlation(evaluation, lifter, predictions)
        return {"prediction": evaluation}

    found = evaluate_hypotheses(
        lifter,
        test,
        hypotheses=how["hypotheses"],
        iterations=how["iterations"],
        protocol=scored_on(PROTOCOLS["D3DP"], test.name),
        device=device,
        seed=seed,
    )
    return {f"{name}@{step}": evaluation for (name, step), evaluation in found.items()}


def scored_part(dataset: PoseDataset, cameras: int | None) -> PoseDataset:
    """The part of a test split that a scaled profile scores.

    Args:
        dataset: the whole split.
        cameras: views of each take, in turn from take to take; None for all.
    """
    if cameras is None:
        return dataset
    takes: dict[tuple[str, str], list[Clip]] = {}
    for clip in dataset.clips:
        takes.setdefault((clip.subject, clip.take), []).append(clip)
    chosen = [
        views[(number + step) % len(views)]
        for number, views in enumerate(takes.values())
        for step in range(min(len(views), cameras))
    ]
    return replace(dataset, clips=tuple(chosen))


@lru_cache(maxsize=8)
def load_split(name: str, split: str, keypoints: str, size: str, root: Path) -> PoseDataset:
    """``load_dataset``, once per process."""
    return load_dataset(name, split, root=root, keypoints=keypoints, size=size)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _split(job: Job, split: str) -> PoseDataset:
    config = job.config
    dataset = load_split(config["dataset"], split, config["keypoints"], config["size"], job.data)
    if dataset.fingerprint != config["data"][split]:
        raise InvalidData(
            f"the {split} split of {dataset.name} changed while the study ran; start it again."
        )
    return downsample(dataset, config["one_frame_in"])


def _metrics(estimates: Mapping[str, Evaluation], test: PoseDataset) -> dict[str, Any]:
    first = next(iter(estimates.values()))
    return {
        "evidence": test.evidence,
        "card": {**dict(first.card), "Frame rate": f"{test.clips[0].fps:.3g} per second"},
        "estimates": {
            name: {
                "aggregate": evaluation.metrics,
                "per_action": evaluation.per_action,
                "per_joint": {"mpjpe": evaluation.per_joint},
            }
            for name, evaluation in estimates.items()
        },
    }


def _per_clip(estimates: Mapping[str, Evaluation]) -> dict[str, np.ndarray]:
    first = next(iter(estimates.values()))
    arrays = {
        "clips": np.array(first.clips),
        "actions": np.array(first.clip_actions),
        "frames": np.asarray(first.clip_frames),
    }
    for name, evaluation in estimates.items():
        for metric in PAIRED_METRICS:
            if metric in evaluation.per_clip:
                arrays[f"{name}/{metric}"] = np.asarray(evaluation.per_clip[metric])
    return arrays


def _contiguous(lifter: Lifter) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in lifter.state_dict().items()}
