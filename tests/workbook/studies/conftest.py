"""A study of a few seconds, whose runs are trained once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import Study
from posekit.workbook.studies.measured import Measured


@pytest.fixture(autouse=True)
def tiny_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Profile "tiny": two seeds, two steps."""
    tiny = replace(
        PROFILES["smoke"],
        name="tiny",
        seed_count=2,
        verdicts=True,
        frames_divisor=27,
        width_divisor=32,
        depth_factor=0.25,
        steps=2,
    )
    monkeypatch.setitem(PROFILES, "tiny", tiny)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs that all tests read; those of table kpa-tpa, and nothing else, are there.

    A test that needs others has them in a folder of its own.
    """
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def study(runs: Path) -> Study:
    """KTPFormer's, with the runs of table kpa-tpa."""
    study = Study("ktpformer", "synthetic", "tiny", runs=runs, device="cpu")
    study.run_all(["kpa-tpa"], workers=1)
    return study


@pytest.fixture
def only_kpa_tpa(study: Study) -> Study:
    """The paper reduced to the table whose runs the fixture has."""
    table = study.paper.table("kpa-tpa")
    claims = tuple(claim for claim in study.paper.claims if claim.table == "kpa-tpa")
    paper = study.paper.model_copy(update={"tables": (table,), "claims": claims, "controls": ()})
    study.setting = replace(study.setting, paper=paper)
    study.measured = Measured(study.setting)
    return study


@pytest.fixture(scope="session")
def configuration() -> dict[str, Any]:
    """A run of a few hundred steps, without the fingerprints of its data."""
    return {
        "task": "lifting",
        "dataset": "synthetic",
        "size": "smoke",
        "one_frame_in": 1,
        "keypoints": "gt",
        "model": "mixste",
        "options": {"frames": 9, "embed_dim": 8, "depth": 1, "heads": 1},
        "recipe": {"learning_rate": 1e-3, "decay": 0.9, "epochs": 4, "batch_size": 12},
        "evaluation": {
            "hypotheses": None,
            "iterations": None,
            "cameras": 1,
            "protocol": "MixSTE",
            "optimise": None,
        },
        "seed": 3,
        "code": "test",
    }
