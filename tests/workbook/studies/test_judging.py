"""Verdicts of a study's own runs and of a reference's: whose they are, and what a scale allows."""

from dataclasses import replace

import numpy as np
import pytest

from posekit.workbook.evidence import (
    CHECK_PASSED,
    INCONCLUSIVE,
    NOT_ASSESSED,
    NOT_TESTABLE,
    SUPPORTS,
)
from posekit.workbook.studies import Study
from posekit.workbook.studies.judging import judge_reference
from posekit.workbook.studies.references import Reference, ReferenceRow
from posekit.workbook.studies.row_evidence import RowEvidence

SEEDS, PERSONS, ACTIONS = 8, 20, ("Walking", "Sitting")
CLIPS = [f"P{person}/{action} 1/a" for person in range(PERSONS) for action in ACTIONS]


def row(mean, seed, *, slope=0.0):
    """A row around a mean, whose takes share their difficulty with every other row."""
    generator = np.random.default_rng(seed)
    difficulty = np.random.default_rng(0).uniform(0.8, 1.2, len(CLIPS))
    noise = generator.normal(1.0, 0.004, (SEEDS, 1)) * generator.normal(1.0, 0.004, (SEEDS, 40))
    steps = np.arange(1, 401)
    return RowEvidence(
        seeds=tuple(range(SEEDS)),
        clips=np.array(CLIPS),
        actions=np.array(ACTIONS * PERSONS),
        frames=np.full(len(CLIPS), 100),
        errors={"mpjpe": mean * difficulty * noise},
        steps=steps,
        losses=np.tile(steps ** -float(slope), (SEEDS, 1)),
        baselines={"linear": {"mpjpe": 80.0}, "neighbours": {"mpjpe": 60.0}},
    )


@pytest.fixture
def study(tmp_path):
    return Study("uao", "synthetic", "standard", runs=tmp_path, device="cpu")


def reference(**means):
    """UAO's headline rows and controls with these errors."""
    usual = {
        "table-h36m-readme/gumlp": 50.0,
        "table-h36m-readme/gumlp-uao-fitted-root": 48.0,
        "table-h36m-gt/gumlp": 40.0,
        "table-controls/width-256": 55.0,
    }
    rows = {
        path: ReferenceRow({}, "", "", row(means.get(path, mean), seed))
        for seed, (path, mean) in enumerate(usual.items())
    }
    return Reference(
        paper="uao",
        dataset="synthetic",
        profile="standard",
        seeds=tuple(range(SEEDS)),
        evidence="synthetic",
        command="",
        environment={},
        seconds=0.0,
        data={},
        rows=rows,
    )


def headline(study, found, *, stale=False):
    verdicts = judge_reference(study.setting, found, stale=stale)
    return next(item for item in verdicts if item.claim == "optimisation-lowers-error")


def test_errors_that_a_reference_keeps_are_judged(study):
    verdict = headline(study, reference())
    (condition,) = verdict.conditions
    assert verdict.verdict == SUPPORTS
    assert verdict.basis == "reference run (synthetic, standard, 8 seeds)"
    assert condition.effect == pytest.approx(-0.04, abs=0.005)
    assert condition.low < condition.effect < condition.high < 0
    assert condition.published == -0.0547
    assert headline(study, reference(), stale=True).basis.startswith("stale reference run")


def test_a_row_that_has_not_learned_is_no_evidence(study):
    verdict = headline(study, reference(**{"table-h36m-readme/gumlp": 70.0}))
    assert verdict.verdict == NOT_TESTABLE
    assert "gumlp has not learned" in verdict.reason


def test_a_control_that_fails_closes_every_claim(study):
    verdict = headline(study, reference(**{"table-h36m-gt/gumlp": 52.0}))
    assert verdict.verdict == NOT_TESTABLE
    assert "exact-keypoints-help does not hold" in verdict.reason


def test_no_effect_is_inconclusive(study):
    equal = reference(**{"table-h36m-readme/gumlp-uao-fitted-root": 50.0})
    assert headline(study, equal).verdict == INCONCLUSIVE


def test_runs_that_still_learn_need_twice_the_steps(study):
    found = reference()
    rows = dict(found.rows)
    for path in ("table-h36m-readme/gumlp", "table-h36m-readme/gumlp-uao-fitted-root"):
        evidence = rows[path].evidence
        falling = np.tile(evidence.steps**-0.4, (SEEDS, 1))
        rows[path] = replace(rows[path], evidence=replace(evidence, losses=falling))
    steep = replace(found, rows=rows)
    assert "converged" in headline(study, steep).reason
    doubled = {path: replace(item, doubled=item.evidence) for path, item in rows.items()}
    assert headline(study, replace(found, rows=doubled)).verdict == SUPPORTS


def test_a_profile_without_verdicts_says_so_and_counts_all_the_same(tmp_path, monkeypatch):
    study = Study("ktpformer", "synthetic", "quick", runs=tmp_path, device="cpu")
    monkeypatch.setattr("posekit.workbook.studies.study.read_references", lambda paper: {})
    verdicts = {item.claim: item for item in study.verdicts()}
    sampled = verdicts["priors-mend-attention"]
    assert (sampled.verdict, sampled.reason) == (
        NOT_ASSESSED,
        "one seed: profile quick carries no verdict",
    )
    assert verdicts["small-overhead"].verdict == CHECK_PASSED
    assert verdicts["diffusion-oracle"].reason.startswith("oracle")
