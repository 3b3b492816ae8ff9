"""What the stored runs of a study say: figures of rows, tables, errors for verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posekit.datasets import DATASETS
from posekit.training.health import WELL
from posekit.workbook.papers import COST_METRICS, Row, RowRun, Table
from posekit.workbook.studies.costs import published_costs
from posekit.workbook.studies.references import Reference
from posekit.workbook.studies.row_evidence import RowEvidence, row_evidence
from posekit.workbook.studies.runs import StoredRun
from posekit.workbook.studies.setting import Setting, absent_data
from posekit.workbook.studies.soundness import ENTRY, left_out, sound, why_left_out
from posekit.workbook.tasks import find_task

# What ``published_costs`` counts in, and what tables print in.
COUNTED_IN = {name: 1e6 if name == "params" else 1e9 for name in COST_METRICS}
UNITS = {"M": 1e6, "G": 1e9}


@dataclass(frozen=True)
class Figure:
    """One measured figure: mean over seeds, standard deviation over seeds (None for one seed)."""

    value: float
    spread: float | None
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """The figure that values of several seeds make."""
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(float(np.mean(values)), spread, tuple(values))


@dataclass(frozen=True)
class RowResult:
    """One row of a table as measured.

    Attributes:
        row: the published row.
        reference: metric -> figure of the stored reference run.
        measured: metric -> figure of this study's runs; empty if they are missing.
        reference_ran, ran: what was run for each.
        not_run: why nothing was measured, "" if something was.
        baselines: name -> metric -> error of what learns next to nothing on the same data, of this
            study; ``reference_baselines`` those of the reference run.
        learned: whether this study's runs beat them, see ``has_learned``; None if not known.
        reference_learned: the same of the reference run.
        same_as: id of an earlier row of the table that is the same run at this scale, or "".
        left_out: how many seeds collapsed and are in no figure, such as "1 of 5 seeds collapsed",
            of this study; ``reference_left_out`` those of the reference run.
    """

    row: Row
    reference: Mapping[str, Figure]
    measured: Mapping[str, Figure]
    reference_ran: str
    ran: str
    not_run: str
    baselines: Mapping[str, Mapping[str, float]]
    reference_baselines: Mapping[str, Mapping[str, float]]
    learned: bool | None
    reference_learned: bool | None
    same_as: str
    left_out: str = ""
    reference_left_out: str = ""

    @property
    def oracle(self) -> bool:
        """Whether the figure is picked with the help of the truth."""
        return self.row.oracle


@dataclass(frozen=True)
class TableResult:
    """One table as measured, with its protocol card.

    Attributes:
        inputs: row id -> which part of the data its runs read, such as the 2D input.
    """

    table: Table
    rows: tuple[RowResult, ...]
    evidence: str
    protocol: Mapping[str, str]
    inputs: Mapping[str, str]


class Measured:
    """Reads figures off the runs that are stored; what is missing has none."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._found: dict[str, tuple[StoredRun, ...] | None] = {}
        self._evidence: dict[str, RowEvidence] = {}

    def forget(self) -> None:
        """Look at the disk again: runs have been added."""
        self._found.clear()
        self._evidence.clear()

    def stored(self, row: Row) -> tuple[StoredRun, ...] | None:
        """The stored runs of a row, one per seed, or None if one is missing."""
        if row.run is None:
            return None
        if row.path not in self._found:
            setting, runs = self.setting, []
            if all(setting.may_be_stored(row.run, seed) for seed in setting.seeds):
                runs = [setting.store.load(setting.job(row, seed).id) for seed in setting.seeds]
            known = tuple(run for run in runs if run)
            self._found[row.path] = known if len(known) == len(setting.seeds) else None
        return self._found[row.path]

    def sound(self, row: Row) -> tuple[StoredRun, ...]:
        """Of the stored runs of a row those whose training did not collapse."""
        return sound(self.stored(row) or ())

    def left_out(self, row: Row) -> str:
        """How many seeds of a row collapsed, see ``soundness.left_out``."""
        return left_out(self.stored(row) or ())

    def scores(self, row: Row) -> list[Mapping[str, Any]]:
        """Of every seed the reading that the row shows: "aggregate", "per_action", "per_joint".

        Seeds that collapsed are left out.
        """
        if row.run is None:
            return []
        estimate = self.setting.reading(row.run)
        return [run.metrics["estimates"][estimate] for run in self.sound(row)]

    def figures(self, row: Row) -> dict[str, Figure]:
        """Metric -> figure of a row's table; errors are missing while runs are.

        Costs are counted at the published size, without a run; every figure is in the unit of its
        column.
        """
        if row.run is None:
            return {}
        wanted = self.setting.paper.table(row.table).metric_units
        figures = {}
        if set(COST_METRICS) & set(wanted):
            costs = self.costs(row.run)
            # A unit such as "M per frame" leaves open what was counted.
            for name in (name for name in costs if wanted.get(name) in UNITS):
                value = costs[name] * COUNTED_IN[name] / UNITS[wanted[name]]
                figures[name] = Figure.of((value,))
        task = find_task(row.run.task)
        of_seeds = [task.figures(scores) for scores in self.scores(row)]
        for name in of_seeds[0] if of_seeds else ():
            figures[name] = Figure.of([seed[name] for seed in of_seeds])
        return {name: figure for name, figure in figures.items() if name in wanted}

    def table(self, table_id: str, reference: Reference | None) -> TableResult:
        """A table with its published, reference and measured figures."""
        table = self.setting.paper.table(table_id)
        rows = tuple(self._row(row, table, reference) for row in table.rows)
        if table.counted:
            return TableResult(table=table, rows=rows, evidence="", protocol={}, inputs={})
        runs = [found[0] for row in table.rows if row.run and (found := self.stored(row))]
        return TableResult(
            table=table,
            rows=rows,
            evidence=runs[0].metrics["evidence"] if runs else "",
            protocol=self._protocol(table, runs),
            inputs={row.id: self.setting.source(row.run) for row in table.rows if row.run},
        )

    def costs(self, run: RowRun) -> dict[str, float]:
        """See ``published_costs``."""
        return published_costs(run, self.setting.store.root)

    def evidence(self, row: Row) -> RowEvidence | None:
        """What the runs of a row say, None while one is missing or if it cannot be run.

        Seeds that collapsed say nothing; where all have, there is no evidence.
        """
        runs = self.sound(row)
        if row.run is None or not runs:
            return None
        if row.path not in self._evidence:
            baselines = self.setting.baselines(row)
            estimate = self.setting.reading(row.run)
            own = self.setting.own_baselines(row)
            self._evidence[row.path] = row_evidence(row.run, runs, estimate, baselines, own)
        return self._evidence[row.path]

    def _row(self, row: Row, table: Table, reference: Reference | None) -> RowResult:
        stored = reference.rows.get(row.path) if reference else None
        own, kept = self.evidence(row), stored.evidence if stored else None
        return RowResult(
            row=row,
            reference={
                name: Figure.of(values)
                for name, values in (stored.figures.items() if stored else ())
                if name in table.metric_units
            },
            measured=self.figures(row),
            reference_ran=stored.ran if stored else "",
            ran=self.setting.describe(row.run) if row.run else "",
            not_run=row.not_run or self._left_out(row),
            baselines=own.baselines if own else {},
            reference_baselines=kept.baselines if kept else {},
            learned=own.learned if own else None,
            reference_learned=kept.learned if kept else None,
            same_as=self._same_as(row, table),
            left_out=self.left_out(row),
            reference_left_out=reference.left_out(row.path) if reference else "",
        )

    def _left_out(self, row: Row) -> str:
        """Why a row that can be run has no figures."""
        if self.setting.paper.table(row.table).counted:
            return ""
        if (stored := self.stored(row)) is not None:
            return "" if sound(stored) else why_left_out(stored)
        if row.path in self.setting.wanted:
            return ""
        if absent := absent_data(row, self.setting.data):
            names = ", ".join(DATASETS[name].title for name in absent)
            return (
                f"needs {names}, which is not whole on disk; posekit data status tells what to do"
            )
        name = self.setting.profile.name
        return f"profile {name} runs what headline claims need; --rows {row.table}/ROW adds a row"

    def _same_as(self, row: Row, table: Table) -> str:
        """The id of the first row of the table that asks for the same run at this scale."""
        if row.run is None or table.counted:
            return ""
        before = table.rows[: table.rows.index(row)]
        same = (other.id for other in before if self.setting.same_run(other.path, row.path))
        return next(same, "")

    def _protocol(self, table: Table, runs: Sequence[StoredRun]) -> dict[str, str]:
        setting = self.setting
        card = merged([run.metrics["card"] for run in runs])
        tasks = {row.run.task for row in table.rows if row.run is not None}
        for task in sorted(tasks):
            card |= find_task(task).card(table.rows, setting.dataset, setting.profile)
            card["Checkpoint choice"] = "the last step; none is chosen on test data"
        if ENTRY in card:
            card[ENTRY] = self._trainings(table)
        return card

    def _trainings(self, table: Table) -> str:
        """What became of the trainings of a table, of all seeds."""
        wrong = {
            row.name: why for row in table.rows if (why := why_left_out(self.stored(row) or ()))
        }
        return "; ".join(f"{name}: {why}" for name, why in wrong.items()) or WELL


def merged(cards: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The protocol cards of several runs as one: where they differ, each value once."""
    labels = dict.fromkeys(label for card in cards for label in card)
    return {
        label: "; ".join(dict.fromkeys(card[label] for card in cards if label in card))
        for label in labels
    }
