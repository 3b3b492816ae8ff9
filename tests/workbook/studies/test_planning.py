"""Plans: which runs tables need."""

from dataclasses import replace

import pytest
from acclaim import write_subject

from posekit.errors import DatasetNotFound, InvalidParameter
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import Study
from posekit.workbook.studies.execution import training_id
from posekit.workbook.studies.planning import EVALUATION_SECONDS


def test_tables_that_show_the_same_run_share_it(study):
    plan = study.plan(["kpa-tpa", "topology", "frames"])
    shared = next(run for run in plan.runs if "kpa-tpa/both" in run.rows)
    assert {"kpa-tpa/both", "topology/local-and-global", "frames/243"} <= set(shared.rows)
    assert len(plan.runs) == 2 * (4 + 2 + 2)


def test_a_plan_says_what_is_to_do(study, tmp_path):
    plan = study.plan(["kpa-tpa"])
    assert (len(plan.runs), plan.missing, plan.seconds) == (8, (), 0)
    elsewhere = Study("ktpformer", "synthetic", "tiny", seeds=1, runs=tmp_path, device="cpu")
    plan = elsewhere.plan(["kpa-tpa"])
    assert plan.missing == plan.runs
    assert str(plan).startswith("4 runs, 4 of them not stored yet,")
    seconds = [run.seconds for run in plan.runs]
    assert seconds == sorted(seconds, reverse=True)
    assert plan.seconds == sum(seconds) > 0


def test_of_runs_that_share_a_training_one_is_taken_to_train(tmp_path):
    study = Study("uao", "synthetic", "tiny", runs=tmp_path, device="cpu")
    plan = study.plan(["table-optimise-target", "table-iterations"])
    trainings = {training_id(run.job) for run in plan.runs}
    assert len(trainings) < len(plan.runs)
    evaluated = [run for run in plan.runs if run.seconds == EVALUATION_SECONDS]
    assert len(evaluated) == len(plan.runs) - len(trainings)


def test_a_scaled_profile_runs_what_headline_claims_and_their_verdicts_need(tmp_path, monkeypatch):
    def rows(**chosen):
        study = Study("gla_gcn", "synthetic", "rows", runs=tmp_path, device="cpu", **chosen)
        return {path for run in study.plan().runs for path in run.rows}

    tiny = replace(PROFILES["tiny"], name="rows", rows="headline")
    monkeypatch.setitem(PROFILES, "rows", replace(tiny, verdicts=False))
    claims_alone = rows()
    monkeypatch.setitem(PROFILES, "rows", tiny)
    headline = rows()
    assert claims_alone == {f"table-global-reconstruction/{row}" for row in ("with", "without")}
    assert claims_alone < headline
    assert {"table-global-reconstruction/with", "table-frames/27"} <= headline
    assert "table-head/flat" not in headline
    assert rows(rows=["table-head/flat"]) == headline | {"table-head/flat"}
    everything = rows(claims="all")
    assert headline < everything
    assert "table-head/flat" in everything
    with pytest.raises(InvalidParameter, match=r"no row 'table-head/none'; table-head holds: "):
        rows(rows=["table-head/none"])
    with pytest.raises(InvalidParameter, match="choose one of: auto, headline, all"):
        rows(claims="some")


def test_a_row_that_is_left_out_says_how_to_run_it(tmp_path):
    study = Study("gla_gcn", "synthetic", "quick", runs=tmp_path, device="cpu")
    reasons = {row.row.id: row.not_run for row in study.results("table-head").rows}
    expected = "profile quick runs what headline claims need; --rows table-head/ROW adds a row"
    assert set(reasons.values()) == {expected}


def test_a_plan_makes_no_pictures_to_say_what_is_to_do(tmp_path):
    place = {"data": tmp_path / "data", "runs": tmp_path / "runs", "device": "cpu"}
    plan = Study("dsr", "synthetic", "standard", **place).plan(read=False)
    assert plan.missing == plan.runs
    assert plan.seconds > 0
    assert not (tmp_path / "data").exists()
    assert all(run.job.id.startswith(f"{run.name}-") for run in plan.runs)
    with pytest.raises(DatasetNotFound, match="CMU"):
        Study("dsr", "cmu", "standard", **place).plan(read=False)


def test_a_plan_knows_stored_runs_without_reading_data(study):
    runs = study.plan(["kpa-tpa"], read=False).runs
    assert all(run.cached for run in runs)
    assert [run.name for run in runs] == [run.job.id for run in study.plan(["kpa-tpa"]).runs]


def test_rows_that_need_other_data_wait_for_them(tmp_path):
    place = {"profile": "quick", "data": tmp_path, "runs": tmp_path, "device": "cpu"}
    path = "table-cmu-back/cmu-none"
    study = Study("poseda", "synthetic", claims="all", **place)
    assert "table-cmu-back" not in {row.table for row in study.setting.wanted_rows}
    assert "table-gaps/structure-none" in {row.path for row in study.setting.wanted_rows}
    study.check()
    reasons = {row.not_run for row in study.results("table-cmu-back").rows}
    missing = (
        "needs CMU motion capture, which is not whole on disk; posekit data status tells what to do"
    )
    assert reasons == {missing}
    with pytest.raises(DatasetNotFound, match="cmu"):
        Study("poseda", "synthetic", claims="all", rows=[path], **place).plan()
    write_subject(tmp_path / "cmu" / "all_asfamc" / "subjects", "02", {"02_01": 10})
    study = Study("poseda", "synthetic", claims="all", **place)
    assert path in {row.path for row in study.setting.wanted_rows}


def test_doubled_runs_are_runs_of_their_own(tmp_path):
    study = Study("gla_gcn", "synthetic", "tiny", seeds=4, runs=tmp_path, device="cpu")
    tables = ["table-frames"]
    once, twice = study.plan(tables), study.doubled().plan(tables)
    assert {run.job.config["seed"] for run in twice.runs} == {0, 1}
    assert not {run.job.id for run in once.runs} & {run.job.id for run in twice.runs}
    steps = {run.job.config["recipe"]["max_steps"] for run in once.runs}
    assert {run.job.config["recipe"]["max_steps"] for run in twice.runs} == {2 * max(steps)}


def test_a_plan_estimates_for_a_core_and_for_a_gpu_that_need_not_be_there(tmp_path):
    plan = Study("uao", "synthetic", "tiny", runs=tmp_path, device="cpu").plan(["table-controls"])
    assert plan.seconds_on("cpu") == plan.seconds > 0
    assert plan.seconds_on("cuda") > 0
