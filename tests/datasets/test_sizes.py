"""Sizes take an even and deterministic part of a data set."""

from __future__ import annotations

import tiny
import torch

from posekit.datasets.sizes import SMOKE_CLIPS, choose, shorten


def test_quick_takes_one_clip_per_group_from_changing_places() -> None:
    entries = [(group, member) for group in "abcde" for member in range(4)]
    chosen = choose(entries, [group for group, _ in entries], "quick")
    assert [group for group, _ in chosen] == list("abcde")
    assert [member for _, member in chosen] == [0, 1, 2, 3, 0]


def test_smoke_is_small_and_larger_sizes_take_all() -> None:
    entries = list(range(60))
    smoke = choose(entries, entries, "smoke")
    assert len(smoke) == SMOKE_CLIPS
    assert max(smoke) > 50
    assert choose(entries, [0] * 60, "standard") == choose(entries, [0] * 60, "full") == entries


def test_shortened_clips_are_the_middle_of_long_ones() -> None:
    clip = tiny.clip(301)
    short = shorten(clip, "quick")
    assert short.frames == 200
    assert torch.equal(short.pose, clip.pose[50:250])
    assert shorten(short, "standard").frames == 200
    assert shorten(clip.cut(0, 12), "smoke").frames == 12
