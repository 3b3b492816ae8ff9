"""PoseAug's transfer: trained on Human3.6M, tested on single frames of MPI-INF-3DHP, 16 joints.

Training clips are Human3.6M's with true 2D and without neck/nose (SemGCN's joints). The test set
is PoseAug's ``test_3dhp.npz``: the valid frames of an earlier release of 3DHP's test set, made by
its ``data_extra/prepare_data_3dhp.py`` out of SPIN's list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import torch
from torch import Tensor

from posekit.datasets import human36m
from posekit.datasets.archives import load_archive, member_names
from posekit.datasets.bodies import check_bodies
from posekit.datasets.checks import check_finite, leave_out_undetected, read_points
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.locate import find_folder, licensed, listing, not_found
from posekit.datasets.mpi_inf_3dhp import NOMINAL, TEST_FPS, camera_of_test
from posekit.datasets.pairing import Fit, check_pairing
from posekit.datasets.sizes import shorten
from posekit.datasets.source import OnDisk
from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_16, human36m_17_to_16
from posekit.machine.names_from_files import shown

FILE = "test_3dhp.npz"
# Frames of each test sequence in the file, one after another.
FRAMES = {"TS1": 603, "TS2": 540, "TS3": 505, "TS4": 553, "TS5": 276, "TS6": 452}
LARGEST_NORMALISED = 3.0
LARGEST_METRES = 50.0
NEAREST = 0.5  # metres; nobody stands nearer to a camera, root-relative roots are all at 0
ALONG_THE_AXIS = Fit(limit=30.0, share=0.5, aligned=True)
_PREPARATION = (
    "run PoseAug's data_extra/prepare_data_3dhp.py on SPIN's mpi_inf_3dhp_valid.npz "
    "(https://github.com/nkolot/SPIN)"
)


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """16 joints in camera coordinates with true 2D.

    Args:
        split: "train" (Human3.6M's training subjects) or "test" (3DHP's TS1 to TS6).
        root: data folder; Human3.6M lies in its folder ``h36m``.
        keypoints: "gt".
        size: as for ``load_dataset``.
    """
    if split == "train":
        read = human36m.load(split, root=root, keypoints=keypoints, size=size)
        clips = tuple(_with_16_joints(clip) for clip in read.clips)
        notes = (*read.notes, "Training clips are Human3.6M's, without neck/nose.")
        return read._replace(skeleton=HUMAN36M_16, clips=clips, notes=notes)
    folder = find_folder(root, "poseaug_3dhp", (FILE,))
    if folder is None:
        raise not_found("poseaug_3dhp", [FILE], root, _PREPARATION)
    path = folder / FILE
    clips = _test_clips(path)
    notes = ["Frames are single valid frames of each sequence: neighbours need not follow on."]
    notes += _checked(clips, path)
    clips = tuple(shorten(clip, size) for clip in clips)
    return licensed("poseaug_3dhp", [path], HUMAN36M_16, clips, notes)


def on_disk(root: Path) -> OnDisk:
    """Whether PoseAug's file and those of Human3.6M lie below ``root``."""
    folder = find_folder(root, "poseaug_3dhp", (FILE,))
    training = human36m.find_folder(root)
    names = (human36m.POSES_FILE, human36m.KEYPOINTS_FILE.format(human36m.KEYPOINTS["gt"]))
    present = [folder / FILE] if folder else []
    present += [training / name for name in names if training and (training / name).is_file()]
    missing = [name for name in (FILE, *names) if name not in {path.name for path in present}]
    return listing(folder, present, missing, "2D: gt")


def _with_16_joints(clip: Clip) -> Clip:
    return replace(
        clip, keypoints=human36m_17_to_16(clip.keypoints), pose=human36m_17_to_16(clip.pose)
    )


def _test_clips(path: Path) -> list[Clip]:
    for name in ("pose3d", "pose2d"):
        if name not in member_names(path):
            raise InvalidData(
                f"{path}: no member {name!r}, the archive holds "
                f"{', '.join(map(shown, member_names(path))) or 'nothing'}; is it another file?"
            )
    held = load_archive(path, ["pose3d", "pose2d"])
    joints = HUMAN36M_16.joints
    pose = read_points(held["pose3d"], joints, 3, f"{path}: pose3d")
    points = read_points(held["pose2d"], joints, 2, f"{path}: pose2d")
    total = sum(FRAMES.values())
    if not len(pose) == len(points) == total:
        raise InvalidData(
            f"{path}: {len(points)} keypoints for {len(pose)} poses; {total} frames are due, "
            "those of the six test sequences one after another."
        )
    bounds = pairwise(accumulate(FRAMES.values(), initial=0))
    return [
        _clip(sequence, pose[start:stop], points[start:stop], path)
        for sequence, (start, stop) in zip(FRAMES, bounds, strict=True)
    ]


def _clip(sequence: str, pose: Tensor, points: Tensor, path: Path) -> Clip:
    _check_values(pose, points, f"{path}: {sequence}")
    return Clip(
        subject=sequence,
        action=sequence,
        take=sequence,
        camera_name="0",
        camera=camera_of_test(sequence),
        keypoints=points,
        pose=pose,
        valid=torch.ones(len(pose), dtype=torch.bool),
        fps=TEST_FPS,
    )


def _checked(clips: Sequence[Clip], path: Path) -> list[str]:
    """A sentence on hidden joints, if there are any, of clips that belong together.

    Poses of the file may be root-relative, which cannot be projected.
    """
    absolute = all(bool((clip.pose[:, HUMAN36M_16.root, 2] > NEAREST).all()) for clip in clips)
    check_bodies(clips, HUMAN36M_16, path, absolute=absolute)
    # The file has 0 in the middle of the picture where others have pixel (0, 0).
    hidden = [(clip.keypoints == 0).all(-1, keepdim=True) for clip in clips]
    marked = [
        replace(
            clip, keypoints=torch.where(mask, clip.camera.normalise(torch.zeros(2)), clip.keypoints)
        )
        for clip, mask in zip(clips, hidden, strict=True)
    ]
    if absolute:
        check_pairing(marked, HUMAN36M_16, path, NOMINAL)
    else:
        check_pairing(marked, HUMAN36M_16, path, ALONG_THE_AXIS, project=_along_the_axis)
    return leave_out_undetected(marked, "test")[1]


def _along_the_axis(clip: Clip, frames: Tensor) -> Tensor:
    """(..., 16, 2) poses seen along the axis, in each frame as large as its keypoints."""
    flat, seen = (
        points - points.mean(-2, keepdim=True)
        for points in (clip.pose[frames][..., :2], clip.keypoints[frames])
    )
    size = seen.square().sum((-2, -1)) / flat.square().sum((-2, -1))
    return flat * size.sqrt()[..., None, None]


def _check_values(pose: Tensor, points: Tensor, where: str) -> None:
    check_finite(pose, f"{where}: pose3d")
    check_finite(points, f"{where}: pose2d")
    if float(points.abs().max()) > LARGEST_NORMALISED:
        raise InvalidData(
            f"{where}: pose2d ranges from {float(points.min()):.0f} to {float(points.max()):.0f} "
            "and looks like pixels; screen-normalised coordinates (about -1 to 1) are due."
        )
    if float(pose.abs().max()) > LARGEST_METRES:
        raise InvalidData(
            f"{where}: pose3d reaches to {float(pose.abs().max()):.0f} and looks like "
            "millimetres; metres are due."
        )
