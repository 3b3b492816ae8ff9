"""The angles of a body over time: kept within limits, and joined without a jump."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.datasets.synthetic.motion import LARGEST_TWIST, LIMITS, Motion, join
from posekit.datasets.synthetic.person import keyed_generator


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_clamping_keeps_every_limit(seed: int) -> None:
    motion = Motion(
        20, keyed_generator("clamp", seed).normal(0, 120, (20, Motion(1).values.shape[1]))
    )
    motion.clamp()
    for name, (low, high) in LIMITS.items():
        assert low <= motion[name].min()
        assert motion[name].max() <= high
    assert np.abs(motion["shoulder_yaw"] - motion["pelvis_yaw"]).max() < LARGEST_TWIST + 1e-9


def test_parts_join_without_a_jump() -> None:
    first, second = Motion(60), Motion(50)
    second["trunk_pitch"] = 40.0
    whole = join([(first, 0, 0), (second, 50, 30)], 100)["trunk_pitch"]
    assert (whole[:50] == 0).all()
    assert whole[-1] == 40
    assert np.abs(np.diff(whole)).max() < 3
