"""Plans: which runs tables need."""

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
