"""``Clip`` and ``PoseDataset``, what every data set becomes: one person seen by one camera.

A clip holds screen-normalised keypoints and, where the data set has them, poses in metres in the
camera frame. Whatever the files on disk look like, nothing above this module needs to know.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.errors import InvalidData
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import Skeleton

EVIDENCE = ("synthetic", "motion capture", "licensed", "STAND-IN")

# Normalised coordinates of a person in view lie within about -1 to 1; a mean distance from the
# image centre beyond this cannot be normalised.
LARGEST_MEAN_COORDINATE = 10.0


@dataclass(frozen=True, eq=False)
class Clip:
    """One take of one subject seen by one camera.

    Attributes:
        subject: name of the person, as "S9".
        action: what results are grouped by: what the person does, as "Walking", or the cell of
            the data set's own tables, as "TS1" or "Walking S1".
        take: name of the recording, as "Walking 1".
        camera_name: identifier of the camera, as "54138969".
        camera: calibration of that camera.
        keypoints: (frames, joints, 2) screen-normalised 2D, or (frames, joints, 3) with the
            detector's confidence last. float32.
        pose: (frames, joints, 3) metres in the camera frame, absolute (the root row is the
            trajectory), float32; None where the data set has no truth.
        valid: (frames,) bool; False marks frames that are kept for context and never scored.
        fps: frames per second.
        metres_per_unit: (frames,) where poses are in another unit, as in MotionBERT's file, whose
            unit is half the picture's width at the person's distance; None for metres. NaN marks
            frames whose unit nobody knows, which cannot be scored.

    Raises:
        InvalidData: arrays whose shapes disagree, that hold NaN or infinity in valid frames, or
            keypoints that are evidently pixels, or a frame rate that is not positive and finite.
    """

    subject: str
    action: str
    take: str
    camera_name: str
    camera: Camera
    keypoints: Tensor
    pose: Tensor | None
    valid: Tensor
    fps: float
    metres_per_unit: Tensor | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_values()
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InvalidData(
                f"{self.name}: {self.fps!r} frames per second; a positive, finite number is due."
            )

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.keypoints.shape[0]

    @property
    def name(self) -> str:
        """Unique name within a data set, as "S9/Walking 1/54138969"."""
        return f"{self.subject}/{self.take}/{self.camera_name}"

    def cut(self, start: int, stop: int) -> Clip:
        """The same clip reduced to frames ``start`` to ``stop`` (exclusive)."""
        return self._chosen(slice(start, stop))

    def every(self, step: int) -> Clip:
        """The same clip reduced to one frame in ``step``, starting with the first."""
        return replace(self._chosen(slice(None, None, step)), fps=self.fps / step)

    def _chosen(self, frames: slice) -> Clip:
        unit = self.metres_per_unit
        return replace(
            self,
            keypoints=self.keypoints[frames],
            pose=None if self.pose is None else self.pose[frames],
            valid=self.valid[frames],
            metres_per_unit=None if unit is None else unit[frames],
        )

    def _check_shapes(self) -> None:
        if self.keypoints.ndim != 3 or self.keypoints.shape[-1] not in (2, 3):
            raise InvalidData(
                f"{self.name}: keypoints have shape {tuple(self.keypoints.shape)}, "
                "expected (frames, joints, 2) or (frames, joints, 3)."
            )
        if self.frames == 0:
            raise InvalidData(f"{self.name}: the clip has no frame; remove it from the data set.")
        if self.pose is not None and (
            self.pose.ndim != 3 or self.pose.shape[0] != self.frames or self.pose.shape[-1] != 3
        ):
            raise InvalidData(
                f"{self.name}: the pose has shape {tuple(self.pose.shape)}, "
                f"expected ({self.frames}, joints, 3) to match the keypoints."
            )
        if self.valid.shape != (self.frames,) or self.valid.dtype != torch.bool:
            raise InvalidData(
                f"{self.name}: the mask of valid frames must be bool of shape ({self.frames},), "
                f"found {self.valid.dtype} of shape {tuple(self.valid.shape)}."
            )
        if self.metres_per_unit is not None and self.metres_per_unit.shape != (self.frames,):
            raise InvalidData(
                f"{self.name}: metres_per_unit has shape {tuple(self.metres_per_unit.shape)}, "
                f"expected ({self.frames},)."
            )

    def _check_values(self) -> None:
        for what, values in (("keypoints", self.keypoints), ("pose", self.pose)):
            if values is None or bool(torch.isfinite(values).all()):
                continue
            finite = torch.isfinite(values).flatten(1).all(1) | ~self.valid
            if not bool(finite.all()):
                frame = int((~finite).nonzero()[0])
                raise InvalidData(
                    f"{self.name}: the {what} hold NaN or infinity, first in frame {frame}; "
                    "interpolate or cut such frames, or mark them as not valid."
                )
        points = self.keypoints[self.valid][..., :2]
        if points.numel() and float(points.abs().mean()) > LARGEST_MEAN_COORDINATE:
            raise InvalidData(
                f"{self.name}: keypoints range from {float(points.min()):.0f} to "
                f"{float(points.max()):.0f} and look like pixels; screen-normalised coordinates "
                "(about -1 to 1) are due: use Camera.normalise."
            )


class Reading(NamedTuple):
    """What a reader makes of its files, for ``load_dataset``; attributes as of ``PoseDataset``."""

    skeleton: Skeleton
    clips: Sequence[Clip]
    evidence: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PoseDataset:
    """Clips of one split of one data set, with what a report must say about them.

    Attributes:
        name: a key of ``posekit.datasets.DATASETS``.
        split: "train" or "test".
        keypoints: source of the 2D input, as "gt" or "cpn".
        skeleton: joints of the poses.
        clips: the clips, in a fixed order.
        fingerprint: hash of the contents (arrays and options), the same wherever the files lie.
        evidence: what results from it may be called, one of ``EVIDENCE``.
        notes: sentences to print beside results: acknowledgements, what was left out.

    Raises:
        InvalidData: no clip, clips of another joint count, or two clips of one name.
    """

    name: str
    split: str
    keypoints: str
    skeleton: Skeleton
    clips: tuple[Clip, ...]
    fingerprint: str
    evidence: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.evidence not in EVIDENCE:
            raise InvalidData(f"evidence {self.evidence!r} is unknown; use one of {EVIDENCE}.")
        if not self.clips:
            raise InvalidData(
                f"{self.name}: the {self.split} split holds no clip; check that its subjects are "
                "in the files."
            )
        names = set()
        for clip in self.clips:
            if clip.pose is not None and clip.pose.shape[1] != self.skeleton.joints:
                raise InvalidData(
                    f"{clip.name}: the pose has {clip.pose.shape[1]} joints, expected "
                    f"{self.skeleton.joints} ({self.skeleton.name})."
                )
            if clip.name in names:
                raise InvalidData(f"{self.name}: two clips are called {clip.name}.")
            names.add(clip.name)

    @cached_property
    def frames(self) -> int:
        """Number of frames of all clips together."""
        return sum(clip.frames for clip in self.clips)

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """Actions in the order in which they first appear."""
        return tuple(dict.fromkeys(clip.action for clip in self.clips))

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Subjects in the order in which they first appear."""
        return tuple(dict.fromkeys(clip.subject for clip in self.clips))


def fingerprint(clips: Iterable[Clip], options: Mapping[str, str]) -> str:
    """SHA-256 (hex) over options, names, calibrations and arrays of the clips, in their order.

    Paths and dates do not enter: the same content gives the same fingerprint everywhere.
    """
    digest = hashlib.sha256()
    for key in sorted(options):
        digest.update(f"{key}={options[key]}\n".encode())
    for clip in clips:
        camera = clip.camera
        calibration = (getattr(camera, field.name) for field in fields(camera))
        shape = f"{tuple(clip.keypoints.shape)}"
        digest.update(f"{clip.name}|{clip.action}|{clip.fps}|{shape}\n".encode())
        arrays = [clip.keypoints, clip.valid, *calibration, clip.pose, clip.metres_per_unit]
        for values in (values for values in arrays if values is not None):
            digest.update(values.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
