"""Student's t and Fisher's F against printed tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.workbook.evidence.student_t import (
    incomplete_beta,
    quantile,
    two_sided_p,
    upper_tail_of_f,
)

DEGREES = st.floats(1.0, 1e4)


@pytest.mark.parametrize(
    ("probability", "degrees", "value"),
    [
        (0.975, 1, 12.7062),
        (0.975, 2, 4.30265),
        (0.975, 9, 2.26216),
        (0.975, 120, 1.97993),
        (0.975, 1e7, 1.95996),
        (0.80, 2, 1.06066),
        (0.995, 4, 4.60409),
    ],
)
def test_points_of_t_are_those_of_the_tables(probability, degrees, value):
    assert quantile(probability, degrees) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("above", "below", "five_per_cent"), [(1, 1, 161.4476), (5, 10, 3.32583), (19, 57, 1.77197)]
)
def test_points_of_f_are_those_of_the_tables(above, below, five_per_cent):
    assert upper_tail_of_f(five_per_cent, above, below) == pytest.approx(0.05, abs=2e-5)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 30))
def test_t_with_one_and_two_degrees_has_closed_forms(t):
    assert two_sided_p(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), abs=2e-8)
    assert two_sided_p(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), abs=2e-8)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.55, 0.999), DEGREES)
def test_the_quantile_inverts_the_probability(probability, degrees):
    p = two_sided_p(quantile(probability, degrees), degrees)
    assert p == pytest.approx(2 * (1 - probability), rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 10), st.integers(1, 1000))
def test_f_with_one_degree_is_the_square_of_t(t, degrees):
    assert upper_tail_of_f(t * t, 1, degrees) == pytest.approx(float(two_sided_p(t, degrees)))


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0.5, 500), st.floats(0.5, 500))
def test_the_beta_function_mirrors(x, a, b):
    value = incomplete_beta(x, a, b)
    assert -1e-12 <= value <= 1 + 1e-12
    assert value == pytest.approx(1 - float(incomplete_beta(1 - x, b, a)), abs=1e-6)


def test_arrays_broadcast():
    assert two_sided_p(np.ones((3, 1)), np.arange(1, 5)).shape == (3, 4)
