"""Image to body as a task: what rows ask for at each scale, and runs from start to scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pictures import pictures_folder

from posekit.errors import InvalidParameter
from posekit.workbook.papers import Paper, RowRun, load_paper
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import Study
from posekit.workbook.studies.execution import execute, trained_network
from posekit.workbook.tasks.image_to_body import TASK


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("dsr")


def configured(run: RowRun, profile: str) -> dict:
    return TASK.configuration(run, "synthetic", PROFILES[profile])


def changed(run: RowRun, **settings: object) -> RowRun:
    return run.model_copy(update={"settings": {**run.settings, **settings}})


def test_a_scaled_row_takes_half_of_its_steps_before_its_terms(paper: Paper) -> None:
    profile = replace(PROFILES["standard"], steps=1000, frames_per_step=32, learning_rate=1e-3)
    found = TASK.configuration(paper.row("table-dsr-terms/both").run, "synthetic", profile)
    assert found["start"]["recipe"]["max_steps"] == found["recipe"]["max_steps"] == 500
    assert found["recipe"]["batch_size"] == 32
    assert found["start"]["options"]["minimal"] == "none"
    assert found["options"]["minimal"] == "row_iou"
    doubled = TASK.configuration(
        paper.row("table-dsr-terms/both").run, "synthetic", profile.doubled()
    )
    assert doubled["recipe"]["max_steps"] == 1000


def test_the_published_scale_keeps_the_recipe(paper: Paper) -> None:
    found = configured(paper.row("table-dsr-terms/both").run, "paper")
    assert found["recipe"]["epochs"] == 50
    assert found["recipe"]["batch_size"] == 128
    assert found["recipe"]["learning_rate"] == 3e-5
    assert (found["options"]["backbone"], found["crop_px"]) == ("resnet50", 256)


def test_a_fit_sees_all_its_pictures_in_every_step(paper: Paper) -> None:
    profile = replace(PROFILES["quick"], steps=600)
    found = TASK.configuration(paper.row("table-fit/both").run, "synthetic", profile)
    assert found["recipe"]["max_steps"] == 10
    assert found["start"]["recipe"]["max_steps"] == 40
    assert found["recipe"]["batch_size"] == found["pictures"] == 48
    assert found["recipe"]["weight_decay"] == 0.0


def test_unknown_settings_are_named(paper: Paper) -> None:
    run = paper.row("table-dsr-terms/none").run
    with pytest.raises(InvalidParameter, match="unknown strata 'loose'; did you mean 'looseness'"):
        configured(changed(run, strata="loose"), "smoke")
    with pytest.raises(InvalidParameter, match="unknown option of dsr 'withd'"):
        configured(changed(run, withd=3), "smoke")
    wrong = run.model_copy(update={"recipe": {**run.recipe, "epoch": 3}})
    with pytest.raises(InvalidParameter, match="unknown entry in the recipe of dsr 'epoch'"):
        configured(wrong, "smoke")
    unknown = run.model_copy(update={"model": "dsr2"})
    with pytest.raises(InvalidParameter, match="unknown method 'dsr2'"):
        configured(unknown, "smoke")


def test_no_pictures_are_made_of_other_data(paper: Paper) -> None:
    with pytest.raises(InvalidParameter, match=r"'h36m'.*synthetic, cmu"):
        TASK.check(paper.rows, "h36m", PROFILES["smoke"], Path("data"))


def test_rows_share_a_start_and_a_run_is_loaded_again(tmp_path: Path) -> None:
    study = Study("dsr", "synthetic", "smoke", runs=tmp_path, data=pictures_folder(), device="cpu")
    runs = {}
    for name in ("keypoints", "silhouette"):
        row = study.paper.row(f"table-fit/{name}")
        runs[name] = execute(study.job(row, 0))
    starts = [path for path in tmp_path.rglob("start-*") if path.is_dir()]
    assert len(starts) == 1
    first, second = (run.metrics["estimates"]["prediction"]["aggregate"] for run in runs.values())
    assert first["rest_pve"] != second["rest_pve"]
    network = trained_network(runs["keypoints"], study.data)
    scored = TASK.evaluate(network, runs["keypoints"].config, study.data, "cpu")
    assert scored.evidence == "rendered"
    assert scored.estimates["prediction"].metrics == pytest.approx(first)
    assert runs["keypoints"].log["phase"][0] == 2
    assert TASK.seconds(runs["silhouette"].config, torch.device("cpu")) > 0
    baselines = TASK.baselines(runs["keypoints"].config, study.data, tmp_path)
    assert set(baselines) == {"mean pose", "linear", "neighbours"}
    assert baselines["mean pose"]["aggregate"]["rest_pve"] > 5
