"""The cross-data-set matrix of a lifter: trained on each of several data sets, tested on each.

Every cell is a row of the task ``adaptation``: the source's poses as they are, or moved to where
the persons of the target's training keypoints stand and projected again with its cameras. Runs are
those of any study: they lie in the folder of runs, and an interrupted matrix goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from posekit.datasets import DATASETS, on_disk
from posekit.errors import DatasetNotFound, InvalidParameter, unknown
from posekit.machine.storage import data_root
from posekit.models import MODELS, network
from posekit.workbook.papers import Row
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies.execution import Job
from posekit.workbook.studies.matrix_rows import TASK, matrix_paper, scaling
from posekit.workbook.studies.measured import Figure, Measured
from posekit.workbook.studies.planning import plan_runs
from posekit.workbook.studies.pool import execute_all
from posekit.workbook.studies.setting import Setting, choose_setting
from posekit.workbook.tasks import find_task

MATCHINGS = {"no": (False,), "yes": (True,), "both": (False, True)}

Key = tuple[str, str, bool]


@dataclass(frozen=True)
class Cell:
    """What was trained on one data set and tested on another.

    Attributes:
        source, target: the data sets.
        matched: whether the source's poses were moved and projected to match the target's 2D.
        figures: metric -> figure over the seeds; errors in millimetres, PCK and AUC in percent.
        baselines: name -> metric -> error of what learns next to nothing from the same data.
        learned: whether it beats the linear map by 20 %, None where that is not known.
        remarks: what has to be said beside the figures, such as of seeds that collapsed.
        ran: what was run.
        protocol: how it was scored, label -> value.
        evidence: kind of the target's data.
        runs: names of the stored runs, one per seed.
    """

    source: str
    target: str
    matched: bool
    figures: Mapping[str, Figure]
    baselines: Mapping[str, Mapping[str, float]]
    learned: bool | None
    remarks: tuple[str, ...]
    ran: str
    protocol: Mapping[str, str]
    evidence: str
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    """All cells of a network.

    Attributes:
        network: name of the lifter.
        datasets: in the order asked for.
        matchings: whether cells of unmatched (False) and of matched (True) sources are there.
        keypoints: the 2D source asked for.
        profile: its name; ``measures`` says whether its errors mean anything.
        seeds: training seeds.
        cells: (source, target, matched) -> cell.
    """

    network: str
    datasets: tuple[str, ...]
    matchings: tuple[bool, ...]
    keypoints: str
    profile: str
    measures: bool
    seeds: tuple[int, ...]
    cells: Mapping[Key, Cell]

    def cell(self, source: str, target: str, *, matched: bool = False) -> Cell:
        """What was trained on ``source`` and tested on ``target``.

        Raises:
            InvalidParameter: the matrix has no such cell.
        """
        for name in (source, target):
            if name not in self.datasets:
                raise InvalidParameter(unknown("data set of the matrix", name, self.datasets))
        if matched not in self.matchings:
            asked = "yes" if matched else "no"
            raise InvalidParameter(f"the matrix was made without matched={asked!r}; ask for both.")
        return self.cells[source, target, matched]


def cross_evaluate(
    lifter: str,
    datasets: Sequence[str],
    *,
    matched: str = "no",
    keypoints: str = "gt",
    options: Mapping[str, Any] | None = None,
    profile: str = "quick",
    seeds: int | Sequence[int] | None = None,
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    runs: str | os.PathLike[str] | None = None,
) -> Matrix:
    """Train a lifter on each of several data sets and test it on each of them.

    Runs that are stored are read, the others executed; an interrupted call is continued by the
    same call. The diagonal is the error within a data set.

    Args:
        lifter: one of ``posekit.models.MODELS``.
        datasets: two or more keys of ``posekit.datasets.DATASETS``.
        matched: whether root position and scale of a source's 2D are matched to those of the
            target's training keypoints: "no", "yes", or "both" for two matrices.
        keypoints: 2D input, such as "gt", which every data set must have.
        options: of the network. Those named here are kept as they are; the others have their
            defaults, scaled by the profile.
        profile: "smoke", "quick", "standard", "gpu" or "paper".
        seeds: training seeds, or how many of them; None leaves it to the profile.
        device: see ``posekit.machine.devices.choose_device``.
        data: folder of data sets, see ``posekit.machine.storage.data_root``.
        runs: folder of runs, see ``posekit.machine.storage.runs_root``.

    Raises:
        InvalidParameter: an unknown network, data set, option or value, fewer than two data sets,
            or one without the 2D input.
        DatasetNotFound: data sets that are not on disk; the message says how to get them.
        PosekitError: a run failed; the others were finished first.
    """
    _check_names(lifter, datasets, matched, profile)
    for name in datasets:
        known = DATASETS[name].keypoints
        if known and keypoints not in known:
            raise InvalidParameter(unknown(f"2D keypoints of {name}", keypoints, known))
    _check_on_disk(datasets, data)
    published, scaled = scaling(lifter, options or {}, profile)
    matchings = MATCHINGS[matched]
    paper = matrix_paper(lifter, datasets, matchings, {"keypoints": keypoints, **published})
    settings = {
        target: replace(
            choose_setting(
                paper,
                target,
                profile,
                claims="all",
                rows=(),
                seeds=seeds,
                device=device,
                data=data,
                runs=runs,
            ),
            profile=scaled,
        )
        for target in datasets
    }
    for target, setting in settings.items():
        find_task(TASK).check(setting.wanted_rows, target, setting.profile, setting.data)
    execute_all(
        _missing(settings.values()),
        label=f"{lifter} on {len(datasets)} data sets, profile {profile}",
    )
    first = settings[datasets[0]]
    return Matrix(
        network=lifter,
        datasets=tuple(datasets),
        matchings=matchings,
        keypoints=keypoints,
        profile=profile,
        measures=first.profile.measures,
        seeds=first.seeds,
        cells={cell_key(cell): cell for setting in settings.values() for cell in _cells(setting)},
    )


def cell_key(cell: Cell) -> Key:
    """Where a cell stands in ``Matrix.cells``."""
    return cell.source, cell.target, cell.matched


def _check_names(lifter: str, datasets: Sequence[str], matched: str, profile: str) -> None:
    for kind, name, choices in (
        ("model", lifter, MODELS),
        *(("data set", name, DATASETS) for name in datasets),
        ("choice of matched", matched, MATCHINGS),
        ("profile", profile, PROFILES),
    ):
        if name not in choices:
            raise InvalidParameter(unknown(kind, name, choices))
    if len(datasets) < 2 or len(set(datasets)) < len(datasets):
        raise InvalidParameter(
            f"data sets are {', '.join(datasets) or 'none'}; give two or more different ones."
        )
    if network(lifter).samples:
        raise InvalidParameter(
            f"{lifter} draws hypotheses, of which a cell has no single error; choose another model."
        )


def _check_on_disk(datasets: Sequence[str], data: str | os.PathLike[str] | None) -> None:
    """Refuse all data sets that are not there in one line, before anything is trained."""
    missing = [DATASETS[name] for name in datasets if on_disk(name, data).missing]
    if missing:
        told = "; ".join(f"{source.name} ({source.remedy}; {source.page})" for source in missing)
        raise DatasetNotFound(f"not in {data_root(data)}: {told}.")


def _missing(settings: Iterable[Setting]) -> list[Job]:
    """The runs that are not stored, longest first over all targets."""
    planned = [run for setting in settings for run in plan_runs(setting).missing]
    return [run.job for run in sorted(planned, key=lambda run: -run.seconds)]


def _cells(setting: Setting) -> list[Cell]:
    """The cells of one target, whose runs are stored."""
    measured = Measured(setting)
    return [_cell(row, setting, measured) for row in setting.wanted_rows]


def _cell(row: Row, setting: Setting, measured: Measured) -> Cell:
    stored, evidence, run = measured.stored(row), measured.evidence(row), row.run
    assert stored
    assert run
    left_out = measured.left_out(row)
    return Cell(
        source=row.variant["source"],
        target=setting.dataset,
        matched=row.variant["matched"],
        figures=measured.figures(row),
        baselines=setting.baselines(row),
        learned=None if evidence is None else evidence.learned,
        remarks=(left_out,) if left_out else (),
        ran=setting.describe(run),
        protocol={
            **stored[0].metrics["card"],
            **find_task(TASK).card([row], setting.dataset, setting.profile),
        },
        evidence=stored[0].metrics["evidence"],
        runs=tuple(one.id for one in stored),
    )
