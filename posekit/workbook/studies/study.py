"""A study: the runs behind a paper's tables, cached, and what they say.

``Study("ktpformer", dataset="synthetic", profile="quick")`` knows which runs each table needs,
executes those that are missing and reads tables and verdicts off all of them. A run is identified
by its configuration, the fingerprints of its data and the version of the code that decides its
numbers; rows of different tables that ask for the same run share it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from posekit.datasets import DATASETS, PoseDataset
from posekit.errors import InvalidParameter
from posekit.machine.code_version import code_version
from posekit.machine.devices import choose_device
from posekit.machine.storage import data_root, runs_root
from posekit.models.layers import Lifter
from posekit.workbook.papers import COST_METRICS, Claim, Paper, Row, RowRun, Table, load_paper
from posekit.workbook.papers.claims import PairedErrors, Verdict, judge, not_assessed, paired_errors
from posekit.workbook.papers.profiles import Profile, describe, resolve_profile
from posekit.workbook.studies import references
from posekit.workbook.studies.execution import Job, load_split, trained_lifter, training_id
from posekit.workbook.studies.fingerprints import data_fingerprints
from posekit.workbook.studies.pool import estimated_seconds, execute_all
from posekit.workbook.studies.published_costs import published_costs
from posekit.workbook.studies.references import Reference
from posekit.workbook.studies.results import Figure, Plan, PlannedRun, RowResult, TableResult
from posekit.workbook.studies.runs import RunStore, StoredRun, run_id

# What a run takes whose network another run has trained, for planning.
EVALUATION_SECONDS = 2.0

# What ``published_costs`` counts in, and what tables print in.
COUNTED_IN = {name: 1e6 if name == "params" else 1e9 for name in COST_METRICS}
UNITS = {"M": 1e6, "G": 1e9}

# Columns of published tables under the name that an evaluation gives them.
MEASURED_AS = {"acc_err": "acceleration", "avg": "mpjpe"}

# HumanEva-I groups results by action and subject; its tables have a column for each.
GROUP_COLUMNS = {
    f"{column}_{subject.lower()}": f"{action} {subject}"
    for column, action in (("walk", "Walking"), ("jog", "Jog"))
    for subject in ("S1", "S2", "S3")
}


class Study:
    """A paper on one data set at one scale.

    Args:
        paper: key of the paper, see ``posekit.workbook.papers.list_papers``.
        dataset: a key of ``posekit.datasets.DATASETS``.
        profile: "auto", "smoke", "quick", "standard" or "paper".
        seeds: training seeds, or how many of them; None or 0 leaves it to the profile.
        device: see ``posekit.machine.devices.choose_device``.
        data: folder of data sets, see ``posekit.machine.storage.data_root``.
        runs: folder of runs, see ``posekit.machine.storage.runs_root``.

    Raises:
        InvalidParameter: an unknown paper, data set, profile or device.
    """

    def __init__(
        self,
        paper: str,
        dataset: str = "synthetic",
        profile: str = "auto",
        *,
        seeds: int | Sequence[int] | None = None,
        device: str = "auto",
        data: str | os.PathLike[str] | None = None,
        runs: str | os.PathLike[str] | None = None,
    ) -> None:
        known = load_paper(paper)
        if dataset not in DATASETS:
            raise InvalidParameter(
                f"unknown data set {dataset!r}; choose one of: {', '.join(DATASETS)}."
            )
        self.dataset = dataset
        self.paper: Paper = known.on_dataset(dataset)
        self.device = choose_device(device)
        self.profile = resolve_profile(profile, dataset, self.device, self.paper.scaling)
        self.asked_profile = profile
        self.seeds = _seeds(seeds, self.profile.seeds)
        self.data = Path(data_root(data))
        self.store = RunStore(Path(runs_root(runs)))

    # Runs ---------------------------------------------------------------------------------------

    def job(self, row: Row, seed: int) -> Job:
        """The run of a row with one seed.

        Raises:
            InvalidParameter: the row is published only.
            DatasetNotFound: the data set is not on disk.
        """
        if row.run is None:
            raise InvalidParameter(f"{row.path} cannot be run here: {row.not_run}.")
        configuration = self.configuration(row.run)
        if row.run.optimise is not None:
            # Of the evaluation alone, so that rows which optimise share a training with the others.
            configuration["evaluation"]["code"] = code_version("posekit.evaluation.optimisation")
        config = {
            "dataset": self.dataset,
            **configuration,
            "seed": seed,
            "data": self._fingerprints(configuration["keypoints"]),
            "code": self.code(replace(row.run, optimise=None)),
        }
        return Job(run_id(config), config, self.store.root, self.data, str(self.device))

    def configuration(self, run: RowRun, profile: Profile | None = None) -> dict[str, Any]:
        """What to run for a row on this data set at this scale, or at that of another profile.

        See ``Profile.configuration``.
        """
        scaled = (profile or self.profile).configuration(run)
        return {**scaled, "keypoints": self.input(run.keypoints)}

    def input(self, keypoints: str) -> str:
        """The 2D source that stands for one that a paper's table names.

        A data set without such keypoints gives its own detections, or where it has none the truth.
        """
        return DATASETS[self.dataset].keypoints_for(keypoints)

    def code(self, run: RowRun) -> str:
        """Version of the code that decides the numbers of a run."""
        return code_version(
            "posekit.workbook.studies.execution",
            DATASETS[self.dataset].module,
            *(f"posekit.models.{model}" for model in sorted(run.models)),
            *(("posekit.evaluation.optimisation",) if run.optimise is not None else ()),
        )

    def plan(self, tables: Iterable[str] | None = None) -> Plan:
        """The runs that tables need (all by default), longest first; counted tables need none."""
        wanted = [self.paper.table(name) for name in tables] if tables else self.paper.tables
        trained = [row for table in wanted if not table.counted for row in table.rows]
        rows: dict[str, list[str]] = {}
        jobs: dict[str, Job] = {}
        for row in (row for row in trained if row.run is not None):
            for seed in self.seeds:
                job = self.job(row, seed)
                jobs[job.id] = job
                rows.setdefault(job.id, []).append(row.path)
        planned, trainings = [], set()
        for name, job in jobs.items():
            training = training_id(job.config)
            planned.append(
                PlannedRun(
                    job=job,
                    rows=tuple(dict.fromkeys(rows[name])),
                    cached=self.store.load(name) is not None,
                    # Of runs that share a training, the first trains.
                    seconds=EVALUATION_SECONDS if training in trainings else estimated_seconds(job),
                )
            )
            trainings.add(training)
        return Plan(tuple(sorted(planned, key=lambda run: -run.seconds)))

    def run_all(self, tables: Iterable[str] | None = None, *, workers: int | None = None) -> Plan:
        """Execute the missing runs of tables (all by default); returns what was planned.

        Runs are independent processes of one thread each on a CPU, and follow one another on a
        GPU. An interrupted call is continued by the same call.

        Raises:
            PosekitError: a run failed; the others were finished first.
        """
        plan = self.plan(tables)
        execute_all([run.job for run in plan.missing], label=self.title, workers=workers)
        self._forget()
        return plan

    def run(self, path: str) -> tuple[StoredRun, ...]:
        """The runs of the row ``table/row``, one per seed; missing ones are executed."""
        row = self.paper.row(path)
        jobs = [self.job(row, seed) for seed in self.seeds]
        missing = [job for job in jobs if self.store.load(job.id) is None]
        execute_all(missing, label=f"{self.title}, {path}")
        self._forget()
        stored = self.stored(row)
        assert stored is not None
        return stored

    def lifter(self, path: str) -> Lifter:
        """The network of the row ``table/row`` as trained with the first seed."""
        return trained_lifter(self.run(path)[0])

    @property
    def title(self) -> str:
        """Paper, data set and profile, for print."""
        return f"{self.paper.key} on {self.dataset}, profile {self.profile.name}"

    @property
    def basis(self) -> str:
        """What this study's figures are for, beside a verdict."""
        count = len(self.seeds)
        return f"{self.dataset}, {self.profile.name}, {count} seed{'s' * (count != 1)}"

    # Results ------------------------------------------------------------------------------------

    def results(self, table_id: str) -> TableResult:
        """A table with its published, reference and measured figures.

        Rows whose runs are missing have no measured figures: call ``run_all`` first.
        """
        table = self.paper.table(table_id)
        rows = tuple(self._row_result(row, table) for row in table.rows)
        if table.counted:
            return TableResult(table=table, rows=rows, evidence="", protocol={})
        stored = [runs[0] for row in table.rows if row.run and (runs := self.stored(row))]
        return TableResult(
            table=table,
            rows=rows,
            evidence=stored[0].metrics["evidence"] if stored else "",
            protocol=self._protocol(table, stored),
        )

    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict on every claim of the paper.

        From this study's runs if its profile carries verdicts and they are complete, otherwise
        from the reference run on the same data set; each verdict says from which.
        """
        return tuple(self._verdict(claim) for claim in self.paper.claims)

    @cached_property
    def reference(self) -> Reference | None:
        """The stored reference results on this data set, None if there are none."""
        return references.read_references(self.paper.key).get(self.dataset)

    @property
    def reference_stale(self) -> bool:
        """Whether code or data have changed since the reference results were made."""
        if self.reference is None:
            return False
        return references.is_stale(self.reference, self)

    def load(self, split: str, keypoints: str) -> PoseDataset:
        """A split of the study's data at the size of its profile, all frames of it.

        Args:
            split: "train" or "test".
            keypoints: as a paper's table names them, see ``input``.
        """
        place = (self.profile.size, self.data)
        return load_split(self.dataset, split, self.input(keypoints), *place)

    def check_windows(self) -> None:
        """Find out before any training whether some clip is as long as the longest window.

        Raises:
            InvalidParameter: it is not.
            DatasetNotFound: the data set is not on disk.
        """
        run = max((row.run for row in self.paper.rows if row.run), key=self._frames)
        frames, divisor = self._frames(run), self.profile.frame_rate_divisor
        longest = max(self.load("train", run.keypoints).clips, key=lambda clip: clip.frames)
        if longest.frames <= (frames - 1) * divisor:
            raise InvalidParameter(
                f"profile {self.profile.name} needs windows of {frames} frames, one frame in "
                f"{divisor}, and the longest training clip of {self.dataset}, {longest.name}, has "
                f"{longest.frames} frames; choose a smaller profile or data of longer clips."
            )

    def _frames(self, run: RowRun) -> int:
        return self.configuration(run)["options"]["frames"]

    def measured(self, row: Row) -> dict[str, Figure]:
        """Metric -> figure of a row's table; errors are missing while runs are.

        Costs are counted at the published size, without a run; every figure is in the unit of its
        column.
        """
        if row.run is None:
            return {}
        wanted = self.paper.table(row.table).metric_units
        figures = {}
        if set(COST_METRICS) & set(wanted):
            costs = self._costs(row.run)
            # A unit such as "M per frame" leaves open what was counted.
            for name in (name for name in costs if wanted.get(name) in UNITS):
                value = costs[name] * COUNTED_IN[name] / UNITS[wanted[name]]
                figures[name] = Figure.of((value,))
        figures |= self._errors(row)
        return {name: figure for name, figure in figures.items() if name in wanted}

    def _errors(self, row: Row) -> dict[str, Figure]:
        assert row.run is not None
        runs = self.stored(row)
        if runs is None:
            return {}
        figures = {}
        estimate = self.estimate(row.run)
        for name in runs[0].metrics["estimates"][estimate]["aggregate"]:
            figures[name] = Figure.of(
                [run.metrics["estimates"][estimate]["aggregate"][name] for run in runs]
            )
        figures |= _of_groups(runs, estimate)
        for column, name in MEASURED_AS.items():
            if name in figures:
                figures[column] = figures[name]
        return figures

    def estimate(self, run: RowRun) -> str:
        """Under which name a run's metrics hold the row's figures."""
        iteration = self.profile.iteration(run)
        return run.estimate if iteration is None else f"{run.estimate}@{iteration}"

    def _row_result(self, row: Row, table: Table) -> RowResult:
        stored = self.reference.rows.get(row.path) if self.reference else None
        return RowResult(
            row=row,
            reference={
                name: Figure.of(values)
                for name, values in (stored.figures.items() if stored else ())
                if name in table.metric_units
            },
            measured=self.measured(row),
            reference_ran=stored.ran if stored else "",
            ran=describe(self.configuration(row.run)) if row.run else "",
            not_run=row.not_run or "",
        )

    def _verdict(self, claim: Claim) -> Verdict:
        if not claim.comparison:
            return not_assessed(claim, claim.not_assessed)
        counted = all(condition.metric in COST_METRICS for condition in claim.comparison)
        rows = [self.paper.row(path) for item in claim.comparison for path in item.rows]
        if counted:
            return judge(claim, self._read, "counted at the published size")
        elsewhere = next((row for row in rows if row.run is None), None)
        if elsewhere is not None:
            return not_assessed(claim, f"{elsewhere.path} {elsewhere.not_run}")
        complete = self.profile.verdicts and all(self.stored(row) for row in rows)
        if complete:
            return judge(claim, self._read, f"this run ({self.basis})")
        if self.reference and claim.id in self.reference.verdicts:
            return self.reference.verdict(claim.id, stale=self.reference_stale)
        return not_assessed(
            claim,
            f"profile {self.profile.name} carries no verdict and no reference run on "
            f"{self.dataset} is stored"
            if not self.profile.verdicts
            else "its runs are missing",
        )

    def _read(self, path: str, metric: str) -> PairedErrors | float:
        row = self.paper.row(path)
        assert row.run is not None
        if metric in COST_METRICS:
            return self._costs(row.run)[metric]
        runs = self.stored(row)
        assert runs is not None
        key = f"{self.estimate(row.run)}/{metric}"
        first = runs[0].per_clip
        counted = _counted(first["actions"])
        return paired_errors(
            first["clips"][counted].tolist(),
            first["actions"][counted].tolist(),
            first["frames"][counted],
            np.stack([run.per_clip[key][counted] for run in runs]),
            self.seeds,
        )

    def _protocol(self, table: Table, stored: Sequence[StoredRun]) -> dict[str, str]:
        card = _merged([run.metrics["card"] for run in stored])
        runs = [row.run for row in table.rows if row.run is not None]
        frames = {self._frames(run) for run in runs}
        inputs = {self.input(run.keypoints) for run in runs}
        if runs:
            step, views = self.profile.frame_rate_divisor, self.profile.test_cameras
            card["2D input"] = ", ".join(sorted(inputs))
            card["Frames per window"] = ", ".join(str(count) for count in sorted(frames))
            card["Frames"] = "all" if step == 1 else f"one in {step}"
            card["Views of a take"] = "all" if views is None else f"{views}, in turn"
            oracle = any(run.oracle for run in runs)
            card["Oracle choices"] = "the marked rows pick by the truth" if oracle else "none"
            if self.dataset == "humaneva":
                card["Actions"] = "Walking and Jog, as papers print them"
            card["Checkpoint choice"] = "the last step; none is chosen on test data"
        if "Sampling iterations" in card:  # "1 of 4": the first of a run's readings
            card["Sampling iterations"] = card["Sampling iterations"].rpartition(" ")[2]
        return card

    def _costs(self, run: RowRun) -> dict[str, float]:
        return published_costs(run, self.store.root)

    def stored(self, row: Row) -> tuple[StoredRun, ...] | None:
        """The stored runs of a row, one per seed, or None if one is missing."""
        if row.path not in self._found:
            runs = [self.store.load(self.job(row, seed).id) for seed in self.seeds]
            self._found[row.path] = None if None in runs else tuple(run for run in runs if run)
        return self._found[row.path]

    @cached_property
    def _found(self) -> dict[str, tuple[StoredRun, ...] | None]:
        return {}

    def _forget(self) -> None:
        self._found.clear()

    def _fingerprints(self, keypoints: str) -> dict[str, str]:
        return data_fingerprints(
            self.dataset, keypoints, self.profile.size, self.data, self.store.root
        )


def _counted(actions: np.ndarray) -> np.ndarray:
    """Which clips (clips,) enter a verdict: of HumanEva-I those that its tables count, else all."""
    printed = np.isin(actions, list(GROUP_COLUMNS.values()))
    return printed if printed.any() else np.ones(len(actions), dtype=bool)


def _of_groups(runs: Sequence[StoredRun], estimate: str) -> dict[str, Figure]:
    """What tables of HumanEva-I print: MPJPE of each group, and the means of all errors over them.

    The data set has a third action, boxing, that no table counts.
    """
    groups = [run.metrics["estimates"][estimate]["per_action"] for run in runs]
    columns = {column: name for column, name in GROUP_COLUMNS.items() if name in groups[0]}
    if not columns:
        return {}
    figures = {
        column: Figure.of([group[name]["mpjpe"] for group in groups])
        for column, name in columns.items()
    }
    for metric in groups[0][next(iter(columns.values()))]:
        figures[metric] = Figure.of(
            [fmean(group[name][metric] for name in columns.values()) for group in groups]
        )
    return figures


def _seeds(wanted: int | Sequence[int] | None, default: tuple[int, ...]) -> tuple[int, ...]:
    if not wanted:
        return default
    seeds = tuple(range(wanted)) if isinstance(wanted, int) else tuple(wanted)
    if any(seed < 0 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise InvalidParameter(f"seeds are {seeds}; give different numbers of 0 or more.")
    return seeds


def _merged(cards: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The protocol cards of several runs as one: where they differ, each value once."""
    labels = dict.fromkeys(label for card in cards for label in card)
    return {
        label: "; ".join(dict.fromkeys(card[label] for card in cards if label in card))
        for label in labels
    }
