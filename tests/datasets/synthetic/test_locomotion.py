"""Walking and running keep the measured cycles and the speed that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.datasets.synthetic import generate_take
from posekit.datasets.synthetic.locomotion import run, walk
from posekit.datasets.synthetic.person import draw_person, keyed_generator

FPS = 50.0


def test_walking_keeps_the_speed_that_is_asked_for() -> None:
    person = draw_person("S5", "posekit")
    time = np.arange(200) / FPS
    for speed in (0.8, 1.3, 1.8):
        motion = walk(person, time, keyed_generator("speed"), speed)
        cadence = np.abs(
            np.fft.rfft(motion["hip_flexion"][:, 0] - motion["hip_flexion"][:, 0].mean())
        )
        cycle = len(time) / FPS / (np.argmax(cadence))
        assert cycle == pytest.approx(1.114 - 0.39 * (speed - 1.3), abs=0.17)


def test_runners_fly_twice_per_cycle() -> None:
    pose = generate_take("S1", "Running", 1, 300).astype(float)
    lowest = pose[:, [3, 6], 2].min(axis=1) - draw_person("S1", "posekit").foot_height
    flights = np.flatnonzero(np.diff((lowest > 0.02).astype(int)) == 1)
    assert np.diff(flights).mean() == pytest.approx(0.77 / 2 * FPS, rel=0.1)
    motion = run(draw_person("S1", "posekit"), np.arange(50) / FPS, keyed_generator("r"), 3.0)
    assert 100 < motion["knee_flexion"].max() < 106
    assert 20 < motion["knee_flexion"].min() < 26
