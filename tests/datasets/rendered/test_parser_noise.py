"""A parser errs at borders, drops labels and takes some for others, as often as it should."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.bodies.semantic_labels import ID, LABELS
from posekit.datasets.rendered.parser_noise import Faults, draw_faults, parse

NONE = np.arange(len(LABELS), dtype=np.uint8)


def halves(size: int = 64) -> np.ndarray:
    labels = np.full((size, size), ID["pants"], dtype=np.uint8)
    labels[:, : size // 2] = ID["coat"]
    return labels


def test_without_faults_nothing_changes() -> None:
    parsed = parse(halves(), Faults(NONE, 0.0), np.random.default_rng(0))
    np.testing.assert_array_equal(parsed, halves())


@pytest.mark.parametrize("jitter", [1.0, 2.0])
def test_borders_move_by_at_most_the_jitter(jitter: float) -> None:
    parsed = parse(halves(), Faults(NONE, jitter), np.random.default_rng(0))
    changed = np.argwhere(parsed != halves())
    assert len(changed) > 5
    assert (np.abs(changed[:, 1] + 0.5 - 32) <= jitter).all()


def test_dropped_labels_become_background_and_confused_ones_their_neighbours() -> None:
    dropped, mistaken = NONE.copy(), NONE.copy()
    dropped[ID["coat"]] = 0
    mistaken[ID["coat"]] = ID["upperclothes"]
    rng = np.random.default_rng(0)
    assert set(np.unique(parse(halves(), Faults(dropped, 0.0), rng))) == {0, ID["pants"]}
    found = set(np.unique(parse(halves(), Faults(mistaken, 0.0), rng)))
    assert found == {ID["upperclothes"], ID["pants"]}


def test_faults_are_as_frequent_as_they_should() -> None:
    rng = np.random.default_rng(0)
    faults = [draw_faults(rng) for _ in range(3000)]
    relabelled = np.stack([fault.relabelled for fault in faults])
    assert np.mean(relabelled[:, 1:] == 0) == pytest.approx(0.05, abs=0.005)
    assert np.mean(relabelled[:, ID["coat"]] == ID["upperclothes"]) == pytest.approx(0.05, abs=0.01)
    jitter = np.array([fault.jitter for fault in faults])
    assert (jitter.min(), jitter.max()) == pytest.approx((0, 2), abs=0.01)
