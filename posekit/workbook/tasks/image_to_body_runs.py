"""What a run from pictures to bodies computes: network, training, bodies, their errors.

The code that decides the numbers stands here, in the method's module and in the library; how a row
becomes a configuration stands in ``image_to_body``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor, nn

from posekit.bodies import BodyModel, open_body
from posekit.datasets.rendered import BINS, BodyImages
from posekit.errors import InvalidSnapshot
from posekit.geometry.skeletons import LSP_14
from posekit.machine.code_version import code_version
from posekit.machine.devices import choose_device
from posekit.machine.random_state import random_state_kept
from posekit.metrics.body_errors import (
    Surface,
    body_errors,
    per_joint_errors,
    surface,
)
from posekit.training import Recipe, TrainingLog, seed_torch, take_steps
from posekit.training.body_regression import BodyEstimate, BodyMethod, method, module_of
from posekit.training.body_steps import BodySteps
from posekit.training.snapshots import SNAPSHOT_FILE
from posekit.workbook.tasks import Scored
from posekit.workbook.tasks.image_to_body_data import PICTURES, evenly, pictures_of, taken

EVIDENCE = "rendered"
AT_ONCE = 64  # pictures whose bodies are compared at once


# Methods and pictures -----------------------------------------------------------------------------


def method_of(config: Mapping[str, Any]) -> BodyMethod:
    """The method of a run with its options, and a body of its own to move to a device."""
    return method(config["model"])(config["options"], open_body(), config["crop_px"])


def options_at_test(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the method as the evaluation has them."""
    return {**config["options"], **config["evaluation"].get("options", {})}


def method_at_test(config: Mapping[str, Any]) -> BodyMethod:
    """The method of a run as the evaluation has it."""
    return method(config["model"])(options_at_test(config), open_body(), config["crop_px"])


def training_pictures(config: Mapping[str, Any], data: Path) -> BodyImages:
    """What a run is trained on; a method that fits, the very pictures that are scored."""
    if method(config["model"]).fits:
        return scored_pictures(config, data)
    return pictures_of(config, "train", data)


def scored_pictures(config: Mapping[str, Any], data: Path) -> BodyImages:
    """What a run is scored on: the test split or a bin of it, or as many as are fitted."""
    test = pictures_of(config, "test", data)
    evaluation = config["evaluation"]
    if (within := evaluation.get("within")) is not None:
        test = taken(test, np.flatnonzero(test.bins[evaluation["strata"]] == within))
    return test if config["pictures"] is None else evenly(test, config["pictures"])


def build_network(config: Mapping[str, Any], data: Path) -> nn.Module:
    """The network of a run, or the bodies that it fits, with initial values."""
    return method_of(config).build(len(training_pictures(config, data)))


# Training -----------------------------------------------------------------------------------------


def train(
    network: nn.Module,
    config: Mapping[str, Any],
    data: Path,
    *,
    device: str,
    folder: Path,
    label: str,
    snapshot_seconds: float,
) -> TrainingLog:
    """Train the network of a run in place; see ``Task.train``.

    The first part of a training in two stands beside ``folder`` and is shared by all runs that
    differ only in the second: they start from the same weights. The log is of the second.
    """
    place = choose_device(device)
    network.to(place)
    taken = {"device": place, "label": label, "snapshot_seconds": snapshot_seconds}
    images = training_pictures(config, data)
    with random_state_kept(place):
        before = 0.0
        if config["start"] is not None:
            before = _start(network, config, images, folder, taken)
        seed_torch(config["seed"], place)
        steps = _steps(network, config, images, place, phase=2)
        log = take_steps(steps, folder=folder, **taken)
    network.eval()
    return replace(log, seconds=log.seconds + before)


def _start(
    network: nn.Module,
    config: Mapping[str, Any],
    images: BodyImages,
    folder: Path,
    taken: Mapping[str, Any],
) -> float:
    """The common first part: trained now, or loaded; the seconds that it took now."""
    first = {**config, **config["start"], "start": None}
    decisive = {
        **{name: first[name] for name in ("model", "options", "recipe", "clip", "pictures")},
        **{name: first[name] for name in ("dataset", "size", "crop_px", "seed", "data")},
        "code": code_version(__name__, module_of(config["model"]), PICTURES),
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
    name = f"start-{config['model']}-{config['dataset']}-s{config['seed']}-{digest}"
    place = folder.parent / name
    place.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with FileLock(folder.parent / f".{name}.lock"):
        steps = _steps(network, first, images, taken["device"], phase=1)
        try:
            take_steps(steps, folder=place, **taken)
        except InvalidSnapshot as error:
            print(f"{error} It begins again from its first step.", flush=True)
            (place / SNAPSHOT_FILE).unlink()
            take_steps(steps, folder=place, **taken)
    return time.monotonic() - began


def _steps(
    network: nn.Module,
    config: Mapping[str, Any],
    images: BodyImages,
    device: torch.device,
    *,
    phase: int,
) -> BodySteps:
    chosen = method_of(config)
    return BodySteps(
        chosen,
        network,
        chosen.prepare(images, device, training=True),
        Recipe(**config["recipe"]),
        seed=config["seed"],
        phase=phase,
        clip=config["clip"],
        data=images.fingerprint,
    )


# Evaluation ---------------------------------------------------------------------------------------


@dataclass
class BodyScores:
    """Errors of bodies, as ``posekit.workbook.tasks.Scores`` asks for them; one clip a picture.

    Attributes:
        per_action: name of a bin of pictures, such as "looseness 1 to 3 cm" -> metric -> mean.
        clip_actions: the bin of each picture in the quantity that the row is stratified by.
    """

    metrics: dict[str, float]
    per_action: dict[str, dict[str, float]]
    per_joint: dict[str, float]
    clips: list[str]
    clip_actions: list[str]
    clip_frames: np.ndarray
    per_clip: dict[str, np.ndarray]


def evaluate_bodies(
    network: nn.Module, config: Mapping[str, Any], data: Path, device: str
) -> Scored:
    """The scores of a run's bodies on the pictures of the test split."""
    images, chosen = scored_pictures(config, data), method_at_test(config)
    found = predicted(network, chosen, images, device)
    scores = scores_of(found, images, open_body(), config["evaluation"]["strata"])
    kind = "rendered" if chosen.reads_pictures else "keypoints alone"
    card = {
        "Pictures": f"{len(images)} of {len(set(images.persons.tolist()))} persons, "
        f"{config['crop_px']} px, {kind}",
        "Motion": config["dataset"],
        "Joints": "14, pelvis on pelvis (MPJPE); after Procrustes (PA-MPJPE)",
        "Body": f"{chosen.body.name} body, naked; clothes are in the pictures alone",
        "Test pictures": "fitted to, by labels and keypoints" if chosen.fits else "seen once",
    }
    return Scored(EVIDENCE, card, {"prediction": scores})


def predicted(
    network: nn.Module, chosen: BodyMethod, images: BodyImages, device: str | torch.device
) -> Surface:
    """The bodies that a network finds in pictures, on the CPU; of a fit, those it has fitted."""
    return surface_of(estimated(network, chosen, images, device), open_body())


@torch.inference_mode()
def estimated(
    network: nn.Module, chosen: BodyMethod, images: BodyImages, device: str | torch.device
) -> BodyEstimate:
    """The parameters of bodies that a network finds in pictures, on the CPU."""
    place = choose_device(str(device))
    network.to(place).eval()
    batches = chosen.prepare(images, place, training=False)
    parts = [
        chosen.predict(network, {name: value[part] for name, value in batches.items()})
        for part in torch.arange(len(images), device=place).split(AT_ONCE)
    ]
    return BodyEstimate(*(_joined(values) for values in zip(*parts, strict=True)))


def _joined(values: tuple[Tensor | None, ...]) -> Tensor | None:
    known = [value.cpu() for value in values if value is not None]
    return torch.cat(known) if known else None


@torch.inference_mode()
def surface_of(estimate: BodyEstimate, body: BodyModel) -> Surface:
    """What is compared of bodies by their parameters; a method's own joints, where it has some."""
    if estimate.rotations is None or estimate.betas is None:
        assert estimate.joints is not None
        return Surface(estimate.joints)
    parts = zip(estimate.rotations.split(AT_ONCE), estimate.betas.split(AT_ONCE), strict=True)
    surfaces = [surface(body, rotations, betas) for rotations, betas in parts]
    found = Surface(*(_joined(values) for values in zip(*surfaces, strict=True)))
    return found if estimate.joints is None else found._replace(joints=estimate.joints)


def true_surface(images: BodyImages, body: BodyModel) -> Surface:
    """The naked bodies of pictures."""
    truth = (images.rotations, images.betas, images.translation)
    return surface_of(BodyEstimate(*(torch.from_numpy(part) for part in truth)), body)


def scores_of(found: Surface, images: BodyImages, body: BodyModel, strata: str) -> BodyScores:
    """Errors of bodies against those of the pictures.

    Args:
        found: a body for each picture.
        images: the pictures.
        body: the model of both.
        strata: the quantity of ``BINS`` whose bins count alike in a verdict.
    """
    true = true_surface(images, body)
    errors = {name: values.numpy() for name, values in body_errors(found, true, body.faces).items()}
    by_joint = per_joint_errors(found.joints, true.joints).mean(0).tolist()
    return BodyScores(
        metrics={name: float(values.mean()) for name, values in errors.items()},
        per_action={
            f"{kind.replace('_', ' ')} {name}": {
                metric: float(values[images.bins[kind] == name].mean())
                for metric, values in errors.items()
            }
            for kind, bins in BINS.items()
            for name in bins
            if (images.bins[kind] == name).any()
        },
        per_joint=dict(zip(LSP_14.joint_names, by_joint, strict=True)),
        clips=[f"{person}/{number}/crop" for number, person in enumerate(images.persons.tolist())],
        clip_actions=images.bins[strata].tolist(),
        clip_frames=np.ones(len(images)),
        per_clip=errors,
    )
