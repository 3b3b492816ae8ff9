"""Parts of a data set: fewer frames, fewer views."""

from __future__ import annotations

from dataclasses import replace

from posekit.datasets.clips import Clip, PoseDataset
from posekit.errors import check_count


def downsample(dataset: PoseDataset, step: int) -> PoseDataset:
    """Every ``step``-th frame of every clip, starting with the first (VideoPose3D).

    Raises:
        InvalidParameter: a step below 1.
    """
    check_count("step", step)
    if step == 1:
        return dataset
    return replace(
        dataset,
        clips=tuple(clip.every(step) for clip in dataset.clips),
        fingerprint=f"{dataset.fingerprint}, one frame in {step}",
    )


def some_views(dataset: PoseDataset, cameras: int | None) -> PoseDataset:
    """Some views of each take, in turn from take to take.

    Args:
        dataset: the whole split.
        cameras: views of each take; None for all.

    Raises:
        InvalidParameter: less than one view.
    """
    if cameras is None:
        return dataset
    check_count("cameras", cameras)
    takes: dict[tuple[str, str], list[Clip]] = {}
    for clip in dataset.clips:
        takes.setdefault((clip.subject, clip.take), []).append(clip)
    chosen = [
        views[(number + step) % len(views)]
        for number, views in enumerate(takes.values())
        for step in range(min(len(views), cameras))
    ]
    return replace(dataset, clips=tuple(chosen))
