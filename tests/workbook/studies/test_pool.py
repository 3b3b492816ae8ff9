"""Several runs: in processes or one after the other, failures gathered."""

import pytest

from posekit.errors import InvalidData, RunFailedError
from posekit.workbook.studies import Study, pool
from posekit.workbook.studies.execution import execute


def test_workers_compute_what_one_process_computes(study, tmp_path):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    again.run_all(["kpa-tpa"], workers=2)
    for path in ("kpa-tpa/neither", "kpa-tpa/both"):
        (run,) = again.run(path)
        (first,) = [r for r in study.run(path) if r.config["seed"] == 0]
        assert run.metrics == first.metrics


def test_failures_are_gathered_and_the_rest_is_kept(tmp_path, monkeypatch):
    study = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    broken = study.job(study.paper.row("kpa-tpa/neither"), 0).id

    def sometimes(job):
        if job.id == broken:
            raise InvalidData("the loss is not finite.")
        return execute(job)

    monkeypatch.setattr(pool, "execute", sometimes)
    with pytest.raises(RunFailedError, match=r"1 of 4 runs failed: .*not finite"):
        study.run_all(["kpa-tpa"], workers=1)
    assert len(study.plan(["kpa-tpa"]).missing) == 1


def test_a_failure_that_nobody_foresaw_ends_no_other_run(tmp_path, monkeypatch):
    study = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    broken = study.job(study.paper.row("kpa-tpa/neither"), 0).id

    def sometimes(job):
        if job.id == broken:
            raise RuntimeError("out of memory\nin a second line")
        return execute(job)

    monkeypatch.setattr(pool, "execute", sometimes)
    with pytest.raises(
        RunFailedError, match=r"1 of 4 runs failed: .*RuntimeError: out of memory in"
    ):
        study.run_all(["kpa-tpa"], workers=1)
    assert len(study.plan(["kpa-tpa"]).missing) == 1


def test_a_cause_that_many_runs_share_is_told_once(tmp_path, monkeypatch):
    def full(job):
        raise InvalidData(f"cannot write {job.id}/weights: the disk is full.")

    monkeypatch.setattr(pool, "execute", full)
    study = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    with pytest.raises(RunFailedError) as caught:
        study.run_all(["kpa-tpa"], workers=1)
    told = str(caught.value)
    assert told.startswith("4 of 4 runs failed: ")
    assert " and 3 more: cannot write " in told
    assert told.count("the disk is full") == 1
