"""Image to body: a picture of a person in, pose and shape of a body model out.

A study's data set is the motion by which the persons of the pictures are posed; pictures are
rendered of it (``posekit.datasets.rendered``). A row's model names a method
(``posekit.training.body_regression``). Its settings are those below, all others are options of the
method:

- ``strata``: the quantity of ``posekit.datasets.rendered.BINS`` whose bins count alike in a
  verdict; "looseness" by default.
- ``within``: the one bin of that quantity whose pictures are scored; all by default.
- ``test``: options that the evaluation has otherwise. Rows that differ in these two alone share a
  training.
- ``start``: options that the first part of the training has otherwise. All rows that differ only
  in the second part start from the same weights. Left out, there is one part.

The recipe holds fields of ``posekit.training.Recipe``, with

- ``start_epochs``: epochs of the first part; at a scaled profile it takes half of the steps.
- ``clip``: largest norm of a gradient; none by default.
- ``steps``: of a method that fits bodies one by one, at the published scale; ``steps_divisor``: its
  share of a scaled profile's steps, which are meant for networks; ``start_factor``: how many steps
  its first part has for each of the second; ``start_rate``: the learning rate of the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from posekit.bodies import open_body
from posekit.datasets.rendered import BINS, MOTIONS, BodyImages
from posekit.errors import InvalidParameter, unknown
from posekit.profiling.counting import Size, measure_pass
from posekit.training import Recipe, TrainingLog
from posekit.training.body_regression import BodyMethod, method, module_of
from posekit.workbook.papers import Row, RowRun
from posekit.workbook.papers.profiles import Profile
from posekit.workbook.tasks import Configuration, Scored, Task
from posekit.workbook.tasks.image_to_body_baselines import stored_baselines
from posekit.workbook.tasks.image_to_body_data import (
    PICTURES,
    known_rendered,
    load_pictures,
    rendered_fingerprints,
)
from posekit.workbook.tasks.image_to_body_runs import (
    build_network,
    evaluate_bodies,
    options_at_test,
    train,
)

SETTINGS = ("strata", "within", "test", "start")
RECIPE = {field.name for field in fields(Recipe)} | {
    *("start_epochs", "clip", "steps", "steps_divisor", "start_factor", "start_rate"),
}

CROP_PX, LARGE_CROP_PX, PUBLISHED_CROP_PX = 64, 128, 256
SLIGHT_SCALING = 2  # a width divided by no more than this asks for larger crops

# Pictures whose bodies are fitted one by one, by the size of the data.
FITTED = {"smoke": 6, "quick": 48, "standard": 240, "full": 600}

WITHOUT_PICTURES = ", keypoints alone"

GPU_SPEEDUP, GPU_SECONDS_PER_STEP = 60.0, 0.03
EPOCH_PICTURES = 20_000  # of the full training split


class ImageToBody(Task):
    """The task of papers that find bodies in pictures; see ``Task`` for what each method is for."""

    paired_metrics = ("mpjpe", "pa_mpjpe", "pve", "pve_centred", "rest_pve")
    loss_column = "total"

    def configuration(self, run: RowRun, dataset: str, profile: Profile) -> dict[str, Any]:
        """Method, pictures, recipe and evaluation at a scale."""
        evaluation, start, named = _settings(run)
        chosen = method(run.model)
        options = chosen.scaled(named, profile.scale)
        chosen.scaled({**named, **evaluation.get("options", {})}, profile.scale)  # or refused
        first, second = _recipes(run, chosen, profile, in_two_parts=start is not None)
        configuration = {
            "size": profile.size,
            "crop_px": _crop_px(profile),
            "model": run.model,
            "options": options,
            "recipe": second,
            "clip": run.recipe.get("clip"),
            "start": None,
            "pictures": FITTED[profile.size] if chosen.fits else None,
            "evaluation": evaluation,
        }
        if start is not None:
            begun = chosen.scaled({**named, **start}, profile.scale)
            configuration["start"] = {"options": begun, "recipe": first}
        return configuration

    def describe(self, configuration: Configuration) -> str:
        """Options, crops, length of training."""
        recipe, start = configuration["recipe"], configuration["start"]
        fits = configuration["pictures"]
        parts = [
            method(configuration["model"]).describe(options_at_test(configuration)),
            f"scored on {within} alone"
            if (within := configuration["evaluation"].get("within"))
            else "",
            f"crops of {configuration['crop_px']} px",
            f"fitted to {fits} pictures one by one" if fits else "",
            f"{_length(start['recipe'])} before, shared by all rows" if start else "",
            _length(recipe) + ("" if fits else f" of {recipe['batch_size']} pictures"),
            f"learning rate {recipe['learning_rate']:g}",
        ]
        return ", ".join(part for part in parts if part)

    def label(self, configuration: Configuration) -> str:
        """Method and the options that tell its rows apart."""
        name = configuration["model"]
        return f"{name}-{method(name).label(configuration['options'])}"

    def modules(self, run: RowRun) -> tuple[str, ...]:
        """What runs compute with: the method, and what makes the pictures."""
        return ("posekit.workbook.tasks.image_to_body_runs", module_of(run.model), PICTURES)

    def fingerprints(
        self, dataset: str, configuration: Configuration, data: Path, runs: Path
    ) -> dict[str, str]:
        """Of both splits of the pictures."""
        size, crop_px = configuration["size"], configuration["crop_px"]
        pictures = method(configuration["model"]).reads_pictures
        return rendered_fingerprints(dataset, size, crop_px, data, runs, pictures=pictures)

    def known_fingerprints(
        self, dataset: str, configuration: Configuration, data: Path, runs: Path
    ) -> dict[str, str] | None:
        """The same, as far as they are remembered."""
        size, crop_px = configuration["size"], configuration["crop_px"]
        pictures = method(configuration["model"]).reads_pictures
        return known_rendered(dataset, size, crop_px, data, runs, pictures=pictures)

    def source(self, configuration: Configuration) -> str:
        """The pictures: all of the test split, or those that are fitted; or persons without any."""
        fitted = configuration["pictures"]
        if not method(configuration["model"]).reads_pictures:
            return f"{configuration['crop_px']} px{WITHOUT_PICTURES}"
        return f"{configuration['crop_px']} px" + (f", {fitted} fitted" if fitted else "")

    def load(self, dataset: str, split: str, source: str, size: str, data: Path) -> BodyImages:
        """Pictures whose crops are ``source`` wide, as "64 px"; see ``source``."""
        pictures = not source.endswith(WITHOUT_PICTURES)
        crop_px = int(source.partition(" ")[0])
        return load_pictures(dataset, split, size, crop_px, data, pictures=pictures)

    def build(
        self, config: Configuration, data: Path, card: Mapping[str, str] | None = None
    ) -> nn.Module:
        """The network, or the bodies that are fitted."""
        return build_network(config, data)

    def train(
        self,
        network: nn.Module,
        config: Configuration,
        data: Path,
        *,
        device: str,
        folder: Path,
        label: str,
        snapshot_seconds: float,
    ) -> TrainingLog:
        """One part or two; see ``image_to_body_runs.train``."""
        return train(
            network,
            config,
            data,
            device=device,
            folder=folder,
            label=label,
            snapshot_seconds=snapshot_seconds,
        )

    def evaluate(
        self, network: nn.Module, config: Configuration, data: Path, device: str
    ) -> Scored:
        """Errors of the bodies on the test split."""
        return evaluate_bodies(network, config, data, device)

    def baselines(self, config: Configuration, data: Path, runs: Path) -> dict[str, dict[str, Any]]:
        """Mean body, linear map and neighbours of downscaled pictures."""
        return stored_baselines(config, data, runs)

    def seconds(self, config: Configuration, device: torch.device) -> float:
        """From the method's seconds per step and the steps of both parts."""
        parts = [config, *([{**config, **config["start"]}] if config["start"] else [])]
        steps, seconds = 0, 0.0
        for part in parts:
            taken, pictures = _steps(part["recipe"]), part["recipe"]["batch_size"]
            chosen = method(config["model"])(part["options"], open_body(), config["crop_px"])
            steps, seconds = steps + taken, seconds + taken * chosen.seconds(pictures)
        if device.type == "cpu":
            return seconds
        return max(seconds / GPU_SPEEDUP, steps * GPU_SECONDS_PER_STEP)

    def size(self, run: RowRun) -> Size:
        """Of the network as published, for one crop."""
        chosen = method(run.model)
        options = chosen.scaled(_settings(run)[2], Profile("paper", "full", 1, True, "all").scale)
        place = torch.device("meta")
        with place:
            made = chosen(options, open_body(), chosen.published_px)
            network = made.build(1)
        return measure_pass(network, *made.example(place))

    def check(self, rows: Sequence[Row], dataset: str, profile: Profile, data: Path) -> None:
        """Refuse data sets of which no pictures are made."""
        if dataset not in MOTIONS:
            raise InvalidParameter(unknown("motion behind rendered pictures", dataset, MOTIONS))


def _settings(
    run: RowRun,
) -> tuple[dict[str, Any], Mapping[str, Any] | None, dict[str, Any]]:
    """Evaluation, what the first part of the training has otherwise, and options of the method."""
    named = {name: value for name, value in run.settings.items() if name not in SETTINGS}
    strata, start = run.settings.get("strata", "looseness"), run.settings.get("start")
    if strata not in BINS:
        raise InvalidParameter(unknown("strata", strata, BINS))
    evaluation: dict[str, Any] = {"strata": strata}
    if (within := run.settings.get("within")) is not None:
        if within not in BINS[strata]:
            raise InvalidParameter(unknown(f"bin of {strata}", within, BINS[strata]))
        evaluation["within"] = within
    if test := run.settings.get("test"):
        evaluation["options"] = dict(test)
    for name in run.recipe:
        if name not in RECIPE:
            raise InvalidParameter(unknown(f"entry in the recipe of {run.model}", name, RECIPE))
    return evaluation, start, named


def _crop_px(profile: Profile) -> int:
    if profile.steps is None:
        return PUBLISHED_CROP_PX
    return LARGE_CROP_PX if profile.width_divisor <= SLIGHT_SCALING else CROP_PX


def _recipes(
    run: RowRun, chosen: type[BodyMethod], profile: Profile, *, in_two_parts: bool
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Fields of ``Recipe`` of the first part, None without one, and of the second."""
    own = {field.name for field in fields(Recipe)}
    published = {name: value for name, value in run.recipe.items() if name in own}
    if chosen.fits:
        return _fitting(run, published, profile, in_two_parts=in_two_parts)
    if profile.steps is None:
        first = {**published, "epochs": run.recipe.get("start_epochs", published["epochs"])}
        return (first if in_two_parts else None), published
    first_steps = profile.steps // 2 if in_two_parts else 0
    scaled = [
        {
            **replace(profile, steps=max(1, steps)).recipe(published),
            "batch_size": max(2, profile.frames_per_step or published["batch_size"]),
        }
        for steps in (first_steps, profile.steps - first_steps)
    ]
    return (scaled[0] if in_two_parts else None), scaled[1]


def _fitting(
    run: RowRun, published: Mapping[str, Any], profile: Profile, *, in_two_parts: bool
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """All pictures in every step, and the row's own optimizer at every scale."""
    steps = run.recipe["steps"]
    if profile.steps is not None:
        steps = max(1, profile.steps // run.recipe["steps_divisor"])
    second = {
        **published,
        **{"epochs": steps, "max_steps": steps, "batch_size": FITTED[profile.size]},
    }
    if not in_two_parts:
        return None, second
    before = steps * run.recipe["start_factor"]
    return {
        **second,
        **{"epochs": before, "max_steps": before, "learning_rate": run.recipe["start_rate"]},
    }, second


def _steps(recipe: Mapping[str, Any]) -> int:
    if recipe.get("max_steps"):
        return recipe["max_steps"]
    return recipe["epochs"] * max(1, EPOCH_PICTURES // recipe["batch_size"])


def _length(recipe: Mapping[str, Any]) -> str:
    steps = recipe.get("max_steps")
    return f"{steps} steps" if steps else f"{recipe['epochs']} epochs"


TASK = ImageToBody()
