"""Give stored references the present code version, where the present code gives the same numbers.

Rewriting code without changing a number makes the reference results stale all the same: their code
version is a hash of what the code says. This script renews it, on evidence only:

    python .ci/renew_references.py record before.json     # with the old code
    python .ci/renew_references.py record after.json      # with the new code
    python .ci/renew_references.py renew before.json after.json

``record`` trains and evaluates every row of every paper at profile smoke, on generated data and on
the data sets that are found, and writes down what came out: a hash of the weights, every figure,
and a hash of the errors of every clip. ``renew`` refuses unless both records hold the same runs
and agree in all of it to the last bit, and the references were not stale under the old code.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from posekit.datasets import DATASETS
from posekit.errors import DatasetNotFound
from posekit.machine.provenance import environment
from posekit.workbook.papers import list_papers
from posekit.workbook.studies import Study
from posekit.workbook.studies.reference_files import (
    read_references,
    reference_path,
    write_references,
)
from posekit.workbook.studies.references import renewed


def record(target: Path) -> None:
    """Run every row at profile smoke and write down what came out."""
    found: dict[str, dict] = {}
    stale = []
    for paper in list_papers():
        for dataset in DATASETS:
            study = Study(paper, dataset, "smoke", runs=target.with_suffix(".runs"), device="cpu")
            try:
                study.run_all()
            except DatasetNotFound:
                continue
            rows = {row.path: runs for row in study.paper.rows if (runs := row_runs(study, row))}
            found[f"{paper}/{dataset}"] = rows
            print(f"{paper} on {dataset}: {len(rows)} rows", flush=True)
        stale += [
            f"{paper}/{dataset}"
            for dataset in read_references(paper)
            if Study(paper, dataset, device="cpu").reference_stale
        ]
    content = {"environment": environment(), "stale": stale, "rows": found}
    target.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def row_runs(study: Study, row) -> list[dict]:
    """What the runs of a row gave, seed by seed; [] of a row without runs."""
    if row.run is None or study.paper.table(row.table).counted:
        return []
    return [
        {
            "weights": digest(run.folder / "weights.safetensors"),
            "clips": digest(run.folder / "per_clip.npz"),
            "estimates": run.metrics["estimates"],
        }
        for run in study.stored(row) or ()
    ]


def digest(path: Path) -> str:
    """Hash of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def renew(before: Path, after: Path) -> None:
    """Write the present code version into the references, if the records agree."""
    old, new = (json.loads(path.read_text()) for path in (before, after))
    if old["stale"]:
        sys.exit(f"stale before the change: {', '.join(old['stale'])}; they have to be run again.")
    if old["rows"].keys() != new["rows"].keys():
        sys.exit("the records are of other papers or data sets; record again.")
    different = [
        f"{study}/{row}"
        for study, rows in old["rows"].items()
        for row in {**rows, **new["rows"][study]}
        if rows.get(row) != new["rows"][study].get(row)
    ]
    if different:
        sys.exit(f"{len(different)} rows differ, first {different[0]}; nothing was renewed.")
    count = sum(len(rows) for rows in old["rows"].values())
    evidence = (
        f"{count} rows of profile smoke on {len(old['rows'])} pairs of a paper and a data set gave "
        f"the same weights and figures to the last bit under commit "
        f"{old['environment']['commit'][:10]} and after it"
    )
    for paper in list_papers():
        path = reference_path(paper)
        results = {
            dataset: renewed(reference, Study(paper, dataset, device="cpu").setting, evidence)
            for dataset, reference in read_references(paper).items()
        }
        if results:
            write_references(results, paper, path)
    print(f"renewed: {evidence}.")


if __name__ == "__main__":
    command, *paths = sys.argv[1:]
    {"record": record, "renew": renew}[command](*map(Path, paths))
