"""Conditions as measured: effects, what is published, the smallest of interest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posekit.errors import InvalidData
from posekit.workbook.evidence.comparisons import (
    compare,
    count,
    doubled_effects,
    hosts,
    same_run,
)

RATIOS = (("t/method", "t/host"), ("t/third", "t/narrow"))


def test_a_condition_has_its_difference_effect_and_published_effect(world, condition):
    found = compare(condition(), world.evidence)
    assert found.difference == pytest.approx(-2.5)
    assert found.interval.value == pytest.approx(-0.05)
    assert found.published == pytest.approx(-0.05)
    assert found.favourable


def test_what_the_condition_prints_goes_before_the_figures_of_rows(world, condition):
    assert compare(condition(published=-0.2), world.evidence).published == -0.2
    world = world.but(published={"host": None})
    assert compare(condition(), world.evidence).published is None


def test_without_loss_is_tested_against_the_margin(world, condition):
    world = world.but(means={"method": 50.2})
    found = compare(condition(margin=0.01), world.evidence)
    assert found.interval.value > 0
    assert found.favourable
    assert found.interval.p < 0.05


@pytest.mark.parametrize(
    ("published", "margin", "interest"),
    [(None, None, 0.01), (-0.01, None, 0.01), (-0.3, None, 0.15), (-0.3, 0.02, 0.02)],
)
def test_the_smallest_effect_of_interest(world, condition, published, margin, interest):
    world = world.but(published={"method": None})
    said = {"published": published, "margin": margin}
    stated = {name: value for name, value in said.items() if value is not None}
    found = compare(condition(**stated), world.evidence)
    assert found.interest == pytest.approx(interest)


def test_counts_have_no_uncertainty(world, condition):
    found = count(condition(("t/method", "t/host"), 1.05, metric="params"), world.evidence)
    assert found.difference == pytest.approx(35 / 34 - 1.05)
    assert found.interval.low == found.interval.value == found.interval.high
    assert found.interval.p is None


def test_twice_the_steps_are_compared_by_the_seeds_that_both_have(world, condition):
    assert doubled_effects(condition(), world.evidence) is None
    world = world.but(doubled={"method": 40.0, "host": 41.0})
    once, twice = doubled_effects(condition(), world.evidence)
    own = {
        path: world.evidence.read(path, "mpjpe").of_seeds((0, 1)).mean
        for path in ("t/method", "t/host")
    }
    assert once == pytest.approx(own["t/method"] / own["t/host"] - 1)
    assert twice == pytest.approx(40 / 41 - 1)


def with_seeds(evidence, **seeds):
    """The same rows, some of them with some of their seeds only."""

    def read(path, metric):
        errors = evidence.read(path, metric)
        kept = seeds.get(path.partition("/")[2])
        return errors if kept is None else errors.of_seeds(kept)

    return replace(evidence, read=read)


def test_rows_are_compared_by_the_seeds_that_all_of_them_have(world, condition):
    whole = world.evidence
    found = compare(condition(), with_seeds(whole, method=(0, 1, 2, 4), host=(1, 2, 3, 4)))
    common = with_seeds(whole, method=(1, 2, 4), host=(1, 2, 4))
    assert found.interval == compare(condition(), common).interval
    assert found.interval != compare(condition(), whole).interval


def test_rows_without_a_seed_in_common_are_refused(world, condition):
    apart = with_seeds(world.evidence, method=(0, 1), host=(2, 3))
    with pytest.raises(InvalidData, match="has other seeds than"):
        compare(condition(), apart)


def test_rows_that_are_one_run_are_told(world, condition):
    world = world.but(twins=(("method", "host"),))
    assert same_run([condition()], world.evidence) == "t/method is the same run as t/host"
    ratio = condition(("t/method", "t/host"), 0.9)
    assert same_run([ratio], world.evidence) == "t/method is the same run as t/host"
    assert same_run([condition("t/method", "t/third")], world.evidence) == ""


def test_a_host_that_two_ratios_share_is_no_twin(world, condition):
    shared = condition(("t/method", "t/host"), ("t/third", "t/host"))
    assert same_run([shared], world.evidence) == ""
    world = world.but(twins=(("method", "third"),))
    assert same_run([shared], world.evidence) == "t/method is the same run as t/third"


@pytest.mark.parametrize(
    ("lower", "than", "expected"),
    [
        ("t/method", "t/host", ("t/host",)),
        (RATIOS[0], 1.05, ("t/host",)),
        (*RATIOS, ("t/host", "t/narrow")),
        (0.0, "t/host", ("t/host",)),
    ],
)
def test_a_condition_starts_from_its_hosts(condition, lower, than, expected):
    assert hosts(condition(lower, than)) == expected
