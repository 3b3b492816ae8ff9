"""Outfits are whole: ends where clothes end, looseness within the range that was asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.bodies.outfits import COAT, DRESS, JUMPSUITS, PANTS, SKIRT, draw_outfit


@given(seed=st.integers(0, 2**32), low=st.floats(0, 0.05), wide=st.floats(0, 0.01))
@settings(max_examples=100, deadline=None)
def test_an_outfit_is_whole(seed: int, low: float, wide: float) -> None:
    outfit = draw_outfit(np.random.default_rng(seed), (low, low + wide))
    assert low <= outfit.looseness <= low + wide
    assert (outfit.skirt > 0) == (outfit.bottom in (SKIRT, DRESS))
    assert (outfit.leg > 0) == (outfit.bottom in (PANTS, JUMPSUITS))
    assert outfit.top != COAT or outfit.sleeve > 1.5
    assert outfit == draw_outfit(np.random.default_rng(seed), (low, low + wide))


def test_kinds_are_worn_as_often_as_they_should() -> None:
    rng = np.random.default_rng(0)
    tops = Counter(draw_outfit(rng, (0, 0.06)).top for _ in range(2000))
    assert abs(tops[COAT] / 2000 - 0.15) < 0.03
    assert abs(tops[DRESS] / 2000 - 0.12) < 0.03
    assert abs(tops[JUMPSUITS] / 2000 - 0.08) < 0.03
