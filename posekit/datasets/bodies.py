"""Poses are of people: limbs as long as an adult's, in front of the camera, in its neighbourhood.

A picture does not tell scale: poses in centimetres or of half size project onto the same keypoints
and are scored by a fixed threshold all the same. So the size of the body is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from posekit.datasets.clips import Clip
from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.machine.names_from_files import shown

# Metres along a limb, mean of both sides, median over a clip. Adults of 1.45 to 2.10 m have legs
# of 0.69 to 1.03 m from the hip's centre to the ankle's, and arms of 0.49 to 0.72 m; Human3.6M's
# persons 0.87 to 0.95 m and 0.49 to 0.56 m. Half and twice of each lie outside.
LIMBS = {
    "legs": (("hip",), ("knee",), ("ankle", "foot")),
    "arms": (("shoulder",), ("elbow",), ("wrist",)),
}
LENGTHS = {"legs": (0.6, 1.2), "arms": (0.35, 0.85)}
# Image units are worth metres only about where the root is: bodies may come out larger.
IMAGE_SLACK = 1.7
SAMPLES = 100  # frames whose limbs are measured
LONGEST_BONE = 3.0  # metres, in any frame
FARTHEST = 100.0  # metres from the camera
# Where a file does not tell its unit, the person stands as near or as far as rooms allow.
NEAREST_STANDING, FARTHEST_STANDING = 1.5, 9.0


def check_bodies(
    clips: Sequence[Clip], skeleton: Skeleton, path: Path | str, *, absolute: bool = True
) -> None:
    """Refuse poses whose bodies no adult has, or that stand where no camera sees them.

    Args:
        clips: with poses; frames that are not valid are not looked at.
        skeleton: of the poses.
        path: file of the poses, for the message.
        absolute: whether poses tell where the person stands; False where they are root-relative.

    Raises:
        InvalidData: limbs too short or too long, a bone torn apart, a person behind the camera or
            out of the world; the message names the clip.
    """
    for clip in clips:
        if clip.pose is not None and bool(clip.valid.any()):
            where = f"{path}: {shown(clip.name)}"
            _check_limbs(clip, skeleton, where)
            if clip.metres_per_unit is None:  # image units tell no place
                _check_extent(clip, skeleton, where)
                if absolute:
                    _check_in_front(clip, skeleton, where)


def _check_extent(clip: Clip, skeleton: Skeleton, where: str) -> None:
    pose = clip.pose[clip.valid]
    reach = float(pose.abs().amax())
    if not reach <= FARTHEST:
        raise InvalidData(
            f"{where}: poses reach to {reach:.3g} m from the camera, at most {FARTHEST:g} m are "
            "due; check the unit of the poses."
        )
    children, parents = (list(ends) for ends in zip(*skeleton.bones, strict=True))
    longest = (pose[:, children] - pose[:, parents]).square().sum(-1).amax(1).sqrt()
    if not float(longest.amax()) <= LONGEST_BONE:
        frame = int(clip.valid.nonzero()[int(longest.argmax()), 0])
        raise InvalidData(
            f"{where}: in frame {frame} a bone is {float(longest.amax()):.3g} m long; leave out "
            "such frames, or check the unit of the poses."
        )


def _check_in_front(clip: Clip, skeleton: Skeleton, where: str) -> None:
    depth = clip.pose[clip.valid][:, skeleton.root, 2]
    if not float(depth.amin()) > 0:
        frame = int(clip.valid.nonzero()[int(depth.argmin()), 0])
        raise InvalidData(
            f"{where}: in frame {frame} the person is {-float(depth.amin()):.3g} m behind the "
            "camera; the pose is of another camera or in another frame of reference: get 2D and "
            "3D from the same preparation."
        )


def _check_limbs(clip: Clip, skeleton: Skeleton, where: str) -> None:
    frames = clip.valid.nonzero()[:, 0]
    frames = frames[:: max(1, len(frames) // SAMPLES)]
    pose, unit = clip.pose[frames], _metres_per_unit(clip, frames)
    for limb, joints in LIMBS.items():
        length = _length(pose, skeleton, joints)
        short, long = LENGTHS[limb]
        if clip.metres_per_unit is not None:
            long *= IMAGE_SLACK
        found = [float((length * factor).median()) for factor in unit]
        if not (found[-1] >= short and found[0] <= long):
            raise InvalidData(
                f"{where}: {limb} are {found[0]:.3g} m long (median), {short:g} to {long:g} m are "
                "due; poses are in another unit or of another size: get the file again."
            )


def _metres_per_unit(clip: Clip, frames: Tensor) -> tuple[Tensor, ...]:
    """Metres of a unit in each frame; the least and the most that they can be."""
    if clip.metres_per_unit is None:
        return (torch.ones(len(frames)),)
    known = clip.metres_per_unit[frames]
    if not bool(torch.isnan(known).any()):
        return (known,)
    return tuple(
        distance / clip.camera.focal[0].expand(len(frames))
        for distance in (NEAREST_STANDING, FARTHEST_STANDING)
    )


def _length(pose: Tensor, skeleton: Skeleton, joints: Sequence[tuple[str, ...]]) -> Tensor:
    """(frames,) length along both sides' joints, halved."""
    length = pose.new_zeros(len(pose))
    for side in ("left", "right"):
        chain = [
            skeleton.index(f"{side} {name}")
            for names in joints
            for name in names
            if f"{side} {name}" in skeleton.joint_names
        ]
        steps = pose[:, chain[1:]] - pose[:, chain[:-1]]
        length = length + steps.norm(dim=-1).sum(-1) / 2
    return length
