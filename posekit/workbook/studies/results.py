"""What a study hands out: figures, rows, tables, and the plan of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posekit.workbook.papers import Row, Table
from posekit.workbook.studies.execution import Job


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
    """

    row: Row
    reference: Mapping[str, Figure]
    measured: Mapping[str, Figure]
    reference_ran: str
    ran: str
    not_run: str

    @property
    def oracle(self) -> bool:
        """Whether the figure is picked with the help of the truth."""
        return self.row.oracle


@dataclass(frozen=True)
class TableResult:
    """One table as measured, with its protocol card."""

    table: Table
    rows: tuple[RowResult, ...]
    evidence: str
    protocol: Mapping[str, str]


@dataclass(frozen=True)
class PlannedRun:
    """One run that tables need: which rows show it, whether it is stored, how long it takes."""

    job: Job
    rows: tuple[str, ...]
    cached: bool
    seconds: float


@dataclass(frozen=True)
class Plan:
    """All runs of a study or of some of its tables."""

    runs: tuple[PlannedRun, ...]

    @property
    def missing(self) -> tuple[PlannedRun, ...]:
        """The runs that are not stored yet."""
        return tuple(run for run in self.runs if not run.cached)

    @property
    def seconds(self) -> float:
        """Estimated computing time of the missing runs, one after the other."""
        return sum(run.seconds for run in self.missing)
