"""Windows against the rules written out with plain loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.datasets.windows import ClipBank, evaluation_windows, training_windows, whole_windows
from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, mirror_points

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=4)
FRAMES = st.integers(1, 15)


def _expected(lengths, frames, starts_of):
    """Rows of each window, clip by clip, edges clamped."""
    rows, first = [], 0
    for length in lengths:
        for start in starts_of(length):
            wanted = range(start, start + frames)
            rows.append([first + min(max(frame, 0), length - 1) for frame in wanted])
        first += length
    return rows


def _training_starts(frames):
    def starts(length):
        count = math.ceil(length / frames)
        offset = (count * frames - length) // 2
        return [k * frames - offset for k in range(count)]

    return starts


def _sequence_starts(frames):
    def starts(length):
        return [
            min(start, length - frames) if length > frames else 0
            for start in range(0, length, frames)
        ]

    return starts


def _clip_centred_starts(frames):
    def starts(length):
        count = math.ceil((length - frames) / frames + 1)
        first = -(((count - 1) * frames + frames - length) // 2)
        return [first + k * frames for k in range(count)]

    return starts


def _frame_starts(before):
    def starts(length):
        return [frame - before for frame in range(length)]

    return starts


@settings(max_examples=30, deadline=None)
@given(LENGTHS, FRAMES)
def test_training_windows(lengths, frames):
    windows = training_windows(lengths, frames)
    assert windows.inputs.tolist() == _expected(lengths, frames, _training_starts(frames))
    assert torch.equal(windows.inputs, windows.outputs)
    counted = windows.outputs[~windows.padding]
    assert sorted(counted.tolist()) == list(range(sum(lengths)))


@settings(max_examples=30, deadline=None)
@given(LENGTHS, FRAMES)
def test_sequence_and_clip_centred_windows(lengths, frames):
    for rule, starts in (
        ("sequence", _sequence_starts(frames)),
        ("clip-centred", _clip_centred_starts(frames)),
    ):
        windows = evaluation_windows(lengths, frames, rule)
        assert windows.inputs.tolist() == _expected(lengths, frames, starts)
        # Without padding and overlap, every frame of every clip comes once.
        counted = windows.outputs[~windows.padding & ~windows.overlap]
        assert counted.tolist() == list(range(sum(lengths)))


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(0, 7).map(lambda half: 2 * half + 1))
def test_windows_of_one_frame(lengths, frames):
    for rule, before in (("centred", frames // 2), ("causal", frames - 1)):
        windows = evaluation_windows(lengths, frames, rule)
        assert windows.inputs.tolist() == _expected(lengths, frames, _frame_starts(before))
        assert windows.outputs.tolist() == [[row] for row in range(sum(lengths))]
        assert not windows.padding.any()


# Length of a clip -> first frames of its windows of 9, by hand from the released code; surpluses of
# 0 to 8 frames, and clips shorter than a window.
TRAINED = {
    **{27: [0, 9, 18], 28: [-4, 5, 14, 23], 29: [-3, 6, 15, 24], 30: [-3, 6, 15, 24]},
    **{31: [-2, 7, 16, 25], 34: [-1, 8, 17, 26], 35: [0, 9, 18, 27], 5: [-2], 4: [-2]},
}
STARTS_OF_9 = {
    "training": TRAINED,
    # HoT: an odd surplus leaves one repeated frame more at the end than at the start.
    "clip-centred": TRAINED,
    "sequence": {
        **{27: [0, 9, 18], 28: [0, 9, 18, 19], 29: [0, 9, 18, 20], 35: [0, 9, 18, 26]},
        **{36: [0, 9, 18, 27], 5: [0], 4: [0]},
    },
    "whole": {27: [0, 9, 18], 28: [0, 9, 18], 35: [0, 9, 18], 36: [0, 9, 18, 27]},
    "centred": {12: list(range(-4, 8)), 13: list(range(-4, 9))},
    "causal": {12: list(range(-8, 4)), 13: list(range(-8, 5))},
}


@pytest.mark.parametrize(
    ("rule", "length"), [(rule, length) for rule in STARTS_OF_9 for length in STARTS_OF_9[rule]]
)
def test_starts_by_hand_for_odd_and_even_surplus(rule, length):
    if rule == "training":
        windows = training_windows([length, 9], 9)
    else:
        windows = evaluation_windows([length, 9], 9, rule)
    expected = _expected([length], 9, STARTS_OF_9[rule].get)
    assert windows.inputs[windows.clip == 0].tolist() == expected


def test_clips_of_windows():
    windows = evaluation_windows([5, 12, 3], 5, "sequence")
    assert windows.clip.tolist() == [0, 1, 1, 1, 2]
    assert windows.overlap.sum(1).tolist() == [0, 0, 0, 3, 0]
    assert windows.padding.sum(1).tolist() == [0, 0, 0, 0, 2]


def test_refused_rules():
    with pytest.raises(InvalidParameter, match="odd number"):
        evaluation_windows([10], 4, "centred")
    with pytest.raises(InvalidParameter, match="choose one of: sequence"):
        evaluation_windows([10], 4, "sliding")


def test_gather_is_the_clip_with_its_root_at_the_origin():
    dataset = tiny.dataset()
    bank = ClipBank(dataset, torch.device("cpu"), 2)
    windows = training_windows(bank.lengths, 9)
    flipped = torch.arange(len(windows)) % 2 == 1
    batch = bank.gather(windows, flipped)
    second = dataset.clips[0]  # 40 frames: windows start at -2, 7, 16...
    assert torch.equal(bank.gather(windows).keypoints[1], second.keypoints[7:16])
    expected = second.pose[7:16] - second.pose[7:16, :1]
    torch.testing.assert_close(batch.pose[1], mirror_points(expected, HUMAN36M_17))
    torch.testing.assert_close(
        batch.keypoints[1], mirror_points(second.keypoints[7:16], HUMAN36M_17)
    )
    torch.testing.assert_close(batch.pose[2], second.pose[16:25] - second.pose[16:25, :1])
    torch.testing.assert_close(bank.trajectory[7:16], second.pose[7:16, :1])


def test_channels():
    clip = tiny.clip(12)
    confident = replace(clip, keypoints=torch.cat([clip.keypoints, torch.ones(12, 17, 1)], -1))
    dataset = tiny.dataset(confident)
    assert torch.equal(ClipBank(dataset, torch.device("cpu"), 2).keypoints, clip.keypoints)
    assert ClipBank(dataset, torch.device("cpu"), 3).keypoints.shape == (12, 17, 3)
    with pytest.raises(InvalidParameter, match="in_channels=2"):
        ClipBank(tiny.dataset(clip), torch.device("cpu"), 3)


def _released_clips(names, frames, stride):
    """The released loop: one list of sources, windows cut where the name changes."""
    random = np.random.RandomState(0)
    found, start, place, saved = [], 0, 0, set()
    while place < len(names):
        place += 1
        if place - start == frames:
            found.append(list(range(start, place)))
            saved.add(names[place - 1])
            start += stride
        if place == len(names):
            break
        if names[place] != names[place - 1]:
            if names[place - 1] not in saved:
                even = np.linspace(0, place - start, num=frames, endpoint=False)
                low = random.randint(2, size=even.shape)
                mixed = np.sort(low * np.floor(even) + (1 - low) * np.ceil(even))
                found.append((np.clip(mixed, 0, place - start - 1).astype(int) + start).tolist())
                saved.add(names[place - 1])
            start = place
    return found


@pytest.mark.parametrize("stride", [1, 3, 9])
@pytest.mark.parametrize("lengths", [(9,), (25, 20, 11), (4, 30, 1, 9, 8), (3, 12, 5)])
def test_whole_windows(lengths, stride):
    names = [number for number, length in enumerate(lengths) for _ in range(length)]
    windows = whole_windows(lengths, 9, stride)
    assert windows.inputs.tolist() == _released_clips(names, 9, stride)
    assert windows.clip.tolist() == [names[rows[0]] for rows in windows.inputs.tolist()]
    counted = windows.outputs[~windows.padding & ~windows.overlap].tolist()
    assert sorted(counted) == sorted(set(windows.outputs.flatten().tolist()))


def test_a_lone_clip_shorter_than_the_window_gives_none():
    assert len(whole_windows((5,), 9, 9)) == 0
    assert evaluation_windows((20, 5), 9, "whole").inputs[:, 0].tolist() == [0, 9]
    assert evaluation_windows((20, 5), 9, "whole", stride=5).inputs[:, 0].tolist() == [0, 5, 10]
