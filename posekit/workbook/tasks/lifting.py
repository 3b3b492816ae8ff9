"""Lifting: windows of keypoints over clips in, poses out.

A row's settings are the 2D source (``keypoints``), the options of the network (``frames`` among
them), the protocol, and for diffusion lifters and test-time optimisation what these take.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from posekit.datasets import DATASETS, PoseDataset
from posekit.errors import InvalidParameter, unknown
from posekit.evaluation.protocols import PROTOCOLS
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15
from posekit.models import build, network
from posekit.models.lifters import Lifter
from posekit.profiling.counting import Size, size_of
from posekit.training import LiftingFeed
from posekit.workbook.papers import PAIRED_METRICS, Row, RowRun
from posekit.workbook.papers.profiles import Profile
from posekit.workbook.tasks import Configuration, Scored, Task
from posekit.workbook.tasks.data import data_fingerprints, known_fingerprints, load_split
from posekit.workbook.tasks.lifting_baselines import stored_baselines
from posekit.workbook.tasks.lifting_runs import build_lifter, evaluate_lifter, feed_of

OPTIMISATION = "posekit.evaluation.optimisation"

# Columns of published tables under the name that an evaluation gives them.
MEASURED_AS = {"acc_err": "acceleration", "avg": "mpjpe"}

# HumanEva-I groups results by action and subject; its tables have a column for each.
GROUP_COLUMNS = {
    f"{column}_{subject.lower()}": f"{action} {subject}"
    for column, action in (("walk", "Walking"), ("jog", "Jog"))
    for subject in ("S1", "S2", "S3")
}

# Seconds per frame of training on one CPU core, for P parameters in T tensors:
# SQUARE * P + LINEAR * sqrt(P T), since tensors stand for layers and P / T for the square of their
# width (measured for MixSTE at widths 16 to 64, and at 512 with the released implementation).
LINEAR, SQUARE = 1.5e-7, 1e-9
GPU_SPEEDUP, GPU_SECONDS_PER_STEP = 400.0, 0.015


@dataclass(frozen=True)
class Settings:
    """What a row of a paper says about lifting, as published.

    Attributes:
        keypoints: source of the 2D input, such as ``"cpn"`` or ``"gt"``.
        options: of the network (``posekit.models.build``): frames, embed_dim, depth ...
        hypotheses: samples drawn per sequence, None for a deterministic lifter.
        iterations: denoising steps per sample, None for a deterministic lifter.
        iteration: denoising step that the row shows, None for the last.
        protocol: key of ``posekit.evaluation.protocols.PROTOCOLS``.
        optimise: settings of test-time optimisation (``Optimisation``), None for none.
    """

    keypoints: str
    options: Mapping[str, Any]
    hypotheses: int | None = None
    iterations: int | None = None
    iteration: int | None = None
    protocol: str = "MixSTE"
    optimise: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, run: RowRun) -> Settings:
        """The settings of a row.

        Raises:
            InvalidParameter: no 2D source, no window, or an unknown protocol.
        """
        names = {field.name for field in fields(cls)} - {"options"}
        own = {name: run.settings[name] for name in names & run.settings.keys()}
        options = {name: value for name, value in run.settings.items() if name not in names}
        for name, there in (("keypoints", own), ("frames", options)):
            if name not in there:
                raise InvalidParameter(f"a run of {run.model} lacks {name!r}; add it to the YAML.")
        if own.get("protocol", cls.protocol) not in PROTOCOLS:
            raise InvalidParameter(unknown("protocol", own["protocol"], PROTOCOLS))
        return cls(options=options, **own)


class Lifting(Task):
    """The task of papers on lifting; see ``Task`` for what each method is for."""

    paired_metrics = PAIRED_METRICS
    loss_column = "position"  # a likelihood falls below zero

    def configuration(self, run: RowRun, dataset: str, profile: Profile) -> dict[str, Any]:
        """Network, input, recipe and evaluation at a scale."""
        settings = Settings.of(run)
        options = network(run.model).scaled(settings.options, profile.scale)
        return {
            "size": profile.size,
            "one_frame_in": profile.frame_rate_divisor,
            "keypoints": self.input(dataset, settings.keypoints),
            "model": run.model,
            "options": options,
            "recipe": _recipe(run, settings, options["frames"], profile),
            "evaluation": {
                "hypotheses": _at_most(settings.hypotheses, profile.hypotheses),
                "iterations": _at_most(settings.iterations, profile.iterations),
                "cameras": profile.test_cameras,
                "protocol": settings.protocol,
                "optimise": None if settings.optimise is None else dict(settings.optimise),
            },
        }

    def input(self, dataset: str, keypoints: str) -> str:
        """The 2D source that stands for one that a paper's table names.

        A data set without such keypoints gives its own detections, or where it has none the truth.
        """
        return DATASETS[dataset].keypoints_for(keypoints)

    def describe(self, configuration: Configuration) -> str:
        """Window, size, length of training and input."""
        options, recipe = configuration["options"], configuration["recipe"]
        depth = network(configuration["model"]).describe_depth(options)
        steps = recipe.get("max_steps")
        length = f"{steps} steps" if steps else f"{recipe['epochs']} epochs"
        step = configuration["one_frame_in"]
        parts = [
            f"{options['frames']} frame{'s' * (options['frames'] > 1)}",
            f"width {options['embed_dim']}",
            *([depth] if depth else []),
            f"{length} of {recipe['batch_size']} windows",
            f"learning rate {recipe['learning_rate']:g}",
            "every frame" if step == 1 else f"one frame in {step}",
            f"{configuration['keypoints']} keypoints",
        ]
        hypotheses = configuration["evaluation"]["hypotheses"]
        if hypotheses:
            iterations = configuration["evaluation"]["iterations"]
            parts.append(f"{hypotheses} hypotheses in {iterations} iterations")
        return ", ".join(parts)

    def label(self, configuration: Configuration) -> str:
        """Network, window and input."""
        frames = configuration["options"]["frames"]
        return f"{configuration['model']}-{frames}f-{configuration['keypoints']}"

    def modules(self, run: RowRun) -> tuple[str, ...]:
        """What runs compute with, the network and the host inside it."""
        models = {run.model, run.settings.get("host", run.model)}
        names = (f"posekit.models.{model}" for model in sorted(models))
        return ("posekit.workbook.tasks.lifting_runs", *names)

    def evaluation_modules(self, run: RowRun) -> tuple[str, ...]:
        """Test-time optimisation, in rows that optimise."""
        return () if run.settings.get("optimise") is None else (OPTIMISATION,)

    def fingerprints(
        self, dataset: str, configuration: Configuration, data: Path, runs: Path
    ) -> dict[str, str]:
        """Of both splits."""
        return data_fingerprints(
            dataset, configuration["keypoints"], configuration["size"], data, runs
        )

    def known_fingerprints(
        self, dataset: str, configuration: Configuration, data: Path, runs: Path
    ) -> dict[str, str] | None:
        """Of both splits, as far as they are cached."""
        source, size = configuration["keypoints"], configuration["size"]
        return known_fingerprints(dataset, source, size, data, runs)

    def source(self, configuration: Configuration) -> str:
        """The 2D input."""
        return configuration["keypoints"]

    def load(self, dataset: str, split: str, source: str, size: str, data: Path) -> PoseDataset:
        """Clips with the 2D input that stands for ``source``, all frames of them."""
        return load_split(dataset, split, self.input(dataset, source), size, data)

    def build(
        self, config: Configuration, data: Path, card: Mapping[str, str] | None = None
    ) -> Lifter:
        """The lifter, for the joints of its data."""
        return build_lifter(config, data, card)

    def feed(self, config: Configuration, data: Path) -> LiftingFeed:
        """The training windows."""
        return feed_of(config, data)

    def evaluate(self, network: Lifter, config: Configuration, data: Path, device: str) -> Scored:
        """Scores under the row's protocol."""
        return evaluate_lifter(network, config, data, device)

    def baselines(self, config: Configuration, data: Path, runs: Path) -> dict[str, dict[str, Any]]:
        """Mean pose, linear least squares and nearest neighbours, scored as the run is."""
        return stored_baselines(config, data, runs)

    def seconds(self, config: Configuration, device: torch.device) -> float:
        """From the number of parameters, tensors and frames."""
        options, recipe = config["options"], config["recipe"]
        parameters, tensors, tiled = _weights(
            config["model"], config.get("dataset", ""), json.dumps(options)
        )
        per_frame = SQUARE * parameters + LINEAR * math.sqrt(parameters * tensors)
        steps = recipe.get("max_steps") or recipe["epochs"] * _steps_per_epoch(config, tiled)
        frames = steps * recipe["batch_size"] * options["frames"]
        if device.type == "cpu":
            return per_frame * frames
        return max(per_frame * frames / GPU_SPEEDUP, steps * GPU_SECONDS_PER_STEP)

    def estimate(self, run: RowRun, profile: Profile) -> str:
        """The reading of the row; for hypotheses with the denoising step, counted from 1."""
        settings = Settings.of(run)
        if settings.iterations is None:
            return run.estimate
        iterations = _at_most(settings.iterations, profile.iterations)
        shown = settings.iteration or settings.iterations
        return f"{run.estimate}@{max(1, round(shown * iterations / settings.iterations))}"

    def figures(self, scores: Mapping[str, Any]) -> dict[str, float]:
        """Totals; of HumanEva-I MPJPE of each group, and the means of all errors over them.

        That data set has a third action, boxing, that no table counts.
        """
        found = dict(scores["aggregate"])
        groups = scores["per_action"]
        columns = {column: name for column, name in GROUP_COLUMNS.items() if name in groups}
        found |= {column: groups[name]["mpjpe"] for column, name in columns.items()}
        if columns:
            metrics = groups[next(iter(columns.values()))]
            found |= {
                metric: fmean(groups[name][metric] for name in columns.values())
                for metric in metrics
            }
        return found | {
            column: found[name] for column, name in MEASURED_AS.items() if name in found
        }

    def counted(self, actions: np.ndarray) -> np.ndarray:
        """Of HumanEva-I the clips that its tables count, else all."""
        printed = np.isin(actions, list(GROUP_COLUMNS.values()))
        return printed if printed.any() else super().counted(actions)

    def size(self, run: RowRun) -> Size:
        """Of the network as published, for Human3.6M's joints."""
        return size_of(run.model, **Settings.of(run).options)

    def card(self, rows: Sequence[Row], dataset: str, profile: Profile) -> dict[str, str]:
        """Input, windows, frames and views of a table's runs."""
        runs = [row.run for row in rows if row.run is not None]
        if not runs:
            return {}
        configurations = [self.configuration(run, dataset, profile) for run in runs]
        frames = sorted({found["options"]["frames"] for found in configurations})
        step, views = profile.frame_rate_divisor, profile.test_cameras
        oracle = any(run.oracle for run in runs)
        return {
            "2D input": ", ".join(sorted({found["keypoints"] for found in configurations})),
            "Frames per window": ", ".join(map(str, frames)),
            "Frames": "all" if step == 1 else f"one in {step}",
            "Views of a take": "all" if views is None else f"{views}, in turn",
            "Oracle choices": "the marked rows pick by the truth" if oracle else "none",
            **(
                {"Actions": "Walking and Jog, as papers print them"}
                if dataset == "humaneva"
                else {}
            ),
        }

    def check(self, rows: Sequence[Row], dataset: str, profile: Profile, data: Path) -> None:
        """Refuse windows longer than the longest clip."""
        found = [
            self.configuration(row.run, dataset, profile) for row in rows if row.run is not None
        ]
        longest_window = max(found, key=lambda each: each["options"]["frames"])
        frames, divisor = longest_window["options"]["frames"], profile.frame_rate_divisor
        train = load_split(dataset, "train", longest_window["keypoints"], profile.size, data)
        longest = max(train.clips, key=lambda clip: clip.frames)
        if longest.frames <= (frames - 1) * divisor:
            raise InvalidParameter(
                f"profile {profile.name} needs windows of {frames} frames, one frame in "
                f"{divisor}, and the longest training clip of {dataset}, {longest.name}, has "
                f"{longest.frames} frames; choose a smaller profile or data of longer clips."
            )


def _recipe(run: RowRun, settings: Settings, frames: int, profile: Profile) -> dict[str, Any]:
    published = dict(run.recipe)
    frames_per_step = published.pop("frames_per_step")
    recipe = profile.recipe(published)
    if profile.steps is not None:
        frames_per_step = profile.frames_per_step
    if frames == 1:  # a single frame has no differences in time
        recipe.update(consistency=0.0, velocity=0.0)
    windows = max(1, frames_per_step // frames)
    centred = PROTOCOLS[settings.protocol].windows == "centred"
    if profile.windows_per_step is not None and centred:
        windows = profile.windows_per_step
    return {**recipe, "batch_size": windows}


def _at_most(published: int | None, limit: int | None) -> int | None:
    if published is None or limit is None:
        return published
    return min(published, limit)


@lru_cache(maxsize=1024)
def _weights(model: str, dataset: str, options: str) -> tuple[int, int, bool]:
    """Parameters of a network, the tensors that hold them, and whether its windows lie end to end.

    Nothing is allocated.
    """
    with torch.device("meta"):
        # Graphs of one data set's variant fit no other joints; elsewhere they hardly matter here.
        skeleton = HUMANEVA_15 if dataset == "humaneva" else HUMAN36M_17
        lifter = build(model, skeleton=skeleton, **json.loads(options))
    sizes = [parameter.numel() for parameter in lifter.parameters()]
    return sum(sizes), len(sizes), lifter.tiled_windows


def _steps_per_epoch(config: Configuration, tiled: bool) -> int:
    """Steps of one epoch of Human3.6M's training split: 1.56 million frames, most also mirrored.

    Windows lie end to end, or there is one for every frame.
    """
    recipe = config["recipe"]
    frames = 1_560_000 * (2 if recipe.get("flip", True) else 1)
    return max(1, frames // (recipe["batch_size"] * (config["options"]["frames"] if tiled else 1)))


TASK = Lifting()
