"""Adaptation: a lifter trained on a source with truth, for a target of which only 2D is known.

A study's data set is the target. A row's settings are the fields of ``Settings``; every other is
an option of the lifter, which the row names as its model. How long and how fast each part is
trained stands in the row's recipe: that of a lifter for the training on the source, and
``Later`` for what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from posekit.datasets import DATASETS, PoseDataset
from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_16
from posekit.models import network
from posekit.models.poseaug import OPERATIONS
from posekit.profiling.counting import Size, size_of
from posekit.training import TrainingLog
from posekit.training.adaptation import Adaptation, Later
from posekit.training.adaptation_data import with_16_joints
from posekit.workbook.papers import PAIRED_METRICS, Row, RowRun
from posekit.workbook.papers.profiles import Profile
from posekit.workbook.tasks import Configuration, Scored, Task
from posekit.workbook.tasks.adaptation_cards import described
from posekit.workbook.tasks.adaptation_costs import estimated_seconds
from posekit.workbook.tasks.adaptation_runs import (
    baselines_of,
    build_adaptation,
    check_data,
    evaluate_adaptation,
    own_baselines_of,
    tested_on_its_source,
    train,
)
from posekit.workbook.tasks.adaptation_settings import (
    ON_3DHP,
    OTHERWISE,
    SOURCE_OF,
    TRANSDUCTIVE,
    Settings,
    source_of,
)
from posekit.workbook.tasks.data import data_fingerprints, known_fingerprints, load_split

NAME = "adaptation"

LATER = {field.name for field in fields(Later)} - {"steps"}

# Hidden layers of generator and 3D discriminator: as released, and the least at a scaled profile,
# where they would otherwise cost more than the lifter.
WIDTH, NARROWEST = 256, 64

# Of the learning rate on the source at a scaled profile: 1e-4 of 1e-3 as published.
LATER_SHARE = 0.1


class AdaptationTask(Task):
    """The task of papers on domain adaptation; see ``Task`` for what each method is for."""

    paired_metrics = (*PAIRED_METRICS, "pck", "auc")
    loss_column = "lifter"

    def configuration(self, run: RowRun, dataset: str, profile: Profile) -> dict[str, Any]:
        """Lifter, domains, recipe and evaluation at a scale.

        A scaled profile's steps are those of the lifter: half on the source, half on what is made
        of it. Generator and discriminators take half as many besides.
        """
        settings = Settings.of(run)
        source = source_of(settings, dataset)
        options = network(run.model).scaled(settings.options, profile.scale)
        return {
            "size": profile.size,
            "one_frame_in": profile.frame_rate_divisor,
            "keypoints": DATASETS[dataset].keypoints_for(settings.keypoints),
            "source": {
                "dataset": source,
                "keypoints": DATASETS[source].keypoints_for(settings.keypoints),
            },
            "model": run.model,
            "options": options,
            "recipe": _source_recipe(run, options["frames"], profile),
            "later": _later_recipe(run, profile),
            "adaptation": _adaptation(settings, dataset, profile),
            "evaluation": {
                "cameras": profile.test_cameras,
                "protocol": _protocol(settings, dataset),
            },
        }

    def describe(self, configuration: Configuration) -> str:
        """Source, what is done to its pairs, the lifter's size and the length of training."""
        options, recipe = configuration["options"], configuration["recipe"]
        depth = network(configuration["model"]).describe_depth(options)
        source = configuration["source"]
        step = configuration["one_frame_in"]
        parts = [
            f"trained on {source['dataset']}",
            *described(configuration["adaptation"]),
            f"{options['frames']} frame{'s' * (options['frames'] > 1)}",
            *([f"width {options['embed_dim']}"] if "embed_dim" in options else []),
            *([depth] if depth else []),
            _length(recipe, configuration["later"]),
            f"{recipe['batch_size']} windows a step",
            f"learning rate {recipe['learning_rate']:g}",
            "every frame" if step == 1 else f"one frame in {step}",
            f"{configuration['keypoints']} keypoints",
        ]
        return ", ".join(parts)

    def label(self, configuration: Configuration) -> str:
        """Lifter, window, source and what is done to its pairs."""
        adaptation, source = configuration["adaptation"], configuration["source"]["dataset"]
        done = "-".join(
            [
                *([] if adaptation["gpa"] == "none" else [f"gpa-{adaptation['gpa']}"]),
                *(["lpa"] if adaptation["lpa"] else []),
            ]
        )
        frames = configuration["options"]["frames"]
        return f"{configuration['model']}-{frames}f-from-{source}-{done or 'as-it-is'}"

    def other_data(self, run: RowRun) -> tuple[str, ...]:
        """The source, where the row names one."""
        source = Settings.of(run).source
        return () if source in ("usual", "target") else (source,)

    def modules(self, run: RowRun) -> tuple[str, ...]:
        """What runs compute with, the lifter and the host inside it, and the source's data.

        A row does not say which data set it is run on: of a usual source all are named.
        """
        models = {run.model, run.settings.get("host", run.model)}
        named = run.settings.get("source", "usual")
        usual = {OTHERWISE, *SOURCE_OF.values()}
        # The target's own data are among those of any run.
        sources = {"usual": usual, "target": set()}.get(named, {named})
        return (
            "posekit.workbook.tasks.adaptation_runs",
            *(f"posekit.models.{model}" for model in sorted(models)),
            *sorted({DATASETS[source].module for source in sources}),
        )

    def fingerprints(
        self, dataset: str, configuration: Configuration, data: Path, runs: Path
    ) -> dict[str, str]:
        """Of the source's training split, the target's test split and the 2D that is seen."""
        return _read(data_fingerprints, dataset, configuration, data, runs)

    def known_fingerprints(
        self, dataset: str, configuration: Configuration, data: Path, runs: Path
    ) -> dict[str, str] | None:
        """The same, as far as they are cached."""
        return _read(known_fingerprints, dataset, configuration, data, runs)

    def source(self, configuration: Configuration) -> str:
        """The 2D input and the source."""
        return f"{configuration['keypoints']} from {configuration['source']['dataset']}"

    def load(self, dataset: str, split: str, source: str, size: str, data: Path) -> PoseDataset:
        """Clips with 16 joints and the 2D input that stands for ``source``, as it names them."""
        keypoints = self.input(dataset, source.partition(" from ")[0])
        return with_16_joints(load_split(dataset, split, keypoints, size, data))

    def input(self, dataset: str, keypoints: str) -> str:
        """The 2D source that stands for one that a paper's table names."""
        return DATASETS[dataset].keypoints_for(keypoints)

    def build(
        self, config: Configuration, data: Path, card: Mapping[str, str] | None = None
    ) -> Adaptation:
        """The lifter and, where poses are varied, generator and discriminators."""
        return build_adaptation(config)

    def train(
        self,
        network: Adaptation,
        config: Configuration,
        data: Path,
        *,
        device: str,
        folder: Path,
        label: str,
        snapshot_seconds: float,
    ) -> TrainingLog:
        """Train on the source, then on what is made of it; see ``adaptation_runs.train``."""
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
        self, network: Adaptation, config: Configuration, data: Path, device: str
    ) -> Scored:
        """Scores of the lifter on the target's test split."""
        return evaluate_adaptation(network, config, data, device)

    def baselines(self, config: Configuration, data: Path, runs: Path) -> dict[str, dict[str, Any]]:
        """Mean pose, linear map and neighbours of the source, scored on the target."""
        return baselines_of(config, data, runs)

    def own_baselines(
        self, config: Configuration, data: Path, runs: Path
    ) -> dict[str, dict[str, Any]] | None:
        """The same on the source's test split, for a lifter that is the source's alone."""
        return own_baselines_of(config, data, runs)

    def seconds(self, config: Configuration, device: torch.device) -> float:
        """From parameters and frames of the lifter, and steps of generator and discriminators."""
        return estimated_seconds(config, device)

    def size(self, run: RowRun) -> Size:
        """Of the lifter as published, for the 16 joints."""
        return size_of(run.model, skeleton=HUMAN36M_16, **Settings.of(run).options)

    def card(self, rows: Sequence[Row], dataset: str, profile: Profile) -> dict[str, str]:
        """What cards of runs do not have: windows, frames and views of a table's runs."""
        runs = [row.run for row in rows if row.run is not None and row.run.task == NAME]
        configurations = [self.configuration(run, dataset, profile) for run in runs]
        if not configurations:
            return {}
        frames = sorted({found["options"]["frames"] for found in configurations})
        views = profile.test_cameras
        return {
            "Frames per window": ", ".join(map(str, frames)),
            "Views of a take": "all" if views is None else f"{views}, in turn",
            "Oracle choices": "none",
        }

    def check(self, rows: Sequence[Row], dataset: str, profile: Profile, data: Path) -> None:
        """Refuse networks that cannot be adapted, and data whose joints are not converted."""
        for row in rows:
            if row.run is not None and row.run.task == NAME:
                check_data(self.configuration(row.run, dataset, profile), dataset, data)


def _adaptation(settings: Settings, dataset: str, profile: Profile) -> dict[str, Any]:
    """What is done to the source's pairs; what changes nothing is left out."""
    lpa = None
    if settings.lpa:
        lpa = {
            "operations": [name for name in OPERATIONS if name in settings.operations],
            "anchor_3d": settings.anchor_3d,
            "anchor_2d": settings.anchor_2d,
            "feedback": settings.feedback,
            "width": max(NARROWEST, WIDTH // profile.width_divisor),
        }
    usual = "test" if dataset in TRANSDUCTIVE else "train"
    seen = settings.gpa != "none" or (lpa is not None and settings.anchor_2d == "target")
    split = usual if settings.target_2d == "usual" else settings.target_2d
    return {
        "gpa": settings.gpa,
        "lpa": lpa,
        "mix_source": settings.mix_source if settings.adapts else 0.0,
        "target_2d": split if seen else None,
    }


def _protocol(settings: Settings, dataset: str) -> str:
    if settings.protocol != "usual":
        return settings.protocol
    return "PoseAug, 3DHP" if dataset in ON_3DHP else "PoseAug, Human3.6M"


def _source_recipe(run: RowRun, frames: int, profile: Profile) -> dict[str, Any]:
    """Fields of ``LiftingRecipe`` for the training on the source."""
    published = {name: value for name, value in run.recipe.items() if name not in LATER}
    if published.get("flip"):
        raise InvalidParameter(
            f"{run.model}: adaptation trains without mirror images; set flip: false in its recipe."
        )
    frames_per_step = published.pop("frames_per_step")
    if profile.steps is not None:
        frames_per_step = profile.frames_per_step
        profile = replace(profile, steps=max(1, profile.steps // 2))
    recipe = {**profile.recipe(published), "flip": False}
    if frames == 1:  # a single frame has no differences in time
        recipe.update(consistency=0.0, velocity=0.0)
    # Steps of two windows at least: batch normalisation has no spread of one.
    return {**recipe, "batch_size": max(2, frames_per_step // frames)}


def _later_recipe(run: RowRun, profile: Profile) -> dict[str, Any]:
    """Fields of ``Later``; a scaled profile has steps of its own and rates of its own."""
    later = asdict(Later(**{name: run.recipe[name] for name in LATER & run.recipe.keys()}))
    if profile.steps is None:
        return later
    rate = LATER_SHARE * profile.learning_rate
    steps = profile.steps - max(1, profile.steps // 2)
    return {**later, "generator_rate": rate, "adaptation_rate": rate, "steps": steps}


def _length(recipe: Mapping[str, Any], later: Mapping[str, Any]) -> str:
    if later["steps"] is None:
        return f"{recipe['epochs']} and {later['adaptation_epochs']} epochs"
    return f"{recipe['max_steps']} and {later['steps']} steps"


def _read(
    read: Callable[..., dict[str, str] | None],
    dataset: str,
    configuration: Configuration,
    data: Path,
    runs: Path,
) -> dict[str, str] | None:
    """Fingerprints that ``read`` gives of the splits that a run reads, None if it has not all."""
    found = {}
    size, keypoints = configuration["size"], configuration["keypoints"]
    source, seen = configuration["source"], configuration["adaptation"]["target_2d"]
    places = {"train": (source["dataset"], "train", source["keypoints"])}
    places["test"] = (dataset, "test", keypoints)
    if tested_on_its_source({**configuration, "dataset": dataset}):
        places["own test"] = (source["dataset"], "test", source["keypoints"])
    if seen is not None:
        places["seen"] = (dataset, seen, keypoints)
    for name, (owner, split, kind) in places.items():
        splits = read(owner, kind, size, data, runs)
        if splits is None:
            return None
        found[name] = splits[split]
    return found


TASK = AdaptationTask()
