"""Reference results: what larger runs measured, kept in the repository with their provenance.

``reports/reference/<paper>.json`` holds, per data set, the figures of every row that was run,
seed by seed, the verdicts, and where, when and with which code they were made. They stand in
reports beside the published figures and beside what the reader has just run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from posekit.datasets import DATASETS
from posekit.errors import InvalidData
from posekit.machine.storage import repository_root, write_json
from posekit.workbook.papers import RowRun
from posekit.workbook.papers.claims import Verdict
from posekit.workbook.papers.profiles import Profile, resolve_profile
from posekit.workbook.studies.setting import Setting
from posekit.workbook.tasks import find_task


@dataclass(frozen=True)
class ReferenceRow:
    """Figures of one row: metric -> one value per seed; what was run; the code's version."""

    figures: Mapping[str, tuple[float, ...]]
    ran: str
    code: str


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
        rows: ``table/row`` -> figures.
        verdicts: claim id -> verdict.
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
    verdicts: Mapping[str, Verdict]
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

    def verdict(self, claim: str, *, stale: bool = False) -> Verdict:
        """The stored verdict, labelled as the reference run's and as stale where it is."""
        label = "stale reference run" if stale else "reference run"
        count = len(self.seeds)
        basis = f"{label} ({self.dataset}, {self.profile}, {count} seeds)"
        return replace(self.verdicts[claim], basis=basis)


def reference_path(paper: str, folder: str | os.PathLike[str] | None = None) -> Path | None:
    """The file of a paper's reference results; None outside a checkout."""
    root = repository_root()
    if folder is None and root is None:
        return None
    return (Path(folder) if folder else root / "reports" / "reference") / f"{paper}.json"


def read_references(
    paper: str, folder: str | os.PathLike[str] | None = None
) -> dict[str, Reference]:
    """Data set -> reference results of a paper.

    Raises:
        InvalidData: the file does not hold what it should.
    """
    path = reference_path(paper, folder)
    if path is None or not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: _reference(item) for name, item in content["results"].items()}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidData(
            f"{path.name} is no file of reference results ({error}); restore it with git."
        ) from error


def write_references(references: Mapping[str, Reference], paper: str, path: Path) -> None:
    """Write the reference results of a paper, data set by data set.

    Raises:
        StorageError: the file cannot be written.
    """
    results = {name: _plain(item) for name, item in sorted(references.items())}
    write_json(path, {"paper": paper, "results": results})


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


def _plain(reference: Reference) -> dict[str, Any]:
    content = {**vars(reference)}
    content["rows"] = {path: asdict(row) for path, row in reference.rows.items()}
    content["verdicts"] = {name: item.to_json() for name, item in reference.verdicts.items()}
    return content


def _reference(content: Mapping[str, Any]) -> Reference:
    rows = {
        path: ReferenceRow(
            {name: tuple(values) for name, values in row["figures"].items()},
            row["ran"],
            row["code"],
        )
        for path, row in content["rows"].items()
    }
    verdicts = {name: Verdict.from_json(item) for name, item in content["verdicts"].items()}
    return Reference(
        **{
            **content,
            "seeds": tuple(content["seeds"]),
            "rows": rows,
            "verdicts": verdicts,
            "renewals": tuple(content.get("renewals", ())),
        }
    )
