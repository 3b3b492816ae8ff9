"""A study: what is run, what is repaired, its verdicts."""

import time
from dataclasses import replace

import pytest

from posekit.errors import InvalidParameter
from posekit.workbook.evidence import CHECK_PASSED, NOT_ASSESSED, NOT_TESTABLE
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import Study, pool
from posekit.workbook.studies import study as studies


def test_finished_runs_are_not_executed_again(study, monkeypatch):
    def refuse(job):
        raise AssertionError(f"{job.id} was executed again")

    monkeypatch.setattr(pool, "execute", refuse)
    started = time.monotonic()
    plan = study.run_all(["kpa-tpa"])
    assert plan.missing == ()
    assert time.monotonic() - started < 1


def test_verdicts_come_from_complete_runs_only(study, monkeypatch):
    monkeypatch.setattr(studies, "read_references", lambda paper: {})
    verdicts = {verdict.claim: verdict for verdict in study.verdicts()}
    assert verdicts["kpa-helps"].verdict == NOT_TESTABLE  # two steps pass no gate
    assert len(verdicts["kpa-helps"].gates) == 5
    assert verdicts["kpa-helps"].conditions[0].low < verdicts["kpa-helps"].conditions[0].high
    assert verdicts["kpa-helps"].basis == "this run (synthetic, tiny, 2 seeds)"
    assert verdicts["local-plus-global"].verdict == NOT_ASSESSED
    assert "missing" in verdicts["local-plus-global"].reason
    assert verdicts["small-overhead"].verdict == CHECK_PASSED
    assert verdicts["diffusion-oracle"].reason.startswith("oracle")


def test_a_profile_without_verdicts_gives_none_of_its_own(study, runs, monkeypatch):
    assert not PROFILES["smoke"].verdicts
    assert not PROFILES["quick"].verdicts
    for carries in (True, False):
        monkeypatch.setitem(PROFILES, "tiny", replace(PROFILES["tiny"], verdicts=carries))
        again = Study("ktpformer", "synthetic", "tiny", seeds=study.seeds, runs=runs, device="cpu")
        verdicts = {verdict.claim: verdict for verdict in again.verdicts()}
        verdict = verdicts["kpa-helps"]
        assert verdict.basis == "this run (synthetic, tiny, 2 seeds)"
        assert (verdict.reason == "profile tiny carries no verdict") is not carries


def test_a_damaged_run_is_said_and_run_again(study, tmp_path, capsys):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    (run,) = again.run("kpa-tpa/neither")
    (run.folder / "metrics.json").write_text('{"estimates"')
    (repaired,) = again.run("kpa-tpa/neither")
    assert "damaged" in capsys.readouterr().out
    assert repaired.metrics == run.metrics


def test_windows_longer_than_the_longest_clip_are_found_before_training(tmp_path, monkeypatch):
    long = replace(PROFILES["tiny"], frames_divisor=1, frame_rate_divisor=1)
    monkeypatch.setitem(PROFILES, "long", long)
    study = Study("ktpformer", "synthetic", "long", runs=tmp_path, device="cpu")
    with pytest.raises(InvalidParameter, match=r"has 120 frames; choose a smaller profile"):
        study.check()
    Study("ktpformer", "synthetic", "tiny", runs=tmp_path, device="cpu").check()
