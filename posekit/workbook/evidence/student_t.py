"""Student's t and Fisher's F for degrees of freedom that need not be whole.

Both are read off the regularised incomplete beta function, by its continued fraction (Abramowitz
and Stegun, Handbook of Mathematical Functions, 26.5.8, 26.6.2 and 26.7.1). Arguments are arrays or
numbers and broadcast.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

ITERATIONS = 2000  # far more than convergence takes, about the root of the degrees of freedom
PRECISION = 1e-14
GRID, ROUNDS = 257, 7  # 256^7 parts of the unit interval reach the last bit

_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])


def two_sided_p(t: ArrayLike, degrees: ArrayLike) -> np.ndarray:
    """The probability that \\|T\\| exceeds \\|t\\|."""
    degrees = np.asarray(degrees, dtype=np.float64)
    share = degrees / (degrees + np.square(np.asarray(t, dtype=np.float64)))
    return incomplete_beta(share, degrees / 2, 0.5)


def quantile(probability: float, degrees: float) -> float:
    """The value that T stays below with a probability of one half or more."""
    low, high = 0.0, 1.0
    for _ in range(ROUNDS):
        grid = np.linspace(low, high, GRID)
        below = incomplete_beta(grid[1:-1], degrees / 2, 0.5) < 2 * (1 - probability)
        place = int(below.sum())
        low, high = grid[place], grid[place + 1]
    share = (low + high) / 2
    return math.sqrt(degrees * (1 - share) / share)


def upper_tail_of_f(ratio: ArrayLike, above: float, below: float) -> np.ndarray:
    """The probability that F exceeds a ratio of mean squares.

    Args:
        ratio: of the mean squares.
        above: degrees of freedom of the numerator.
        below: degrees of freedom of the denominator.
    """
    share = below / (below + above * np.asarray(ratio, dtype=np.float64))
    return incomplete_beta(share, below / 2, above / 2)


def incomplete_beta(x: ArrayLike, a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """The regularised incomplete beta function I_x(a, b), 0 <= x <= 1."""
    x, a, b = (np.asarray(item, dtype=np.float64) for item in (x, a, b))
    constant = _log_gamma(a + b) - _log_gamma(a) - _log_gamma(b)
    swapped = x > (a + 1) / (a + b + 2)  # where the fraction of the mirrored function is the faster
    y = np.where(swapped, 1 - x, x)
    p, q = np.where(swapped, b, a), np.where(swapped, a, b)
    with np.errstate(divide="ignore"):
        logarithm = p * np.log(y) + q * np.log1p(-y)
    value = np.exp(logarithm + constant) / p * _continued_fraction(y, p, q)
    return np.where(swapped, 1 - value, value)


def _continued_fraction(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Lentz's evaluation of the fraction of the incomplete beta function."""
    c = np.ones_like(x)
    d = 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, ITERATIONS):
        before = value
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for coefficient in (even, odd):
            d = 1 / (1 + coefficient * d)
            c = 1 + coefficient / c
            value = value * c * d
        if np.all(np.abs(value - before) <= PRECISION * np.abs(value)):
            break
    return value
