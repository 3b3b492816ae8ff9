"""Tasks: what a run does, from its row in a paper's YAML to its scores.

The core (studies, cache, tables, verdicts) knows tasks by the contract of ``Task`` and no task by
name. A task is one module in this folder, or in a folder of ``POSEKIT_PAPERS``, that binds
``TASK``; a row names it by the name of that module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from posekit.errors import InvalidParameter
from posekit.machine.storage import paper_folders
from posekit.profiling.counting import Size
from posekit.training import Feed, TrainingLog, fit
from posekit.workbook.papers import Row, RowRun
from posekit.workbook.papers.profiles import Profile

__path__ += [str(folder) for folder in paper_folders()]

# What to run for a row at some scale, as plain values: "model", "options", "recipe", "evaluation",
# "size" and whatever else of the task decides the numbers.
Configuration = Mapping[str, Any]


class Scores(Protocol):
    """One reading of a run: errors in total and of each clip (or image).

    Attributes:
        metrics: name -> total.
        per_action: action -> name -> error.
        per_joint: joint name -> error.
        clips: names ``subject/take/camera``; clips of one take are not independent.
        clip_actions: the action of each.
        clip_frames: (clips,) what each counts in a mean.
        per_clip: name -> (clips,) errors, for paired statistics.
    """

    metrics: dict[str, float]
    per_action: dict[str, dict[str, float]]
    per_joint: dict[str, float]
    clips: Sequence[str]
    clip_actions: Sequence[str]
    clip_frames: np.ndarray
    per_clip: dict[str, np.ndarray]


def metrics_of(scores: Scores) -> dict[str, Any]:
    """One reading as ``metrics.json`` holds it: "aggregate", "per_action" and "per_joint"."""
    return {
        "aggregate": scores.metrics,
        "per_action": scores.per_action,
        "per_joint": {"mpjpe": scores.per_joint},
    }


@dataclass(frozen=True)
class Scored:
    """What evaluating a network gave.

    Attributes:
        evidence: kind of the data, as "synthetic".
        card: the protocol card, label -> value.
        estimates: name of a reading -> its scores; a row shows one of them.
    """

    evidence: str
    card: Mapping[str, str]
    estimates: Mapping[str, Scores]


class Task(ABC):
    """What the rows of a paper do.

    Attributes:
        paired_metrics: metrics that are kept clip by clip, which verdicts may compare.
        loss_column: column of the training log, above zero, that tells whether a run has settled.
    """

    paired_metrics: tuple[str, ...]
    loss_column: str

    @abstractmethod
    def configuration(self, run: RowRun, dataset: str, profile: Profile) -> dict[str, Any]:
        """What to run for a row on a data set at a scale.

        Raises:
            InvalidParameter: a setting that the task does not know.
        """

    @abstractmethod
    def describe(self, configuration: Configuration) -> str:
        """What was run, for print beside a measured figure."""

    @abstractmethod
    def label(self, configuration: Configuration) -> str:
        """Short words for the name of a run, such as ``<network>-9f-cpn``."""

    @abstractmethod
    def modules(self, run: RowRun) -> tuple[str, ...]:
        """Modules whose code decides the numbers, besides the data set's and the core's."""

    def other_data(self, run: RowRun) -> tuple[str, ...]:
        """Data sets that a row names and reads besides the one that it is run on."""
        return ()

    def evaluation_modules(self, run: RowRun) -> tuple[str, ...]:
        """Those that only its evaluation needs: rows that differ in it share a training."""
        return ()

    @abstractmethod
    def fingerprints(
        self, dataset: str, configuration: Configuration, data: Path, runs: Path
    ) -> dict[str, str]:
        """Split -> fingerprint of the data that a run reads; cached below ``runs``."""

    @abstractmethod
    def known_fingerprints(
        self, dataset: str, configuration: Configuration, data: Path, runs: Path
    ) -> dict[str, str] | None:
        """The same as far as it is cached, None if the data would have to be loaded."""

    def source(self, configuration: Configuration) -> str:
        """Which part of a data set a run reads, where there are several, such as its 2D input."""
        return ""

    @abstractmethod
    def load(self, dataset: str, split: str, source: str, size: str, data: Path) -> Any:
        """A split to look at.

        Args:
            dataset: key of ``posekit.datasets.DATASETS``.
            split: "train" or "test".
            source: which part of it, as papers name it.
            size: how much of it, see ``posekit.datasets.load_dataset``.
            data: folder of data sets.
        """

    @abstractmethod
    def build(
        self, config: Configuration, data: Path, card: Mapping[str, str] | None = None
    ) -> nn.Module:
        """The network with its initial weights.

        Args:
            config: of the run, with "dataset" and fingerprints under "data".
            data: folder of data sets.
            card: of a finished run, which may spare reading the data.
        """

    def feed(self, config: Configuration, data: Path) -> Feed:
        """What ``train`` trains the network of a run on; a task without it trains otherwise."""
        raise NotImplementedError

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
        """Train the network of a run in place: by default on its feed, with one optimizer.

        A task of several networks and optimizers writes ``posekit.training.Steps`` and hands them
        to ``take_steps``, which brings progress, log, snapshots and resumption.

        Args:
            network: with its initial weights; torch's generators are seeded.
            config: of the run.
            data: folder of data sets.
            device: see ``posekit.machine.devices.choose_device``.
            folder: where the log goes, and the snapshot that an interrupted training goes on from.
            label: what to call the training in progress reports.
            snapshot_seconds: time between snapshots.

        Raises:
            InvalidSnapshot: ``folder`` holds a snapshot that is damaged, or another training's.
        """
        return fit(
            network,
            self.feed(config, data),
            seed=config["seed"],
            device=device,
            folder=folder,
            label=label,
            snapshot_seconds=snapshot_seconds,
        )

    @abstractmethod
    def evaluate(
        self, network: nn.Module, config: Configuration, data: Path, device: str
    ) -> Scored:
        """The scores of a trained network."""

    @abstractmethod
    def seconds(self, config: Configuration, device: torch.device) -> float:
        """Rough computing time of a run, to plan with: one CPU core, or one GPU."""

    def estimate(self, run: RowRun, profile: Profile) -> str:
        """The reading that a row shows, a key of ``Scored.estimates``."""
        return run.estimate

    def figures(self, scores: Mapping[str, Any]) -> dict[str, float]:
        """Figures of one reading under the names of the columns of published tables.

        Args:
            scores: "aggregate", "per_action" and "per_joint" of the reading.
        """
        return dict(scores["aggregate"])

    def baselines(
        self, config: Configuration, data: Path, runs: Path
    ) -> Mapping[str, Mapping[str, Any]]:
        """What methods that learn next to nothing give on the data of a run; none by default.

        Args:
            config: of the run, with "dataset" and fingerprints under "data".
            data: folder of data sets.
            runs: folder of runs, where they are remembered.

        Returns:
            "mean pose", "linear" and "neighbours" -> scores as ``metrics_of`` stores them.

        Raises:
            DataChanged: the data are not what they were when the run was planned.
        """
        return {}

    def counted(self, actions: np.ndarray) -> np.ndarray:
        """Which clips (clips,), by their actions, enter a verdict; all by default."""
        return np.ones(len(actions), dtype=bool)

    def size(self, run: RowRun) -> Size:
        """What the published network of a row weighs and costs.

        Raises:
            InvalidParameter: the task counts no costs.
        """
        raise InvalidParameter(
            f"costs of {run.model} are not counted; leave params and MACs out of its tables."
        )

    def card(self, rows: Sequence[Row], dataset: str, profile: Profile) -> dict[str, str]:
        """Entries that a table's protocol card gets besides those of the runs."""
        return {}

    def check(  # noqa: B027 - most tasks have nothing to refuse
        self, rows: Sequence[Row], dataset: str, profile: Profile, data: Path
    ) -> None:
        """Raise InvalidParameter, before any training, where the data are too few for the rows."""


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        InvalidParameter: there is no such module, or it binds no ``TASK``.
    """
    module = f"{__name__}.{name}"
    try:
        return import_module(module).TASK
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name != module:
            raise
        raise InvalidParameter(
            f"unknown task {name!r}; it needs a module {name}.py that binds TASK, in "
            "posekit/workbook/tasks or in a folder of POSEKIT_PAPERS."
        ) from error
