"""The semantic prior: a distribution for each face, counted on outfits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posekit.bodies.clothing import Wardrobe
from posekit.bodies.open_body import open_body
from posekit.bodies.semantic_labels import ID, LABELS
from posekit.bodies.semantic_prior import SMOOTHING, semantic_prior


def test_it_is_a_distribution_that_knows_where_clothes_are_worn() -> None:
    wardrobe = Wardrobe(open_body())
    prior = semantic_prior(wardrobe, np.random.default_rng(0), outfits=100)
    assert prior.shape == (len(wardrobe.body.faces), len(LABELS))
    torch.testing.assert_close(prior.sum(-1), torch.ones(len(prior)))
    assert prior.min() == pytest.approx(SMOOTHING / len(LABELS), rel=1e-4)
    centres = wardrobe.body.v_template[wardrobe.body.faces].mean(1)
    most = prior.argmax(-1)
    assert (most[centres[:, 1] < -0.95] >= ID["leftShoe"]).all()
    left_hand = centres[:, 0] > 0.55
    assert (most[left_hand] == ID["leftArm"]).all()
    # A forearm is bare as often as sleeves are short or absent.
    forearm = (centres[:, 0] > 0.39) & (centres[:, 0] < 0.42)
    assert 0.3 < prior[forearm, ID["leftArm"]].mean() < 0.7
