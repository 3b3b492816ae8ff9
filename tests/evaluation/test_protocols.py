"""Protocols: which clips they score, their cards, what is refused."""

from dataclasses import replace

import pytest
import tiny

from posekit.datasets.human36m import DAMAGED_TAKES
from posekit.datasets.selection import downsample
from posekit.errors import InvalidData, InvalidParameter
from posekit.evaluation import predict, score
from posekit.evaluation.protocols import (
    D3DP_PROTOCOL,
    MIXSTE,
    MOTIONBERT,
    PROTOCOLS,
    Protocol,
    scored_on,
)


def test_choice_of_clips(lifter):
    dataset = tiny.dataset(
        tiny.clip(20, "S9", "Sitting 1"),
        tiny.clip(21, "S9", "SittingDown 1"),
        tiny.clip(22, "S11", "Walking 1"),
    )
    predictions = predict(lifter, dataset, protocol=MIXSTE, device="cpu")
    sitting = score(predictions, replace(MIXSTE, actions=("Sitting",)))
    assert set(sitting.per_action) == {"Sitting", "SittingDown"}
    kept = score(predictions, replace(MIXSTE, excluded=DAMAGED_TAKES))
    assert kept.clips == ("S9/Sitting 1/0", "S11/Walking 1/0")
    with pytest.raises(InvalidData, match="scores none of the 3 clips"):
        score(predictions, replace(MIXSTE, subjects=("S5",)))


def test_cards_are_complete():
    labels = [[label for label, _ in protocol.describe()] for protocol in PROTOCOLS.values()]
    assert all(own == labels[0] for own in labels)
    assert dict(D3DP_PROTOCOL.describe())["Predicted root"].startswith("set to the origin")


def test_a_study_lays_whole_windows_and_keeps_the_flip():
    protocol = scored_on(MIXSTE, "h36m_motionbert")
    assert (protocol.windows, protocol.root, protocol.flip) == ("whole", "zeroed", True)
    assert protocol.excluded == MOTIONBERT.excluded
    assert scored_on(MIXSTE, "h36m") is MIXSTE


@pytest.mark.parametrize(("protocol", "stride"), [(MIXSTE, 3), (MOTIONBERT, 0)])
def test_a_stride_belongs_to_whole_windows(protocol, stride):
    with pytest.raises(InvalidParameter, match=f"stride is {stride} with windows"):
        replace(protocol, stride=stride)


def test_an_unknown_choice_is_refused():
    with pytest.raises(InvalidParameter, match="choose one of"):
        Protocol("mine", windows="sequence", root="fixed")


@pytest.mark.parametrize("option", ["actions", "subjects", "excluded", "pck_without"])
@pytest.mark.parametrize("value", ["S11", ["S11"], (11,)])
def test_names_come_in_a_tuple(option, value):
    with pytest.raises(InvalidParameter, match=rf"{option} is .*; give a tuple of names"):
        replace(MIXSTE, **{option: value})


@pytest.mark.parametrize("step", [0, -2, True, 1.5])
def test_frames_are_kept_one_in_a_whole_number(step):
    with pytest.raises(InvalidParameter, match="downsample is"):
        replace(MIXSTE, downsample=step)
    with pytest.raises(InvalidParameter, match="step is"):
        downsample(tiny.dataset(), step)
