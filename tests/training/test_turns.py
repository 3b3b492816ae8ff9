"""Turns of an adversarial training: each part has its steps, one after the other or in turn."""

from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.training.turns import WARM_UP, Turns


@given(
    generator=st.integers(0, 300),
    lifter=st.integers(1, 300),
    epochs=st.integers(1, 60),
    together=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_turns_take_each_part_its_steps(generator, lifter, epochs, together):
    turns = Turns(generator, lifter, epochs, epochs, together)
    found = [turns.at(step) for step in range(turns.steps)]
    assert len(found) == generator + lifter
    for kind in ("generator", "pairs", "source"):
        stretches = [turn.epoch for turn in found if turn.kind == kind]
        assert stretches == sorted(stretches)
        assert all(0 <= stretch < epochs for stretch in stretches)
    if not together:
        assert [turn.kind for turn in found] == ["generator"] * generator + ["pairs"] * lifter
    else:
        assert {turn.kind for turn in found if turn.epoch < WARM_UP} <= {"generator"}


def test_in_poseaugs_form_an_epoch_holds_all_three():
    turns = Turns(400, 400, 10, 10, together=True)
    found = [turns.at(step) for step in range(turns.steps)]
    kinds = [turn.kind for turn in found if turn.epoch == 5]
    assert kinds == ["generator"] * 40 + ["pairs"] * 20 + ["source"] * 20
