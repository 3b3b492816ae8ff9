"""The gap between a study's sources and its target, before and after alignment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from posekit.datasets import load_dataset
from posekit.errors import InvalidData
from posekit.workbook.notebooks import domain_gaps, gap_table
from posekit.workbook.notebooks.domain_gaps import aligned_samples
from posekit.workbook.studies import Study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    nowhere = tmp_path_factory.mktemp("data")
    runs = tmp_path_factory.mktemp("runs")
    return Study("poseda", profile="smoke", data=nowhere, runs=runs, device="cpu")


def test_every_source_of_a_row_is_there_and_the_claim_holds_of_it(study: Study) -> None:
    gaps = domain_gaps(study)
    rows = [row.run for row in study.paper.rows if row.run is not None]
    named = {study.configuration(run)["source"]["dataset"] for run in rows}
    assert set(gaps) == named - {"synthetic", "cmu"}  # recorded motion is not on disk
    table = gap_table(study, gaps)
    assert len(table.rows) == 3 * len(gaps)
    for source, quantity, before, after, _, below in table.rows:
        assert after < 0.3 * before, (source, quantity)
        assert below == "yes"
    assert table.label == "synthetic"


def test_alignment_leaves_bones_as_they_are(study: Study) -> None:
    for samples in domain_gaps(study).values():
        for field in ("directions", "angles", "lengths"):
            before, after = (getattr(samples[name], field) for name in ("source", "aligned"))
            torch.testing.assert_close(after, before[: len(after)], atol=2e-3, rtol=1e-3)


def test_a_gap_that_stays_is_called_so(study: Study) -> None:
    samples = next(iter(domain_gaps(study).values()))
    stays = {**samples, "aligned": samples["source"]}
    assert {row[-1] for row in gap_table(study, {"stays": stays}).rows} == {"no"}


def test_what_cannot_be_aligned_is_refused(study: Study, tmp_path: Path) -> None:
    target = load_dataset("synthetic", "train", keypoints="gt", size="smoke")
    blind = replace(target, clips=tuple(replace(clip, pose=None) for clip in target.clips))
    with pytest.raises(InvalidData, match="no 3D to align"):
        aligned_samples(blind, target)
    outside = replace(
        target,
        clips=tuple(replace(clip, keypoints=clip.keypoints + 3) for clip in target.clips),
    )
    with pytest.raises(InvalidData, match="none is inside the picture"):
        aligned_samples(target, outside)
