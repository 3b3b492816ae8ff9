"""Signals that movements are made of: limits, filters, ramps, paths, noise."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.datasets.synthetic.person import keyed_generator
from posekit.datasets.synthetic.signals import (
    cubic_path,
    interpolate_keys,
    low_pass,
    minimum_jerk,
    ornstein_uhlenbeck,
    soft_clamp,
)


def test_limits_are_soft() -> None:
    value = np.linspace(-200, 200, 4001)
    clamped = soft_clamp(value, -25, 120)
    inside = (value > -20) & (value < 115)
    assert (clamped[inside] == value[inside]).all()
    slope = np.diff(clamped) / np.diff(value)
    assert (slope >= 0).all()
    assert np.abs(np.diff(slope)).max() < 0.03


def test_low_pass_halves_the_power_at_eight_hertz_without_delay() -> None:
    time = np.arange(500) / 50
    for rate, gain in ((1.0, 0.995), (8.0, np.sqrt(0.5)), (20.0, 0.12)):
        wave = np.sin(2 * np.pi * rate * time + 0.3)
        passed = low_pass(wave)[50:-50]
        assert np.abs(passed).max() == pytest.approx(gain, abs=0.02)
        np.testing.assert_allclose(passed, wave[50:-50] * passed.max() / wave.max(), atol=0.03)
    line = np.linspace(0, 3, 40)
    np.testing.assert_allclose(low_pass(line), line, atol=1e-12)


def test_minimum_jerk_starts_and_ends_at_rest() -> None:
    ramp = minimum_jerk(np.linspace(-0.2, 1.2, 1401))
    assert ramp[0] == 0
    assert ramp[-1] == 1
    assert ramp[700] == pytest.approx(0.5)
    speed = np.diff(ramp) * 1000
    assert speed.max() == pytest.approx(1.875, abs=1e-3)
    assert abs(speed[200]) < 1e-4
    assert abs(speed[1199]) < 1e-4


def test_paths_pass_their_keys() -> None:
    time = np.arange(200) / 50
    keys = np.array([0.0, 1.0, -2.0])
    path = interpolate_keys(time, keys, np.array([0.5, 2.0]), np.array([1.0, 1.0]))
    assert path[10] == 0
    assert path[80] == pytest.approx(1)
    assert path[-1] == pytest.approx(-2)
    drop = cubic_path(time, [(0.0, 1.0, 2.0), (0.4, 1.0, -2.0)])
    peak = 1.0 + 2.0**2 / (2 * 10.0)
    assert drop.max() == pytest.approx(peak, abs=1e-3)


def test_noise_has_its_deviation_and_its_memory() -> None:
    noise = ornstein_uhlenbeck(20_000, 1.2, 0.008, keyed_generator("ou"), columns=3)
    assert noise.std() == pytest.approx(0.008, rel=0.1)
    lag = round(1.2 * 50)
    correlation = (noise[:-lag] * noise[lag:]).mean() / noise.var()
    assert correlation == pytest.approx(np.exp(-1), abs=0.08)
