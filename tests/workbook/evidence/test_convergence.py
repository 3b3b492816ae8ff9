"""The slope of a learning curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.workbook.evidence.convergence import learning_slope


def power_law(exponent, noise, points=400, last=800, seed=0):
    steps = np.unique(np.linspace(1, last, points).round())
    spread = np.random.default_rng(seed).standard_normal(len(steps))
    return steps, 3.0 * steps**-exponent * np.exp(noise * spread)


@settings(max_examples=50, deadline=None)
@given(st.floats(-0.2, 1.0), st.integers(20, 2000), st.integers(100, 10**6))
def test_the_slope_of_a_power_law_is_its_exponent(exponent, points, last):
    assert learning_slope(*power_law(exponent, 0.0, points, last)) == pytest.approx(
        exponent, abs=5e-3
    )


@pytest.mark.parametrize("exponent", [0.05, 0.2, 0.5])
def test_noise_moves_it_little(exponent):
    found = [learning_slope(*power_law(exponent, 0.1, seed=seed)) for seed in range(50)]
    assert np.mean(found) == pytest.approx(exponent, abs=0.01)
    assert np.std(found) < 0.035


def test_a_spike_does_not_move_it():
    steps, losses = power_law(0.3, 0.0)
    losses[200] *= 1000
    assert learning_slope(steps, losses) == pytest.approx(0.3, abs=0.01)


def test_neither_the_warm_up_nor_the_end_counts():
    steps, losses = power_law(0.3, 0.0)
    share = steps / steps[-1]
    losses = np.where(share < 0.24, 100.0, np.where(share > 0.76, 1e-6, losses))
    assert learning_slope(steps, losses) == pytest.approx(0.3, abs=2e-3)


def test_a_curve_that_bends_down_with_its_schedule_counts_as_falling():
    steps, losses = power_law(0.1, 0.0)
    cosine = 0.5 * (1 + np.cos(np.pi * steps / steps[-1]))
    assert learning_slope(steps, losses * (0.8 + 0.2 * cosine)) > 0.1


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(0, 0.3))
def test_the_unit_of_the_loss_does_not_matter(unit, noise):
    steps, losses = power_law(0.2, noise)
    assert learning_slope(steps, unit * losses) == pytest.approx(learning_slope(steps, losses))


@pytest.mark.parametrize(
    ("steps", "losses"),
    [
        ([], []),
        ([1, 2, 3], [3.0, 2.0, 1.0]),
        (range(1, 101), [-1.0] * 100),
        (range(1, 101), [1.0] * 50 + [float("nan")] + [1.0] * 49),
    ],
)
def test_what_has_no_slope_is_not_known(steps, losses):
    assert learning_slope(list(steps), losses) is None
