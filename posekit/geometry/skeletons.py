"""Joint sets of the field and explicit conversions between them.

A conversion matches joints by name. Anatomy differs between data sets (3DHP's head top is the
vertex of the skull, Human3.6M's head lies lower), so converted poses compare only roughly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from posekit.errors import InvalidData, InvalidParameter


@dataclass(frozen=True)
class Skeleton:
    """A set of joints with the tree that joins them.

    Args:
        name: short name, the key in ``SKELETONS``.
        joint_names: one name per joint, all different.
        parents: index of each joint's parent, -1 for the one root.
        left: joints of the left side, pairwise in the order of ``right``.
        right: joints of the right side.

    Raises:
        InvalidParameter: the parents are no tree, or the sides do not pair up.
    """

    name: str
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]

    def __post_init__(self) -> None:
        self._check_names()
        self._check_tree()
        self._check_sides()

    @classmethod
    def from_parents(
        cls,
        name: str,
        parents: Sequence[int],
        left: Sequence[int] = (),
        right: Sequence[int] = (),
    ) -> Skeleton:
        """A skeleton whose joints have no better names than ``joint 0``, ``joint 1``, ..."""
        joint_names = tuple(f"joint {joint}" for joint in range(len(parents)))
        return cls(name, joint_names, tuple(parents), tuple(left), tuple(right))

    @property
    def joints(self) -> int:
        """Number of joints."""
        return len(self.parents)

    @property
    def root(self) -> int:
        """The joint without a parent."""
        return self.parents.index(-1)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """Pairs (child, parent), in the order of the children."""
        return tuple((child, parent) for child, parent in enumerate(self.parents) if parent >= 0)

    @property
    def mirror(self) -> tuple[int, ...]:
        """The permutation of joints that swaps left and right; it is its own inverse."""
        permutation = list(range(self.joints))
        for left, right in zip(self.left, self.right, strict=True):
            permutation[left], permutation[right] = right, left
        return tuple(permutation)

    def index(self, name: str) -> int:
        """Index of the joint called ``name``.

        Raises:
            InvalidParameter: there is no such joint.
        """
        if name not in self.joint_names:
            raise InvalidParameter(
                f"skeleton {self.name} has no joint {name!r}; "
                f"choose one of: {', '.join(self.joint_names)}."
            )
        return self.joint_names.index(name)

    def _check_names(self) -> None:
        if len(self.joint_names) != self.joints or len(set(self.joint_names)) != self.joints:
            raise InvalidParameter(
                f"skeleton {self.name}: {len(self.joint_names)} joint names for {self.joints} "
                f"parents; give every joint one name of its own."
            )

    def _check_tree(self) -> None:
        if self.parents.count(-1) != 1:
            raise InvalidParameter(
                f"skeleton {self.name}: {self.parents.count(-1)} joints have parent -1; "
                f"exactly one root is expected."
            )
        for joint, parent in enumerate(self.parents):
            if not -1 <= parent < self.joints:
                raise InvalidParameter(
                    f"skeleton {self.name}: joint {joint} has parent {parent}; "
                    f"expected -1 or a joint below {self.joints}."
                )
        for joint in range(self.joints):
            ancestor = joint
            for _ in range(self.joints):
                ancestor = self.parents[ancestor] if ancestor >= 0 else -1
            if ancestor >= 0:
                raise InvalidParameter(
                    f"skeleton {self.name}: the parents of joint {joint} run in a circle; "
                    f"every joint must lead to the root."
                )

    def _check_sides(self) -> None:
        sided = self.left + self.right
        in_range = all(0 <= joint < self.joints for joint in sided)
        if len(self.left) != len(self.right) or len(set(sided)) != len(sided) or not in_range:
            raise InvalidParameter(
                f"skeleton {self.name}: left {list(self.left)} and right {list(self.right)} do "
                f"not pair up; list every joint below {self.joints} at most once, "
                f"as many left as right."
            )


HUMAN36M_17 = Skeleton(
    name="h36m-17",
    joint_names=(
        *("hip", "right hip", "right knee", "right foot", "left hip", "left knee", "left foot"),
        *("spine", "thorax", "neck/nose", "head"),
        *("left shoulder", "left elbow", "left wrist"),
        *("right shoulder", "right elbow", "right wrist"),
    ),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    left=(4, 5, 6, 11, 12, 13),
    right=(1, 2, 3, 14, 15, 16),
)
"""Human3.6M as the lifting literature uses it (VideoPose3D: 17 of the recorded 32 joints)."""

HUMAN36M_32 = Skeleton(
    name="h36m-32",
    joint_names=(
        *("hip", "right hip", "right knee", "right foot", "right toe base", "right toe end"),
        *("left hip", "left knee", "left foot", "left toe base", "left toe end"),
        *("spine base", "spine", "thorax", "neck/nose", "head"),
        *("left collar", "left shoulder", "left elbow", "left wrist"),
        *("left thumb", "left thumb end", "left hand", "left hand end"),
        *("right collar", "right shoulder", "right elbow", "right wrist"),
        *("right thumb", "right thumb end", "right hand", "right hand end"),
    ),
    parents=(
        *(-1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14),
        *(12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27, 28, 27, 30),
    ),
    left=(6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23),
    right=(1, 2, 3, 4, 5, 24, 25, 26, 27, 28, 29, 30, 31),
)
"""Human3.6M as recorded; several of the 32 joints coincide or are end sites."""

HUMAN36M_16 = Skeleton(
    name="poseaug-16",
    joint_names=tuple(name for name in HUMAN36M_17.joint_names if name != "neck/nose"),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14),
    left=(4, 5, 6, 10, 11, 12),
    right=(1, 2, 3, 13, 14, 15),
)
"""Human3.6M without neck/nose (SemGCN, PoseAug, PoseDA)."""

MPI_INF_3DHP_17 = Skeleton(
    name="3dhp-17",
    joint_names=(
        *("head top", "neck", "right shoulder", "right elbow", "right wrist"),
        *("left shoulder", "left elbow", "left wrist"),
        *("right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle"),
        *("pelvis", "spine", "head"),
    ),
    parents=(1, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, -1, 14, 1),
    left=(5, 6, 7, 11, 12, 13),
    right=(2, 3, 4, 8, 9, 10),
)
"""The "relevant" 17 joints of MPI-INF-3DHP with the parents of its official table, where head
and head top both hang on the neck."""

HUMANEVA_15 = Skeleton(
    name="humaneva-15",
    joint_names=(
        *("pelvis", "thorax", "left shoulder", "left elbow", "left wrist"),
        *("right shoulder", "right elbow", "right wrist"),
        *("left hip", "left knee", "left ankle", "right hip", "right knee", "right ankle"),
        "head",
    ),
    parents=(-1, 0, 1, 2, 3, 1, 5, 6, 0, 8, 9, 0, 11, 12, 1),
    left=(2, 3, 4, 8, 9, 10),
    right=(5, 6, 7, 11, 12, 13),
)
"""HumanEva-I in VideoPose3D's order."""

LSP_14 = Skeleton(
    name="lsp-14",
    joint_names=(
        *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle"),
        *("right wrist", "right elbow", "right shoulder"),
        *("left shoulder", "left elbow", "left wrist", "neck", "head top"),
    ),
    parents=(1, 2, 12, 12, 3, 4, 7, 8, 12, 12, 9, 10, -1, 12),
    left=(5, 4, 3, 11, 10, 9),
    right=(0, 1, 2, 6, 7, 8),
)
"""Leeds Sports Pose, the joints that mesh methods are scored on. It has no pelvis: its tree is
rooted at the neck, and scores subtract the midpoint of the hips or a regressed pelvis."""

SMPL_24 = Skeleton(
    name="smpl-24",
    joint_names=(
        *("pelvis", "left hip", "right hip", "spine 1", "left knee", "right knee", "spine 2"),
        *("left ankle", "right ankle", "spine 3", "left foot", "right foot", "neck"),
        *("left collar", "right collar", "head", "left shoulder", "right shoulder"),
        *("left elbow", "right elbow", "left wrist", "right wrist", "left hand", "right hand"),
    ),
    parents=(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21),
    left=(1, 4, 7, 10, 13, 16, 18, 20, 22),
    right=(2, 5, 8, 11, 14, 17, 19, 21, 23),
)
"""The joints of the SMPL body model."""

SMPL_24_LEAVES = (22, 23, 10, 11, 15)
"""Hands, feet and head, which have no bone after them, in the order of PersPose."""

COCO_17 = Skeleton(
    name="coco-17",
    joint_names=(
        *("nose", "left eye", "right eye", "left ear", "right ear"),
        *("left shoulder", "right shoulder", "left elbow", "right elbow"),
        *("left wrist", "right wrist", "left hip", "right hip"),
        *("left knee", "right knee", "left ankle", "right ankle"),
    ),
    parents=(-1, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    left=(1, 3, 5, 7, 9, 11, 13, 15),
    right=(2, 4, 6, 8, 10, 12, 14, 16),
)
"""COCO keypoints. COCO defines no root; this tree starts at the nose."""

SKELETONS: dict[str, Skeleton] = {
    skeleton.name: skeleton
    for skeleton in (
        HUMAN36M_17,
        HUMAN36M_32,
        HUMAN36M_16,
        MPI_INF_3DHP_17,
        HUMANEVA_15,
        LSP_14,
        SMPL_24,
        COCO_17,
    )
}


def mirror_points(points: Tensor, skeleton: Skeleton) -> Tensor:
    """The mirror image of points: x negated, left and right joints swapped.

    Args:
        points: (..., joints, channels), root-relative or screen-normalised; the first channel is
            x, others (y, z, a confidence) keep their value.
        skeleton: the joint set of ``points``.

    Raises:
        InvalidData: the number of joints is not the skeleton's.
    """
    _check_joints(points, skeleton)
    mirrored = points.index_select(-2, torch.tensor(skeleton.mirror, device=points.device))
    return torch.cat([-mirrored[..., :1], mirrored[..., 1:]], dim=-1)


def human36m_32_to_17(points: Tensor) -> Tensor:
    """The 17 joints of the lifting literature from the recorded 32, (..., 32, C) -> (..., 17, C).

    The shoulders hang on the thorax afterwards (VideoPose3D ``common/h36m_dataset.py``).
    """
    return _convert(points, HUMAN36M_32, _HUMAN36M_17_FROM_32)


def human36m_17_to_16(points: Tensor) -> Tensor:
    """Human3.6M-17 without neck/nose, (..., 17, C) -> (..., 16, C) (SemGCN, PoseAug, PoseDA)."""
    return _convert(points, HUMAN36M_17, _HUMAN36M_16_FROM_17)


def human36m_17_to_lsp_14(points: Tensor) -> Tensor:
    """The 14 joints of mesh methods, (..., 17, C) -> (..., 14, C): thorax as neck, head as top."""
    return _convert(points, HUMAN36M_17, _LSP_14_FROM_HUMAN36M)


def mpi_inf_3dhp_to_human36m(points: Tensor) -> Tensor:
    """Human3.6M's joint order from MPI-INF-3DHP's, (..., 17, C) -> (..., 17, C)."""
    return _convert(points, MPI_INF_3DHP_17, _HUMAN36M_FROM_3DHP)


def coco_to_human36m(points: Tensor) -> Tensor:
    """Human3.6M's joint order from COCO keypoints, (..., 17, C) -> (..., 17, C).

    COCO has no hip, spine, thorax or head: they are means of hips, shoulders and eyes, and
    neck/nose is the nose, as in MotionBERT's ``coco2h36m``. A confidence channel is averaged too.
    """
    return _convert(points, COCO_17, _HUMAN36M_FROM_COCO)


def coco_to_humaneva(points: Tensor) -> Tensor:
    """HumanEva-15 from COCO keypoints, (..., 17, C) -> (..., 15, C), as inside GLA-GCN's model."""
    return _convert(points, COCO_17, _HUMANEVA_FROM_COCO)


# Each entry lists the source joints whose mean gives the new joint.
_HUMAN36M_17_FROM_32 = tuple(
    (joint,) for joint in (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
)
_HUMAN36M_16_FROM_17 = tuple((joint,) for joint in range(17) if joint != 9)
_LSP_14_FROM_HUMAN36M = tuple(
    (joint,) for joint in (3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10)
)
_HUMAN36M_FROM_3DHP = tuple(
    (joint,) for joint in (14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4)
)
_HUMAN36M_FROM_COCO = (
    *((11, 12), (12,), (14,), (16,), (11,), (13,), (15,)),
    *((11, 12, 5, 6), (5, 6), (0,), (1, 2)),
    *((5,), (7,), (9,), (6,), (8,), (10,)),
)
_HUMANEVA_FROM_COCO = (
    *((11, 12), (5, 6), (5,), (7,), (9,), (6,), (8,), (10,)),
    *((11,), (13,), (15,), (12,), (14,), (16,), (0,)),
)


def _convert(points: Tensor, source: Skeleton, recipe: Sequence[Sequence[int]]) -> Tensor:
    _check_joints(points, source)
    return torch.stack([points[..., list(joints), :].mean(dim=-2) for joints in recipe], dim=-2)


def _check_joints(points: Tensor, skeleton: Skeleton) -> None:
    if points.ndim < 2 or points.shape[-2] != skeleton.joints:
        raise InvalidData(
            f"points of shape {tuple(points.shape)} are no {skeleton.name} pose; "
            f"expected (..., {skeleton.joints}, channels)."
        )
