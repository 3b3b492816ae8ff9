"""Every row of every paper is a network that can be built, at every profile that scales it."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.bodies import open_body
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.training.body_regression import method
from posekit.workbook.papers import list_papers
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import Study

SCALED = [name for name, profile in PROFILES.items() if profile.steps is not None]


@pytest.mark.parametrize("profile", SCALED)
@pytest.mark.parametrize("paper", list_papers())
def test_every_row_can_be_built(paper: str, profile: str, tmp_path: Path) -> None:
    study = Study(paper, profile=profile, runs=tmp_path, device="cpu")
    sizes = {}
    for row in study.paper.rows:
        if row.run is not None:
            config = study.configuration(row.run)
            sizes[row.run.model, repr(config["options"])] = (row.run.task, config)
    assert sizes
    for task, config in sizes.values():
        if task == "image_to_body":
            chosen = method(config["model"])
            chosen(config["options"], open_body(), config["crop_px"]).build(1)
        else:
            build(config["model"], skeleton=HUMAN36M_17, **config["options"])
