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
from typing import TYPE_CHECKING, Any

from posekit.datasets import DATASETS
from posekit.errors import InvalidData, InvalidParameter
from posekit.machine.provenance import environment
from posekit.machine.storage import repository_root
from posekit.workbook.papers.claims import Verdict
from posekit.workbook.papers.profiles import PROFILES, describe, resolve_profile
from posekit.workbook.studies.fingerprints import known_fingerprints
from posekit.workbook.studies.runs import write_json

if TYPE_CHECKING:
    from posekit.workbook.studies.study import Study


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


def write_reference(study: Study, folder: str | os.PathLike[str] | None = None) -> Path:
    """Keep a finished study as the reference results on its data set; others stay.

    Raises:
        InvalidParameter: the profile carries no verdicts, the seeds do not count from 0, runs are
            missing, or this is no checkout and no folder is given.
        StorageError: the file cannot be written.
    """
    path = reference_path(study.paper.key, folder)
    if path is None:
        raise InvalidParameter("reference results are kept in a checkout; clone the repository.")
    if not study.profile.verdicts:
        larger = ", ".join(name for name, profile in PROFILES.items() if profile.verdicts)
        raise InvalidParameter(
            f"profile {study.profile.name} carries no verdicts; use one of: {larger}."
        )
    if study.seeds != tuple(range(len(study.seeds))):
        raise InvalidParameter(
            f"seeds are {study.seeds}; reference results take seeds 0 to {len(study.seeds) - 1}, "
            "which the command line can repeat."
        )
    missing = study.plan().missing
    if missing:
        raise InvalidParameter(f"{len(missing)} runs are missing; run the whole study first.")
    results = {
        name: _plain(item) for name, item in read_references(study.paper.key, folder).items()
    }
    results[study.dataset] = _plain(_from_study(study))
    write_json(path, {"paper": study.paper.key, "results": dict(sorted(results.items()))})
    return path


def is_stale(reference: Reference, study: Study) -> bool:
    """Whether what decides the reference's numbers has changed: rows, scale, code or data.

    Data on disk are compared where their fingerprint is known without loading them. Generated
    data are their code: a processor of another kind makes them with other roundings.
    """
    runs = {row.path: row.run for row in study.paper.rows}
    profile = resolve_profile(reference.profile, study.dataset, study.device, study.paper.scaling)
    for path, row in reference.rows.items():
        run = runs.get(path)
        if run is None or study.code(run) != row.code:
            return True
        if row.ran != describe(study.configuration(run, profile)):
            return True
    if not DATASETS[reference.dataset].files:
        return False
    size = PROFILES[reference.profile].size
    for keypoints, stored in reference.data.items():
        place = (study.data, study.store.root)
        known = known_fingerprints(reference.dataset, keypoints, size, *place)
        if known is not None and known != stored:
            return True
    return False


def _from_study(study: Study) -> Reference:
    rows, data = {}, {}
    seconds, evidence = {}, ""
    for row in (row for row in study.paper.rows if row.run is not None):
        configuration = study.configuration(row.run)
        figures = {
            name: tuple(round(value, 4) for value in figure.values)
            for name, figure in study.measured(row).items()
        }
        rows[row.path] = ReferenceRow(figures, describe(configuration), study.code(row.run))
        if study.paper.table(row.table).counted:
            continue
        runs = study.run(row.path)
        data[configuration["keypoints"]] = runs[0].config["data"]
        evidence = runs[0].metrics["evidence"]
        seconds.update({run.id: run.environment["seconds"] for run in runs})
    return Reference(
        paper=study.paper.key,
        dataset=study.dataset,
        profile=study.profile.name,
        seeds=study.seeds,
        evidence=evidence,
        command=f"posekit report {study.paper.key} --dataset {study.dataset} "
        f"--profile {study.profile.name} --seeds {len(study.seeds)} --update-reference",
        environment=environment(study.device),
        seconds=round(sum(seconds.values()), 1),
        data=data,
        rows=rows,
        verdicts={verdict.claim: verdict for verdict in study.verdicts()},
    )


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
        **{**content, "seeds": tuple(content["seeds"]), "rows": rows, "verdicts": verdicts}
    )
