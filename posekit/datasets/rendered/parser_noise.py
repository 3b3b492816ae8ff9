"""The faults of a human parser: blurred borders, labels not found, labels taken for others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posekit.bodies.semantic_labels import ID, LABELS

MOST_JITTER = 2.0  # pixels
DROPPED = CONFUSED = 0.05  # chance of every label in every picture
_PATCH = 8  # pixels between the points whose displacement is drawn

_MISTAKEN = {
    "coat": "upperclothes",
    "upperclothes": "coat",
    "leftArm": "upperclothes",
    "rightArm": "upperclothes",
}


class Faults(NamedTuple):
    """What a parser gets wrong in one picture: (20,) new ids of labels, and pixels of jitter."""

    relabelled: NDArray[np.uint8]
    jitter: float


def draw_faults(rng: np.random.Generator) -> Faults:
    """The faults of one picture: 5 % of labels dropped, 5 % confused, borders off by 0 to 2 px."""
    relabelled = np.arange(len(LABELS), dtype=np.uint8)
    for name, mistaken in _MISTAKEN.items():
        if rng.random() < CONFUSED:
            relabelled[ID[name]] = ID[mistaken]
    relabelled[rng.random(len(LABELS)) < DROPPED] = 0
    return Faults(relabelled, rng.uniform(0, MOST_JITTER))


def parse(labels: NDArray[np.uint8], faults: Faults, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(S, S) labels as a parser with these faults gives them; jitter is smooth over the picture."""
    size = len(labels)
    coarse = rng.uniform(-1, 1, (2, size // _PATCH + 2, size // _PATCH + 2))
    places = np.arange(size)
    moved = np.round(faults.jitter * _enlarged(coarse, size)).astype(int)
    rows = np.clip(places[:, None] + moved[0], 0, size - 1)
    columns = np.clip(places[None] + moved[1], 0, size - 1)
    return faults.relabelled[labels[rows, columns]]


def _enlarged(coarse: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """(2, size, size) bilinear between points ``_PATCH`` pixels apart."""
    places = np.arange(size) / _PATCH
    before, share = places.astype(int), places % 1
    rows = coarse[:, before] * (1 - share)[:, None] + coarse[:, before + 1] * share[:, None]
    return rows[..., before] * (1 - share) + rows[..., before + 1] * share
