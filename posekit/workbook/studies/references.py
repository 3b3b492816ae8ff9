"""Reference results: what larger runs measured, kept in the repository with their provenance.

They stand in reports beside the published figures and beside what the reader has just run, and
carry the verdicts where the reader's own run is too small for them. Their errors are kept, not
the verdicts, which are judged anew from them (``reference_files`` reads and writes both).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from posekit.datasets import DATASETS
from posekit.workbook.papers import RowRun
from posekit.workbook.papers.profiles import Profile, resolve_profile
from posekit.workbook.studies.row_evidence import RowEvidence
from posekit.workbook.studies.setting import Setting
from posekit.workbook.studies.soundness import counted
from posekit.workbook.tasks import find_task


@dataclass(frozen=True)
class ReferenceRow:
    """What one row gave.

    Attributes:
        figures: metric -> one value per seed.
        ran: what was run.
        code: the version of the code that decided the figures.
        evidence: errors of every seed and clip, None of rows that are only counted.
        doubled: the same after twice the steps, None where that was not run.
    """

    figures: Mapping[str, tuple[float, ...]]
    ran: str
    code: str
    evidence: RowEvidence | None = None
    doubled: RowEvidence | None = None


@dataclass(frozen=True)
class Reference:
    """Results of one study.

    Attributes:
        paper, dataset, profile, seeds: of the study.
        evidence: kind of data, as "synthetic".
        command: the one command that reproduces them.
        environment: machine, date, commit, versions.
        seconds: computing time of all runs together.
        data: 2D source -> split -> fingerprint.
        rows: ``table/row`` -> what it gave.
        renewals: for each time that the code was rewritten without changing a number, the evidence.
    """

    paper: str
    dataset: str
    profile: str
    seeds: tuple[int, ...]
    evidence: str
    command: str
    environment: Mapping[str, Any]
    seconds: float
    data: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, ReferenceRow]
    renewals: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Scale, machine, date and commit, for print beside the figures."""
        made = self.environment
        commit = (made["commit"] or "unknown")[:10]
        machine = made["processor"] if made["device"] == "cpu" else made["device"]
        count = f"{len(self.seeds)} seeds"
        when = made["date"][:10]
        return f"{self.dataset}, {self.profile}, {count}; {machine}, {when}, commit {commit}"

    def left_out(self, path: str) -> str:
        """How many seeds of a row collapsed, such as "1 of 5 seeds collapsed"; "" for none.

        Those that are not among its evidence did; a row that is counted has figures without any.
        """
        row = self.rows.get(path)
        if row is None or (row.evidence is None and row.figures):
            return ""
        kept = () if row.evidence is None else row.evidence.seeds
        return counted(len(set(self.seeds) - set(kept)), len(self.seeds))

    def basis(self, *, stale: bool) -> str:
        """What its figures are for, beside a verdict."""
        label = "stale reference run" if stale else "reference run"
        return f"{label} ({self.dataset}, {self.profile}, {len(self.seeds)} seeds)"


def is_stale(reference: Reference, setting: Setting) -> bool:
    """Whether what decides the reference's numbers has changed: rows, scale, code or data.

    Data on disk are compared where their fingerprint is known without loading them. Generated
    data are their code: a processor of another kind makes them with other roundings.
    """
    paper = setting.paper
    runs = {row.path: row.run for row in paper.rows}
    place = (reference.profile, setting.dataset, setting.device, paper.scaling)
    profile = resolve_profile(*place)
    for path, row in reference.rows.items():
        run = runs.get(path)
        if run is None or setting.code(run) != row.code:
            return True
        if row.ran != setting.describe(run, profile):
            return True
        if DATASETS[reference.dataset].files and _other_data(reference, run, profile, setting):
            return True
    return False


def renewed(reference: Reference, setting: Setting, evidence: str) -> Reference:
    """The reference with the present code version in every row.

    Args:
        reference: not stale but for the code.
        setting: of its paper and data set.
        evidence: what shows that the present code gives the same numbers.
    """
    runs = {row.path: row.run for row in setting.paper.rows}
    rows = {
        path: replace(row, code=setting.code(runs[path])) for path, row in reference.rows.items()
    }
    return replace(reference, rows=rows, renewals=(*reference.renewals, evidence))


def _other_data(reference: Reference, run: RowRun, profile: Profile, setting: Setting) -> bool:
    """Whether the files that a row reads are known to hold other data than the reference's."""
    task, configuration = find_task(run.task), setting.configuration(run, profile)
    stored = reference.data.get(task.source(configuration))
    place = (setting.data, setting.store.root)
    known = task.known_fingerprints(reference.dataset, configuration, *place)
    return None not in (known, stored) and known != stored
