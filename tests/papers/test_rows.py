"""Every row of every paper is a network that can be built, at every profile that scales it."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
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
            options = study.configuration(row.run)["options"]
            sizes[row.run.model, repr(options)] = (row.run.model, options)
    assert sizes
    for model, options in sizes.values():
        build(model, skeleton=HUMAN36M_17, **options)
