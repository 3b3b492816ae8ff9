"""A study: the runs behind a paper's tables, cached, and what they say.

``Study(paper, dataset="synthetic", profile="quick")`` knows which runs each table needs,
executes those that are missing and reads tables and verdicts off all of them. A run is identified
by its configuration, the fingerprints of its data and the version of the code that decides its
numbers; rows of different tables that ask for the same run share it.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from torch import nn

from posekit.workbook.evidence import NOT_ASSESSED, Verdict
from posekit.workbook.papers import Row
from posekit.workbook.studies.execution import trained_network
from posekit.workbook.studies.judging import judge_reference, judge_study
from posekit.workbook.studies.measured import Figure, Measured, TableResult
from posekit.workbook.studies.planning import Plan, plan_runs
from posekit.workbook.studies.pool import execute_all
from posekit.workbook.studies.reference_files import read_references
from posekit.workbook.studies.references import Reference, is_stale
from posekit.workbook.studies.runs import StoredRun
from posekit.workbook.studies.setting import Setting, absent_data, choose_setting
from posekit.workbook.studies.soundness import sound


class Study:
    """A paper on one data set at one scale.

    Args:
        paper: key of the paper, see ``posekit.workbook.papers.list_papers``.
        dataset: a key of ``posekit.datasets.DATASETS``.
        profile: "auto", "smoke", "quick", "standard" or "paper".
        claims: for which claims rows are run: "headline" ones, "all" rows, or "auto", which leaves
            it to the profile.
        rows: paths ``table/row`` of rows that are run besides.
        seeds: training seeds, or how many of them; None or 0 leaves it to the profile.
        device: see ``posekit.machine.devices.choose_device``.
        data: folder of data sets, see ``posekit.machine.storage.data_root``.
        runs: folder of runs, see ``posekit.machine.storage.runs_root``.

    Raises:
        InvalidParameter: an unknown paper, data set, profile or device.

    Attributes:
        setting: what the study is of; its fields are attributes of the study as well.
        measured: what the stored runs say.
    """

    def __init__(
        self,
        paper: str,
        dataset: str = "synthetic",
        profile: str = "auto",
        *,
        claims: str = "auto",
        rows: Sequence[str] = (),
        seeds: int | Sequence[int] | None = None,
        device: str = "auto",
        data: str | os.PathLike[str] | None = None,
        runs: str | os.PathLike[str] | None = None,
    ) -> None:
        self.setting: Setting = choose_setting(
            paper,
            dataset,
            profile,
            claims=claims,
            rows=rows,
            seeds=seeds,
            device=device,
            data=data,
            runs=runs,
        )
        self.measured = Measured(self.setting)

    def __getattr__(self, name: str) -> Any:
        if name == "setting":  # not there yet
            raise AttributeError(name)
        return getattr(self.setting, name)

    # Runs ---------------------------------------------------------------------------------------

    def plan(self, tables: Iterable[str] | None = None, *, read: bool = True) -> Plan:
        """The runs that are wanted, or those of all rows of some tables; longest first.

        Without ``read`` no data are read or made for it, see ``plan_runs``.
        """
        return plan_runs(self.setting, tables, read=read)

    def doubled(self) -> Study:
        """The same rows with twice the steps and fewer seeds.

        Where its runs are there, they tell whether differences between rows have settled.
        """
        twin = copy.copy(self)
        twin.setting = self.setting.doubled()
        twin.measured = Measured(twin.setting)
        return twin

    def run_all(self, tables: Iterable[str] | None = None, *, workers: int | None = None) -> Plan:
        """Execute the missing ones of these runs; returns what was planned.

        Runs are independent processes of one thread each on a CPU, and follow one another on a
        GPU. An interrupted call is continued by the same call.

        Raises:
            PosekitError: a run failed; the others were finished first.
        """
        plan = self.plan(tables)
        execute_all([run.job for run in plan.missing], label=self.setting.title, workers=workers)
        self.measured.forget()
        return plan

    def run(self, path: str) -> tuple[StoredRun, ...]:
        """The runs of the row ``table/row``, one per seed; missing ones are executed."""
        setting = self.setting
        row = setting.paper.row(path)
        jobs = [setting.job(row, seed) for seed in setting.seeds]
        missing = [job for job in jobs if setting.store.load(job.id) is None]
        execute_all(missing, label=f"{setting.title}, {path}")
        self.measured.forget()
        stored = self.stored(row)
        assert stored is not None
        return stored

    def network(self, path: str) -> nn.Module:
        """The network of the row ``table/row`` as trained with the first seed that went well."""
        runs = self.run(path)
        return trained_network((sound(runs) or runs)[0], self.setting.data)

    def load(self, split: str, source: str) -> Any:
        """A split of the study's data at the size of its profile; see ``Task.load``."""
        setting = self.setting
        return setting.task.load(setting.dataset, split, source, setting.profile.size, setting.data)

    def check(self) -> None:
        """Find out before any training whether the data suffice for the rows.

        Rows that nobody wants may lack the data that they read besides.

        Raises:
            InvalidParameter: they do not.
            DatasetNotFound: the data set is not on disk.
        """
        setting = self.setting
        rows = [
            row
            for row in setting.paper.rows
            if row.path in setting.wanted or not absent_data(row, setting.data)
        ]
        setting.task.check(rows, setting.dataset, setting.profile, setting.data)

    # Results ------------------------------------------------------------------------------------

    def stored(self, row: Row) -> tuple[StoredRun, ...] | None:
        """The stored runs of a row, one per seed, or None if one is missing."""
        return self.measured.stored(row)

    def runs_of(self, table_id: str) -> dict[str, StoredRun]:
        """Name of each row of a table -> its run with the first seed that went well.

        Rows whose runs are missing are left out, and those that have not learned.
        """
        found = {}
        for row in self.setting.paper.table(table_id).rows:
            evidence = self.measured.evidence(row)
            if evidence is not None and evidence.learned is not False:
                found[row.name] = self.measured.sound(row)[0]
        return found

    def figures(self, row: Row) -> dict[str, Figure]:
        """Metric -> figure of a row's table; see ``Measured.figures``."""
        return self.measured.figures(row)

    def results(self, table_id: str) -> TableResult:
        """A table with its published, reference and measured figures.

        Rows whose runs are missing have no measured figures: call ``run_all`` first.
        """
        return self.measured.table(table_id, self.reference)

    @cached_property
    def reference(self) -> Reference | None:
        """The stored reference results on this data set, None if there are none."""
        return read_references(self.setting.paper.key).get(self.setting.dataset)

    @property
    def reference_stale(self) -> bool:
        """Whether code or data have changed since the reference results were made."""
        return self.reference is not None and is_stale(self.reference, self.setting)

    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict on every claim of the paper.

        From this study's runs if its profile carries verdicts and the claim's are complete,
        otherwise from the reference run on the same data set; each verdict says from which.
        """
        own = judge_study(self.setting, self.measured, self.doubled().measured)
        if self.reference is None:
            return own
        kept = judge_reference(self.setting, self.reference, stale=self.reference_stale)
        return tuple(
            stored if mine.verdict == NOT_ASSESSED else mine
            for mine, stored in zip(own, kept, strict=True)
        )
