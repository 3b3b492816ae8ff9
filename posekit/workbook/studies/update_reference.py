"""Keeping a finished study as the reference results on its data set."""

from __future__ import annotations

import os
from pathlib import Path

from posekit.errors import InvalidParameter
from posekit.machine.provenance import environment
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies.reference_files import (
    read_references,
    reference_path,
    write_references,
)
from posekit.workbook.studies.references import Reference, ReferenceRow
from posekit.workbook.studies.study import Study
from posekit.workbook.tasks import find_task


def update_reference(study: Study, folder: str | os.PathLike[str] | None = None) -> Path:
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
        raise InvalidParameter(f"{len(missing)} runs are missing; run the study first.")
    results = {**read_references(study.paper.key, folder), study.dataset: _from_study(study)}
    write_references(results, study.paper.key, path)
    return path


def _from_study(study: Study) -> Reference:
    """What the study measured: of counted rows the costs, of the others those that were run."""
    rows, data = {}, {}
    seconds, evidence = {}, ""
    doubled = study.doubled().measured
    for row in (row for row in study.paper.rows if row.run is not None):
        runs = study.stored(row)
        counted = study.paper.table(row.table).counted
        if runs is None and not counted:
            continue
        figures = {
            name: tuple(round(value, 4) for value in figure.values)
            for name, figure in study.figures(row).items()
        }
        rows[row.path] = ReferenceRow(
            figures,
            study.describe(row.run),
            study.code(row.run),
            None if counted else study.measured.evidence(row),
            None if counted else doubled.evidence(row),
        )
        if runs is None or counted:
            continue
        data[find_task(row.run.task).source(runs[0].config)] = runs[0].config["data"]
        evidence = runs[0].metrics["evidence"]
        seconds.update({run.id: run.environment["seconds"] for run in runs})
        for run in doubled.stored(row) or ():
            seconds[run.id] = run.environment["seconds"]
    return Reference(
        paper=study.paper.key,
        dataset=study.dataset,
        profile=study.profile.name,
        seeds=study.seeds,
        evidence=evidence,
        command=_command(study, doubled=any(row.doubled for row in rows.values())),
        environment=environment(study.device),
        seconds=round(sum(seconds.values()), 1),
        data=data,
        rows=rows,
    )


def _command(study: Study, *, doubled: bool) -> str:
    """What repeats the study, and the runs of twice the steps where they are there."""
    scale = (
        f"{study.paper.key} --dataset {study.dataset} --profile {study.profile.name} "
        f"--seeds {len(study.seeds)}"
    )
    before = f"posekit double {scale} && " if doubled else ""
    return f"{before}posekit report {scale} --update-reference"
