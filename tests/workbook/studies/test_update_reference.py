"""A finished study is kept as the reference results on its data set."""

import json
from dataclasses import replace

import pytest

from posekit.errors import InvalidParameter
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import Study, references, setting, update_reference
from posekit.workbook.studies.judging import judge_reference
from posekit.workbook.studies.reference_files import read_references


def test_reference_results_are_written_and_read_back(only_kpa_tpa, tmp_path, monkeypatch):
    study = only_kpa_tpa
    path = update_reference(study, tmp_path)
    reference = read_references("ktpformer", tmp_path)["synthetic"]
    assert reference.seeds == (0, 1)
    assert reference.command == (
        "posekit report ktpformer --dataset synthetic --profile tiny --seeds 2 --update-reference"
    )
    row = study.paper.row("kpa-tpa/both")
    assert reference.rows[row.path].figures["mpjpe"] == pytest.approx(
        study.figures(row)["mpjpe"].values, abs=1e-3
    )
    evidence = reference.rows[row.path].evidence
    for stored, run in zip(evidence.errors["mpjpe"], study.run(row.path), strict=True):
        assert stored == pytest.approx(run.per_clip["prediction/mpjpe"], rel=1e-6)
    assert evidence.losses.shape == (2, len(evidence.steps))
    assert evidence.mean("mpjpe") == pytest.approx(study.figures(row)["mpjpe"].value, rel=1e-6)
    for stale, label in ((False, "reference run (synthetic, tiny, 2 seeds)"), (True, "stale")):
        verdicts = judge_reference(study.setting, reference, stale=stale)
        assert all(verdict.basis.startswith(label) for verdict in verdicts)
    assert not references.is_stale(reference, study.setting)
    with monkeypatch.context() as change:
        change.setitem(PROFILES, "tiny", replace(PROFILES["tiny"], steps=3))
        assert references.is_stale(reference, study.setting)
    monkeypatch.setattr(setting, "code_version", lambda *modules: "changed")
    assert references.is_stale(reference, study.setting)
    text = json.dumps(json.loads(path.read_text()))
    assert str(tmp_path) not in text
    assert len(text) < 20_000


def test_the_verdicts_of_a_reference_are_those_of_its_runs(only_kpa_tpa, tmp_path):
    study = only_kpa_tpa
    update_reference(study, tmp_path)
    reference = read_references("ktpformer", tmp_path)["synthetic"]
    kept = judge_reference(study.setting, reference, stale=False)
    for stored, mine in zip(kept, study.verdicts(), strict=True):
        assert (stored.claim, stored.verdict) == (mine.claim, mine.verdict)
        for there, here in zip(stored.conditions, mine.conditions, strict=True):
            assert there.effect == pytest.approx(here.effect, rel=1e-4, abs=1e-6)
            assert there.high == pytest.approx(here.high, rel=1e-3, abs=1e-6)


def test_reference_results_need_a_whole_study_that_carries_verdicts(study, tmp_path):
    with pytest.raises(InvalidParameter, match="runs are missing"):
        update_reference(study, tmp_path)
    smoke = Study("ktpformer", profile="smoke", runs=tmp_path, device="cpu")
    with pytest.raises(InvalidParameter, match="carries no verdicts"):
        update_reference(smoke, tmp_path)


def test_runs_of_twice_the_steps_are_kept_beside_the_others(only_kpa_tpa, tmp_path):
    study = only_kpa_tpa
    study.doubled().run_all(["kpa-tpa"], workers=1)
    update_reference(study, tmp_path)
    reference = read_references("ktpformer", tmp_path)["synthetic"]
    assert reference.command.startswith("posekit double ktpformer --dataset synthetic")
    assert reference.command.endswith("--seeds 2 --update-reference")
    row = reference.rows["kpa-tpa/both"]
    (steps,) = {run.config["recipe"]["max_steps"] for run in study.run("kpa-tpa/both")}
    assert row.doubled.seeds == (0, 1)
    assert row.doubled.steps[-1] == 2 * steps
    assert row.doubled.mean("mpjpe") != row.evidence.mean("mpjpe")
    verdicts = {item.claim: item for item in judge_reference(study.setting, reference, stale=False)}
    converged = next(gate for gate in verdicts["kpa-helps"].gates if gate.name == "converged")
    assert "not run" not in converged.detail
