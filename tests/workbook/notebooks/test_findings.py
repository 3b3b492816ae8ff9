"""The share of a gain that is kept: from which runs, and where there is nothing to say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from posekit.workbook.notebooks.findings import gain_kept, shape_gain
from posekit.workbook.studies import Study
from posekit.workbook.studies.references import Reference, ReferenceRow
from posekit.workbook.tables.grids import MINUS

ROWS = {"plain": "gumlp", "told": "gumlp-uao", "alone": "gumlp-uao-fitted-root"}
PATHS = {role: f"table-h36m-readme/{row}" for role, row in ROWS.items()}


def study(folder: Path, profile: str, own=None, kept=None) -> Study:
    """UAO's, with these rows of its own and of a reference run: role -> evidence."""
    made = Study("uao", profile=profile, runs=folder, device="cpu")
    of_paths = {PATHS[role]: row for role, row in (own or {}).items()}
    made.measured.evidence = lambda row: of_paths.get(row.path)
    made.reference = kept and Reference(
        **{"paper": "uao", "dataset": "synthetic", "profile": "standard", "seeds": (0, 1)},
        **{"evidence": "synthetic", "command": "", "environment": {}, "seconds": 0.0, "data": {}},
        rows={PATHS[role]: ReferenceRow({}, "", "", row) for role, row in kept.items()},
    )
    return made


def rows(measured, plain: float, told: float, alone: float) -> dict:
    return {role: measured(error) for role, error in zip(ROWS, (plain, told, alone), strict=True)}


def test_gains_and_the_share_that_is_kept_are_those_of_the_runs(tmp_path, measured) -> None:
    made = study(tmp_path, "standard", own=rows(measured, 50.0, 46.0, 49.0))
    said = gain_kept(made, **PATHS)
    assert f"{MINUS}4.0 mm ({MINUS}8.0 %) with it, {MINUS}1.0 mm ({MINUS}2.0 %) without" in said
    assert "25 % of the gain is kept" in said
    assert "(this run: synthetic, standard, 10 seeds)" in said


@pytest.mark.parametrize(("profile", "speaks"), [("standard", "this run"), ("quick", "reference")])
def test_the_larger_runs_speak(tmp_path, measured, profile: str, speaks: str) -> None:
    own, kept = rows(measured, 50.0, 46.0, 49.0), rows(measured, 40.0, 36.0, 38.0)
    assert speaks in gain_kept(study(tmp_path, profile, own, kept), **PATHS)
    # Each speaks alone where the other is missing or has not learned.
    poor = rows(measured, 79.0, 78.0, 78.5)
    assert "this run" in gain_kept(study(tmp_path, profile, own, poor), **PATHS)
    assert "reference" in gain_kept(study(tmp_path, profile, poor, kept), **PATHS)


def test_runs_that_mean_nothing_say_nothing(tmp_path, measured) -> None:
    own = rows(measured, 50.0, 46.0, 49.0)
    assert gain_kept(study(tmp_path, "smoke", own), **PATHS) == ""
    del own["told"]
    assert gain_kept(study(tmp_path, "standard", own), **PATHS) == ""


def test_without_a_gain_no_share_is_named(tmp_path, measured) -> None:
    made = study(tmp_path, "standard", own=rows(measured, 50.0, 51.0, 52.0))
    said = gain_kept(made, **PATHS)
    assert "no gain to keep: +1.0 mm" in said
    assert "of the gain" not in said


def test_what_keypoints_silhouette_and_labels_make_of_a_shape(tmp_path) -> None:
    made = Study("dsr", profile="quick", runs=tmp_path, device="cpu")
    errors = {"table-fit/keypoints": 15.84, "table-fit/silhouette": 17.31, "table-fit/both": 16.0}
    made.measured.evidence = lambda row: (
        errors.get(row.path)
        and SimpleNamespace(
            learned=True, mean=lambda metric: errors[row.path] if metric == "rest_pve" else 0.0
        )
    )
    named = dict(zip(("alone", "silhouette", "semantics"), errors, strict=True))
    said = shape_gain(made, **named)
    assert "15.8 mm with keypoints alone, by 17.3 mm with the silhouette and by 16.0 mm" in said
    del errors["table-fit/both"]
    assert shape_gain(made, **named) == ""
