"""A matrix in a notebook's cell: the study's scale and folders, and what its report shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.workbook import figures
from posekit.workbook.notebooks import show_matrix, transfer, transfer_matrix
from posekit.workbook.studies import Matrix, Study
from posekit.workbook.studies.matrix import Cell
from posekit.workbook.studies.measured import Figure
from posekit.workbook.tables import MatrixTable

SETS = ("synthetic", "cmu")
MATRIX = Matrix(
    network="mixste",
    datasets=SETS,
    matchings=(False, True),
    keypoints="gt",
    profile="quick",
    measures=True,
    seeds=(0,),
    cells={
        (source, target, matched): Cell(
            source=source,
            target=target,
            matched=matched,
            figures={"mpjpe": Figure.of((50.0 + matched,))},
            baselines={"linear": {"mpjpe": 80.0}},
            learned=True,
            remarks=(),
            ran="1 frame",
            protocol={"Data set": target},
            evidence="synthetic",
            runs=(),
        )
        for source in SETS
        for target in SETS
        for matched in (False, True)
    },
)


def test_the_matrix_has_the_scale_and_the_folders_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def cross_evaluate(*names: object, **options: object) -> Matrix:
        asked.update(options, names=names)
        return MATRIX

    monkeypatch.setattr(transfer, "cross_evaluate", cross_evaluate)
    study = Study("uao", profile="smoke", seeds=2, device="cpu", data=tmp_path, runs=tmp_path / "r")
    assert transfer_matrix(study, "mixste", SETS, options={"frames": 9}) is MATRIX
    assert asked == {
        "names": ("mixste", SETS),
        "matched": "both",
        "keypoints": "gt",
        "options": {"frames": 9},
        "profile": "smoke",
        "seeds": (0, 1),
        "device": "cpu",
        "data": tmp_path,
        "runs": tmp_path / "r",
    }


def test_a_cell_shows_table_and_heat_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    tables, alts = [], []
    monkeypatch.setattr(transfer, "display", tables.append)
    monkeypatch.setattr(figures, "show", lambda figure, alt: alts.append(alt))
    show_matrix(MATRIX)
    assert isinstance(tables[0], MatrixTable)
    assert len(alts) == 2
    assert "Within a data set 51.0 mm. Across data sets 51.0 mm." in alts[1]
