"""The community's ``.npz`` layout of multi-camera motion capture (VideoPose3D's preparation).

One file holds world poses, ``positions_3d``: subject -> take -> (frames, joints, 3). Others hold
keypoints, ``positions_2d``: subject -> take -> one array per camera, in pixels. Human3.6M and
HumanEva-I come in it; see VideoPose3D ``DATASETS.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.archives import load_archive
from posekit.datasets.checks import check_confidences, check_finite, check_pixels, read_points
from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.machine.names_from_files import shown

Nested = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class View:
    """One camera's view of one take, as the files hold it.

    Attributes:
        subject, take: keys of both files.
        camera_name: identifier of the camera.
        world: what the 3D file holds of the take.
        pixels: what the 2D file holds of this camera.
        poses_path, keypoints_path: the files, for messages.
    """

    subject: str
    take: str
    camera_name: str
    world: Any
    pixels: Any
    poses_path: Path
    keypoints_path: Path

    @property
    def action(self) -> str:
        """The first word of the take's name."""
        return self.take.split(" ")[0]

    def arrays(self, joints: int, keypoints: int, resolution: Tensor) -> tuple[Tensor, Tensor]:
        """World pose and pixels of equal length.

        Args:
            joints, keypoints: joints that are due in 3D and in 2D.
            resolution: (2,) width and height of the image.

        Returns:
            (frames, joints, 3), and (frames, keypoints, 2), or 3 with the detector's confidence.

        Raises:
            InvalidData: other shapes, NaN, keypoints that are no pixels, or too few of them.
        """
        name = shown(f"{self.subject}/{self.take}")
        world = read_points(self.world, joints, 3, f"{self.poses_path}: {name}")
        where = f"{self.keypoints_path}: {name}/{self.camera_name}"
        pixels = read_points(self.pixels, keypoints, 2, where, confidence=True)
        frames = len(world)
        if len(pixels) < frames:
            raise InvalidData(
                f"{where} has {len(pixels)} frames of keypoints for {frames} poses; "
                "2D may be longer than 3D, never shorter: get both from the same preparation."
            )
        # Videos run on after the motion capture has stopped: what lies beyond it has no truth.
        pixels = pixels[:frames]
        check_pixels(pixels[..., :2], resolution, where)
        if pixels.shape[-1] == 3:
            check_confidences(pixels[..., 2], where)
        check_finite(world, f"{self.poses_path}: {name}")
        return world, pixels


def read_poses(path: Path) -> Nested:
    """The 3D file: subject -> take -> array.

    Raises:
        InvalidData: not such a file.
    """
    return _nested(load_archive(path, ["positions_3d"])["positions_3d"], path)


def read_keypoints(path: Path, layouts: Mapping[str, Skeleton]) -> tuple[Nested, str]:
    """A 2D file: subject -> take -> arrays, and the name of its joint layout.

    Args:
        path: the file.
        layouts: joint sets that can be read, by the name that metadata give them; the first is
            that of a file which names none.

    Raises:
        InvalidData: not such a file, or its metadata tell other joints.
    """
    archive = load_archive(path)
    if "positions_2d" not in archive:
        raise InvalidData(
            f"{path}: no member 'positions_2d', the archive holds "
            f"{', '.join(map(shown, sorted(archive)))}; is it another file?"
        )
    layout = _layout(archive.get("metadata", {}), layouts, path)
    return _nested(archive["positions_2d"], path), layout


def _layout(metadata: Any, layouts: Mapping[str, Skeleton], path: Path) -> str:
    """The layout that metadata name, whose joints and sides they must then tell too."""
    if not isinstance(metadata, dict):
        raise InvalidData(
            f"{path}: metadata must be a dictionary, found {type(metadata).__name__}; is it "
            "another file?"
        )
    layout = metadata.get("layout_name", next(iter(layouts)))
    if not isinstance(layout, str) or layout not in layouts:
        raise InvalidData(
            f"{path}: joint layout {shown(layout)!r} is none of {', '.join(layouts)}; convert the "
            "keypoints, or is it another file?"
        )
    skeleton = layouts[layout]
    joints = metadata.get("num_joints", skeleton.joints)
    if not isinstance(joints, int | np.integer) or joints != skeleton.joints:
        raise InvalidData(
            f"{path}: metadata tell num_joints {shown(joints)}, {skeleton.joints} are due in "
            f"layout {layout}; convert the keypoints, or is it another file?"
        )
    symmetry = metadata.get("keypoints_symmetry")
    if symmetry is not None and _pairs(symmetry) != set(
        zip(skeleton.left, skeleton.right, strict=True)
    ):
        raise InvalidData(
            f"{path}: keypoints_symmetry contradicts layout {layout}, whose left joints are "
            f"{list(skeleton.left)} and right ones {list(skeleton.right)}, pairwise; joints are in "
            "another order: convert the keypoints."
        )
    return layout


def _pairs(symmetry: Any) -> set[tuple[int, int]] | None:
    """(left, right) joints that metadata declare; None if they declare something else."""
    try:
        left, right = (np.asarray(side).ravel().tolist() for side in symmetry)
        return set(zip(left, right, strict=True))
    except (TypeError, ValueError):
        return None


def present_subjects(poses: Nested, wanted: Sequence[str], split: str, path: Path) -> list[str]:
    """The wanted subjects that the 3D file holds.

    Raises:
        InvalidData: it holds none of them.
    """
    subjects = [subject for subject in wanted if subject in poses]
    if not subjects:
        raise InvalidData(
            f"{path}: the {split} split is empty; expected subjects {', '.join(wanted)}, the file "
            f"holds {', '.join(map(shown, poses)) or 'none'}."
        )
    return subjects


def views_of(
    subject: str,
    poses: Mapping[str, Any],
    detections: Nested,
    cameras: Sequence[str],
    poses_path: Path,
    keypoints_path: Path,
) -> list[View]:
    """All takes of a subject, one view per camera each, in the order of the 3D file.

    Raises:
        InvalidData: the 2D file lacks a take, or holds another number of cameras.
    """
    views = []
    for take, world in poses.items():
        name, found = shown(f"{subject}/{take}"), detections.get(subject, {}).get(take)
        if found is None:
            raise InvalidData(
                f"{keypoints_path}: no keypoints of {name}, which is in "
                f"{poses_path.name}; 2D and 3D are of different subjects or takes: get both from "
                "the same preparation."
            )
        # Views of equal length also come as one array (cameras, frames, joints, 2).
        several = isinstance(found, list | tuple) or getattr(found, "ndim", 0) > 0
        count = len(found) if several else 0
        if count != len(cameras):
            raise InvalidData(
                f"{keypoints_path}: {name} must hold {len(cameras)} arrays, one per "
                f"camera, found {count or type(found).__name__}."
            )
        views += [
            View(subject, take, camera, world, pixels, poses_path, keypoints_path)
            for camera, pixels in zip(cameras, found, strict=True)
        ]
    return views


def all_valid(frames: int) -> Tensor:
    """A mask (frames,) without an invalid frame."""
    return torch.ones(frames, dtype=torch.bool)


def _nested(tree: Any, path: Path) -> Nested:
    if isinstance(tree, dict) and all(isinstance(takes, dict) for takes in tree.values()):
        names = [name for names in (tree, *tree.values()) for name in names]
        if all(isinstance(name, str) for name in names):
            return tree
    raise InvalidData(
        f"{path}: expected a dictionary subject -> take -> array, named by text, "
        f"found {type(tree).__name__}; is it another file?"
    )
