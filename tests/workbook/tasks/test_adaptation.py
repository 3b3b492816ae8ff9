"""Adaptation as a task: settings and their limits, and a small paper from rows to verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.workbook.notebooks.judged_claims import verdict_table
from posekit.workbook.notebooks.paper_tables import comparison_table
from posekit.workbook.papers import RowRun
from posekit.workbook.papers.profiles import PROFILES, Profile
from posekit.workbook.studies import Study
from posekit.workbook.studies.reference_files import read_references
from posekit.workbook.studies.runs import StoredRun
from posekit.workbook.studies.update_reference import update_reference
from posekit.workbook.tasks import find_task
from posekit.workbook.tasks.adaptation_runs import check_data
from posekit.workbook.tasks.adaptation_settings import SOURCE_OF

OWN = Path(__file__).parents[2] / "own_papers" / "adapted"
TASK = find_task("adaptation")
RECIPE = {"learning_rate": 1e-3, "decay": 1.0, "epochs": 50, "frames_per_step": 1024}
TARGET = "synthetic_3dhp_rig"


def run(**settings: Any) -> RowRun:
    recipe = {**RECIPE, **settings.pop("recipe", {})}
    return RowRun(task="adaptation", model="simple_baseline", recipe=recipe, settings=settings)


def configured(profile: str = "smoke", dataset: str = "synthetic", **settings: Any) -> dict:
    return TASK.configuration(run(**settings), dataset, PROFILES[profile])


# Configurations -----------------------------------------------------------------------------------


def test_mirror_images_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="trains without mirror images; set flip: false"):
        configured(recipe={"flip": True})


@pytest.mark.parametrize("target", ["synthetic", "cmu", TARGET, "mpi_inf_3dhp", "h36m_s1"])
def test_the_usual_source_is_that_of_the_target(target: str) -> None:
    source = configured(dataset=target)["source"]["dataset"]
    assert source == SOURCE_OF.get(target, "synthetic")
    own = configured(dataset=target, source="target", gpa="none")
    assert own["source"]["dataset"] == target


@pytest.fixture(scope="module")
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("remembered")


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({"gpa": "full"}, "train"),
        ({"gpa": "none"}, None),
        ({"gpa": "none", "lpa": True, "anchor_2d": "target"}, "train"),
        ({"gpa": "none", "lpa": True, "anchor_2d": "source"}, None),
        ({"gpa": "scale", "target_2d": "test"}, "test"),
    ],
)
def test_the_target_is_looked_at_where_the_method_needs_it(
    settings: dict[str, Any], seen: str | None, remembered: Path
) -> None:
    config = configured(**settings)
    assert config["adaptation"]["target_2d"] == seen
    place = ("synthetic", config, remembered, remembered)
    prints = TASK.fingerprints(*place)
    alone = config["adaptation"]["gpa"] == "none" and config["adaptation"]["lpa"] is None
    roles = {"seen"} if seen else {"own test"} if alone else set()
    assert set(prints) == {"train", "test"} | roles
    assert TASK.known_fingerprints(*place) == prints
    if seen == "test":
        assert prints["seen"] == prints["test"]


def test_where_the_training_split_is_the_sources_the_target_is_seen_in_its_test_split() -> None:
    for target in ("poseaug_3dhp", "h36m_s1"):
        assert configured(dataset=target)["adaptation"]["target_2d"] == "test"


def test_settings_that_change_nothing_make_no_other_run() -> None:
    plain = configured(gpa="none")
    assert configured(gpa="none", operations=["angle"], anchor_2d="none", mix_source=0.5) == plain
    assert configured(gpa="none", target_2d="test") == plain
    assert configured(gpa="full") != plain


def test_a_scaled_profile_halves_its_steps_between_source_and_rest() -> None:
    profile = replace(PROFILES["standard"], steps=101)
    found = TASK.configuration(run(lpa=True, embed_dim=1024), "synthetic", profile)
    assert (found["recipe"]["max_steps"], found["later"]["steps"]) == (50, 51)
    assert found["later"]["adaptation_rate"] == pytest.approx(0.1 * profile.learning_rate)
    assert found["options"]["embed_dim"] == 64
    assert found["adaptation"]["lpa"]["width"] == 64
    assert "50 and 51 steps" in TASK.describe(found)


def test_the_paper_profile_has_the_rows_recipe() -> None:
    found = configured("paper", lpa=True, recipe={"adaptation_rate": 1e-3, "generator_epochs": 7})
    assert found["recipe"]["epochs"] == 50
    assert found["recipe"]["batch_size"] == 1024
    assert found["later"]["adaptation_rate"] == 1e-3
    assert (found["later"]["generator_epochs"], found["later"]["steps"]) == (7, None)
    assert found["adaptation"]["lpa"]["width"] == 256


def test_scoring_is_poseaugs_for_the_target() -> None:
    assert configured()["evaluation"]["protocol"] == "PoseAug, Human3.6M"
    assert configured(dataset="mpi_inf_3dhp")["evaluation"]["protocol"] == "PoseAug, 3DHP"
    assert configured(protocol="MHFormer")["evaluation"]["protocol"] == "MHFormer"


def test_networks_that_draw_hypotheses_are_refused(tmp_path: Path) -> None:
    config = {**configured(), "model": "d3dp"}
    with pytest.raises(InvalidParameter, match="d3dp draws hypotheses and is not adapted"):
        check_data(config, "synthetic", tmp_path)


# A small paper ------------------------------------------------------------------------------------


def tiny(**changes: Any) -> Profile:
    fields = {"name": "tiny", "seed_count": 2, "verdicts": True, "measures": True, "steps": 60}
    fields |= {"frames_per_step": 64, "learning_rate": 1e-2}
    return replace(PROFILES["smoke"], **{**fields, **changes})


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEKIT_PAPERS", str(OWN))
        patch.setitem(PROFILES, "tiny", tiny())
        yield patch


@pytest.fixture(scope="module")
def study(patched: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Study:
    runs = tmp_path_factory.mktemp("runs")
    study = Study("adapted", TARGET, "tiny", claims="all", runs=runs, device="cpu")
    study.check()
    study.run_all(workers=1)
    return study


def test_rows_are_run_shown_and_judged(study: Study) -> None:
    assert study.plan().missing == ()
    result = study.results("parts")
    assert [row.row.id for row in result.rows] == ["none", "gpa", "both"]
    for row in result.rows:
        assert row.left_out == ""
        assert len(row.measured["mpjpe"].values) == 2
        assert row.baselines["linear"]["mpjpe"] > 20
    text = comparison_table(study, "parts").to_text()
    assert "Aligned and varied" in text
    (claim,) = verdict_table(study).claims
    assert claim.verdict == "not testable at this scale"
    assert [item.metric for item in study.verdicts()[0].conditions] == ["mpjpe", "pck"]


def test_the_card_says_what_was_done_and_what_was_not_looked_at(study: Study) -> None:
    cards = {
        name: study.run(f"parts/{name}")[0].metrics["card"] for name in ("none", "gpa", "both")
    }
    for card in cards.values():
        assert card["Source"] == "synthetic, training split, gt keypoints"
        assert card["Data set"].startswith(f"{TARGET}, test split")
        assert card["Target labels"] == "not used"
        assert card["Skeleton"] == "poseaug-16"
        assert card["Training"] == "no part diverged or collapsed"
    assert cards["none"]["2D of the target"] == "not looked at"
    assert cards["gpa"]["Aligned"] == "2D root and scale (GPA)"
    assert cards["both"]["Augmented"] == "angle, length, rotation"
    assert cards["both"]["Discriminators"] == "3D against the source's and 2D against the target's"
    protocol = study.results("parts").protocol
    assert protocol["Training"] == "no part diverged or collapsed"
    assert "none is chosen on test data" in protocol["Checkpoint choice"]


def test_rows_share_the_training_on_the_source(study: Study) -> None:
    folders = [path.name for path in (study.store.root / ".trainings").iterdir() if path.is_dir()]
    assert sum(name.startswith("source-") for name in folders) == len(study.seeds)
    logs = [study.run(f"parts/{name}")[0] for name in ("none", "gpa", "both")]
    first = [run.log["lifter"][:30] for run in logs]
    assert first[0] == first[1] == first[2]
    assert logs[0].log["step"] == tuple(range(1, 61))
    assert set(logs[2].log["phase"]) == {1.0, 2.0, 3.0}
    assert len(logs[2].log["step"]) == 90


def test_curves_that_verdicts_look_at_are_those_of_the_last_phase(study: Study) -> None:
    for name in ("none", "both"):
        evidence = study.measured.evidence(study.paper.row(f"parts/{name}"))
        assert evidence.steps.tolist() == list(range(1, 31))
        assert evidence.losses.shape == (2, 30)


def test_the_network_of_a_row_comes_back_with_its_weights(study: Study) -> None:
    network = study.network("parts/both")
    assert network.generator is not None
    pose = network(torch.zeros(2, 1, 16, 2))
    assert pose.shape == (2, 1, 16, 3)


@pytest.fixture
def one_collapsed(study: Study, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """The same study with seed 1 of the aligned row said to have collapsed."""
    (broken,) = [one for one in study.run("parts/gpa") if one.config["seed"] == 1]
    load = study.store.load

    def read(name: str) -> StoredRun | None:
        run = load(name)
        if name != broken.id or run is None:
            return run
        card = {**run.metrics["card"], "Training": "collapsed: for this test"}
        return replace(run, metrics={**run.metrics, "card": card})

    monkeypatch.setattr(study.store, "load", read)
    study.measured.forget()
    yield study
    study.measured.forget()


def test_a_collapsed_seed_is_told_and_in_no_figure(one_collapsed: Study) -> None:
    study = one_collapsed
    row = study.paper.row("parts/gpa")
    alone = study.stored(row)[0].metrics["estimates"]["prediction"]["aggregate"]["mpjpe"]
    assert study.figures(row)["mpjpe"].values == (alone,)
    assert study.measured.evidence(row).seeds == (0,)
    result = study.results("parts")
    assert {item.row.id: item.left_out for item in result.rows} == {
        "none": "",
        "gpa": "1 of 2 seeds collapsed",
        "both": "",
    }
    assert result.protocol["Training"] == "Aligned: seed 1 collapsed: for this test"
    assert "1 of 2 seeds collapsed" in comparison_table(study, "parts").to_text()
    (verdict,) = study.verdicts()
    assert "1 of 2 seeds collapsed in parts/gpa" in verdict.reason


def test_a_reference_keeps_no_collapsed_seed_and_says_so(
    one_collapsed: Study, tmp_path: Path
) -> None:
    update_reference(one_collapsed, tmp_path)
    kept = read_references("adapted", tmp_path)[TARGET]
    assert kept.rows["parts/gpa"].evidence.seeds == (0,)
    assert len(kept.rows["parts/gpa"].figures["mpjpe"]) == 1
    assert kept.left_out("parts/gpa") == "1 of 2 seeds collapsed"
    assert kept.left_out("parts/none") == kept.left_out("parts/nothing") == ""


def test_a_study_whose_trainings_all_go_wrong_ends_and_says_so(
    patched: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROFILES, "tiny", tiny(seed_count=1, learning_rate=1e8))
        study = Study("adapted", TARGET, "tiny", claims="all", runs=tmp_path, device="cpu")
        study.run_all(workers=1)
        result = study.results("parts")
        for row in result.rows:
            assert row.measured == {}
            assert row.left_out == "1 of 1 seed collapsed"
            assert row.not_run.startswith(("seed 0 diverged", "seed 0 collapsed"))
        assert all(claim.verdict == "not assessed" for claim in study.verdicts())
        assert "seed 0 " in comparison_table(study, "parts").to_text()
