"""How far two sets of persons lie apart: where and how large they are seen, how they are built.

PoseDA names two gaps between data sets. *Global position* shows in the 2D alone: the place of the
root and the size of the body in the picture. *Local structure* shows in the 3D: directions and
lengths of bones, and the angles between them, which alone do not depend on the camera's view. Each
is told by the 1-D Wasserstein distance, the area between two cumulative
distributions: by how much one sample must be moved, on average, to become the other. PoseDA's
README draws the distributions; that distances between them tell the gap is a reconstruction.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from scipy.stats import wasserstein_distance
from torch import Tensor

from posekit.errors import InvalidData
from posekit.geometry.global_position import scale_of
from posekit.geometry.skeletons import Skeleton

GLOBAL_POSITION = ("root_x", "root_y", "scale")
LOCAL_STRUCTURE = ("directions", "angles", "lengths")


@dataclass(frozen=True, eq=False)
class Statistics:
    """What the gap is measured on, for N persons.

    Attributes:
        root_x, root_y: (N,), place of the root, screen-normalised.
        scale: (N,), mean of width and height of the box around the keypoints, screen-normalised.
        directions: (N, bones, 3), unit vectors from parent to child in the camera's frame (x
            right, y down, z away); None without 3D.
        angles: (N, bones that do not start at the root), degrees between a bone and the one before
            it; None without 3D.
        lengths: (N, bones), metres; None without 3D.
    """

    root_x: Tensor
    root_y: Tensor
    scale: Tensor
    directions: Tensor | None = None
    angles: Tensor | None = None
    lengths: Tensor | None = None


@dataclass(frozen=True)
class DomainGap:
    """1-D Wasserstein distances between two sets of persons.

    Attributes:
        root_x, root_y, scale: of the 2D, screen-normalised units.
        directions: mean over bones and coordinates, without a unit; None where a side has no 3D.
        angles: mean over bones, degrees; None where a side has no 3D.
        lengths: mean over bones, metres; None where a side has no 3D.
    """

    root_x: float
    root_y: float
    scale: float
    directions: float | None = None
    angles: float | None = None
    lengths: float | None = None

    def share_of(self, before: DomainGap) -> DomainGap:
        """What is left of a gap in global position: each distance divided by the one ``before``.

        Alignment moves bodies as they are, so local structure is left out.

        Raises:
            InvalidData: a distance that was 0 before.
        """
        shares = []
        for name in GLOBAL_POSITION:
            left, whole = getattr(self, name), getattr(before, name)
            if whole == 0:
                raise InvalidData(
                    f"the gap in {name} was 0 before, of which {left:g} is no share; compare two "
                    "sets that differ in it."
                )
            shares.append(left / whole)
        return DomainGap(*shares)


def statistics(keypoints: Tensor, pose: Tensor | None, skeleton: Skeleton) -> Statistics:
    """The statistics of N persons.

    Args:
        keypoints: (N, J, 2), screen-normalised.
        pose: (N, J, 3), metres, in the camera's frame; None leaves local structure out.
        skeleton: of both.

    Raises:
        InvalidData: other shapes, or no person.
    """
    _check("keypoints", keypoints, (skeleton.joints, 2))
    root = keypoints[:, skeleton.root]
    seen = root[:, 0], root[:, 1], scale_of(keypoints)
    if pose is None:
        return Statistics(*seen)
    _check("pose", pose, (skeleton.joints, 3))
    children, parents = (list(ends) for ends in zip(*skeleton.bones, strict=True))
    bones = pose[:, children] - pose[:, parents]
    directions = F.normalize(bones, dim=-1)
    return Statistics(*seen, directions, _angles(directions, skeleton), bones.norm(dim=-1))


def domain_gap(source: Statistics, target: Statistics) -> DomainGap:
    """Distances between two sets of persons; in 3D only where both have it.

    Raises:
        InvalidData: bones of two skeletons.
    """
    distances: dict[str, float] = {}
    for field in fields(Statistics):
        here, there = getattr(source, field.name), getattr(target, field.name)
        if here is not None and there is not None:
            distances[field.name] = mean_distance(here, there)
    return DomainGap(**distances)


def mean_distance(first: Tensor, second: Tensor) -> float:
    """1-D Wasserstein distance of samples (N, ...) and (M, ...), mean over the other dimensions.

    Raises:
        InvalidData: the other dimensions differ.
    """
    if first.shape[1:] != second.shape[1:]:
        raise InvalidData(
            f"samples of shape {tuple(first.shape)} and {tuple(second.shape)}; all dimensions but "
            "the first must be equal: convert both to one skeleton."
        )
    columns = [side.detach().cpu().double().reshape(len(side), -1).T for side in (first, second)]
    pairs = zip(*(column.numpy() for column in columns), strict=True)
    distances = [float(wasserstein_distance(one, other)) for one, other in pairs]
    return sum(distances) / len(distances)


def inner_bones(skeleton: Skeleton) -> list[tuple[int, int]]:
    """Pairs of bones (index of the bone before, index of the bone) that meet in a joint."""
    ends = [child for child, _ in skeleton.bones]
    return [
        (ends.index(parent), bone)
        for bone, (_, parent) in enumerate(skeleton.bones)
        if parent != skeleton.root
    ]


def _angles(directions: Tensor, skeleton: Skeleton) -> Tensor:
    before, bones = (list(side) for side in zip(*inner_bones(skeleton), strict=True))
    first, second = directions[:, before], directions[:, bones]
    # Of unit vectors; unlike the arc cosine it tells small angles well.
    half = torch.atan2((first - second).norm(dim=-1), (first + second).norm(dim=-1))
    return torch.rad2deg(2 * half)


def _check(name: str, points: Tensor, expected: tuple[int, int]) -> None:
    if points.ndim != 3 or tuple(points.shape[1:]) != expected or not len(points):
        raise InvalidData(
            f"{name} of shape {tuple(points.shape)}; expected (N, {expected[0]}, {expected[1]}), "
            "N at least 1."
        )
