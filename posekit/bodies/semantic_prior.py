"""The semantic prior: which clothing label each face of the body shows, and how often.

The definition of DSR (ICCV 2021), P(label | face), counted there on scans of clothed people and
here on drawn outfits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from posekit.bodies.clothing import Wardrobe
from posekit.bodies.outfits import MOST_LOOSENESS, draw_outfit
from posekit.bodies.semantic_labels import LABELS

SMOOTHING = 1e-3
"""Probability that is spread evenly over all labels, so that none is impossible."""


def semantic_prior(wardrobe: Wardrobe, rng: np.random.Generator, outfits: int = 1000) -> Tensor:
    """(F, 20) float32, P(label | face); rows sum to 1.

    Args:
        wardrobe: of the body.
        rng: draws the outfits; give it another seed than those of test pictures.
        outfits: how many are counted.
    """
    counts = torch.zeros(len(wardrobe.body.faces), len(LABELS))
    for _ in range(outfits):
        labels = wardrobe.face_labels(draw_outfit(rng, (0, MOST_LOOSENESS)))
        counts[torch.arange(len(labels)), labels] += 1
    return (1 - SMOOTHING) * counts / outfits + SMOOTHING / len(LABELS)
