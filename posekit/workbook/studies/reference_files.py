"""Files of reference results: ``reports/reference/<paper>.json`` and ``<paper>.npz`` beside it.

The JSON file holds, per data set, the figures of every row that was run, seed by seed, and where,
when and with which code they were made. The compressed archive holds what anybody needs to compute
every interval anew: errors in millimetres by seed and clip, the names and actions of the clips,
the frames that each counts for, and the learning curves. A row of the JSON file names its arrays;
arrays that several rows share, such as names of clips, stand there once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from posekit.errors import InvalidData
from posekit.machine.storage import atomic_path, repository_root, write_json
from posekit.workbook.studies.references import Reference, ReferenceRow
from posekit.workbook.studies.row_evidence import OwnTest, RowEvidence

Arrays = dict[str, np.ndarray]

ARRAYS = ("clips", "actions", "frames", "steps", "losses")


def reference_path(paper: str, folder: str | os.PathLike[str] | None = None) -> Path | None:
    """The JSON file of a paper's reference results; None outside a checkout."""
    root = repository_root()
    if folder is None and root is None:
        return None
    return (Path(folder) if folder else root / "reports" / "reference") / f"{paper}.json"


def read_references(
    paper: str, folder: str | os.PathLike[str] | None = None
) -> dict[str, Reference]:
    """Data set -> reference results of a paper.

    Raises:
        InvalidData: a file does not hold what it should.
    """
    path = reference_path(paper, folder)
    if path is None or not path.is_file():
        return {}
    archive = path.with_suffix(".npz")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        with np.load(archive, allow_pickle=False) as stored:
            arrays = dict(stored)
        return {name: _reference(item, arrays) for name, item in content["results"].items()}
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile) as error:
        raise InvalidData(
            f"{path.name} and {archive.name} are no files of reference results ({error}); restore "
            "them with git."
        ) from error


def write_references(references: Mapping[str, Reference], paper: str, path: Path) -> None:
    """Write the reference results of a paper, data set by data set.

    Raises:
        StorageError: a file cannot be written.
    """
    arrays: Arrays = {}
    results = {name: _plain(item, arrays) for name, item in sorted(references.items())}
    with atomic_path(path.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    write_json(path, {"paper": paper, "results": results})


def _plain(reference: Reference, arrays: Arrays) -> dict[str, Any]:
    rows = {}
    for path, row in sorted(reference.rows.items()):
        place = f"{reference.dataset}/{path}"
        rows[path] = {
            "figures": row.figures,
            "ran": row.ran,
            "code": row.code,
            "evidence": _plain_evidence(row.evidence, place, arrays),
            "doubled": _plain_evidence(row.doubled, f"{place}/doubled", arrays),
        }
    return {**vars(reference), "rows": rows}


def _plain_evidence(evidence: RowEvidence | None, place: str, arrays: Arrays) -> Any:
    """A row's evidence with the names of its arrays in their place."""
    if evidence is None:
        return None
    named = {part: _kept(getattr(evidence, part), f"{place}/{part}", arrays) for part in ARRAYS}
    errors = {
        metric: _kept(values.astype(np.float32), f"{place}/{metric}", arrays)
        for metric, values in evidence.errors.items()
    }
    plain: dict[str, Any] = {"seeds": evidence.seeds, "baselines": evidence.baselines}
    if evidence.own_test is not None:
        plain["own_test"] = asdict(evidence.own_test)
    return {**plain, **named, "errors": errors}


def _kept(values: np.ndarray, name: str, arrays: Arrays) -> str:
    """The name under which an array is kept: that of an equal one which is there already."""
    for other, there in arrays.items():
        if there.dtype == values.dtype and np.array_equal(there, values):
            return other
    arrays[name] = values
    return name


def _reference(content: Mapping[str, Any], arrays: Arrays) -> Reference:
    rows = {
        path: ReferenceRow(
            figures={name: tuple(values) for name, values in row["figures"].items()},
            ran=row["ran"],
            code=row["code"],
            evidence=_evidence(row["evidence"], arrays),
            doubled=_evidence(row["doubled"], arrays),
        )
        for path, row in content["rows"].items()
    }
    known = {field.name for field in fields(Reference)}
    if content.keys() != known:
        raise KeyError(f"keys {sorted(content.keys() ^ known)}")
    return Reference(
        **{
            **content,
            "seeds": tuple(content["seeds"]),
            "rows": rows,
            "renewals": tuple(content["renewals"]),
        }
    )


def _evidence(content: Mapping[str, Any] | None, arrays: Arrays) -> RowEvidence | None:
    if content is None:
        return None
    return RowEvidence(
        seeds=tuple(content["seeds"]),
        **{part: arrays[content[part]] for part in ARRAYS},
        errors={metric: arrays[name] for metric, name in content["errors"].items()},
        baselines=content["baselines"],
        own_test=OwnTest(**content["own_test"]) if "own_test" in content else None,
    )
