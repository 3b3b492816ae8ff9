"""Verdicts: the words, and the order in which they are decided."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posekit.workbook.evidence.verdicts import (
    AGAINST,
    CHECK_FAILED,
    CHECK_PASSED,
    CONTRADICTED,
    INCONCLUSIVE,
    NOT_ASSESSED,
    NOT_TESTABLE,
    OTHER_SIZE,
    REPRODUCED,
    SUPPORTS,
    VERDICTS,
    Verdict,
    judge_paper,
    not_assessed,
)


def one(paper, world):
    (verdict,) = judge_paper(paper, world.evidence)
    return verdict


@pytest.mark.parametrize(
    ("method", "scaled", "published_scale"),
    [
        (47.5, SUPPORTS, REPRODUCED),
        (49.3, OTHER_SIZE, OTHER_SIZE),
        (30.0, OTHER_SIZE, OTHER_SIZE),
        (50.0, INCONCLUSIVE, INCONCLUSIVE),
        (52.0, AGAINST, CONTRADICTED),
    ],
)
def test_the_word_follows_the_effect(world, paper_of, method, scaled, published_scale):
    world = world.but(means={"method": method})
    verdict = one(paper_of(), world)
    assert verdict.verdict == scaled
    assert verdict.conditions[0].verdict == scaled
    assert verdict.basis == "synthetic, standard, 5 seeds"
    world = world.but(at_published_scale=True)
    assert one(paper_of(), world).verdict == published_scale


def test_a_condition_tells_its_numbers(world, paper_of):
    (condition,) = one(paper_of(), world).conditions
    assert condition.difference == pytest.approx(-2.5)
    assert condition.low < condition.effect < condition.high
    assert condition.published == pytest.approx(-0.05)
    assert 0 < condition.least_effect < 0.01
    assert condition.p == condition.adjusted_p < 0.05
    assert condition.degrees_of_freedom >= 1


CLOSED_GATES = {
    "learned": {"means": {"host": 58.0, "method": 55.1, "narrow": 70.0}},
    "controls": {"means": {"narrow": 45.0}},
    "converged": {"slopes": {"method": 0.3}},
    "power": {"noise": 6.0},
}


@pytest.mark.parametrize("method", [47.5, 50.0, 53.0])
@pytest.mark.parametrize("gate", CLOSED_GATES)
def test_a_closed_gate_forbids_every_word(world, paper_of, gate, method):
    world = world.but(means={"method": method}).but(**CLOSED_GATES[gate])
    verdict = one(paper_of(), world)
    assert verdict.verdict == verdict.conditions[0].verdict == NOT_TESTABLE
    assert verdict.reason.startswith(f"gate {gate}: ")
    assert next(item.name for item in verdict.gates if item.blocks) == gate
    assert [item.name for item in verdict.gates] == [
        "learned",
        "controls",
        "converged",
        "power",
        "size",
    ]


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ("learned", INCONCLUSIVE),
        ("controls", INCONCLUSIVE),
        ("converged", REPRODUCED),
    ],
)
def test_gates_at_the_published_scale(world, paper_of, gate, expected):
    world = world.but(at_published_scale=True, **CLOSED_GATES[gate])
    assert one(paper_of(), world).verdict == expected


def test_what_is_not_known_is_not_passed(world, paper_of):
    assert one(paper_of(controls=False), world).verdict == NOT_TESTABLE
    assert one(paper_of(), world.but(slopes={"host": None})).verdict == NOT_TESTABLE


def test_one_seed_gives_no_verdict(world, paper_of):
    verdict = one(paper_of(), world.but(seeds=1))
    assert (verdict.verdict, verdict.reason) == (NOT_ASSESSED, "one seed: no verdict")
    assert verdict.tags == ("one seed",)
    (condition,) = verdict.conditions
    assert condition.effect == pytest.approx(-0.05)
    assert (condition.low, condition.high, condition.p) == (None, None, None)


def test_missing_runs_are_named(world, paper_of):
    verdict = one(paper_of(), world.but(missing=("host",)))
    assert verdict == Verdict(
        "c", NOT_ASSESSED, "the runs of t/host are missing", basis="synthetic, standard, 5 seeds"
    )


def test_a_figure_that_is_no_number_decides_nothing(world, paper_of):
    verdict = one(paper_of(), world.but(means={"method": float("nan")}))
    assert verdict.verdict == NOT_ASSESSED
    assert "t/method" in verdict.reason
    json.dumps(verdict.to_json(), allow_nan=False)


def test_one_run_under_two_names_is_told_before_any_run_is_missing(world, paper_of):
    verdict = one(paper_of(), world.but(twins=(("method", "host"),), missing=("host",)))
    assert verdict.verdict == NOT_TESTABLE
    assert verdict.reason == "t/method is the same run as t/host at this scale"


def test_no_worse_is_supported_within_the_margin_and_refuted_beyond(
    world, paper_of, claim, condition
):
    paper = paper_of(claim(condition(margin=0.01)))
    world = world.but(published={"method": 40.0})
    assert one(paper, world.but(means={"method": 50.1})).verdict == SUPPORTS
    assert one(paper, world.but(means={"method": 45.0})).verdict == SUPPORTS
    assert one(paper, world.but(means={"method": 50.5})).verdict == INCONCLUSIVE
    assert one(paper, world.but(means={"method": 51.0})).verdict == AGAINST


def test_counts_are_an_implementation_check(world, paper_of, claim, condition):
    ratio = ("t/method", "t/host")
    for bound, word in ((1.05, CHECK_PASSED), (1.01, CHECK_FAILED)):
        counted = claim(condition(ratio, bound, metric="params"))
        verdict = one(paper_of(counted), world.but(missing=("method",), seeds=1))
        assert verdict.verdict == verdict.conditions[0].verdict == word
        assert verdict.basis == "counted at the published size"


def test_a_broken_count_decides_a_claim_and_a_kept_one_leaves_it_to_the_runs(
    world, paper_of, claim, condition
):
    for bound, word in ((1.05, SUPPORTS), (1.01, CHECK_FAILED)):
        both = claim(condition(("t/method", "t/host"), bound, metric="params"), condition())
        assert one(paper_of(both), world).verdict == word


def test_all_conditions_have_to_hold(world, paper_of, claim, condition):
    def verdict(third):
        both = claim(condition(), condition("t/method", "t/third"))
        return one(paper_of(both), world.but(means={"third": third}))

    assert verdict(50.0).verdict == SUPPORTS
    assert verdict(47.5).verdict == INCONCLUSIVE
    found = verdict(45.0)
    assert found.verdict == AGAINST
    assert [item.verdict for item in found.conditions] == [SUPPORTS, AGAINST]


def test_claims_of_a_paper_are_corrected_for_their_number(world, paper_of, claim, condition):
    # Alone it would be clear of chance by a hair; with eleven empty ones beside it, it is not.
    world = world.but(published={"method": None}, noise=1.0, means={"method": 49.6})
    alone = one(paper_of(), world)
    assert 0.005 < alone.conditions[0].p < 0.05
    assert alone.verdict == SUPPORTS
    others = [claim(condition("t/third", "t/host"), id=f"empty-{index}") for index in range(11)]
    first, *_ = judge_paper(paper_of(claim(condition()), *others), world.evidence)
    assert first.conditions[0].p == alone.conditions[0].p
    assert first.conditions[0].adjusted_p == pytest.approx(12 * alone.conditions[0].p)
    assert first.verdict == INCONCLUSIVE


def test_claims_without_runs_do_not_count_for_the_correction(world, paper_of, claim, condition):
    others = [
        claim(condition("t/third", "t/host"), id="missing"),
        claim(condition(("t/method", "t/host"), 1.05, metric="params"), id="counted"),
        claim(id="oracle", not_assessed="an oracle"),
    ]
    world = world.but(missing=("third",))
    first, *rest = judge_paper(paper_of(claim(condition()), *others), world.evidence)
    assert first.conditions[0].adjusted_p == first.conditions[0].p
    assert [verdict.claim for verdict in rest] == ["missing", "counted", "oracle"]


def test_what_cannot_be_compared_here_says_why(world, paper_of, claim, condition):
    verdict = one(paper_of(claim(not_assessed="an oracle figure")), world)
    assert (verdict.verdict, verdict.reason) == (NOT_ASSESSED, "an oracle figure")
    table = paper_of().tables[0]
    rows = tuple(
        row.model_copy(update={"run": None, "not_run": "is of another data set"})
        if row.id == "host"
        else row
        for row in table.rows
    )
    elsewhere = paper_of().model_copy(update={"tables": (table.model_copy(update={"rows": rows}),)})
    verdict = one(elsewhere, world)
    assert (verdict.verdict, verdict.reason) == (NOT_ASSESSED, "t/host is of another data set")


def test_a_reconstruction_is_tagged(world, paper_of, claim, condition):
    assert one(paper_of(claim(condition(), reconstruction=True)), world).tags == ("reconstruction",)


def test_a_verdict_survives_json(world, paper_of, claim, condition):
    both = claim(condition(("t/method", "t/host"), 1.05, metric="params"), condition())
    for verdict in (
        one(paper_of(both), world),
        one(paper_of(), world.but(seeds=1)),
        not_assessed(claim(not_assessed="why"), "why"),
    ):
        written = json.dumps(verdict.to_json(), allow_nan=False)
        assert Verdict.from_json(json.loads(written)) == verdict


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.floats(40, 60),
    st.floats(45, 60),
    st.floats(0.1, 3),
    st.sampled_from([0.0, 0.2, None]),
    st.booleans(),
)
def test_exchanging_rows_never_leaves_both_ways_supported(
    world, paper_of, claim, condition, method, narrow, noise, slope, at_published_scale
):
    world = world.but(
        means={"method": method, "narrow": narrow},
        noise=noise,
        slopes={"method": slope},
        published={"method": None},
        at_published_scale=at_published_scale,
    )
    two = paper_of(claim(condition()), claim(condition("t/host", "t/method"), id="reverse"))
    there, back = judge_paper(two, replace(world).evidence)
    opposite = {SUPPORTS: AGAINST, REPRODUCED: CONTRADICTED}
    opposite |= {word: key for key, word in opposite.items()}
    assert there.verdict in VERDICTS
    if there.verdict in opposite and back.verdict in opposite:
        assert back.verdict == opposite[there.verdict]
