"""Keypoints and poses belong together, view by view, and nothing else fits better.

Keypoints of each clip are compared with its projected pose; and with what would be seen had files
been mixed up: the other cameras of the take, the subject's other takes, left and right exchanged,
another time. A clip that one of these fits clearly better is refused, and the message says which.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.datasets.checks import undetected
from posekit.datasets.clips import Clip
from posekit.errors import InvalidData
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import Skeleton
from posekit.machine.names_from_files import shown

Rig = Mapping[str, Camera]
"""The calibrated cameras of a room, by name."""

SAMPLES = 32  # frames of a clip that are compared
# Frames by which keypoints may have been shifted in time; motion shows in the gaps too.
SHIFTS = tuple(
    sign * frames
    for frames in (*range(10, 50, 5), *range(50, 100, 10), *range(100, 301, 20))
    for sign in (-1, 1)
)
FEWEST_SHIFTED = 6  # frames that such a comparison needs
CLEARLY = 0.6  # share of its own distance below which another pose fits clearly better
DOUBTFUL = 5.0  # pixels of an image 1000 wide; nearer keypoints are not doubted
SCALES = (0.8, 1.25)  # of a person in the picture, where calibration or size are nominal


@dataclass(frozen=True)
class Fit:
    """How near keypoints are due to their projected poses.

    Attributes:
        limit: pixels of an image 1000 wide.
        share: of the joints and frames of a view that are due within ``limit``.
        aligned: whether person and keypoints are first centred and scaled onto each other in
            every frame, where the camera or the person's size is only nominal.
    """

    limit: float
    share: float
    aligned: bool = False


EXACT = Fit(limit=1.0, share=1.0)
"""True 2D of calibrated cameras: intact files give 0.0 px."""
DETECTED = Fit(limit=50.0, share=0.5)
"""Detections: off by 5 to 15 px (median), more where limbs are hidden or joints are defined
otherwise; another take by hundreds."""
DISPLACED = Fit(limit=100.0, share=0.5, aligned=True)
"""Detections in takes known to be shifted against their pictures."""


def projected(clip: Clip, frames: Tensor) -> Tensor:
    """(..., joints, 2) where the camera sees the poses of ``frames`` (...), metres."""
    return clip.camera.project(clip.pose[frames])


_Poses = tuple[list[str], Tensor]
"""What some poses are, and where they would be seen: (poses, samples, joints, 2), NaN where there
is none."""


class _View(NamedTuple):
    """A clip's frames that are compared; NaN where a joint is not detected."""

    clip: Clip
    frames: Tensor  # (samples,)
    keypoints: Tensor  # (samples, joints, 2)

    @property
    def pixel(self) -> float:
        """Pixels of this image for one of an image 1000 wide."""
        return float(self.clip.camera.resolution[0]) / 1000


class _Alternative(NamedTuple):
    """Pixels to other poses, pixels to the view's own on the same frames, and what they are."""

    apart: float
    here: float
    what: str


class _Comparison(NamedTuple):
    """What all views of one file share."""

    skeleton: Skeleton
    path: Path | str
    rigs: Mapping[str, Rig]
    project: Callable[[Clip, Tensor], Tensor]


def check_pairing(
    clips: Sequence[Clip],
    skeleton: Skeleton,
    path: Path | str,
    fit: Fit,
    *,
    rigs: Mapping[str, Rig] | None = None,
    displaced: Collection[str] = (),
    project: Callable[[Clip, Tensor], Tensor] = projected,
) -> list[str]:
    """Refuse a clip whose keypoints are far from its poses, or nearer to others.

    Args:
        clips: whole clips with poses, before any size cuts them.
        skeleton: of poses and keypoints.
        path: file of the keypoints, for the message.
        fit: how near they are due.
        rigs: by subject, the cameras that stand in the room, where poses can be taken from one
            to the other; else the clips' own views of a take are compared.
        displaced: takes, as "S9/Greeting", whose detections are known to be shifted against the
            poses in the data set itself: compared centred, and told.
        project: (clip, frames) -> where its poses are seen, screen-normalised.

    Returns:
        Sentences for the data card: takes that are shifted.

    Raises:
        InvalidData: a view does not belong to its poses; the message names it, what fits better
            where something does, and the pixels of both.
    """
    comparison = _Comparison(skeleton, path, rigs or {}, project)
    siblings: dict[str, list[Clip]] = {}
    for clip in clips:
        siblings.setdefault(clip.subject, []).append(clip)
    shifted: dict[str, float] = {}
    for clip in clips:
        if not bool(clip.valid.any()):
            continue
        view = _view(clip, path)
        take = f"{clip.subject}/{clip.take}"
        if fit is DETECTED and take in displaced:
            own = _check_view(view, siblings[clip.subject], comparison, DISPLACED)
            apart = float(_pixels(view, project(clip, view.frames)[None], DETECTED))
            if apart > max(2 * own, 2 * DOUBTFUL * view.pixel):
                shifted[take] = max(apart, shifted.get(take, 0.0))
        else:
            _check_view(view, siblings[clip.subject], comparison, fit)
    told = ", ".join(f"{take} by up to {apart:.0f} px" for take, apart in shifted.items())
    return [f"Poses shifted against the pictures in the data set itself: {told}."] if told else []


def _view(clip: Clip, path: Path | str) -> _View:
    usable = clip.valid[:, None] & ~undetected(clip)
    held = usable.any(1).nonzero()[:, 0]
    if len(held) == 0:
        raise InvalidData(
            f"{path}: {shown(clip.name)}: no joint is detected in any valid frame; detect it again."
        )
    frames = held[torch.linspace(0, len(held) - 1, min(len(held), SAMPLES)).round().long()]
    seen = torch.where(usable[frames][..., None], clip.keypoints[frames][..., :2], torch.nan)
    return _View(clip, frames, seen)


def _check_view(view: _View, siblings: Sequence[Clip], comparison: _Comparison, fit: Fit) -> float:
    """The view's own distance in pixels, if it passes."""
    due = comparison.project(view.clip, view.frames)
    own = float(_pixels(view, due[None], fit))
    told = f"{comparison.path}: keypoints of {shown(view.clip.name)} lie"
    if not own <= min(DOUBTFUL, fit.limit) * view.pixel:
        # Views and takes are far apart: where they were mixed up, so are the keypoints.
        far = not own <= fit.limit * view.pixel / 2
        known = comparison if far else comparison._replace(rigs={})
        better = _best_alternative(view, due, siblings if far else (), known, fit)
        if better is not None:
            raise InvalidData(
                f"{told} {better.here:.1f} px from its projected poses and {better.apart:.1f} px "
                f"from {better.what}; get 2D and 3D from the same preparation."
            )
    if not own <= fit.limit * view.pixel:
        raise InvalidData(
            f"{told} {own:.1f} px from its projected poses, {fit.limit * view.pixel:.1f} px are "
            f"due for {fit.share:.0%} of the joints; 2D and 3D are of different subjects, takes or "
            "cameras: get both from the same preparation."
        )
    return own


def _best_alternative(
    view: _View, due: Tensor, siblings: Sequence[Clip], comparison: _Comparison, fit: Fit
) -> _Alternative | None:
    """The poses that fit best of those that fit clearly better than the view's own, if any.

    Both are measured on the frames that both have.
    """
    found = []
    for what, others in _alternatives(view, due, siblings, comparison, fit):
        there = torch.isfinite(others).all(-1, keepdim=True)
        here = _pixels(view, torch.where(there, due, torch.nan), fit)
        apart = _pixels(view, others, fit)
        found += map(_Alternative, apart.tolist(), here.tolist(), what)
    limit = max(fit.limit, DOUBTFUL) * view.pixel
    fitting = (one for one in found if one.apart < CLEARLY * one.here and one.apart <= limit)
    return min(fitting, default=None)


def _alternatives(
    view: _View, due: Tensor, siblings: Sequence[Clip], comparison: _Comparison, fit: Fit
) -> Iterator[_Poses]:
    """Poses that files could have been mixed up with."""
    yield (
        ["the same poses with left and right exchanged"],
        due[None][:, :, list(comparison.skeleton.mirror)],
    )
    yield from _other_cameras(view, siblings, comparison)
    yield from _other_takes(view, siblings, comparison)
    if fit is not DISPLACED:  # what they are shifted by may change with time
        yield from _other_times(view, comparison)


def _other_cameras(
    view: _View, siblings: Sequence[Clip], comparison: _Comparison
) -> Iterator[_Poses]:
    clip, frames = view.clip, view.frames
    rig = comparison.rigs.get(clip.subject, {})
    others = {name: camera for name, camera in rig.items() if name != clip.camera_name}
    if others:
        world = clip.camera.camera_to_world(clip.pose[frames])
        seen = [camera.project(camera.world_to_camera(world)) for camera in others.values()]
        yield [f"those seen by camera {name}" for name in others], torch.stack(seen)
    views = [
        other
        for other in siblings
        if not rig and other.take == clip.take and other.frames == clip.frames and other is not clip
    ]
    if views:
        seen = [_due(other, frames, comparison.project) for other in views]
        yield (
            [f"those seen by camera {shown(other.camera_name)}" for other in views],
            torch.stack(seen),
        )


def _other_takes(
    view: _View, siblings: Sequence[Clip], comparison: _Comparison
) -> Iterator[_Poses]:
    clip = view.clip
    takes = [
        other
        for other in siblings
        if other.camera_name == clip.camera_name and other.take != clip.take
    ]
    if takes:
        seen = [_due(other, view.frames, comparison.project) for other in takes]
        yield [f"those of take {shown(other.take)}" for other in takes], torch.stack(seen)


def _other_times(view: _View, comparison: _Comparison) -> Iterator[_Poses]:
    clip, frames = view.clip, view.frames
    shifts = torch.tensor(SHIFTS)
    moved = frames + shifts[:, None]
    shared = ((moved >= 0) & (moved < clip.frames)).sum(1)
    kept = shared >= max(FEWEST_SHIFTED, len(frames) // 4)
    if bool(kept.any()):
        what = [
            f"those about {abs(shift)} frames {'later' if shift > 0 else 'earlier'}"
            for shift in shifts[kept].tolist()
        ]
        yield what, _due(clip, moved[kept], comparison.project)


def _due(clip: Clip, frames: Tensor, project: Callable[[Clip, Tensor], Tensor]) -> Tensor:
    """Where the poses of ``frames`` (...) are seen; NaN beyond the clip and where not valid."""
    held = (frames >= 0) & (frames < clip.frames)
    chosen = torch.where(held, frames, 0)
    held = held & clip.valid[chosen]
    return torch.where(held[..., None, None], project(clip, chosen), torch.nan)


def _pixels(view: _View, due: Tensor, fit: Fit) -> Tensor:
    """Distances in pixels within which ``fit.share`` of the joints lie.

    Args:
        due: (poses, samples, joints, 2), NaN where there is none.

    Returns:
        (poses,), NaN where nothing can be compared.
    """
    seen = view.keypoints.expand_as(due)
    if fit.aligned:
        known = (torch.isfinite(seen) & torch.isfinite(due)).all(-1, keepdim=True)
        seen, due = (_centred(torch.where(known, points, torch.nan)) for points in (seen, due))
        scale = (seen * due).nansum((-2, -1)) / due.square().nansum((-2, -1))
        due = due * scale.clamp(*SCALES)[..., None, None]
    apart = (seen - due).norm(dim=-1).flatten(1)
    return torch.nanquantile(apart, fit.share, dim=1) * view.clip.camera.resolution[0] / 2


def _centred(points: Tensor) -> Tensor:
    return points - points.nanmean(dim=-2, keepdim=True)
