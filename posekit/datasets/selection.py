"""Parts of a data set: fewer frames, fewer views, frames drawn singly."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.datasets.clips import Clip, PoseDataset
from posekit.errors import InvalidData, check_count
from posekit.geometry.cameras import Camera


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


class Frames(NamedTuple):
    """Single frames of a data set.

    Attributes:
        keypoints: (N, J, 2), screen-normalised.
        pose: (N, J, 3), metres, in the camera's frame; None where the data set has no truth.
        camera: (N,) cameras, each of its frame.
    """

    keypoints: Tensor
    pose: Tensor | None
    camera: Camera


def drawn_frames(dataset: PoseDataset, count: int, *, seed: int = 0) -> Frames:
    """Valid frames drawn at random without replacement, all of them if there are fewer.

    Frames stand in random order: row by row, those of two data sets are random pairs.

    Args:
        dataset: what to draw from.
        count: number of frames.
        seed: the same seed draws the same frames.

    Raises:
        InvalidParameter: less than one frame.
        InvalidData: no frame is valid.
    """
    check_count("count", count)
    valid = torch.cat([clip.valid for clip in dataset.clips]).nonzero()[:, 0]
    if not len(valid):
        raise InvalidData(f"{dataset.name}: no frame of the {dataset.split} split is valid.")
    generator = torch.Generator().manual_seed(seed)
    chosen = valid[torch.randperm(len(valid), generator=generator)[:count]]
    clip_of = torch.repeat_interleave(torch.tensor([clip.frames for clip in dataset.clips]))
    poses = [clip.pose for clip in dataset.clips if clip.pose is not None]
    return Frames(
        keypoints=torch.cat([clip.keypoints[..., :2] for clip in dataset.clips])[chosen],
        pose=torch.cat(poses)[chosen] if len(poses) == len(dataset.clips) else None,
        camera=Camera.stack([clip.camera for clip in dataset.clips])[clip_of[chosen]],
    )
