"""Verdicts: differences paired over seeds and takes, with an interval."""

import json

import numpy as np
import pytest

from posekit.errors import InvalidData
from posekit.workbook.papers import Claim, Condition
from posekit.workbook.papers.claims import (
    CONTRADICTED,
    NOT_ASSESSED,
    REPRODUCED,
    UNDECIDED,
    PairedErrors,
    Verdict,
    judge,
    paired_errors,
)

SEEDS, TAKES = 3, 40


def claim(*conditions):
    said = {"id": "c", "text": "text", "test": "test", "table": "t", "basis": "basis"}
    return Claim(**said, comparison=tuple(conditions))


def lower(metric, term, than):
    return Condition(metric=metric, lower=term, than=than)


def errors(mean, noise, generator, seeds=SEEDS):
    """Errors around a difficulty of each take that all rows share."""
    difficulty = np.random.default_rng(5).uniform(20, 100, TAKES)
    values = mean + difficulty + noise * generator.standard_normal((seeds, TAKES))
    takes = tuple(f"S9/take {number}" for number in range(TAKES))
    return PairedErrors(values, np.full(TAKES, 1 / TAKES), takes, tuple(range(seeds)))


def verdict_of(first, second, metric="mpjpe"):
    table = {"t/a": first, "t/b": second}
    return judge(claim(lower(metric, "t/a", "t/b")), lambda row, metric: table[row])


@pytest.mark.parametrize(
    ("difference", "expected"), [(-2.0, REPRODUCED), (2.0, CONTRADICTED), (0.0, UNDECIDED)]
)
def test_verdict_follows_the_difference(difference, expected):
    generator = np.random.default_rng(0)
    verdict = verdict_of(errors(difference, 1.0, generator), errors(0.0, 1.0, generator))
    (condition,) = verdict.conditions
    assert verdict.verdict == expected
    assert condition.low < condition.difference < condition.high
    assert condition.difference == pytest.approx(difference, abs=0.6)


def test_pairing_over_takes_decides_what_unpaired_errors_would_not():
    # Takes differ by tens of millimetres, the rows by one: only the pairing can see it.
    generator = np.random.default_rng(1)
    verdict = verdict_of(errors(-1.0, 0.5, generator), errors(0.0, 0.5, generator))
    (condition,) = verdict.conditions
    assert verdict.verdict == REPRODUCED
    assert condition.high - condition.low < 1.0


def test_disagreement_between_seeds_keeps_a_claim_undecided():
    generator = np.random.default_rng(2)
    first, second = errors(0.0, 0.1, generator), errors(0.0, 0.1, generator)
    shifts = np.array([[-4.0], [-3.0], [3.0]])
    shifted = PairedErrors(first.values + shifts, first.weights, first.takes, first.seeds)
    assert verdict_of(shifted, second).verdict == UNDECIDED


def test_the_same_runs_give_the_same_interval():
    results = []
    for _ in range(2):
        generator = np.random.default_rng(3)
        results.append(verdict_of(errors(-1, 1, generator), errors(0, 1, generator)))
    assert results[0] == results[1]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for trial in range(60):
        generator = np.random.default_rng(trial)
        seed_effects = generator.standard_normal((6, 1))
        first = errors(0.0, 2.0, generator, seeds=6)
        shifted = PairedErrors(first.values + seed_effects, first.weights, first.takes, first.seeds)
        (condition,) = verdict_of(shifted, errors(0.0, 2.0, generator, seeds=6)).conditions
        covered += condition.low < 0 < condition.high
    assert 48 <= covered <= 60


def test_one_seed_gives_no_verdict():
    generator = np.random.default_rng(4)
    verdict = verdict_of(errors(-9, 1, generator, seeds=1), errors(0, 1, generator, seeds=1))
    assert verdict.verdict == NOT_ASSESSED


def test_a_figure_that_is_not_a_number_decides_nothing():
    generator = np.random.default_rng(0)
    broken = errors(40.0, 0.1, generator)
    broken.values[0, 0] = np.nan
    verdict = verdict_of(broken, errors(41.0, 0.1, generator))
    assert (verdict.verdict, verdict.reason) == (NOT_ASSESSED, "a figure is not a number")
    json.dumps(verdict.to_json(), allow_nan=False)


def test_all_conditions_have_to_hold():
    generator = np.random.default_rng(6)
    table = {name: errors(mean, 0.5, generator) for name, mean in (("t/a", 0), ("t/b", 5))}
    both = claim(lower("mpjpe", "t/a", "t/b"), lower("mpjpe", "t/b", "t/a"))
    assert judge(both, lambda row, _: table[row]).verdict == CONTRADICTED


def test_relative_gains_are_compared_as_ratios():
    generator = np.random.default_rng(7)
    table = {
        "t/gt": errors(-15.0, 0.3, generator),
        "t/gt-base": errors(0.0, 0.3, generator),
        "t/cpn": errors(-5.0, 0.3, generator),
        "t/cpn-base": errors(0.0, 0.3, generator),
    }
    condition = lower("mpjpe", ("t/gt", "t/gt-base"), ("t/cpn", "t/cpn-base"))
    verdict = judge(claim(condition), lambda row, _: table[row])
    assert verdict.verdict == REPRODUCED
    assert -0.25 < verdict.conditions[0].difference < -0.1


def test_costs_are_compared_exactly():
    table = {"t/a": 35.2, "t/b": 33.8}
    condition = lower("params", ("t/a", "t/b"), 1.05)
    result = judge(claim(condition), lambda row, _: table[row])
    assert result.verdict == REPRODUCED
    assert result.conditions[0].difference == pytest.approx(35.2 / 33.8 - 1.05)
    tight = lower("params", ("t/a", "t/b"), 1.01)
    assert judge(claim(tight), lambda row, _: table[row]).verdict == CONTRADICTED


def test_clips_of_one_take_become_one_observation():
    clips = ["S9/Walk 1/a", "S9/Walk 1/b", "S9/Sit 1/a", "S11/Walk 1/a"]
    actions = ["Walk", "Walk", "Sit", "Walk"]
    frames = [100, 300, 50, 400]
    values = np.array([[10.0, 20.0, 60.0, 30.0]])
    paired = paired_errors(clips, actions, frames, values, (0,))
    assert paired.takes == ("S9/Walk 1", "S9/Sit 1", "S11/Walk 1")
    np.testing.assert_allclose(paired.values, [[17.5, 60.0, 30.0]])
    # The table's figure: mean over actions of the frame mean within each action.
    walk = (100 * 10 + 300 * 20 + 400 * 30) / 800
    assert float((paired.values @ paired.weights)[0]) == pytest.approx((walk + 60) / 2)


def test_a_clip_without_scored_frames_is_refused():
    with pytest.raises(InvalidData, match="S9/Sit 1/a"):
        paired_errors(["S9/Sit 1/a"], ["Sit"], [0], np.ones((1, 1)), (0,))


def test_a_verdict_survives_json():
    generator = np.random.default_rng(8)
    verdict = verdict_of(errors(-1, 1, generator), errors(0, 1, generator))
    assert Verdict.from_json(verdict.to_json()) == verdict
