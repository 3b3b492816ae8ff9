"""Persons differ as people do, and the same name is the same person."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.datasets.synthetic import SUBJECTS
from posekit.datasets.synthetic.person import draw_person


def test_persons_differ_and_keep_to_the_measured_ranges() -> None:
    persons = [draw_person(f"P{k}", "posekit") for k in range(400)]
    stature = np.array([person.stature for person in persons])
    assert stature.mean() == pytest.approx(1.75, abs=0.02)
    assert stature.std() == pytest.approx(0.07, abs=0.01)
    assert stature.min() >= 1.55
    assert stature.max() <= 1.95
    thigh = np.array([person.thigh for person in persons])
    assert thigh.mean() == pytest.approx(0.4517, abs=0.004)
    # Human3.6M's five training subjects: 19 mm; here from stature and the bone's own 3 %.
    assert 0.016 < thigh.std() < 0.028
    named = {draw_person(name, "posekit").thigh for split in SUBJECTS.values() for name in split}
    assert len(named) == 7
    assert not set(SUBJECTS["train"]) & set(SUBJECTS["test"])
