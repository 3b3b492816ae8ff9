"""Intervals: they hold the truth as often as they say, and rest on what they should.

False verdicts (nominal 5 %) on 20 persons x 4 actions at 3, 5 and 10 seeds, 1,000 draws of the t
interval and 400 of the two-level percentile bootstrap that it replaced:

    what dominates   t interval        bootstrap
    seeds            5.5  3.7  5.6     17.5  13.5   7.5 %
    takes            2.9  4.2  4.4      3.5   7.3   4.0 %
    persons          4.9  5.8  5.2     27.0  36.3  33.8 %
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import InvalidData
from posekit.workbook.evidence.statistics import (
    Interval,
    PairedErrors,
    effect,
    effect_of_figures,
    holm,
    least_effect,
    paired_errors,
    two_sided_p,
    variance_of_mean,
)

REPETITIONS = 2000
SEEDS_DOMINATE = {"seed": 1.0, "take": 0.3, "residual": 0.3}
TAKES_DOMINATE = {"seed": 0.02, "take": 1.0, "residual": 0.3}
PERSONS_DOMINATE = {"seed": 0.02, "person": 3.0, "take": 0.5, "residual": 0.3}


def crossed(persons, actions, takes):
    """Who does what in each take of a crossed test set, and the takes' weights."""
    who, what = np.divmod(np.arange(persons * actions * takes), actions * takes)
    what //= takes
    frames = np.random.default_rng(7).uniform(0.5, 1.5, len(who))
    weights = frames / np.array([frames[what == each].sum() for each in what]) / actions
    return who.tolist(), what.tolist(), weights


def coverage(seeds, deviations, persons=20, actions=4, takes=1):
    """How often a 95 % interval holds the truth, where components have these deviations."""
    generator = np.random.default_rng(seeds)
    who, what, weights = crossed(persons, actions, takes)

    def draw(component, *shape):
        return deviations.get(component, 0.0) * generator.standard_normal((REPETITIONS, *shape))

    values = (
        draw("seed", seeds, 1)
        + draw("person", 1, persons)[..., who]
        + draw("take", 1, len(who))
        + draw("residual", seeds, len(who))
    )
    variance, degrees = variance_of_mean(values, weights, who, what)
    t = values.mean(1) @ weights / np.sqrt(variance)
    return float((two_sided_p(t, degrees) >= 0.05).mean())


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("deviations", [SEEDS_DOMINATE, TAKES_DOMINATE], ids=["seeds", "takes"])
@pytest.mark.parametrize("takes", [1, 2])
def test_95_per_cent_are_95_where_seeds_or_takes_dominate(seeds, deviations, takes):
    assert 0.93 <= coverage(seeds, deviations, takes=takes) <= 0.97


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_95_per_cent_are_95_where_seeds_and_takes_vary_alike(seeds):
    units = 80
    alike = {"seed": seeds**0.5, "take": units**0.5, "residual": 0.3}
    assert 0.93 <= coverage(seeds, alike) <= 0.97


@pytest.mark.parametrize("persons", [20, 5])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_95_per_cent_are_95_where_persons_dominate(persons, seeds):
    assert 0.93 <= coverage(seeds, PERSONS_DOMINATE, persons) <= 0.97


@pytest.mark.parametrize("share", [0.3, 1.0, 3.0, 10.0])
def test_a_moderate_share_of_persons_is_covered_from_five_on(share):
    # The person's variance as a multiple of that of the mean of their four takes.
    deviations = {"person": (share / 4) ** 0.5, "take": 1.0, "seed": 0.02, "residual": 0.3}
    assert coverage(5, deviations, persons=5) >= 0.93
    assert coverage(5, deviations, persons=20) >= 0.93


def test_two_persons_are_covered_where_they_dominate_or_do_not_matter():
    # In between one degree of freedom cannot tell; this is how bad it gets.
    h36m = {"persons": 2, "actions": 15, "takes": 2}
    assert 0.93 <= coverage(5, TAKES_DOMINATE, **h36m) <= 0.975
    assert coverage(5, {**PERSONS_DOMINATE, "person": 10.0}, **h36m) >= 0.92
    worst = {"person": (8 / 15) ** 0.5, "take": 2**0.5, "seed": 0.02}
    assert coverage(5, worst, **h36m) >= 0.84


def test_nothing_but_the_residual_is_covered():
    assert coverage(3, {"residual": 1.0}) >= 0.95


def test_takes_of_one_person_in_one_action_are_no_independent_witnesses():
    who, what, weights = crossed(2, 15, 2)
    generator = np.random.default_rng(0)
    shared = generator.standard_normal(30)[np.array(who) * 15 + np.array(what)]
    values = shared + 0.01 * generator.standard_normal((5, 60))
    variance, _ = variance_of_mean(values, weights, who, what)
    single, _ = variance_of_mean(values[:, ::2], np.full(30, 1 / 30), who[::2], what[::2])
    assert variance == pytest.approx(single, rel=0.3)


@pytest.mark.parametrize(
    ("persons", "actions", "takes"), [(6, 1, 1), (1, 4, 3), (1, 8, 1), (8, 1, 2), (2, 2, 1)]
)
def test_every_kind_of_test_set_has_an_interval(persons, actions, takes):
    who, what, weights = crossed(persons, actions, takes)
    values = np.random.default_rng(1).standard_normal((3, len(who)))
    variance, degrees = variance_of_mean(values, weights, who, what)
    assert 0 < variance < 10
    assert 1 <= degrees < 100


# Effects ----------------------------------------------------------------------------------------

PERSONS, ACTIONS = 5, 4


def row(mean, noise=0.3, seeds=5, seed=0, spread=0.0):
    """Errors of a row in mm around difficulties of the takes that all rows share."""
    who, what, weights = crossed(PERSONS, ACTIONS, 1)
    difficulty = np.random.default_rng(5).uniform(20, 60, len(who))
    generator = np.random.default_rng(1000 + seed)
    values = mean + difficulty + noise * generator.standard_normal((seeds, len(who)))
    return PairedErrors(
        values + spread * generator.standard_normal((seeds, 1)),
        weights,
        takes=tuple(f"S{person}/act {action}" for person, action in zip(who, what, strict=True)),
        seeds=tuple(range(seeds)),
        persons=tuple(f"S{person}" for person in who),
        actions=tuple(f"act {action}" for action in what),
    )


def changed(errors, values):
    return PairedErrors(
        values, errors.weights, errors.takes, errors.seeds, errors.persons, errors.actions
    )


def permuted(errors, seeds, takes):
    return PairedErrors(
        errors.values[np.ix_(seeds, takes)],
        errors.weights[takes],
        tuple(errors.takes[take] for take in takes),
        tuple(errors.seeds[seed] for seed in seeds),
        tuple(errors.persons[take] for take in takes),
        tuple(errors.actions[take] for take in takes),
    )


def of(first, second, **others):
    return effect("mpjpe", "t/a", "t/b", {"t/a": first, "t/b": second}, **others)


def numbers(interval):
    return [
        interval.value,
        interval.low,
        interval.high,
        interval.standard_error,
        interval.degrees_of_freedom,
        interval.p,
    ]


def test_the_effect_is_relative_and_lies_in_its_interval():
    interval = of(row(-1.0, seed=1), row(0.0, seed=2))
    assert interval.value == pytest.approx(-1 / row(0.0).mean, abs=0.005)
    assert interval.low < interval.value < interval.high < 0
    assert interval.p < 0.05


def test_pairing_over_takes_decides_what_unpaired_errors_would_not():
    interval = of(row(-0.5, 0.3, seed=1), row(0.0, 0.3, seed=2))
    assert interval.high < 0  # takes differ by tens of millimetres, the rows by half of one


def test_disagreement_between_seeds_widens_the_interval():
    interval = of(row(-1.0, seeds=3, spread=4.0), row(0.0, seeds=3, seed=2))
    assert interval.low < 0 < interval.high
    assert interval.degrees_of_freedom < 3


def test_persons_that_disagree_widen_the_interval():
    first, second = row(-1.0, seed=1), row(0.0, seed=2)
    shift = np.repeat([-6.0, 4.0, -3.0, 5.0, 0.0], ACTIONS)
    disagreeing = of(changed(first, first.values + shift), second)
    assert disagreeing.low < 0 < disagreeing.high
    assert disagreeing.degrees_of_freedom < 5


def test_the_interval_ends_where_the_p_value_is_five_per_cent():
    first, second = row(-1.0, seed=1), row(0.0, seed=2)
    interval = of(first, second)
    for end in (interval.low, interval.high):
        assert of(first, second, threshold=end).p == pytest.approx(0.05, rel=1e-6)
    assert of(first, second, threshold=interval.value).p == pytest.approx(1.0)


def test_no_worse_is_tested_against_the_margin():
    first, second = row(0.05, 0.1, seed=1), row(0.0, 0.1, seed=2)
    assert of(first, second).value > 0
    assert of(first, second, threshold=0.01).p < 0.001


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100))
def test_difficulties_that_all_rows_share_change_nothing_to_first_order(seed):
    first, second = row(-0.05, seed=1), row(0.0, seed=2)
    # As hard on average, so that the shares keep their denominators.
    shift = np.random.default_rng(seed).uniform(-15, 15, len(first.takes))
    shift -= shift @ first.weights
    before = of(first, second)
    after = of(changed(first, first.values + shift), changed(second, second.values + shift))
    assert after.value == pytest.approx(before.value, abs=1e-9)
    assert after.standard_error == pytest.approx(before.standard_error, rel=0.15)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(5)), st.permutations(range(PERSONS * ACTIONS)))
def test_the_order_of_seeds_and_takes_changes_nothing(seeds, takes):
    first, second = row(-1.0, seed=1), row(0.0, seed=2)
    expected = numbers(of(first, second))
    both = of(permuted(first, seeds, takes), permuted(second, seeds, takes))
    one = of(permuted(first, seeds, takes), second)
    np.testing.assert_allclose(numbers(both), expected, rtol=1e-9)
    np.testing.assert_allclose(numbers(one), expected, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(PERSONS)), st.permutations(range(ACTIONS)))
def test_names_change_nothing(persons, actions):
    def renamed(errors):
        who = [f"P{persons[int(name[1:])]}" for name in errors.persons]
        what = [f"does {actions[int(name[4:])]}" for name in errors.actions]
        takes = [f"{a} {b}" for a, b in zip(who, what, strict=True)]
        return PairedErrors(
            errors.values, errors.weights, tuple(takes), errors.seeds, tuple(who), tuple(what)
        )

    first, second = row(-1.0, seed=1), row(0.0, seed=2)
    np.testing.assert_allclose(
        numbers(of(renamed(first), renamed(second))), numbers(of(first, second)), rtol=1e-9
    )


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 1e3))
def test_the_unit_of_an_error_changes_nothing(unit):
    first, second = row(-1.0, seed=1), row(0.0, seed=2)
    scaled = of(changed(first, unit * first.values), changed(second, unit * second.values))
    np.testing.assert_allclose(numbers(scaled), numbers(of(first, second)), rtol=1e-8)


def test_exchanged_rows_give_the_inverse():
    first, second = row(-1.0, seed=1), row(0.0, seed=2)
    there, back = of(first, second), of(second, first)
    assert (1 + there.value) * (1 + back.value) == pytest.approx(1.0)
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1.0)
    assert there.p == pytest.approx(back.p)


def test_ratios_are_compared_as_ratios():
    errors = {
        "t/gt": row(-15.0, seed=1),
        "t/gt-base": row(0.0, seed=2),
        "t/cpn": row(-5.0, seed=3),
        "t/cpn-base": row(0.0, seed=4),
    }
    interval = effect("mpjpe", ("t/gt", "t/gt-base"), ("t/cpn", "t/cpn-base"), errors)
    means = {path: error.mean for path, error in errors.items()}
    assert interval.value == pytest.approx(
        means["t/gt"] / means["t/gt-base"] / (means["t/cpn"] / means["t/cpn-base"]) - 1
    )
    assert interval.high < 0
    against_a_number = effect("mpjpe", ("t/cpn", "t/cpn-base"), 0.5, errors)
    assert against_a_number.value == pytest.approx(means["t/cpn"] / means["t/cpn-base"] / 0.5 - 1)
    assert against_a_number.low > 0


def test_the_same_host_below_both_ratios_drops_out():
    errors = {"t/a": row(-1.0, seed=1), "t/b": row(0.0, seed=2), "t/host": row(9.0, seed=3)}
    ratios = effect("mpjpe", ("t/a", "t/host"), ("t/b", "t/host"), errors)
    plain = of(errors["t/a"], errors["t/b"])
    np.testing.assert_allclose(numbers(ratios), numbers(plain), rtol=1e-9)


def test_correlations_are_compared_by_their_difference():
    correlation = changed(row(0.0), 0.4 + 0.01 * (row(0.0).values - 40))
    interval = effect("rank_correlation", 0.0, "t/a", {"t/a": correlation})
    assert interval.value == pytest.approx(-correlation.mean)
    assert interval.high < 0
    assert effect_of_figures("rank_correlation", "t/a", "t/b", {"t/a": -0.1, "t/b": 0.2}) == (
        pytest.approx(-0.3)
    )


def test_the_first_order_is_enough_for_a_tenth():
    # Simulated rather than derived: the interval of the logarithm covers a ratio of ten per cent.
    covered = 0
    for trial in range(100):
        first = row(-4.0, 2.0, seed=2 * trial, spread=1.0)
        second = row(0.0, 2.0, seed=2 * trial + 1, spread=1.0)
        truth = of(row(-4.0, 0.0), row(0.0, 0.0)).value
        interval = of(first, second)
        covered += interval.low < truth < interval.high
    assert covered >= 91


def test_one_seed_gives_no_interval():
    interval = of(row(-1.0, seeds=1), row(0.0, seeds=1))
    assert interval.value < 0
    assert (interval.low, interval.high, interval.p) == (None, None, None)
    assert least_effect(interval) is None


def test_one_take_gives_no_interval():
    first, second = (permuted(row(mean), range(5), [0]) for mean in (-1.0, 0.0))
    assert of(first, second).low is None


def test_rows_without_a_difference_differ_by_nothing():
    interval = of(row(0.0), row(0.0))
    assert (interval.value, interval.low, interval.high, interval.p) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e6])
def test_a_figure_that_is_no_positive_number_is_refused(bad):
    broken = row(0.0)
    broken.values[0, 0] = bad
    with pytest.raises(InvalidData, match="the figure of t/a is"):
        of(broken, row(0.0))


def test_rows_with_other_seeds_or_takes_are_refused():
    with pytest.raises(InvalidData, match="t/b has other seeds than t/a"):
        of(row(0.0, seeds=5), row(0.0, seeds=3))
    with pytest.raises(InvalidData, match="t/b has other takes than t/a"):
        of(row(0.0), permuted(row(0.0), range(5), range(10)))


def test_the_least_effect_is_seen_four_times_in_five():
    generator = np.random.default_rng(3)
    who, what, weights = crossed(20, 4, 1)
    noise = generator.standard_normal((1000, 5, 1)) + generator.standard_normal((1000, 5, 80))
    variance, degrees = variance_of_mean(noise, weights, who, what)
    true = 1 / 5 + float(weights @ weights) / 5
    shift = least_effect(Interval(0.0, standard_error=true**0.5, degrees_of_freedom=4.0))
    seen = two_sided_p((noise.mean(1) @ weights + shift) / np.sqrt(variance), degrees) < 0.05
    assert seen.mean() == pytest.approx(0.8, abs=0.05)


# Takes and corrections --------------------------------------------------------------------------


def test_clips_of_one_take_become_one_observation():
    clips = ["S9/Walk 1/a", "S9/Walk 1/b", "S9/Sit 1/a", "S11/Walk 1/a"]
    actions = ["Walk", "Walk", "Sit", "Walk"]
    values = np.array([[10.0, 20.0, 60.0, 30.0]])
    paired = paired_errors(clips, actions, [100, 300, 50, 400], values, (0,))
    assert paired.takes == ("S9/Walk 1", "S9/Sit 1", "S11/Walk 1")
    assert paired.persons == ("S9", "S9", "S11")
    assert paired.actions == ("Walk", "Sit", "Walk")
    np.testing.assert_allclose(paired.values, [[17.5, 60.0, 30.0]])
    # The table's figure: mean over actions of the frame mean within each action.
    walk = (100 * 10 + 300 * 20 + 400 * 30) / 800
    assert paired.mean == pytest.approx((walk + 60) / 2)
    assert paired.weights.sum() == pytest.approx(1.0)


def test_a_clip_without_scored_frames_is_refused():
    with pytest.raises(InvalidData, match="S9/Sit 1/a"):
        paired_errors(["S9/Sit 1/a"], ["Sit"], [0], np.ones((1, 1)), (0,))


def test_seeds_can_be_chosen():
    chosen = row(0.0).of_seeds((3, 1))
    np.testing.assert_array_equal(chosen.values, row(0.0).values[[3, 1]])
    assert chosen.seeds == (3, 1)


def test_holm_corrects_as_printed_examples_do():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms())
def test_holm_never_lowers_keeps_the_order_and_forgets_the_order_of_claims(p_values, random):
    adjusted = holm(p_values)
    assert all(p <= after <= 1 for p, after in zip(p_values, adjusted, strict=True))
    assert adjusted[int(np.argmin(p_values))] == min(adjusted)
    order = list(range(len(p_values)))
    random.shuffle(order)
    assert holm([p_values[index] for index in order]) == [adjusted[index] for index in order]


@pytest.mark.parametrize(
    ("t", "degrees"), [(12.7062, 1), (4.30265, 2), (2.26216, 9), (1.97993, 120)]
)
def test_five_per_cent_points_of_t_are_those_of_the_tables(t, degrees):
    assert two_sided_p(np.array([t, -t]), degrees) == pytest.approx(0.05, rel=1e-5)
