"""Persons differ as people do, and the same name is the same person."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.datasets.synthetic import SUBJECTS
from posekit.datasets.synthetic.person import MEAN_BONES, draw_person


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


def test_the_persons_of_the_data_set_are_plausible_and_no_two_are_alike() -> None:
    names = SUBJECTS["train"] + SUBJECTS["test"]
    assert len(set(names)) == 25
    persons = [draw_person(name, "posekit") for name in names]
    bones = np.array([[getattr(person, bone) for bone in MEAN_BONES] for person in persons])
    apart = np.linalg.norm(bones[:, None] - bones, axis=-1)[np.triu_indices(len(bones), 1)]
    assert apart.min() > 0.015
    # Shares of the stature: 0.514 and 0.304 of Human3.6M's mean person.
    for person in persons:
        assert 1.60 < person.stature < 1.90
        assert 0.49 < person.leg / person.stature < 0.55
        assert 0.29 < person.arm / person.stature < 0.33
    tested = np.array([person.stature for person in persons[5:]])
    assert tested.mean() == pytest.approx(1.75, abs=0.02)
    assert 0.05 < tested.std(ddof=1) < 0.09
