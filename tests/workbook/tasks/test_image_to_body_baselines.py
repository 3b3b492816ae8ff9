"""Trivial baselines of pictures: shares by which known bodies are mixed."""

from __future__ import annotations

import numpy as np

from posekit.workbook.tasks.image_to_body_baselines import _linear, _neighbours


def test_a_linear_map_is_found_and_neighbours_are_means() -> None:
    generator = np.random.default_rng(0)
    seen, asked = generator.normal(size=(60, 4)), generator.normal(size=(5, 4))
    weights = generator.normal(size=(4, 6))
    share = _linear(seen, asked, seen @ weights + 2.0)
    assert np.allclose(share.sum(1), 1)
    assert np.allclose(share @ (seen @ weights + 2.0), asked @ weights + 2.0, atol=1e-3)
    nearest = _neighbours(seen, seen[:3])
    assert np.allclose(nearest.sum(1), 1)
    assert (nearest > 0).sum(1).tolist() == [5, 5, 5]
    assert all(nearest[number, number] > 0 for number in range(3))


def test_noise_is_not_taken_for_a_map() -> None:
    generator = np.random.default_rng(1)
    seen, asked = generator.normal(size=(40, 30)), generator.normal(size=(200, 30))
    target = generator.normal(size=(40, 2))
    found = _linear(seen, asked, target) @ target
    # Least squares without a penalty would be several times as far from the mean.
    assert np.abs(found - target.mean(0)).mean() < 0.3
