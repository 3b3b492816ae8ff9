"""Rows that were measured, without a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posekit.workbook.studies.row_evidence import RowEvidence


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs for costs, which are counted once; nothing is trained in it."""
    return tmp_path_factory.mktemp("counted")


@pytest.fixture
def measured() -> Callable[[float], RowEvidence]:
    """What a row of that MPJPE gave, in millimetres; linear least squares errs by 80."""

    def row(mpjpe: float) -> RowEvidence:
        return RowEvidence(
            seeds=(0,),
            clips=np.array(["P0/Walking/a", "P1/Walking/a"]),
            actions=np.array(["Walking", "Walking"]),
            frames=np.array([10, 10]),
            errors={"mpjpe": np.array([[mpjpe - 1.0, mpjpe + 1.0]])},
            steps=np.array([1, 2]),
            losses=np.ones((1, 2)),
            baselines={"linear": {"mpjpe": 80.0}},
        )

    return row
