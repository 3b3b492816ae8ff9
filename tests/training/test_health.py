"""The rule for trainings that went wrong, on logs made up for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.training.adaptation_steps import TERMS
from posekit.training.health import (
    LEAST_DIVERSITY,
    MOST_OUTSIDE,
    OUTDONE,
    PINNED,
    REASONS,
    STRAYED,
    WELL,
    Health,
    health_of,
    outdone,
    went_wrong,
)


def log(**columns):
    """Twenty rows on the source, then twenty of each later phase; columns: values of the last."""
    usual = {"generator": 1.5, "d3": 0.2, "d2": 0.2, "norm_generator": 2.0, "diversity": 1.0}
    norms = {"norm_lifter": 0.1, "norm_d3": 0.3, "norm_d2": 0.3, "outside": 0.01}
    rows = []
    for step in range(60):
        row = dict.fromkeys(TERMS, 0.0) | {"step": 10 * (step + 1), "phase": 1 + step // 20}
        row |= {"lifter": 0.1 / (step + 1), "norm_lifter": 0.2}
        if step >= 20:
            row |= usual | norms
        if step >= 50:
            row |= columns
        rows.append(row)
    return rows


def test_an_untroubled_training_is_well():
    assert health_of(log()) == Health(0, 600)
    assert health_of(log()).text == WELL
    assert not went_wrong(WELL)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"diverged": 0.3}, "diverged: a loss or gradient was not finite"),
        ({"lifter": 0.11}, "collapsed: the lifter errs more than before its training"),
        ({"d3": 0.001, "norm_generator": 0.001}, "collapsed: the 3D discriminator never errs"),
        ({"d2": 0.001, "norm_generator": 0.001}, "collapsed: the 2D discriminator never errs"),
        ({"diversity": 0.1}, "collapsed: the generator makes much the same pose"),
        ({"outside": 0.95}, "collapsed: nearly all generated poses are out of the picture"),
    ],
)
def test_each_way_to_go_wrong_is_told(columns, words):
    found = health_of(log(**columns))
    assert found.text.startswith(words)
    assert went_wrong(found.text)
    assert Health(*(int(number) for number in found.coded)) == found


def test_a_divergence_is_told_with_its_step():
    assert health_of(log(diverged=0.5)).text.endswith("at step 510")


@pytest.mark.parametrize(
    "columns",
    [
        {"d3": 0.001},  # right about everything, and the generator still learns
        {"norm_generator": 0.001},  # the generator rests, and the discriminators err
        {"d3": PINNED * 1.1, "norm_generator": 0.001},
        {"diversity": LEAST_DIVERSITY * 1.1},
        {"outside": MOST_OUTSIDE * 0.9},
        {"lifter": 0.09},
    ],
)
def test_half_of_a_reason_is_none(columns):
    assert health_of(log(**columns)).text == WELL


SOURCE_END = 0.1 / 18.5  # what ``log`` has as the lifter's loss at the end of its first phase


@pytest.mark.parametrize(("name", "title"), [("d3", "3D"), ("d2", "2D")])
def test_a_discriminator_that_has_won_while_the_lifter_strays_is_told(name, title):
    strays = STRAYED * SOURCE_END
    rows = log(**{name: OUTDONE * 0.9, "lifter": strays * 1.1})
    assert health_of(rows).text == WELL
    told = outdone(rows)
    assert told.startswith(f"collapsed: the {title} discriminator has won (loss 0.045)")
    assert "2.2 times as much as on its source" in told
    assert went_wrong(told)
    for half in (
        {name: OUTDONE * 1.1, "lifter": strays * 1.1},
        {name: OUTDONE * 0.9, "lifter": strays * 0.9},
    ):
        assert outdone(log(**half)) == ""


def test_without_adversaries_or_a_source_nobody_is_outdone():
    rows = log(lifter=1.0, d2=0.0)
    for row in rows:
        row |= {"norm_d2": 0.0}
    assert outdone(rows) == ""
    assert outdone([row for row in log(lifter=1.0, d2=0.0) if row["phase"] > 1]) == ""


def test_a_spike_moves_nothing():
    rows = log()
    rows[-1] |= {"lifter": 50.0, "diversity": 0.0, "outside": 1.0}
    assert health_of(rows).text == WELL


def test_parts_that_are_not_there_have_nothing_to_say():
    rows = [
        dict.fromkeys(TERMS, 0.0) | {"step": n + 1, "phase": 1, "lifter": 0.1} for n in range(9)
    ]
    assert health_of(rows).text == WELL


@given(st.integers(0, len(REASONS) - 1), st.integers(0, 10**9))
def test_what_is_kept_with_the_weights_is_read_back(reason, step):
    kept = Health(reason, step)
    assert Health(*(int(number) for number in kept.coded)) == kept
    assert went_wrong(kept.text) == (reason > 0)
