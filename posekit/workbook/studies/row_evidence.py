"""What the runs of one row say, seed by seed: all that verdicts need and references keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from posekit.workbook.evidence import (
    LEAST_GAIN,
    Learning,
    PairedErrors,
    learning_slope,
    paired_errors,
)
from posekit.workbook.papers import RowRun
from posekit.workbook.studies.runs import StoredRun
from posekit.workbook.tasks import find_task
from posekit.workbook.tasks.own_test import READING as OWN_TEST


@dataclass(frozen=True)
class OwnTest:
    """Errors on test data of what a network was trained on, where it is compared on others.

    Attributes:
        mpjpe: mean over seeds, in millimetres.
        baselines: name -> MPJPE of what learns next to nothing from the same data.
    """

    mpjpe: float
    baselines: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class RowEvidence:
    """Errors and learning curves of one row.

    Attributes:
        seeds: training seeds.
        clips: names ``subject/take/camera``.
        actions: the action of each.
        frames: (clips,) what each counts in a mean.
        errors: metric -> (seeds, clips).
        steps: (points,) of the learning curves, which are empty where nothing was trained.
        losses: (seeds, points).
        baselines: name -> metric -> error of what learns nothing or next to nothing.
        own_test: where the row shows that it has learned, if not on the data it is compared on.
    """

    seeds: tuple[int, ...]
    clips: np.ndarray
    actions: np.ndarray
    frames: np.ndarray
    errors: Mapping[str, np.ndarray]
    steps: np.ndarray
    losses: np.ndarray
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    own_test: OwnTest | None = None

    def paired(self, metric: str) -> PairedErrors:
        """The errors of a metric, clips gathered into takes."""
        return paired_errors(
            self.clips.tolist(),
            self.actions.tolist(),
            self.frames,
            self.errors[metric],
            self.seeds,
        )

    def mean(self, metric: str) -> float:
        """The figure of the row: mean over seeds, of the mean over actions."""
        return self.paired(metric).mean

    @property
    def learning(self) -> Learning | None:
        """The errors by which it is told whether the network has learned; None if unknown."""
        if self.own_test is not None:
            own = self.own_test
            return Learning(own.mpjpe, own.baselines, f" ({OWN_TEST})")
        if not self.baselines:
            return None
        return Learning(
            self.mean("mpjpe"), {name: found["mpjpe"] for name, found in self.baselines.items()}
        )

    @property
    def learned(self) -> bool | None:
        """Whether the network beats linear map and mean pose by enough; None if unknown."""
        shown = self.learning
        if shown is None or "linear" not in shown.baselines:
            return None
        floor = min(shown.baselines[name] for name in shown.floors)
        return shown.mpjpe <= (1 - LEAST_GAIN) * floor

    @property
    def slope(self) -> float | None:
        """How fast the loss still falls, of the seed where it falls fastest; None if unknown."""
        found = [learning_slope(self.steps, losses) for losses in self.losses]
        return None if not found or None in found else max(found)


def row_evidence(
    run: RowRun,
    stored: Sequence[StoredRun],
    estimate: str,
    baselines: Mapping[str, Mapping[str, float]],
    own_baselines: Mapping[str, Mapping[str, float]] | None,
) -> RowEvidence:
    """The evidence of a row's stored runs, one per seed.

    Args:
        run: of the row.
        stored: its runs.
        estimate: the reading that the row shows.
        baselines: see ``RowEvidence``.
        own_baselines: the same on the runs' own test; None for runs that have no such reading.
    """
    task, first = find_task(run.task), stored[0].per_clip
    counted = task.counted(first["actions"])
    metrics = [name for name in task.paired_metrics if f"{estimate}/{name}" in first]
    curves = [_curve(each, task.loss_column) for each in stored]
    return RowEvidence(
        seeds=tuple(each.config["seed"] for each in stored),
        clips=first["clips"][counted],
        actions=first["actions"][counted],
        frames=first["frames"][counted],
        errors={
            metric: np.stack([each.per_clip[f"{estimate}/{metric}"][counted] for each in stored])
            for metric in metrics
        },
        steps=curves[0][0],
        losses=np.array([losses for _, losses in curves], dtype=np.float32),
        baselines=baselines,
        own_test=None if own_baselines is None else _own_test(stored, own_baselines),
    )


def _own_test(stored: Sequence[StoredRun], baselines: Mapping[str, Mapping[str, float]]) -> OwnTest:
    readings = [run.metrics["estimates"][OWN_TEST]["aggregate"]["mpjpe"] for run in stored]
    return OwnTest(
        float(np.mean(readings)), {name: found["mpjpe"] for name, found in baselines.items()}
    )


def _curve(run: StoredRun, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and losses of a run; of one that trains in phases those of its last phase.

    A loss of another phase is on other data, so that a line through both would say nothing.
    """
    steps, losses = (np.array(run.log[name]) for name in ("step", column))
    if "phase" not in run.log:
        return steps, losses
    phase = np.array(run.log["phase"])
    last = phase == phase[-1]
    before = steps[~last]
    return steps[last] - (before[-1] if len(before) else 0), losses[last]
