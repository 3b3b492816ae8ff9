"""The sizes of a data set (smoke, quick, ...): even, deterministic subsets of its clips."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

import torch

from posekit.datasets.clips import Clip

FRAMES = {"smoke": 120, "quick": 200}
SMOKE_CLIPS = 8

Entry = TypeVar("Entry")


def choose(entries: Sequence[Entry], groups: Sequence[Hashable], size: str) -> list[Entry]:
    """The entries (one per clip) that a size takes.

    Args:
        entries: one per clip, in the data set's order.
        groups: what each entry is a view of: (subject, action), or the take.
        size: "quick" takes one clip per group, from a take and camera that change from group to
            group; "smoke" takes ``SMOKE_CLIPS`` of those, evenly; "standard" and
            "full" take all.
    """
    if size not in FRAMES:
        return list(entries)
    members: dict[Hashable, list[Entry]] = {}
    for entry, group in zip(entries, groups, strict=True):
        members.setdefault(group, []).append(entry)
    chosen = [group[k % len(group)] for k, group in enumerate(members.values())]
    if size == "smoke" and len(chosen) > SMOKE_CLIPS:
        chosen = [chosen[k * len(chosen) // SMOKE_CLIPS] for k in range(SMOKE_CLIPS)]
    return chosen


def shorten(clip: Clip, size: str) -> Clip:
    """The middle of a clip, as long as the size allows; takes often begin with standing still.

    Where frames are marked as not valid, the part nearest to the middle of those that hold most
    valid frames.
    """
    frames = min(clip.frames, FRAMES.get(size, clip.frames))
    middle = (clip.frames - frames) // 2
    seen = torch.cat([torch.zeros(1, dtype=torch.long), clip.valid.long().cumsum(0)])
    held = seen[frames:] - seen[: len(seen) - frames]
    best = (held == held.max()).nonzero()[:, 0]
    start = int(best[(best - middle).abs().argmin()])
    return clip.cut(start, start + frames)
