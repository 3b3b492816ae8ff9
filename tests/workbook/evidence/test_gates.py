"""Each gate: passed, closed, not known, not asked for."""

from __future__ import annotations

import pytest

from posekit.workbook.evidence import gates
from posekit.workbook.evidence.comparisons import compare


def states(gate):
    return gate.passed, gate.applies, gate.blocks


OPEN, CLOSED, UNKNOWN = (True, True, False), (False, True, True), (None, True, True)
NOT_ASKED = (None, False, False)


def learned(world, claim, condition, **others):
    said = claim(condition(), **others)
    return gates.learned(said, said.rows, world.evidence)


def test_rows_have_to_beat_linear_by_a_fifth(world, claim, condition):
    assert states(learned(world, claim, condition)) == OPEN
    # 64 mm is a fifth below 80 mm.
    assert states(learned(world.but(means={"method": 64.0}), claim, condition)) == OPEN
    gate = learned(world.but(means={"method": 64.1}), claim, condition)
    assert states(gate) == CLOSED
    assert gate.detail == "t/method has not learned: 64.1 mm, linear 80.0 mm"


def test_rows_have_to_beat_the_mean_pose_by_a_fifth_as_well(world, claim, condition):
    world.baselines = {"linear": 1786.0, "neighbours": 1786.0, "mean pose": 79.0}
    gate = learned(world.but(means={"method": 64.0}), claim, condition)
    assert states(gate) == CLOSED
    assert gate.detail == "t/method has not learned: 64.0 mm, mean pose 79.0 mm"
    assert states(learned(world.but(means={"method": 63.0}), claim, condition)) == OPEN


def test_the_host_has_to_beat_its_neighbours_too(world, claim, condition):
    gate = learned(world.but(means={"host": 55.0}), claim, condition)
    assert states(gate) == CLOSED
    assert gate.detail == "t/host has not learned: 55.0 mm, neighbours 55.0 mm"
    assert states(learned(world.but(means={"method": 56.0}), claim, condition)) == OPEN
    named = learned(world.but(means={"host": 56.0}), claim, condition, host="t/method")
    assert states(named) == OPEN


def test_a_row_that_showed_its_learning_elsewhere_says_where(world, claim, condition):
    elsewhere = world.but(means={"host": 55.0}, learned_on={"host": " (its own)"})
    gate = learned(elsewhere, claim, condition)
    assert gate.detail == "t/host (its own) has not learned: 55.0 mm, neighbours 55.0 mm"


def test_without_baselines_nothing_is_asked_and_half_of_them_is_not_known(world, claim, condition):
    world.baselines = {}
    assert states(learned(world, claim, condition)) == NOT_ASKED
    world.baselines = {"linear": 80.0}
    assert states(learned(world, claim, condition)) == UNKNOWN
    world.baselines = {"linear": 40.0}
    assert states(learned(world, claim, condition)) == CLOSED


def test_controls_hold_fail_or_are_not_known(world, paper_of):
    assert states(gates.controls(paper_of(), world.evidence)) == OPEN
    reverse = world.but(means={"narrow": 45.0})
    gate = gates.controls(paper_of(), reverse.evidence)
    assert states(gate) == CLOSED
    assert gate.detail == "wider-helps does not hold (+11.1 %)"
    for unknown, why in (
        (world.but(missing=("narrow",)), "was not run"),
        (world.but(means={"narrow": 50.01}), "not settled"),
        (world.but(seeds=1), "not settled"),
        (world.but(twins=(("host", "narrow"),)), "same run"),
        (world.but(means={"host": 70.0, "narrow": 90.0}), "has not learned"),
        (world.but(means={"narrow": float("nan")}), "expected a positive number"),
    ):
        gate = gates.controls(paper_of(), unknown.evidence)
        assert states(gate) == UNKNOWN
        assert why in gate.detail
    assert states(gates.controls(paper_of(controls=False), world.evidence)) == UNKNOWN


def test_what_a_control_is_better_than_may_be_poor(world, paper_of):
    assert states(gates.controls(paper_of(), world.but(means={"narrow": 150.0}).evidence)) == OPEN


def converged(world, *conditions):
    comparisons = [compare(item, world.evidence) for item in conditions]
    return gates.converged(comparisons, world.evidence)


def test_flat_curves_have_converged(world, condition):
    assert states(converged(world.but(slopes={"method": 0.10}), condition())) == OPEN
    gate = converged(world.but(slopes={"method": 0.11}), condition())
    assert states(gate) == CLOSED
    assert gate.detail == "slope 0.11, twice the steps were not run"
    assert states(converged(world.but(slopes={"method": None}), condition())) == UNKNOWN


@pytest.mark.parametrize(
    ("twice", "state"),
    [
        ({"method": 38.2, "host": 40.0}, OPEN),  # -5 % becomes -4.5 %
        ({"method": 39.5, "host": 40.0}, CLOSED),  # moves by more than half of 2.5 %
        ({"method": 40.5, "host": 40.0}, CLOSED),  # and beyond zero
    ],
)
def test_else_twice_the_steps_must_not_change_the_answer(world, condition, twice, state):
    steep = world.but(slopes={"method": 0.5}, doubled=twice)
    assert states(converged(steep, condition())) == state
    unknown = world.but(slopes={"method": None}, doubled=twice)
    assert states(converged(unknown, condition())) == state


def test_the_sign_of_no_worse_is_that_of_the_margin(world, condition):
    no_worse = condition(margin=0.01)
    steep = {"slopes": {"method": 0.5}, "means": {"method": 50.1}}
    kept = world.but(**steep, doubled={"method": 39.99, "host": 40.0})
    assert states(converged(kept, no_worse)) == OPEN
    lost = world.but(
        slopes={"method": 0.5}, means={"method": 50.4}, doubled={"method": 40.42, "host": 40.0}
    )
    assert states(converged(lost, no_worse)) == CLOSED


def test_every_condition_has_to_have_converged(world, condition):
    world = world.but(slopes={"third": 0.5})
    both = (condition(), condition("t/method", "t/third"))
    assert states(converged(world, both[0])) == OPEN
    assert states(converged(world, *both)) == CLOSED


def power(world, condition):
    return gates.power([compare(condition, world.evidence)], world.evidence)


def test_the_runs_have_to_be_able_to_see_the_smallest_effect(world, condition):
    assert states(power(world, condition())) == OPEN
    gate = power(world.but(noise=8.0), condition())
    assert states(gate) == CLOSED
    assert gate.detail.endswith("has to see 2.5 %")
    # What is seen does not depend on what there is: an effect of any size is seen as badly.
    assert states(power(world.but(noise=8.0, means={"method": 30.0}), condition())) == CLOSED
    assert states(power(world.but(seeds=1), condition())) == UNKNOWN


@pytest.mark.parametrize(
    ("method", "state"), [(48.8, CLOSED), (48.7, OPEN), (45.1, OPEN), (44.9, CLOSED), (51, CLOSED)]
)
def test_the_effect_is_half_to_twice_the_published(world, condition, method, state):
    found = compare(condition(), world.but(means={"method": method}).evidence)
    assert states(gates.size([found])) == state


def test_the_size_is_not_asked_where_nothing_is_published_or_no_loss_is(world, condition):
    unpublished = world.but(published={"method": None})
    assert states(gates.size([compare(condition(), unpublished.evidence)])) == NOT_ASKED
    no_worse = compare(condition(margin=0.06), world.evidence)
    assert states(gates.size([no_worse])) == NOT_ASKED
    larger_than_the_margin = compare(condition(margin=0.01), world.evidence)
    assert states(gates.size([larger_than_the_margin])) == OPEN


def test_at_the_published_scale_curves_and_power_are_not_asked(world, condition):
    world = world.but(at_published_scale=True, slopes={"method": 0.9}, noise=8.0)
    assert states(converged(world, condition())) == NOT_ASKED
    assert states(power(world, condition())) == NOT_ASKED
