"""What an adaptation run computes: networks, source and target, training, evaluation, baselines.

The code that decides the numbers of adaptation stands here and in the library; how a row becomes a
configuration stands in ``adaptation``.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from posekit.datasets import DATASETS, PoseDataset
from posekit.datasets.selection import downsample, some_views
from posekit.errors import DataChanged, InvalidParameter, InvalidSnapshot
from posekit.evaluation.baselines import BASELINES, evaluate_baselines
from posekit.evaluation.prediction import predict
from posekit.evaluation.protocols import PROTOCOLS, Protocol
from posekit.evaluation.scoring import score
from posekit.geometry.skeletons import HUMAN36M_16
from posekit.machine.code_version import code_version
from posekit.machine.devices import choose_device
from posekit.machine.random_state import random_state_kept
from posekit.models import build, network
from posekit.models.lifters import Lifter
from posekit.training import LiftingRecipe, TrainingLog, seed_torch, take_steps
from posekit.training.adaptation import LaterSteps, Method
from posekit.training.adaptation_data import (
    SourceWindows,
    TargetViews,
    with_16_joints,
    without_truth,
)
from posekit.training.adaptation_steps import Adaptation, AdaptationSteps, Later, SourceSteps
from posekit.training.health import DIVERGED, Health, health_of
from posekit.training.snapshots import LOG_FILE, SNAPSHOT_FILE, write_log
from posekit.workbook.tasks import Scored, metrics_of
from posekit.workbook.tasks.adaptation_cards import loss_card, method_card
from posekit.workbook.tasks.data import load_split
from posekit.workbook.tasks.own_test import READING as OWN_TEST
from posekit.workbook.tasks.remembered import remembered_baselines


def build_adaptation(config: Mapping[str, Any]) -> Adaptation:
    """The networks of a run, for 16 joints; the lifter's weights are drawn first."""
    lifter = build(config["model"], skeleton=HUMAN36M_16, **config["options"])
    lpa = config["adaptation"]["lpa"]
    return Adaptation(lifter, None if lpa is None else lpa["width"])


# Data ---------------------------------------------------------------------------------------------


def check_data(config: Mapping[str, Any], target: str, data: Path) -> None:
    """Refuse what cannot be adapted before anything is trained.

    Raises:
        InvalidParameter: a lifter that draws hypotheses, or joints that are not converted.
    """
    if network(config["model"]).samples:
        raise InvalidParameter(
            f"{config['model']} draws hypotheses and is not adapted; choose another model."
        )
    source = config["source"]
    for name, split, keypoints in (
        (source["dataset"], "train", source["keypoints"]),
        (target, "test", config["keypoints"]),
    ):
        with_16_joints(load_split(name, split, keypoints, config["size"], data))


def source_split(config: Mapping[str, Any], data: Path) -> PoseDataset:
    """The source's training clips with 16 joints, at the target's frame rate.

    Single frames know no rate: of them the profile's one in so many are taken.
    """
    source = config["source"]
    found = _split(config, source["dataset"], "train", source["keypoints"], "train", data)
    return downsample(found, _source_step(config, found, data))


def tested_on_its_source(config: Mapping[str, Any]) -> bool:
    """Whether the lifter is the source's alone and compared on another data set."""
    adaptation = config["adaptation"]
    alone = adaptation["gpa"] == "none" and adaptation["lpa"] is None
    return alone and config["source"]["dataset"] != config["dataset"]


def source_test(config: Mapping[str, Any], data: Path) -> PoseDataset:
    """The source's test clips with 16 joints, at the frame rate of its training clips."""
    source = config["source"]
    found = _split(config, source["dataset"], "test", source["keypoints"], "own test", data)
    test = downsample(found, _source_step(config, found, data))
    return some_views(test, config["evaluation"]["cameras"])


def _source_step(config: Mapping[str, Any], source: PoseDataset, data: Path) -> int:
    step = config["one_frame_in"]
    if config["options"]["frames"] == 1:
        return step
    target = target_test(config, data).clips[0].fps
    return max(1, round(source.clips[0].fps / target))


def target_test(config: Mapping[str, Any], data: Path) -> PoseDataset:
    """The target's test clips with 16 joints, which are evaluated."""
    found = _split(config, config["dataset"], "test", config["keypoints"], "test", data)
    test = downsample(found, config["one_frame_in"])
    return some_views(test, config["evaluation"]["cameras"])


def target_seen(config: Mapping[str, Any], data: Path) -> PoseDataset | None:
    """The clips of the target whose keypoints are matched, without their poses."""
    split = config["adaptation"]["target_2d"]
    if split is None:
        return None
    found = _split(config, config["dataset"], split, config["keypoints"], "seen", data)
    return downsample(without_truth(found), config["one_frame_in"])


def _split(
    config: Mapping[str, Any], name: str, split: str, keypoints: str, role: str, data: Path
) -> PoseDataset:
    """A split with 16 joints, in the role that the configuration has a fingerprint for.

    Raises:
        DataChanged: it is not what it was when the run was planned.
    """
    found = load_split(name, split, keypoints, config["size"], data)
    if found.fingerprint != config["data"][role]:
        raise DataChanged(f"the {split} split of {name} changed while the study ran; start again.")
    return with_16_joints(found)


# Training -----------------------------------------------------------------------------------------


def train(
    adaptation: Adaptation,
    config: Mapping[str, Any],
    data: Path,
    *,
    device: str,
    folder: Path,
    label: str,
    snapshot_seconds: float,
) -> TrainingLog:
    """Train on the source, then on what the method makes of it, in place; see ``Task.train``.

    The training on the source stands beside ``folder`` and is shared by all runs that differ only
    in what follows; so does what follows where a target has no part in it. The log is of both
    together, and what became of them is kept with the weights.
    """
    place = choose_device(device)
    adaptation.to(place)
    taken = {"device": place, "label": label, "snapshot_seconds": snapshot_seconds}
    windows = SourceWindows(
        adaptation.lifter, source_split(config, data), LiftingRecipe(**config["recipe"]), place
    )
    untrained = copy.deepcopy(adaptation.state_dict())
    with random_state_kept(place):
        first = _on_source(adaptation, windows, config, folder, taken)
        seed_torch(config["seed"], place)
        second = _later(adaptation, windows, first, config, data, folder, taken)
    log = _joined(first, second)
    write_log(folder / LOG_FILE, log.rows)
    health = health_of(log.rows)
    if not windows.bearable(adaptation.lifter):
        health = Health(DIVERGED, log.steps)
        adaptation.load_state_dict(untrained)
    adaptation.outcome.copy_(torch.tensor(health.coded, dtype=torch.float64))
    adaptation.eval()
    return log


def _on_source(
    adaptation: Adaptation,
    windows: SourceWindows,
    config: Mapping[str, Any],
    folder: Path,
    taken: Mapping[str, Any],
) -> TrainingLog:
    """The lifter as the source trains it: loaded, or trained for this run and all like it."""
    alone = Adaptation(adaptation.lifter).to(taken["device"])
    steps = SourceSteps(
        alone,
        windows,
        LiftingRecipe(**config["recipe"]),
        Later(**config["later"]),
        seed=config["seed"],
        data={"source": windows.fingerprint},
    )
    return _shared(steps, _decisive(config, windows), config, folder, taken)


def _later(
    adaptation: Adaptation,
    windows: SourceWindows,
    first: TrainingLog,
    config: Mapping[str, Any],
    data: Path,
    folder: Path,
    taken: Mapping[str, Any],
) -> TrainingLog:
    method, seen = method_of(config), target_seen(config, data)
    steps = LaterSteps(
        adaptation,
        windows,
        None if seen is None else TargetViews(seen, taken["device"]),
        method,
        LiftingRecipe(**config["recipe"]),
        Later(**config["later"]),
        seed=config["seed"],
        data={"source": windows.fingerprint, "seen": config["data"].get("seen", "")},
    )
    steps.continue_log(first.rows[-1])
    if seen is None:
        decisive = {
            **_decisive(config, windows),
            "method": config["adaptation"],
            "later": config["later"],
        }
        return _shared(steps, decisive, config, folder, taken)
    return take_steps(steps, folder=folder, **taken)


def _decisive(config: Mapping[str, Any], windows: SourceWindows) -> dict[str, Any]:
    """What decides the training on the source."""
    models = {config["model"], config["options"].get("host", config["model"])}
    return {
        **{name: config[name] for name in ("model", "options", "recipe", "source", "seed", "size")},
        "clip": config["later"]["clip"],
        "data": windows.fingerprint,
        "code": code_version(
            __name__,
            DATASETS[config["source"]["dataset"]].module,
            *(f"posekit.models.{model}" for model in sorted(models)),
        ),
    }


def _shared(
    steps: AdaptationSteps,
    decisive: Mapping[str, Any],
    config: Mapping[str, Any],
    folder: Path,
    taken: Mapping[str, Any],
) -> TrainingLog:
    """Take steps in a folder beside a run's own, which every run with the same ones finds.

    ``seconds`` of the log is what it took now: nothing where it was there already.
    """
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
    kind = "adapted" if "method" in decisive else "source"
    name = f"{kind}-{config['model']}-{config['source']['dataset']}-s{config['seed']}-{digest}"
    place = folder.parent / name
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{name}.lock"):
        began = time.monotonic()
        try:
            log = take_steps(steps, folder=place, **taken)
        except InvalidSnapshot as error:
            print(f"{error} It begins again from its first step.", flush=True)
            (place / SNAPSHOT_FILE).unlink()
            log = take_steps(steps, folder=place, **taken)
        return replace(log, seconds=time.monotonic() - began)


def _joined(first: TrainingLog, second: TrainingLog) -> TrainingLog:
    """Two logs as one: what was counted from 0 goes on."""
    end = first.rows[-1]
    rest = [
        {**row, **{name: row[name] + end[name] for name in ("epoch", "step", "seconds")}}
        for row in second.rows
    ]
    return TrainingLog(
        rows=(*first.rows, *rest),
        steps=first.steps + second.steps,
        steps_per_epoch=second.steps_per_epoch,
        seconds=first.seconds + second.seconds,
        frames_per_second=second.frames_per_second,
    )


def method_of(config: Mapping[str, Any]) -> Method:
    """What a configuration does to the source's pairs."""
    adaptation = config["adaptation"]
    gpa, mix = adaptation["gpa"], adaptation["mix_source"]
    lpa = adaptation["lpa"]
    if lpa is None:
        return Method(gpa, lpa=False, mix_source=mix)
    told = {name: lpa[name] for name in ("anchor_3d", "anchor_2d", "feedback")}
    return Method(gpa, True, tuple(lpa["operations"]), mix_source=mix, **told)


# Evaluation ---------------------------------------------------------------------------------------


def evaluate_adaptation(
    adaptation: Adaptation, config: Mapping[str, Any], data: Path, device: str
) -> Scored:
    """The scores of a run's lifter on the target's test split, with what was done in the card."""
    test, lifter = target_test(config, data), adaptation.lifter
    protocol = _protocol(config["evaluation"]["protocol"], lifter)
    evaluation = score(predict(lifter, test, protocol=protocol, device=device), protocol)
    health = Health(*(int(number) for number in adaptation.outcome.tolist()))
    source = config["source"]
    card = {
        **dict(evaluation.card),
        "Source": f"{source['dataset']}, training split, {source['keypoints']} keypoints",
        **method_card(config["adaptation"]),
        "Target labels": "not used",
        "Training": health.text,
        "Frame rate": f"{test.clips[0].fps:.3g} per second",
        "Lifter's loss": loss_card(lifter),
    }
    readings = {"prediction": evaluation}
    if tested_on_its_source(config):
        own = predict(lifter, source_test(config, data), protocol=protocol, device=device)
        # Its clips are others than the target's and enter no paired comparison.
        readings[OWN_TEST] = replace(score(own, protocol), per_clip={})
    return Scored(test.evidence, card, readings)


def _protocol(name: str, lifter: Lifter) -> Protocol:
    """A protocol of that name; PoseAug's, of single frames, lays longer windows end to end."""
    protocol = PROTOCOLS[name]
    whole = lifter.output == "sequence" and lifter.frames > 1
    if not (whole and name.startswith("PoseAug")):
        return protocol
    return replace(protocol, name=f"{protocol.name}, windows end to end", windows="sequence")


# Baselines ----------------------------------------------------------------------------------------


def baselines_of(config: Mapping[str, Any], data: Path, runs: Path) -> dict[str, dict[str, Any]]:
    """Mean pose, linear map and neighbours of the source, scored on the target; remembered.

    They are the same for all rows of one source, target and protocol.
    """
    label = f"{config['dataset']}-from-{config['source']['dataset']}"
    return _remembered(config, "test", label, runs, data, lambda: target_test(config, data))


def own_baselines_of(
    config: Mapping[str, Any], data: Path, runs: Path
) -> dict[str, dict[str, Any]] | None:
    """The same scored on the source's test split; None for a run without that reading."""
    if not tested_on_its_source(config):
        return None
    label = f"{config['source']['dataset']}-own-test"
    return _remembered(config, "own test", label, runs, data, lambda: source_test(config, data))


def _remembered(
    config: Mapping[str, Any],
    scored: str,
    label: str,
    runs: Path,
    data: Path,
    test: Callable[[], PoseDataset],
) -> dict[str, dict[str, Any]]:
    """Baselines of the source on the split that stands under ``scored`` in a run's data."""
    decisive = {
        **{name: config[name] for name in ("dataset", "size", "keypoints", "one_frame_in")},
        "source": config["source"],
        "data": {name: config["data"][name] for name in ("train", scored)},
        "views": config["evaluation"]["cameras"],
        "protocol": config["evaluation"]["protocol"],
        "code": code_version(__name__),
    }
    label = f"{label}-{config['size']}-{config['keypoints']}"
    found = remembered_baselines(runs, label, decisive, lambda: _baselines(config, data, test()))
    return {name: found[name] for name in BASELINES}


def _baselines(
    config: Mapping[str, Any], data: Path, test: PoseDataset
) -> dict[str, dict[str, Any]]:
    """Fitted on the source's frames, one in as many as the target's are thinned by."""
    source = source_split({**config, "options": {"frames": 1}}, data)
    protocol = PROTOCOLS[config["evaluation"]["protocol"]]
    scores = evaluate_baselines(source, test, protocol)
    return {name: metrics_of(evaluation) for name, evaluation in scores.items()}
