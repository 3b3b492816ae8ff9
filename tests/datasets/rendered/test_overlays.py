"""The naked truth drawn on crops lies where the dressed person is."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.bodies.open_body import open_body
from posekit.datasets.rendered import BodyImages
from posekit.datasets.rendered.overlays import overlay


@pytest.mark.parametrize("rotated", [False, True])
def test_bodies_lie_within_their_clothes(train: BodyImages, rotated: bool) -> None:
    drawn = overlay(train, open_body(), rotated=rotated)
    assert drawn.joints.shape == (24, 24, 2)
    suffix = "_rotated" if rotated else ""
    shown = getattr(train, f"images{suffix}").any(-1)  # black outside of the full picture
    clothed = getattr(train, f"labels{suffix}") > 0
    naked = drawn.silhouettes & shown
    assert (naked & clothed).sum() > 0.98 * naked.sum()
    assert clothed.sum() > 1.02 * naked.sum()
    inside = drawn.joints.astype(int)
    rows, columns = inside[..., 1], inside[..., 0]
    on_body = drawn.silhouettes[np.arange(24)[:, None], rows, columns]
    assert on_body.mean() > 0.95
