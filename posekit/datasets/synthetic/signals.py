"""Signals in time that movements are made of: ramps, wandering, filters, smooth limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FRAMES_PER_SECOND = 50.0


def minimum_jerk(u: np.ndarray) -> np.ndarray:
    """Ramp from 0 at u <= 0 to 1 at u >= 1 with the least jerk (Flash and Hogan, 1985)."""
    u = np.clip(u, 0.0, 1.0)
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


def keyed_ramp(
    time: np.ndarray, starts: np.ndarray, durations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Position of every instant in a sequence of minimum-jerk moves.

    Move k leads from key k to key k + 1, begins at ``starts[k]`` (increasing) and takes
    ``durations[k]``; a move ends before the next one begins.

    Returns:
        (T,) index k of the last key that was left, and (T,) share of the way to key k + 1.
    """
    if len(starts) == 0:
        return np.zeros(len(time), dtype=int), np.zeros(len(time))
    move = np.clip(np.searchsorted(starts, time, side="right") - 1, 0, None)
    return move, minimum_jerk((time - starts[move]) / durations[move])


def interpolate_keys(
    time: np.ndarray, keys: np.ndarray, starts: np.ndarray, durations: np.ndarray
) -> np.ndarray:
    """(T, ...) path through ``keys`` (K, ...) by K - 1 minimum-jerk moves."""
    move, share = keyed_ramp(time, starts, durations)
    following = np.minimum(move + 1, len(keys) - 1)
    share = share.reshape(-1, *[1] * (keys.ndim - 1))
    return keys[move] + share * (keys[following] - keys[move])


def cubic_path(time: np.ndarray, knots: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """(T,) piecewise cubic through (time, value, velocity) knots; constant beyond them."""
    instants, values, speeds = np.array(knots).T
    index = np.clip(np.searchsorted(instants, time, side="right") - 1, 0, len(instants) - 2)
    span = instants[index + 1] - instants[index]
    u = np.clip((time - instants[index]) / span, 0, 1)
    rise = values[index + 1] - values[index]
    here, there = speeds[index] * span, speeds[index + 1] * span
    curve = values[index] + u * here + u**2 * (3 * rise - 2 * here - there)
    return curve + u**3 * (here + there - 2 * rise)


def ornstein_uhlenbeck(
    frames: int, time_constant: float, deviation: float, rng: np.random.Generator, columns: int = 1
) -> np.ndarray:
    """(T, columns) stationary noise that forgets itself after ``time_constant`` seconds."""
    decay = np.exp(-1.0 / (FRAMES_PER_SECOND * time_constant))
    path = rng.standard_normal((frames, columns)) * deviation
    path[1:] *= np.sqrt(1.0 - decay * decay)
    # The recursion x[t] += decay * x[t - 1] by doubling: after k rounds every value has gathered
    # its last 2^k innovations.
    step = 1
    while step < frames and decay**step > 1e-12:
        path[step:] += decay**step * path[:-step]
        step *= 2
    return path


def sway(
    time: np.ndarray, columns: int, rng: np.random.Generator, amplitude: tuple[float, float]
) -> np.ndarray:
    """(T, columns) sum of three sinusoids of 0.3 to 1.2 Hz, amplitudes from the given range."""
    size = (3, columns)
    rate = 2 * np.pi * rng.uniform(0.3, 1.2, size)
    phase = rng.uniform(0, 2 * np.pi, size)
    height = rng.uniform(*amplitude, size)
    return (height * np.sin(time[:, None, None] * rate + phase)).sum(axis=1)


def low_pass(signal: np.ndarray, cutoff: float = 8.0) -> np.ndarray:
    """Zero-phase Gaussian low-pass along the first axis, half power at ``cutoff`` Hz.

    All weights are positive: values stay between the values they come from, so a limit that held
    before still holds.
    """
    width = FRAMES_PER_SECOND * np.sqrt(np.log(2.0)) / (2 * np.pi * cutoff)
    reach = int(np.ceil(4 * width))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    weights /= weights.sum()
    padding = [(reach, reach)] + [(0, 0)] * (signal.ndim - 1)
    padded = np.pad(signal, padding, mode="reflect", reflect_type="odd")
    return sum(weight * padded[k : k + len(signal)] for k, weight in enumerate(weights))


def soft_clamp(value: np.ndarray, low: float, high: float, margin: float = 5.0) -> np.ndarray:
    """Keep values inside (low, high), unchanged up to ``margin`` before a limit, smooth there."""
    over = value - (high - margin)
    under = (low + margin) - value
    value = np.where(over > 0, high - margin + margin * np.tanh(over / margin), value)
    return np.where(under > 0, low + margin - margin * np.tanh(under / margin), value)
