"""What a study is of: a paper on one data set at one scale, and the run that each row needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from posekit.datasets import DATASETS
from posekit.datasets.status import dataset_status
from posekit.errors import InvalidParameter, check_count, unknown
from posekit.machine.code_version import code_version
from posekit.machine.devices import choose_device
from posekit.machine.random_state import check_seed
from posekit.machine.storage import data_root, runs_root
from posekit.workbook.papers import COST_METRICS, Paper, Row, RowRun, load_paper
from posekit.workbook.papers.profiles import Profile, resolve_profile
from posekit.workbook.studies.execution import Job
from posekit.workbook.studies.runs import RunStore, run_id
from posekit.workbook.tasks import Task, find_task
from posekit.workbook.tasks.own_test import ComparesElsewhere

CLAIMS = ("auto", "headline", "all")
DOUBLED_SEEDS = 2  # whether a difference settles is seen on few
EXECUTION = "posekit.workbook.studies.execution"


@dataclass(frozen=True, eq=False)
class Setting:
    """A paper on one data set at one scale, and where things lie.

    Attributes:
        paper: as it can be run on the data set.
        dataset: a key of ``posekit.datasets.DATASETS``.
        profile: the scale; ``asked_profile`` is its name as asked for, perhaps "auto".
        wanted: paths of the rows that are run.
        seeds: training seeds.
        device: where runs compute.
        data: folder of data sets.
        store: folder of runs.
    """

    paper: Paper
    dataset: str
    profile: Profile
    asked_profile: str
    wanted: tuple[str, ...]
    seeds: tuple[int, ...]
    device: torch.device
    data: Path
    store: RunStore

    @property
    def title(self) -> str:
        """Paper, data set and profile, for print."""
        return f"{self.paper.key} on {self.dataset}, profile {self.profile.name}"

    @property
    def basis(self) -> str:
        """What this study's figures are for, beside a verdict."""
        count = len(self.seeds)
        return f"{self.dataset}, {self.profile.name}, {count} seed{'s' * (count != 1)}"

    @property
    def wanted_rows(self) -> tuple[Row, ...]:
        """The rows that are run and can be."""
        return tuple(row for row in self.paper.rows if row.run and row.path in self.wanted)

    def doubled(self) -> Setting:
        """The same with twice the steps, for fewer seeds, to see whether differences settled."""
        return replace(self, profile=self.profile.doubled(), seeds=self.seeds[:DOUBLED_SEEDS])

    @property
    def task(self) -> Task:
        """The task of the paper's first row that can be run."""
        return find_task(next(row.run.task for row in self.paper.rows if row.run is not None))

    def configuration(self, run: RowRun, profile: Profile | None = None) -> dict[str, Any]:
        """What to run for a row on this data set at this scale, or at that of another profile."""
        return find_task(run.task).configuration(run, self.dataset, profile or self.profile)

    def describe(self, run: RowRun, profile: Profile | None = None) -> str:
        """The same, for print beside a figure."""
        return find_task(run.task).describe(self.configuration(run, profile))

    def reading(self, run: RowRun) -> str:
        """Which reading of its run a row shows at this scale."""
        return find_task(run.task).estimate(run, self.profile)

    def source(self, run: RowRun) -> str:
        """Which part of the data a row reads, such as its 2D input."""
        return find_task(run.task).source(self.configuration(run))

    def same_run(self, path: str, other: str) -> bool:
        """Whether two rows show the same reading of the same run at this scale."""
        first, second = self.paper.row(path).run, self.paper.row(other).run
        if first is None or second is None:
            return False
        return (self.configuration(first), self.reading(first)) == (
            self.configuration(second),
            self.reading(second),
        )

    @property
    def at_published_scale(self) -> bool:
        """Whether runs have the published schedule and the data that claims are about."""
        published = {self.paper.table(claim.table).dataset for claim in self.paper.claims}
        return self.profile.name == "paper" and self.dataset in published

    def code(self, run: RowRun) -> str:
        """Version of the code that decides the numbers of a row."""
        task = find_task(run.task)
        return self._training_code(run, *task.evaluation_modules(run))

    def _training_code(self, run: RowRun, *more: str) -> str:
        modules = find_task(run.task).modules(run)
        return code_version(EXECUTION, DATASETS[self.dataset].module, *modules, *more)

    def job(self, row: Row, seed: int, *, read: bool = True) -> Job:
        """The run of a row with one seed.

        Args:
            row: one that can be run.
            seed: of the run.
            read: whether data are read, or made, where their fingerprint is not remembered.
                Without, a run that cannot be stored has no fingerprint and no name that lasts.

        Raises:
            InvalidParameter: the row is published only.
            DatasetNotFound: the data set is not on disk.
        """
        run = row.run
        if run is None:
            raise InvalidParameter(f"{row.path} cannot be run here: {row.not_run}.")
        task, configuration = find_task(run.task), self.configuration(run)
        if only_evaluated := task.evaluation_modules(run):
            # Of the evaluation alone, so that rows which differ in it share a training.
            configuration["evaluation"]["code"] = code_version(*only_evaluated)
        config = {
            "task": run.task,
            "dataset": self.dataset,
            **configuration,
            "seed": seed,
            "data": self._fingerprints(run, seed, read=read),
            "code": self._training_code(run),
        }
        name = run_id(task.label(configuration), config)
        return Job(name, config, self.store.root, self.data, str(self.device))

    def _fingerprints(self, run: RowRun, seed: int, *, read: bool) -> dict[str, str]:
        task = find_task(run.task)
        place = (self.dataset, self.configuration(run), self.data, self.store.root)
        known = task.known_fingerprints(*place)
        if known is not None:
            return known
        there = dataset_status(self.dataset, self.data).usable
        if read or not there or self.may_be_stored(run, seed):
            return task.fingerprints(*place)
        return {}

    def may_be_stored(self, run: RowRun, seed: int) -> bool:
        """Whether a run of that name is there, with whatever data and code it was made.

        Where there is none, nobody has to read, or render, the data to learn so.
        """
        start = f"{self.dataset}-{find_task(run.task).label(self.configuration(run))}-s{seed}-"
        return any(path.name.startswith(start) for path in self.store.root.glob("*"))

    def baselines(self, row: Row) -> dict[str, dict[str, float]]:
        """Name -> metric -> error of what learns next to nothing, on the data of a row.

        Nothing at a profile whose errors mean nothing.
        """
        if row.run is None or not self.profile.measures:
            return {}
        task = find_task(row.run.task)
        found = task.baselines(self.job(row, self.seeds[0]).config, self.data, self.store.root)
        return {name: task.figures(scores) for name, scores in found.items()}

    def own_baselines(self, row: Row) -> dict[str, dict[str, float]] | None:
        """The same on the own test of a row's network; None where it is compared on that."""
        if row.run is None or not self.profile.measures:
            return None
        task = find_task(row.run.task)
        if not isinstance(task, ComparesElsewhere):
            return None
        config = self.job(row, self.seeds[0]).config
        found = task.own_baselines(config, self.data, self.store.root)
        if found is None:
            return None
        return {name: task.figures(scores) for name, scores in found.items()}


def choose_setting(
    paper: str | Paper,
    dataset: str,
    profile: str,
    *,
    claims: str,
    rows: Sequence[str],
    seeds: int | Sequence[int] | None,
    device: str,
    data: str | os.PathLike[str] | None,
    runs: str | os.PathLike[str] | None,
) -> Setting:
    """The setting of these names; see ``Study`` for the arguments.

    A paper may also be given itself: a table of the workbook's own stands in no file.

    Raises:
        InvalidParameter: an unknown paper, data set, profile, choice of claims, row, task or
            device, or a claim on a metric that the task keeps no errors of.
    """
    known = paper if isinstance(paper, Paper) else load_paper(paper)
    if dataset not in DATASETS:
        raise InvalidParameter(unknown("data set", dataset, DATASETS))
    _check_claims(known)
    place = choose_device(device)
    chosen = resolve_profile(profile, dataset, place, known.scaling, claims=claims)
    return Setting(
        paper=known.on_dataset(dataset),
        dataset=dataset,
        profile=chosen,
        asked_profile=profile,
        wanted=_wanted(known, chosen, claims, rows, data_root(data)),
        seeds=_seeds(seeds, chosen.seeds),
        device=place,
        data=Path(data_root(data)),
        store=RunStore(Path(runs_root(runs))),
    )


def _wanted(
    paper: Paper, profile: Profile, claims: str, rows: Sequence[str], data: Path
) -> tuple[str, ...]:
    """The rows to run: those that claims and their verdicts need, or all, and those named.

    Of all, those are left out that read another data set which is not on disk.
    """
    if claims not in CLAIMS:
        raise InvalidParameter(unknown("choice of claims", claims, CLAIMS))
    named = tuple(paper.row(path).path for path in rows)
    if claims == "all" or (claims == "auto" and profile.rows == "all"):
        return tuple(
            row.path for row in paper.rows if row.path in named or not absent_data(row, data)
        )
    controls = paper.control_rows if profile.verdicts else ()
    headline = paper.headline_rows_at(profile.size)
    return tuple(dict.fromkeys((*headline, *controls, *named)))


def absent_data(row: Row, data: Path) -> tuple[str, ...]:
    """Data sets that a row names, reads besides the one it is run on, and does not find."""
    others = () if row.run is None else find_task(row.run.task).other_data(row.run)
    return tuple(name for name in others if not dataset_status(name, data).usable)


def _check_claims(paper: Paper) -> None:
    for claim in paper.claims:
        for condition in claim.comparison:
            tasks = {paper.row(path).run.task for path in condition.rows}
            for task in tasks:
                valid = (*find_task(task).paired_metrics, *COST_METRICS)
                if condition.metric not in valid:
                    raise InvalidParameter(
                        f"{paper.key}: claim {claim.id} compares {condition.metric}; verdicts "
                        f"need one of {', '.join(valid)}."
                    )


def _seeds(wanted: int | Sequence[int] | None, default: tuple[int, ...]) -> tuple[int, ...]:
    if not wanted:
        return default
    if isinstance(wanted, int | float):
        check_count("seeds", wanted)
        return tuple(range(wanted))
    seeds = tuple(wanted)
    for seed in seeds:
        check_seed(seed)
    if len(set(seeds)) < len(seeds):
        raise InvalidParameter(f"seeds are {seeds}; give different numbers of 0 or more.")
    return seeds
